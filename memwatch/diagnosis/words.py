"""The words and numbers that every face of a report shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from ..heap import Count, format_count
from ..units import format_bytes
from ..watch import Cost
from .lines import NO_OBJECT

if TYPE_CHECKING:
    from .report import Report, Suspect, TypeRow

T = TypeVar("T")

_VERDICTS = {
    "objects": "live Python objects",
    "untracked": "Python memory that nothing in Python refers to",
    "native": "native memory, outside of Python's objects",
    "fragmentation": "free room that is not given back; no object leaks",
    "garbage": "reference cycles that nothing collects",
}
_NOT_WALKED = "native memory, or large Python objects"
_IN_BALANCE = 0.01  # of the growth, up or down
_ENDS = 4  # steps at either end of a long path


def verdict_words(report: Report) -> str:
    """What kind of leak it is, and how much of it is explained."""
    if report.verdict == "native" and report.explained is None and report.meter == "base":
        return _NOT_WALKED
    words = _VERDICTS.get(report.verdict, report.verdict)
    if report.explained is None or report.verdict != "objects":
        return words
    return f"{words}, {share_text(min(report.explained, 1.0))} of the growth explained"


def share_text(share: float) -> str:
    """``97 %``"""
    return f"{share:.0%}".replace("%", " %")


def plural(count: int, what: str) -> str:
    """``1 sample``, ``30 samples``"""
    return f"{count:,} {what}{'s' * (count != 1)}"


def count_text(count: Count) -> str:
    """``480``, ``480..502``, or ``>=480`` where it is not known well."""
    text = format_count(count)
    return f">={text[:-1]}" if text.endswith("+") else text


def objects_text(suspect: Suspect) -> str:
    """``+480 objects``, or blocks where there are none; of what came in no object of its own, that it grew in place."""
    count, what = suspect.count_growth, "block" if suspect.type == NO_OBJECT else "object"
    return f"{count:+,} {what}{'s' * (abs(count) != 1)}" if count else "grew in place"


def cost_text(cost: Cost) -> str:
    """What memwatch has taken."""
    share = "under 0.1 %" if cost.cpu_share < 0.001 else f"{100 * cost.cpu_share:.1f} %"
    return (
        f"{share} of CPU, longest pause {cost.longest_pause_seconds * 1000:.0f} ms, "
        f"{plural(cost.censuses, 'walk')} of the heap, {format_bytes(cost.bytes)}"
    )


def growing_rows(report: Report, most: int) -> tuple[tuple[TypeRow, ...], int, str]:
    """At most *most* types with a share in the growth, largest first; the bytes that are all of it; and the rest in a
    line, empty if there is none."""
    grown = sorted((row for row in report.rows if row.size_bytes > 0), key=lambda row: -row.size_bytes)
    if not grown:
        return (), 0, ""
    total = max(sum(row.size_bytes for row in grown), report.since_bytes)
    shown = tuple(row for row in grown[:most] if row.size_bytes >= total / 100) or tuple(grown[:1])
    others = len(report.rows) - len(shown)
    rest = sum(row.size_bytes for row in report.rows) - sum(row.size_bytes for row in shown)
    how = "in balance" if abs(rest) < _IN_BALANCE * total else f"together {format_bytes(rest, signed=True)}"
    return shown, total, f"{plural(others, 'other type')} {how}" if others else ""


def cut_path(steps: Sequence[T], ends: int = _ENDS) -> tuple[Sequence[T], int, int]:
    """The steps of a path with the middle of a long one left out; the place where it was, and how many steps it had."""
    left_out = len(steps) - 2 * ends
    if left_out <= 1:
        return steps, len(steps), 0
    return (*steps[:ends], *steps[-ends:]), ends, left_out


def shorten(text: str, most: int) -> str:
    """A long text without its middle."""
    half = (most - 3) // 2
    return text if len(text) <= most else f"{text[:half]}...{text[-half:]}"
