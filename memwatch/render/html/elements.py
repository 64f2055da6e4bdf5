"""Elements of a page, made so that no text of a program can become one."""

from __future__ import annotations

from ...internal import internal
from ...tables import shorten

LONGEST = 300
"""Characters of a text that a program has made."""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


@internal
class Markup(str):
    """HTML; any other str is text."""

    __slots__ = ()


def text(value: str) -> Markup:
    """*value* as it is to be read: nothing in it is HTML, no character is invisible, and a long one has no middle."""
    return Markup(shorten(value, LONGEST).translate(_ESCAPES))


def element(name: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """An element. A `_` at the end of an attribute's name is left out, one inside is a hyphen; None is no attribute."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(child if isinstance(child, Markup) else text(child) for child in children)
    return Markup(f"<{name}{shown}>{inside}</{name}>")


def join(*parts: Markup) -> Markup:
    """One after the other."""
    return Markup("".join(parts))


def _value(value: str | float) -> str:
    """Numbers with as many digits as a picture needs."""
    if isinstance(value, Markup):
        return value
    return text(value) if isinstance(value, str) else f"{round(value, 1):g}"


def bar(share: float) -> Markup:
    """A bar that is filled up to *share*, 0 to 1."""
    full = element("rect", class_="bar-all", width=100, height=8, rx=2)
    part = element("rect", class_="bar-part", width=100 * min(max(share, 0.0), 1.0), height=8, rx=2)
    return element("svg", full, part, class_="bar", viewBox="0 0 100 8", preserveAspectRatio="none", aria_hidden="true")
