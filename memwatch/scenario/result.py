"""The values of a check, and how they read below a failed test: what grew in every round, and who holds it.

Sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..diagnosis.causes import BY_VERDICT, words_for
from ..diagnosis.places import own_frames, place_of
from ..internal import internal
from ..render.source import source_line
from ..retain import Holding
from ..tables import aligned, shorten, shorten_start
from ..units import format_bytes, plural, printable

_ROWS = 8
_HOLDINGS = 3
_SHARE = 0.1  # of what hangs below the first holder
_FIXTURES = "funcargs"  # where pytest keeps the values of a test's fixtures
_STEP = 160  # characters of one step of a path


@internal
@dataclass(frozen=True, slots=True)
class GrowthRow:
    """One type that grew in every round: by how many objects, and by how many bytes, round after round.

    `in_place` is True where its objects got larger and not more numerous.
    """

    what: str
    counts: tuple[int, ...]
    size_bytes: tuple[int, ...]
    in_place: bool

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, the rounds as lists."""
        rounds = {"counts": list(self.counts), "size_bytes": list(self.size_bytes)}
        return {"what": self.what, **rounds, "in_place": self.in_place}


@internal
@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found; `print(result)` shows the report.

    `calls` has the number of calls in each measured round, without the warm-up. `rows` are the types that grew in every
    round and whose new objects are held without a bound; the type that the first holder holds comes first. `holdings`
    say who holds them, most bytes first. `native` has, for each round, the bytes by which malloc's memory grew beyond
    what Python objects explain; it is empty unless that was too much in every round. `rounds` counts all rounds,
    warm-up included. `checked` is where the function is defined, as ``test_app.py:12 in test_load``.

    `allocated_at` has, for each holding, the frames that allocated what it holds, innermost first; empty if that was
    not sampled. `kept_by` has the name of the fixture that leads to the holder; empty if none does.
    """

    rounds: int
    calls: tuple[int, ...]
    rows: tuple[GrowthRow, ...]
    holdings: tuple[Holding, ...]
    native: tuple[int, ...]
    checked: str = ""
    allocated_at: tuple[tuple[dict[str, Any], ...], ...] = ()
    kept_by: tuple[str, ...] = ()

    @property
    def leaks(self) -> bool:
        """Whether anything without a known bound grew in every round."""
        return bool(self.rows or self.native)

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, and `leaks`."""
        return {
            "leaks": self.leaks,
            "rounds": self.rounds,
            "calls": list(self.calls),
            "rows": [row.to_dict() for row in self.rows],
            "holdings": [holding.to_dict() for holding in self.holdings],
            "native": list(self.native),
            "checked": self.checked,
            "allocated_at": [[dict(frame) for frame in frames] for frames in self.allocated_at],
            "kept_by": list(self.kept_by),
        }

    def __str__(self) -> str:
        return _render(self)


def _render(result: CheckResult) -> str:
    """The report, without a newline at its end: what grows and where, the table of rounds, and each holder."""
    if not result.leaks:
        return f"no leak: nothing grew without a bound in each of {plural(result.rounds, 'round')}"
    held = [list(_held(result, number)) for number in _most(result.holdings)]
    blocks = [[_head(result)], list(_table(result)), *held]
    if result.native:
        words = BY_VERDICT["native"]
        blocks.append([f"  cause      {words.cause}", f"  hint       {words.hint}"])
    if result.checked:
        blocks[-1].append(f"  checked    {result.checked}")
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def _most(holdings: Sequence[Holding]) -> list[int]:
    """The numbers of the first few, without those beside which hardly anything hangs: they hold parts of what the first
    one holds."""
    few = enumerate(holdings[:_HOLDINGS])
    return [number for number, held in few if held.retained_bytes >= _SHARE * holdings[0].retained_bytes]


def _head(result: CheckResult) -> str:
    rounds = f"grows in each of {plural(len(result.calls), 'round')}"
    if result.native:
        return f"native memory {rounds}, by {format_bytes(result.native[-1])} in the last"
    if not result.holdings:
        return f"{shorten_start(result.rows[0].what)} {rounds}"
    return f"{_path(result, 0)} {rounds}"


def _table(result: CheckResult) -> Iterator[str]:
    """A row for each type, a column for each round."""
    lines = [("in a round of", *(plural(calls, "call") for calls in result.calls))]
    lines += [(shorten_start(row.what), *_cells(row)) for row in result.rows[:_ROWS]]
    if result.native:
        lines.append(("native memory", *(format_bytes(size, signed=True) for size in result.native)))
    yield from (f"  {line}" for line in aligned(lines))
    if len(result.rows) > _ROWS:
        yield f"  and {plural(len(result.rows) - _ROWS, 'other type')}"


def _cells(row: GrowthRow) -> list[str]:
    if row.in_place:
        return [format_bytes(size, signed=True) for size in row.size_bytes]
    return [f"{count:+,}" for count in row.counts]


def _held(result: CheckResult, number: int) -> Iterator[str]:
    """One holder: the line that allocated, who holds it, which fixture that is, and what to do."""
    holding = result.holdings[number]
    words = words_for(holding, counts=False)
    frames = next(iter(result.allocated_at[number : number + 1]), ())
    if frames:
        own = own_frames(frames)
        yield f"  allocated  {place_of(own[0])}"
        if text := source_line(own[0]["file"], own[0]["line"]):
            yield f"             > {text}"
    yield f"  held by    {_path(result, number)}"
    if fixture := _fixture(result, number):
        yield f"  kept by your fixture {fixture}, which is the same in all rounds"
    if words.cause:
        yield f"  cause      {words.cause}"
    if words.hint:
        yield f"  hint       {words.hint}"


def _fixture(result: CheckResult, number: int) -> str:
    return printable(next(iter(result.kept_by[number : number + 1]), ""))


def _path(result: CheckResult, number: int) -> str:
    """The path to a holder; of one through a fixture what lies behind pytest's own objects."""
    path, fixture = result.holdings[number].path, _fixture(result, number)
    parts = list(path.parts)
    given = [place + 1 for place, step in enumerate(path.steps[:-1]) if step.edge.name == _FIXTURES]
    if fixture and given:
        parts = [f"fixture {fixture}: {path.steps[given[-1]].type}", *parts[given[-1] + 2 :]]
    return " > ".join(shorten(part, _STEP) for part in parts)
