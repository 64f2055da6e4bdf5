"""How a dict's keys look, for a row such as ``dict{id,name,rows}``: names from source code are shown, data never is."""

from __future__ import annotations

import marshal
import sys
from itertools import islice
from typing import Any

from ...units import printable
from ..type_labels import type_label

_NAMES = 4
_LONGEST = 40  # characters: a longer key is hardly a name


def key_signature(names: dict[Any, Any]) -> str | None:
    """``{id,name}`` where the first keys are names, else their type, as ``{str}``, or ``{mixed}``; ``{}`` if empty.

    Five keys are looked at. None where the dict changes meanwhile.
    """
    try:
        first = list(islice(dict.keys(names), _NAMES + 1))
    except RuntimeError:
        return None
    if first and all(type(key) is str and 0 < len(key) <= _LONGEST and is_interned(key) for key in first):
        more = [] if len(first) <= _NAMES else ["..."]
        return f"{{{','.join([*map(printable, first[:_NAMES]), *more])}}}"
    kinds = {printable(type_label(type(key))) for key in first}
    return f"{{{''.join(kinds) if len(kinds) <= 1 else 'mixed'}}}"


def is_interned(text: str) -> bool:
    """Whether an exact str is interned: mostly a name or literal of source code rather than data.

    Before 3.13 only marshal tells, which writes interned strings under type codes of their own and changes nothing.
    """
    if sys.version_info >= (3, 13):
        return sys._is_interned(text)
    return marshal.dumps(text)[0] & 0x7F in b"tAZ"
