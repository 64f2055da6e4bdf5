"""Numbers that a caller gives: one check of each sort, and one wording of what is allowed."""

from __future__ import annotations

from typing import Any

from .errors import OptionError


def is_whole(value: Any, least: int, most: int | None = None) -> bool:
    """Whether *value* is an int, and no bool, from *least* to *most*."""
    return type(value) is int and least <= value and (most is None or value <= most)


def is_number(value: Any, least: float, most: float) -> bool:
    """Whether *value* is an int or a float, and no bool, from *least* to *most*; NaN is not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def whole_words(least: int, most: int | None = None, unit: str = "") -> str:
    """``a whole number from 1 to 64 bytes``"""
    if most is None:
        return f"a whole number, {least} or more"
    return f"a whole number from {least} to {most} {unit}".rstrip()


def check_whole(name: str, value: Any, least: int, most: int | None = None, unit: str = "") -> int:
    """*value*, if it is a whole number in that range; raises OptionError with the name and what is allowed."""
    if not is_whole(value, least, most):
        raise OptionError(f"{name} must be {whole_words(least, most, unit)}, not {shown(value)}")
    return int(value)


def check_number(name: str, value: Any, least: float, most: float, unit: str = "seconds") -> float:
    """*value* as a float, if it is a number in that range; raises OptionError as `check_whole`."""
    if not is_number(value, least, most):
        raise OptionError(f"{name} must be a number of {unit} from {least:g} to {most:g}, not {shown(value)}")
    return float(value)


def shown(value: Any) -> str:
    """A refused value, short; of other types than numbers, text and None the type alone: a repr may do anything."""
    if type(value) in (int, float, bool, str, type(None)):
        try:
            text = repr(value)
        except ValueError:  # an int of more digits than Python prints
            return "a larger number"
        return text if len(text) <= 60 else f"{text[:57]}..."
    return f"a value of type {type(value).__name__}"
