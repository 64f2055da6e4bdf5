"""How much of a key is shown: names that code uses are, data of the program are not, but for who asked to see them."""

from __future__ import annotations

from ..backend.census.dict_keys import is_interned
from ..backend.type_labels import type_label
from ..kinds import Kinds
from ..units import short_name

_LONGEST_KEY = 40
_LONGEST_INT = 128  # bits: such a number has about as many digits as fit
_SCALARS = Kinds(bool, float, complex, type(None))


def key_text(key: object) -> str:
    """A dict's key: ``'name'`` if interned, ``7`` below 1000, else its type: ``str key``."""
    if type(key) is str and is_interned(key):
        return repr(key[:_LONGEST_KEY])
    if type(key) is int and -1000 < key < 1000:
        return str(key)
    return f"{short_name(type_label(type(key)))} key"


def shown_key(key: object) -> str:
    """A dict's key by its value, cut at 40 characters: where the program has asked to show all keys.

    What is not of a builtin type is still shown by its type: its repr would run code of the program.
    """
    text = _tuple_text(key) if type(key) is tuple else _plain_text(key)
    return key_text(key) if text is None else text


def _plain_text(key: object) -> str | None:
    """A value of a plain builtin type as in source code; None for any other."""
    if type(key) is str or type(key) is bytes:
        return repr(key[:_LONGEST_KEY])
    if type(key) is int:
        return repr(key) if key.bit_length() <= _LONGEST_INT else None
    return repr(key) if type(key) in _SCALARS else None


def _tuple_text(items: tuple[object, ...]) -> str:
    parts: list[str] = []
    for item in items:
        text = _plain_text(item) or short_name(type_label(type(item)))
        if sum(map(len, parts)) + len(text) > _LONGEST_KEY:
            parts.append("...")
            break
        parts.append(text)
    return f"({', '.join(parts)}{',' * (len(parts) == 1)})"
