"""A report as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..heap import Count, format_count, least
from ..retain import join_steps
from ..units import format_bytes, format_delta, format_duration, printable
from .causes import BY_VERDICT
from .places import describe

if TYPE_CHECKING:
    from .report import Report, Suspect, TypeRow

_BARS = "▁▂▃▄▅▆▇█"
_CURVE_POINTS = 20
_ROWS = 5
_SUSPECTS = 3
_NAME = 60  # characters of a type's name, as in a diff's table
_STEP = 100  # characters of one step of a path
_ENDS = 4  # steps at either end of a long path

_WORDS = {
    "objects": "live Python objects",
    "untracked": "Python memory that nothing in Python refers to",
    "native": "native memory, outside of Python's objects",
    "fragmentation": "free room that is not given back; no object leaks",
    "garbage": "reference cycles that nothing collects",
}
_NOT_WALKED = "native memory, or large Python objects"


def render(report: Report, color: bool, unicode: bool) -> str:
    """The whole report, ending in a newline."""
    blocks = [
        _head(report, color),
        [f"  {report.meter:<6} {_curve(report.curve, unicode)}{_limit(report)}"],
        _table(report),
        *(_suspect(number, suspect, color) for number, suspect in enumerate(report.suspects[:_SUSPECTS], 1)),
        _words_alone(report),
        [f"  missing  {printable(line)}" for line in report.missing],
        [_cost(report)],
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines) + "\n"


def _words_alone(report: Report) -> list[str]:
    """What the verdict alone can say, where nobody is suspected."""
    words = BY_VERDICT.get(report.verdict) if not report.suspects else None
    return [f"  cause  {words.cause}", f"  hint   {words.hint}"] if words else []


def _type_name(name: str) -> str:
    """A type's name; of a long one the end, which tells types apart."""
    text = printable(name)
    return text if len(text) <= _NAME else f"...{text[3 - _NAME :]}"


def _path(steps: Sequence[str]) -> str:
    """A path on one line; where it is long its middle is left out, for both ends are names to look for."""
    left_out = len(steps) - 2 * _ENDS
    if left_out > 1:
        steps = (*steps[:_ENDS], f"... {left_out} steps ...", *steps[-_ENDS:])
    return join_steps([_shorten(printable(step)) for step in steps])


def _shorten(text: str) -> str:
    half = (_STEP - 3) // 2
    return text if len(text) <= _STEP else f"{text[:half]}...{text[-half:]}"


def _share(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def _plural(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _paint(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color else text


def _head(report: Report, color: bool) -> list[str]:
    explained = ""
    if report.explained is not None and report.verdict == "objects":
        explained = f", {_share(min(report.explained, 1.0))} of the growth explained"
    word = _paint("LEAK", "31", color)
    words = _WORDS.get(report.verdict, report.verdict)
    if report.verdict == "native" and report.explained is None and report.meter == "base":
        words = _NOT_WALKED
    return [f"{word}  pid {report.pid} after {format_delta(report.age_seconds)}: {words}{explained}", report.reason]


def _curve(curve: Sequence[tuple[float, int]], unicode: bool) -> str:
    values = [base for _, base in curve]
    if not values:
        return "not read"
    step = max(1, -(-len(values) // _CURVE_POINTS))
    points = [min(values[i : i + step]) for i in range(0, len(values), step)]
    if not unicode:
        return _plain_curve(points)
    least, span = min(points), max(points) - min(points) or 1
    bars = "".join(_BARS[(point - least) * (len(_BARS) - 1) // span] for point in points)
    return f"{format_bytes(points[0])} {bars} {format_bytes(points[-1])}"


def _plain_curve(points: Sequence[int]) -> str:
    """The first point, the middle one and the last, with the unit once where they share it."""
    *earlier, last = (format_bytes(point) for point in (points[0], points[len(points) // 2], points[-1]))
    unit = last[last.index(" ") :]
    return " ".join([*(text.removesuffix(unit) for text in earlier), "...", last])


def _limit(report: Report) -> str:
    if report.time_to_limit_seconds is None:
        return ""
    when = format_duration(report.time_to_limit_seconds)
    return f"     limit {format_bytes(report.limit_bytes)} in about {when} at this rate"


def _table(report: Report) -> list[str]:
    """The types with most bytes; shares are of the growth, as those of the suspects are."""
    grown = sorted((row for row in report.rows if row.size_bytes > 0), key=lambda row: -row.size_bytes)
    if not grown:
        return []
    total = max(sum(row.size_bytes for row in grown), report.since_bytes)
    shown = [row for row in grown[:_ROWS] if row.size_bytes >= total / 100] or grown[:1]
    since = f"since {format_duration(report.since_seconds)}"
    width = max(len(since), *(len(_type_name(row.what)) for row in shown)) + 2
    allocated = max(12, *(len(_count(row.allocated)) + 2 for row in shown))
    freed = max(10, *(len(_count(row.freed)) + 2 for row in shown))
    lines = [f"  {since:{width}}{'objects':>10}{'allocated':>{allocated}}{'freed':>{freed}}{'growth':>14}{'share':>8}"]
    lines += [_row(row, width, (allocated, freed), total) for row in shown]
    others = len(report.rows) - len(shown)
    rest = sum(row.size_bytes for row in report.rows) - sum(row.size_bytes for row in shown)
    if others:
        lines.append(f"  {_plural(others, 'other type')} together {format_bytes(rest, signed=True)}")
    if report.ratchets:
        names = ", ".join(_type_name(ratchet.what) for ratchet in report.ratchets[:_SUSPECTS])
        lines.append(f"  at each of {report.ratchets[0].readings} looks there was more of {names}")
    return lines


def _row(row: TypeRow, width: int, widths: tuple[int, int], total: int) -> str:
    return (
        f"  {_type_name(row.what):{width}}{least(row.allocated) - least(row.freed):>+10,}"
        f"{_count(row.allocated):>{widths[0]}}{_count(row.freed):>{widths[1]}}"
        f"{format_bytes(row.size_bytes, signed=True):>14}{_share(row.size_bytes / total):>8}"
    )


def _count(count: Count) -> str:
    """``480``, ``480..502``, or ``>=480`` where it is not known well."""
    text = format_count(count)
    return f">={text[:-1]}" if text.endswith("+") else text


def _suspect(number: int, suspect: Suspect, color: bool) -> list[str]:
    count = (
        f"{suspect.count_growth:+,} object{'s' * (abs(suspect.count_growth) != 1)}"
        if suspect.count_growth
        else "grew in place"
    )
    size = format_bytes(suspect.bytes_growth, signed=True)
    lines = [f"  {number}  {_type_name(suspect.type)}, {count}, {size}, {_share(suspect.share)}"]
    lines += describe(suspect.allocated_at, suspect.samples, lambda text: _paint(text, "1", color))
    if suspect.held_by:
        lines.append(f"     held by     {_paint(_path(suspect.held_by), '1', color)}")
    if suspect.cause:
        lines.append(f"     cause       {suspect.cause}")
    if suspect.hint:
        lines.append(f"     hint        {suspect.hint}")
    return lines


def _cost(report: Report) -> str:
    cost = report.cost
    share = "under 0.1 %" if cost.cpu_share < 0.001 else f"{100 * cost.cpu_share:.1f} %"
    return (
        f"  cost   {share} of CPU, longest pause {cost.longest_pause_seconds * 1000:.0f} ms, "
        f"{_plural(cost.censuses, 'walk')} of the heap, {format_bytes(cost.bytes)}"
    )
