"""Takes values out of what another program wrote, or says what is wrong with them: FormatError names the place."""

from __future__ import annotations

import math
from typing import Any

from ..errors import FormatError

MAX_DEPTH = 10_000  # frames in a path; the deepest real ones are as deep as a recursion limit
_SHOWN = 40


def integer(value: object, where: str) -> int:
    """*value* if it is a number, rounded if it is no whole one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FormatError(f"{where} is {_shown(value)}, not a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise FormatError(f"{where} is {value}, not a finite number")
    return round(value)


def digits(text: str, where: str) -> int:
    """The whole number that *text* spells in ASCII digits, with a minus or without."""
    if text.isascii() and text.removeprefix("-").isdigit() and len(text) < 100:
        return int(text)
    raise FormatError(f"{where} is {_shown(text)}, not a whole number")


def text_of(value: object, where: str) -> str:
    """*value* if it is a text."""
    if not isinstance(value, str):
        raise FormatError(f"{where} is {_shown(value)}, not a text")
    return value


def mapping(value: object, where: str) -> dict[str, Any]:
    """*value* if it is a JSON object."""
    if not isinstance(value, dict):
        raise FormatError(f"{where} is {_shown(value)}, not an object")
    return value


def items(value: object, where: str) -> list[Any]:
    """*value* if it is a JSON list."""
    if not isinstance(value, list):
        raise FormatError(f"{where} is {_shown(value)}, not a list")
    return value


def check_depth(depth: int) -> None:
    """Raise FormatError if a path of *depth* frames is deeper than any that is read."""
    if depth > MAX_DEPTH:
        raise FormatError(f"nested too deep: a path of more than {MAX_DEPTH:,} frames")


def storable(text: str) -> str:
    r"""*text* as UTF-8 can hold it: half of a surrogate pair becomes its escape, such as ``\udc80``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _shown(value: object) -> str:
    """A short word for what was found: the type of what holds other values, else the value, cut."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "missing"
    if isinstance(value, int) and abs(value) > 10**_SHOWN:
        return "a huge number"
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
