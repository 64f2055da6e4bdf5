"""A report as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..retain import join_steps
from ..units import format_bytes, format_delta, format_duration

if TYPE_CHECKING:
    from .report import Report, Suspect, TypeRow

_BARS = "▁▂▃▄▅▆▇█"
_CURVE_POINTS = 20
_ROWS = 5
_SUSPECTS = 3

_WORDS = {
    "objects": "live Python objects",
    "untracked": "Python memory that nothing in Python refers to",
    "native": "native memory, outside of Python's objects",
    "fragmentation": "free room that is not given back; no object leaks",
    "garbage": "reference cycles that nothing collects",
}


def render(report: Report, color: bool, unicode: bool) -> str:
    """The whole report, ending in a newline."""
    blocks = [
        _head(report, color),
        [f"  base   {_curve(report.curve, unicode)}{_limit(report)}"],
        _table(report),
        *(_suspect(number, suspect, color) for number, suspect in enumerate(report.suspects[:_SUSPECTS], 1)),
        [f"  not looked at: {line}" for line in report.missing],
        [_cost(report)],
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines) + "\n"


def _paint(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color else text


def _head(report: Report, color: bool) -> list[str]:
    explained = ""
    if report.explained is not None and report.verdict == "objects":
        explained = f", {min(report.explained, 1.0):.0%} of the growth explained".replace("%", " %")
    word = _paint("LEAK", "31", color)
    words = _WORDS.get(report.verdict, report.verdict)
    return [f"{word}  pid {report.pid} after {format_delta(report.age_seconds)}: {words}{explained}", report.reason]


def _curve(curve: Sequence[tuple[float, int]], unicode: bool) -> str:
    values = [base for _, base in curve]
    if not values:
        return "not read"
    step = max(1, -(-len(values) // _CURVE_POINTS))
    points = [min(values[i : i + step]) for i in range(0, len(values), step)]
    if not unicode:
        return " ".join(f"{point / 2**20:.1f}" for point in (points[0], points[len(points) // 2])) + (
            f" ... {format_bytes(points[-1])}"
        )
    least, span = min(points), max(points) - min(points) or 1
    bars = "".join(_BARS[(point - least) * (len(_BARS) - 1) // span] for point in points)
    return f"{format_bytes(points[0])} {bars} {format_bytes(points[-1])}"


def _limit(report: Report) -> str:
    if report.time_to_limit_seconds is None:
        return ""
    when = format_duration(report.time_to_limit_seconds)
    return f"     limit {format_bytes(report.limit_bytes)} in about {when} at this rate"


def _table(report: Report) -> list[str]:
    if not report.rows:
        return []
    total = sum(row.size_bytes for row in report.rows if row.size_bytes > 0) or 1
    shown = sorted(report.rows, key=lambda row: -row.size_bytes)[:_ROWS]
    shown = [row for row in shown if row.size_bytes >= total / 100] or shown[:1]
    width = max(len(row.what) for row in shown) + 2
    since = f"since {format_duration(report.since_seconds)}"
    lines = [f"  {since:{width}}{'objects':>10}{'allocated':>12}{'freed':>10}{'growth':>14}{'share':>8}"]
    lines += [_row(row, width, total) for row in shown]
    others = len(report.rows) - len(shown)
    rest = sum(row.size_bytes for row in report.rows) - sum(row.size_bytes for row in shown)
    if others:
        lines.append(f"  {others} other types together {format_bytes(rest, signed=True)}")
    return lines


def _row(row: TypeRow, width: int, total: int) -> str:
    least = "" if row.exact else ">="
    return (
        f"  {row.what:{width}}{row.allocated - row.freed:>+10,}{f'{least}{row.allocated:,}':>12}"
        f"{f'{least}{row.freed:,}':>10}{format_bytes(row.size_bytes, signed=True):>14}{row.size_bytes / total:>7.0%}"
    ).replace("%", " %")


def _suspect(number: int, suspect: Suspect, color: bool) -> list[str]:
    count = f"{suspect.count_growth:+,} objects" if suspect.count_growth else "grew in place"
    size = format_bytes(suspect.bytes_growth, signed=True)
    lines = [f"  {number}  {suspect.type}, {count}, {size}, {_share(suspect.share)}"]
    if suspect.held_by:
        lines.append(f"     held by     {_paint(join_steps(suspect.held_by), '1', color)}")
    if suspect.cause:
        lines.append(f"     cause       {suspect.cause}")
    if suspect.hint:
        lines.append(f"     hint        {suspect.hint}")
    return lines


def _share(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def _cost(report: Report) -> str:
    cost = report.cost
    return (
        f"  cost   {cost.cpu_share:.1%} of CPU, longest pause {cost.longest_pause_seconds * 1000:.0f} ms, "
        f"{cost.censuses} walks of the heap, {format_bytes(cost.bytes)}"
    ).replace("%", " %", 1)
