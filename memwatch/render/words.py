"""The words and numbers that every face of a report shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ..diagnosis import Account, Report, Suspect, TypeRow
from ..diagnosis.account import NOT_EXPLAINED
from ..diagnosis.lines import HANDFUL, NO_OBJECT
from ..heap import Count, format_count
from ..units import format_bytes, plural, printable
from ..watch import Cost

T = TypeVar("T")

VERDICTS = {
    "objects": "live Python objects",
    "untracked": "Python memory that nothing in Python refers to",
    "native": "native memory, outside of Python's objects",
    "fragmentation": "free memory that is not given back; no object leaks",
    "garbage": "reference cycles that nothing collects",
    "nothing": "nothing grew between two looks",
    "unknown": "the kind of memory that grew was not examined",
}
_LEAST = 0.01  # of the growth: a row of its own
_ENDS = 4  # steps at either end of a long path


def verdict_words(report: Report) -> str:
    """What kind of leak it is, and how much of it is explained."""
    words = VERDICTS.get(report.verdict, report.verdict)
    if report.explained is None or report.verdict != "objects":
        return words
    return f"{words}, {share_text(report.explained)} of the growth explained"


def pace_text(report: Report) -> str:
    """At what rate the limit is reached."""
    return "as resident memory grows" if report.rss_growth_bytes > report.growth_bytes else "at this rate"


def share_text(share: float) -> str:
    """``97 %``"""
    return f"{share:.0%}".replace("%", " %")


def samples_text(samples: int) -> str:
    """How many samples a line was found by; few are said to be uncertain."""
    return plural(samples, "sample") + (", uncertain" if samples < HANDFUL else "")


def count_text(count: Count) -> str:
    """``480``, ``480..502``, or ``>=480`` where it is not known well."""
    text = format_count(count)
    return f">={text[:-1]}" if text.endswith("+") else text


def objects_text(suspect: Suspect) -> str:
    """``+480 objects``, or blocks where there are none; of what came in no object of its own, that it grew in place."""
    count, what = suspect.count_growth, "block" if suspect.type == NO_OBJECT else "object"
    return f"{count:+,} {what}{'s' * (abs(count) != 1)}" if count else "grew in place"


def retained_text(suspect: Suspect) -> str:
    """What the holder's end would free: ``2.06 MiB in 1,030 objects``."""
    return f"{format_bytes(suspect.retained_bytes or 0)} in {plural(suspect.retained_objects or 0, 'object')}"


def contexts_text(suspect: Suspect) -> str:
    """Under which labels it was allocated: ``route=GET /orders 94 %``."""
    return ", ".join(f"{printable(text)} {share_text(share)}" for text, share in suspect.allocated_in)


def cost_text(cost: Cost) -> str:
    """What memwatch has taken."""
    share = "under 0.1 %" if cost.cpu_share < 0.001 else f"{100 * cost.cpu_share:.1f} %"
    copied = f", {format_bytes(cost.copied_bytes)} copied meanwhile" if cost.copied_bytes else ""
    children = f"; forked children {cost.child_seconds:.1f} s{copied}" if cost.child_seconds else ""
    return (
        f"{share} of CPU, longest pause {cost.longest_pause_seconds * 1000:.0f} ms{_over_budget(cost)}, "
        f"{plural(cost.censuses, 'walk')} of the heap, {format_bytes(cost.bytes)}{children}"
    )


def _over_budget(cost: Cost) -> str:
    """What broke the pause budget, if it was broken: memwatch's work, or that others had the processors meanwhile."""
    budget, work = 1000 * cost.pause_budget_seconds, 1000 * cost.longest_work_seconds
    if not 0 < budget < 1000 * cost.longest_pause_seconds:
        return ""
    if work > budget:
        return f" where {budget:.0f} ms are allowed ({work:.0f} ms of work)"
    return f" where {budget:.0f} ms are allowed (at most {work:.0f} ms of work, else waiting for a processor)"


def growing_rows(account: Account, most: int) -> tuple[tuple[TypeRow, ...], tuple[tuple[str, int], ...]]:
    """At most *most* rows with a share in the growth, largest first; and what else there is, as name and bytes: the
    other rows, and what is not explained. Together they are 100 %."""
    grown = account.grown
    if not grown:
        return (), ()
    shown = tuple(row for row in grown[:most] if row.size_bytes >= _LEAST * account.total) or grown[:1]
    others = grown[len(shown) :]
    rest = [(plural(len(others), "other"), sum(row.size_bytes for row in others)), (NOT_EXPLAINED, account.rest)]
    return shown, tuple((name, size) for name, size in rest if size > 0)


def shrunk_text(account: Account) -> str:
    """What there is less of, in a line; empty if that is next to nothing."""
    fewer = sum(row.size_bytes < 0 for row in account.rows)
    if account.shrunk < _LEAST * account.total:
        return ""
    return f"{plural(fewer, 'type')} shrank, by {format_bytes(account.shrunk)} together"


def counts_of(row: TypeRow) -> tuple[str, str]:
    """How many came and how many went, as text; where samples tell of it, that they do."""
    if row.samples:
        return plural(row.samples, "sample"), ""
    return count_text(row.allocated), count_text(row.freed)


def cut_path(steps: Sequence[T], ends: int = _ENDS) -> tuple[Sequence[T], int, int]:
    """The steps of a path with the middle of a long one left out; the place where it was, and how many steps it had."""
    left_out = len(steps) - 2 * ends
    if left_out <= 1:
        return steps, len(steps), 0
    return (*steps[:ends], *steps[-ends:]), ends, left_out
