"""The growth curve as SVG: axes with units, the time since the suspicion shaded, values at the pointer.

It is drawn twice, for wide pages and for narrow ones, of which the style sheet shows one: letters do not scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from ...internal import internal
from ...units import format_bytes
from .elements import Markup, element, join

Point = tuple[float, int]


@internal
class _Sheet(NamedTuple):
    """A size of the drawing, and how many steps its time axis has at least."""

    name: str
    width: float
    height: float
    steps: int


_SHEETS = (_Sheet("wide", 1120.0, 260.0, 6), _Sheet("narrow", 420.0, 230.0, 3))
_LEFT, _RIGHT, _TOP, _BOTTOM = 84.0, 8.0, 22.0, 34.0  # margins
_MOST_POINTS = 120
_TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_UNITS = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_SIZE_STEPS = 3


def draw_curve(curve: Sequence[Point], meter: str, since_seconds: float) -> Markup:
    """The *curve* of (seconds, bytes), the last *since_seconds* of it shaded; empty if there is none."""
    if len(curve) < 2 or curve[-1][0] <= curve[0][0]:
        return Markup()
    step = -(-len(curve) // _MOST_POINTS)
    return join(*(_Drawing(curve[::-step][::-1], sheet).draw(meter, since_seconds) for sheet in _SHEETS))


@internal
class _Drawing:
    """Where times and bytes lie on a sheet."""

    def __init__(self, curve: Sequence[Point], sheet: _Sheet) -> None:
        self._curve = curve
        self._sheet = sheet
        self._right, self._bottom = sheet.width - _RIGHT, sheet.height - _BOTTOM
        self._first, self._last = curve[0][0], curve[-1][0]
        sizes = [size for _, size in curve]
        span = max(sizes) - min(sizes) or max(sizes) // 10 or 1
        self._size_step = 1 << max(0, int(span / _SIZE_STEPS) - 1).bit_length()  # a power of two
        self._low = min(sizes) // self._size_step * self._size_step
        self._high = -(-max(sizes) // self._size_step) * self._size_step
        if self._high == self._low:
            self._high += self._size_step

    def draw(self, meter: str, since_seconds: float) -> Markup:
        """The whole picture."""
        start, end = format_bytes(self._curve[0][1]), format_bytes(self._curve[-1][1])
        reported = f"{meter} from {start} to {end} in {_time_text(self._last - self._first)}"
        area = Markup(f"{self._line()}V{self._bottom:g}H{_LEFT:g}Z")
        return element(
            "svg",
            *self._suspected(since_seconds),
            *self._size_axis(),
            *self._time_axis(),
            element("path", class_="curve-area", d=area),
            element("path", class_="curve-line", d=self._line()),
            *self._points(),
            class_=f"curve curve-{self._sheet.name}",
            viewBox=f"0 0 {self._sheet.width:g} {self._sheet.height:g}",
            role="img",
            aria_label=reported,
        )

    def _x(self, seconds: float) -> float:
        return round(_LEFT + (self._right - _LEFT) * (seconds - self._first) / (self._last - self._first), 1)

    def _y(self, size: float) -> float:
        return round(self._bottom - (self._bottom - _TOP) * (size - self._low) / (self._high - self._low), 1)

    def _line(self) -> Markup:
        return Markup("M" + "L".join(f"{self._x(seconds):g} {self._y(size):g}" for seconds, size in self._curve))

    def _suspected(self, since_seconds: float) -> Iterator[Markup]:
        if since_seconds > 0:
            x, height = self._x(max(self._first, self._last - since_seconds)), self._bottom - _TOP
            yield element("rect", class_="curve-band", x=x, y=_TOP, width=self._right - x, height=height)
            yield element("text", "suspected", class_="curve-word", x=x + 8, y=self._bottom - 8)

    def _size_axis(self) -> Iterator[Markup]:
        for size in range(self._low, self._high + 1, self._size_step):
            y = self._y(size)
            yield element("path", class_="curve-grid", d=f"M{_LEFT:g} {y:g}H{self._right:g}")
            yield element("text", _size_text(size, self._high), x=0, y=y + 4)

    def _time_axis(self) -> Iterator[Markup]:
        step = _nice_time((self._last - self._first) / self._sheet.steps)
        number = -int(-self._first // step)
        while number * step <= self._last:
            x = self._x(number * step)
            anchor = "end" if x > self._right - 24 else "middle"
            yield element("path", class_="curve-tick", d=f"M{x:g} {self._bottom:g}v6")
            words = _time_text(number * step, self._last)
            yield element("text", words, x=x, y=self._sheet.height - 10, text_anchor=anchor)
            number += 1

    def _points(self) -> Iterator[Markup]:
        """Each point with a stripe to hover over, which shows it and its value."""
        places = [self._x(seconds) for seconds, _ in self._curve]
        edges = [_LEFT, *((one + two) / 2 for one, two in pairwise(places)), self._right]
        for (seconds, size), x, (left, right) in zip(self._curve, places, pairwise(edges), strict=True):
            words = f"{format_bytes(size)} after {_time_text(seconds)}"
            anchor, at = ("end", x - 8) if x > (_LEFT + self._right) / 2 else ("start", x + 8)
            yield element(
                "g",
                element("rect", class_="curve-stripe", x=left, y=0, width=right - left, height=self._bottom),
                element("path", class_="curve-cross", d=f"M{x:g} {_TOP:g}V{self._bottom:g}"),
                element("circle", cx=x, cy=self._y(size), r=4.5),
                element("text", words, x=at, y=_TOP - 6, text_anchor=anchor),
                class_="curve-point",
            )


def _nice_time(least: float) -> float:
    found = next((step for step in _TIMES if step >= least), None)
    return float(found if found is not None else -(-least // 86400) * 86400)


def _size_text(size: int, largest: int) -> str:
    """``21.5 MiB``: in the unit of the largest value, exactly."""
    power = max(0, min(len(_SIZES) - 1, (largest.bit_length() - 1) // 10))
    return f"{size / (1 << 10 * power):,.6g} {_SIZES[power]}" if size else "0"


def _time_text(seconds: float, longest: float = 0.0) -> str:
    """``40 s``, ``1.5 min``, ``2 h``: in a unit that suits the longest of several."""
    size, unit = next((found for found in _UNITS if max(seconds, longest) >= 2 * found[0]), _UNITS[-1])
    return f"{seconds / size:.3g} {unit}" if seconds else "0"
