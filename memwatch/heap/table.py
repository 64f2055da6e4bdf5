"""The changes of a diff as a table of text whose lines add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from ..errors import OptionError
from ..units import format_bytes, format_duration

_HEADER = ("objects", "allocated", "freed", "grown", "growth")
_LABEL_WIDTH = 60


class Row(Protocol):
    """What a line is made of: a type's name, objects that came, went and grew in place, and the net bytes."""

    @property
    def what(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def allocated(self) -> int: ...
    @property
    def freed(self) -> int: ...
    @property
    def grown(self) -> int: ...
    @property
    def exact(self) -> bool: ...


def change_table(rows: Sequence[Row], seconds: float, top: int = 20, min_bytes: int = 0) -> str:
    """A line for each of the first *top* rows that changed by *min_bytes* or more, one for the others, and the sums.

    *rows* come sorted; *seconds* lie between the snapshots. A count behind which stands a plus is a lower bound.
    """
    if top < 0 or min_bytes < 0:
        raise OptionError(f"top and min_bytes must be 0 or more, not {top} and {min_bytes}")
    if not rows:
        return f"in {format_duration(seconds)}: no change"
    shown = [row for row in rows if abs(row.size_bytes) >= min_bytes][:top]
    chosen = set(map(id, shown))
    others = [row for row in rows if id(row) not in chosen]
    lines: list[tuple[str, ...]] = [(f"in {format_duration(seconds)}", *_HEADER)]
    lines += [_line(row.what, [row]) for row in shown]
    if others:
        lines.append(_line(f"{len(others)} other type{'s' if len(others) > 1 else ''}", others))
    lines.append(_line("total", rows))
    return "\n".join([*_aligned(lines), *_footnote(rows)])


def _line(label: str, rows: Iterable[Row]) -> tuple[str, ...]:
    """One line's cells: the sums over *rows*."""
    rows = list(rows)
    allocated, freed = sum(row.allocated for row in rows), sum(row.freed for row in rows)
    mark = " " if all(row.exact for row in rows) else "+"
    return (
        label if len(label) <= _LABEL_WIDTH else f"...{label[3 - _LABEL_WIDTH :]}",
        f"{allocated - freed:+,}",
        f"{allocated:,}{mark}",
        f"{freed:,}{mark}",
        f"{sum(row.grown for row in rows):,}",
        format_bytes(sum(row.size_bytes for row in rows), signed=True),
    )


def _aligned(lines: Sequence[tuple[str, ...]]) -> list[str]:
    """The cells in columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])]) for cells in lines]


def _footnote(rows: Iterable[Row]) -> list[str]:
    if all(row.exact for row in rows):
        return []
    return ["n+: at least n; where an address was used again by the same type, the two cannot be told apart"]
