"""How a dict's keys look, for a row such as ``dict{id,name,rows}``: names from source code are shown, data never is.

Also under which key an object is stored, and some values. A dict may have millions of items: the C extension passes
over them without touching one, which takes some ten nanoseconds each; Python needs ten times as long.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Callable, Iterator
from itertools import compress, islice, repeat
from operator import is_
from typing import Any

from ...units import printable
from .. import name
from ..holds import Hold
from ..type_labels import type_label
from .referents import kind_of_dict

_find: Callable[[Any, Any, bool], tuple[Any] | None] | None = None
_some: Callable[[Any, int], list[Any]] | None = None
if name == "native":
    from .. import _native

    _find, _some = getattr(_native, "key_of", None), getattr(_native, "some_values", None)  # not with free threads

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


def key_of(source: Any, wanted: Any, is_key: bool = False) -> tuple[Any] | None:
    """The last key of a dict under which that very object is stored, or which *is_key* itself, as the only item of a
    tuple; None without one. Nothing is copied, and no other thread runs meanwhile."""
    with Hold():
        return _find_in_python(source, wanted, is_key) if _find is None else _find(source, wanted, is_key)


def some_values(source: dict[Any, Any], every: int) -> list[Any]:
    """The first value of a dict, and each one that comes *every* so many items after it. Raises RuntimeError where
    another thread changes the dict meanwhile, which only those without the C extension can."""
    with Hold():
        return list(islice(dict.values(source), 0, None, every)) if _some is None else _some(source, every)


def _find_in_python(source: Any, wanted: Any, is_key: bool) -> tuple[Any] | None:
    kind = kind_of_dict(source)
    for _ in range(3):
        try:
            looked_at = kind.keys(source) if is_key else kind.values(source)
            is_wanted = map(is_, _backwards(looked_at), repeat(wanted))
            return next(zip(compress(_backwards(kind.keys(source)), is_wanted), strict=False), None)
        except RuntimeError:
            continue
    return None


def _backwards(view: Any) -> Iterator[Any]:
    return reversed(view) if hasattr(view, "__reversed__") else iter(view)
