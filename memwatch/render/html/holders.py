"""A retaining path as SVG, from the root down: a box for each object, an arrow with a name for each reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...internal import internal
from ...retain import RetainingPath
from ...tables import shorten
from ...units import printable
from ..words import cut_path
from .elements import Markup, element

_BOX, _GAP = 30.0, 32.0
_CHAR = 7.9  # the width of a letter of the style sheet's font, or a little more
_LAST_NARROW = "\u10ff"
_PAD = 12.0
_ARROW = 22.0
_LONGEST = 54
_ENDS = 6


@internal
class _Row(NamedTuple):
    """A box, and the reference that leads to it."""

    reference: str
    target: str
    kind: str


def draw_path(path: RetainingPath, leaked: str) -> Markup:
    """The *path* to what has *leaked*; its suspect references stand out."""
    rows = list(_rows(path, printable(leaked)))
    longest = max(max(_width(row.target), _width(row.reference) + 3 * _CHAR) for row in rows)
    width, height = 2 * _PAD + longest, len(rows) * (_BOX + _GAP) - _GAP + 2
    return element(
        "svg",
        *(part for number, row in enumerate(rows) for part in _draw(row, 1 + number * (_BOX + _GAP))),
        class_="path",
        viewBox=f"0 0 {width:.0f} {height:g}",
        width=f"{width:.0f}",
        height=f"{height:g}",
        role="img",
        aria_label=f"held by {' > '.join(row.target for row in rows)}",
    )


def _rows(path: RetainingPath, leaked: str) -> Iterator[_Row]:
    boxes = [("", path.parts[0]), *path.pairs]
    shown, place, left_out = cut_path(boxes, _ENDS)
    yield _Row("", shorten(shown[0][1], _LONGEST), "root")
    for number, (reference, target) in enumerate(shown[1:], 1):
        there = number + (left_out if number >= place else 0)
        kind = "suspect" if there >= path.suspect else "sure"
        if left_out and number == place:
            yield _Row("", f"... {left_out} steps ...", "more")
        last = number == len(shown) - 1
        kind += " leaked" if last else ""
        target = printable(target) or (leaked if last else "...")
        yield _Row(shorten(reference, _LONGEST - 3), shorten(target, _LONGEST), kind)


def _draw(row: _Row, top: float) -> Iterator[Markup]:
    if row.kind != "root":
        yield element("path", class_=f"path-arrow {row.kind}", d=f"M{_ARROW:g} {top - _GAP:g}v{_GAP - 7:g}")
        yield element("path", class_=f"path-tip {row.kind}", d=f"M{_ARROW - 5:g} {top - 8:g}h10l-5 8z")
        yield element("text", row.reference, class_=f"path-name {row.kind}", x=_ARROW + 12, y=top - _GAP / 2 + 4)
    width = 2 * _PAD + _width(row.target) - 2
    yield element("rect", class_=f"path-box {row.kind}", x=1, y=top, width=width, height=_BOX, rx=6)
    yield element("text", row.target, class_=f"path-object {row.kind}", x=_PAD, y=top + _BOX / 2 + 4.5)


def _width(text: str) -> float:
    """Beyond the alphabets letters may be twice as wide."""
    return _CHAR * sum(1 + (char > _LAST_NARROW) for char in text)
