"""The changes of a diff, and the rows of a census, as tables of text whose lines add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from ..checks import check_whole
from ..tables import aligned, shorten_start
from ..units import format_bytes, format_duration
from .counts import Count, add_counts, is_narrow, least, most

_HEADER = ("objects", "allocated", "freed", "grown", "growth")
_WHY = "where an address was used again by the same type, the two cannot be told apart"


class Sized(Protocol):
    """A type's name and bytes."""

    @property
    def what(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...


class Row(Sized, Protocol):
    """What a line is made of: a type's name, objects that came, went and grew in place, and the net bytes."""

    @property
    def allocated(self) -> Count: ...
    @property
    def freed(self) -> Count: ...
    @property
    def grown(self) -> int: ...


class Counted(Sized, Protocol):
    """A line of a census: how many objects, too."""

    @property
    def count(self) -> int: ...


AnyRow = TypeVar("AnyRow", bound=Sized)


def change_table(rows: Sequence[Row], seconds: float, top: int = 20, min_bytes: int = 0) -> str:
    """A line for each of the first *top* rows that changed by *min_bytes* or more, one for the others, and the sums.

    *rows* come sorted; *seconds* lie between the snapshots. A count behind which stands a plus is a lower bound.
    """
    lines, footnote = change_lines(rows, seconds, top, min_bytes)
    if not rows:
        return f"in {format_duration(seconds)}: no change"
    return "\n".join([*aligned(lines), *footnote])


def change_lines(
    rows: Sequence[Row], seconds: float, top: int = 20, min_bytes: int = 0
) -> tuple[list[tuple[str, ...]], list[str]]:
    """The same as cells, the head first, and what has to be said below."""
    shown, others = _chosen(rows, top, min_bytes)
    lines = [_change_line(row.what, [row]) for row in shown]
    if others:
        lines.append(_change_line(_others(others), others))
    lines.append(_change_line("total", rows))
    return [(f"in {format_duration(seconds)}", *_HEADER), *lines], _footnote(lines)


def census_table(rows: Sequence[Counted], top: int = 20, min_bytes: int = 0) -> str:
    """A line for each of the first *top* rows of *min_bytes* or more, one for the others, and the sums."""
    return "\n".join(aligned(census_lines(rows, top, min_bytes)))


def census_lines(rows: Sequence[Counted], top: int = 20, min_bytes: int = 0) -> list[tuple[str, ...]]:
    """The same as cells, the head first."""
    shown, others = _chosen(rows, top, min_bytes)
    lines = [("type", "objects", "size"), *(_census_line(row.what, [row]) for row in shown)]
    if others:
        lines.append(_census_line(_others(others), others))
    return [*lines, _census_line("total", rows)]


def format_count(count: Count) -> str:
    """``480``; an interval is ``480..502`` where it is narrow and ``480+`` where it is not."""
    if isinstance(count, int):
        return f"{count:,}"
    return f"{least(count):,}..{most(count):,}" if is_narrow(count) else f"{least(count):,}+"


def _chosen(rows: Sequence[AnyRow], top: int, min_bytes: int) -> tuple[list[AnyRow], list[AnyRow]]:
    """The rows to show, and the others."""
    check_whole("top", top, 0)
    check_whole("min_bytes", min_bytes, 0, unit="bytes")
    shown = [row for row in rows if abs(row.size_bytes) >= min_bytes][:top]
    chosen = set(map(id, shown))
    return shown, [row for row in rows if id(row) not in chosen]


def _others(rows: Sequence[Sized]) -> str:
    return f"{len(rows)} other type{'s' if len(rows) > 1 else ''}"


def _change_line(label: str, rows: Sequence[Row]) -> tuple[str, ...]:
    """One line's cells: the sums over *rows*."""
    allocated, freed = add_counts(row.allocated for row in rows), add_counts(row.freed for row in rows)
    return (
        shorten_start(label),
        f"{least(allocated) - least(freed):+,}",
        format_count(allocated),
        format_count(freed),
        f"{sum(row.grown for row in rows):,}",
        format_bytes(sum(row.size_bytes for row in rows), signed=True),
    )


def _census_line(label: str, rows: Sequence[Counted]) -> tuple[str, ...]:
    size = format_bytes(sum(row.size_bytes for row in rows))
    return shorten_start(label), f"{sum(row.count for row in rows):,}", size


def _footnote(lines: Iterable[tuple[str, ...]]) -> list[str]:
    counts = [count for cells in lines for count in cells[2:4]]
    notes = ["n+: at least n"] if any(count.endswith("+") for count in counts) else []
    notes += ["a..b: from a to b"] if any(".." in count for count in counts) else []
    return [f"{'; '.join(notes)}; {_WHY}"] if notes else []
