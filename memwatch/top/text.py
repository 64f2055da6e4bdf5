"""A view as plain lines: what `--once` prints, and what the parts of the application show."""

from __future__ import annotations

from ..tables import aligned, shorten_start, wrapped
from ..units import printable
from .chart import chart
from .view import HEADINGS, NOTHING_KNOWN, View

_HEIGHT = 6  # lines of the curve
_MOST = 10  # types
_LEAST_NAME = 7  # characters of a type's name
_NARROW = 40


def render(view: View, width: int, unicode: bool = True) -> str:
    """All of it, no line longer than *width*."""
    blocks = [head(view), chart(view.curve, width, _HEIGHT, unicode), facts(view), types(view, width)]
    blocks += [[what, *(f"  {line}" for line in known)] for what in view.types if (known := view.details(what))]
    return wrapped("\n\n".join("\n".join(lines) for lines in blocks if lines) + "\n", width)


def head(view: View) -> list[str]:
    """Whose it is, the verdict, and what became of it."""
    lines = [f"{view.state.upper()}  {printable(view.title)}", printable(view.thinks)]
    return [*lines, printable(view.news)] if view.news else lines


def facts(view: View) -> list[str]:
    """What else is known, a line each."""
    return [f"{name:<8} {printable(text)}" for name, text in view.facts]


def types(view: View, width: int) -> list[str]:
    """The table of the types that grew, with what it tells of above; on a narrow terminal names are cut, and what is
    left of the numbers is the growth."""
    if not view.types:
        return [view.looked] if view.looked else []
    rows = [HEADINGS, *view.cells()[:_MOST]]
    if width < _NARROW:
        rows = [(what, growth) for what, _, growth, _ in rows]
    if (over := max(map(len, aligned(rows))) - width) > 0:
        room = max(_LEAST_NAME, max(len(row[0]) for row in rows) - over)
        rows = [(shorten_start(what, room), *numbers) for what, *numbers in rows]
    return [view.looked, *aligned(rows)]


def details(view: View, what: str, holders: list[str] | None = None) -> list[str]:
    """What is known of one type; *holders* are lines that were asked for besides."""
    known = view.details(what)
    if holders:
        return [*known, *holders]
    suspected = f"; suspected is {shorten_start(view.suspected)}" if view.suspected else ""
    return known or [f"{NOTHING_KNOWN}{suspected}. Enter asks who holds it"]
