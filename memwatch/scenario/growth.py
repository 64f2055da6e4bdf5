"""What grew from one look at the heap to the next, and what did so in every round: pure functions of censuses.

A round of so many calls grows in a type where at least as many objects came as there were calls, or where its objects
got larger by 64 bytes for each call. Each round has twice the calls of the one before, so growth has to keep up: what
is noise, or ends by itself, does not. Of the later rounds a quarter may be missing, for other objects of a type may
have gone meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..heap import Census
from ..internal import internal
from .result import GrowthRow

IN_PLACE = 64  # bytes for a call: a list that gets eight items longer
_NATIVE = 512  # bytes for a call: healthy programs move less in a round of 16 calls
_KEPT_UP = 0.75
_RISES = 1.2  # times the native growth of the round before, which had half of the calls: else it is what malloc moves
_PACE = 0.4  # of what the first round grew by for each call: what slows down more than that ends by itself


@internal
@dataclass(frozen=True, slots=True)
class Reading:
    """What malloc holds, in bytes (None where the platform does not tell), and of a test run's own records the bytes
    by type."""

    native: int | None
    recorded: Mapping[str, int]


@internal
@dataclass(frozen=True, slots=True)
class Round:
    """The net growth of one round of so many *calls*: objects and bytes by type, and native memory in bytes.

    `native` is what malloc gave beyond what Python objects explain, None where the platform does not tell.
    """

    calls: int
    counts: Mapping[str, int]
    size_bytes: Mapping[str, int]
    native: int | None


def measure_round(calls: int, before: Census, after: Census, start: Reading, end: Reading) -> Round:
    """The growth from one census to the next, and from just before the first of the calls to just after the last."""
    counts, sizes = {row.what: row.count for row in after.types}, {row.what: row.size_bytes for row in after.types}
    for row in before.types:
        counts[row.what] = counts.get(row.what, 0) - row.count
        sizes[row.what] = sizes.get(row.what, 0) - row.size_bytes
    explained = max(0, sum(sizes.values()))
    for label, size in end.recorded.items():
        sizes[label] = sizes.get(label, 0) - size + start.recorded.get(label, 0)
    unread = start.native is None or end.native is None
    native = None if unread else (end.native or 0) - (start.native or 0) - explained
    return Round(calls, _without_zeros(counts), _without_zeros(sizes), native)


def growing(rounds: Sequence[Round]) -> tuple[GrowthRow, ...]:
    """The types that grew in all of *rounds*; the program's classes first, then by bytes."""
    labels = sorted({*rounds[0].counts, *rounds[0].size_bytes})
    rows = [row for row in (_row(label, rounds) for label in labels) if row is not None]
    return tuple(sorted(rows, key=lambda row: ("." not in row.what, -row.size_bytes[-1], row.what)))


def native_growth(rounds: Sequence[Round]) -> tuple[int, ...]:
    """The native growth of each round if it was too much in all of them, else nothing."""
    grown = [found.native for found in rounds if found.native is not None and found.native >= _NATIVE * found.calls]
    rises = all(later >= _RISES * earlier for earlier, later in pairwise(grown))
    return tuple(grown) if len(grown) == len(rounds) and rises and _keeps_pace(grown, rounds) else ()


def was_unsettled(first: Round) -> bool:
    """Whether what the warm-up left behind was only freed in this round, and may have covered growth."""
    return min(first.counts.values(), default=0) <= -first.calls


def _row(label: str, rounds: Sequence[Round]) -> GrowthRow | None:
    counts = tuple(found.counts.get(label, 0) for found in rounds)
    sizes = tuple(found.size_bytes.get(label, 0) for found in rounds)
    if _keeps_up(counts, rounds, 1):
        return GrowthRow(label, counts, sizes, in_place=False)
    grows_in_place = _keeps_up(sizes, rounds, IN_PLACE) and _keeps_pace(sizes, rounds)
    return GrowthRow(label, counts, sizes, in_place=True) if grows_in_place else None


def _keeps_up(grown: Sequence[int], rounds: Sequence[Round], each: int) -> bool:
    needed = [each * found.calls * (_KEPT_UP if number else 1) for number, found in enumerate(rounds)]
    return all(amount >= least for amount, least in zip(grown, needed, strict=True))


def _keeps_pace(grown: Sequence[int], rounds: Sequence[Round]) -> bool:
    """Whether bytes go on to come with each call as in the first round: a buffer or a table that fills does not."""
    first = grown[0] / rounds[0].calls
    return all(amount >= _PACE * first * found.calls for amount, found in zip(grown, rounds, strict=True))


def _without_zeros(amounts: Mapping[str, int]) -> dict[str, int]:
    return {label: amount for label, amount in amounts.items() if amount}
