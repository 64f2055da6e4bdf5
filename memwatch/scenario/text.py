"""A check's result as a person reads it below a failed test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..diagnosis.causes import BY_VERDICT, words_for
from ..diagnosis.places import own_frames, place_of
from ..render.source import source_line
from ..retain import Holding
from ..tables import aligned, shorten, shorten_start
from ..units import format_bytes, printable

if TYPE_CHECKING:
    from .result import CheckResult, GrowthRow

_ROWS = 8
_HOLDINGS = 3
_SHARE = 0.1  # of what hangs below the first holder
_FIXTURES = "funcargs"  # where pytest keeps the values of a test's fixtures
_STEP = 160  # characters of one step of a path


def render(result: CheckResult) -> str:
    """The report, without a newline at its end: what grows and where, the table of rounds, and each holder."""
    if not result.leaks:
        return f"no leak: nothing grew without a bound in each of {_plural(result.rounds, 'round')}"
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
    rounds = f"grows in each of {_plural(len(result.calls), 'round')}"
    if result.native:
        return f"native memory {rounds}, by {format_bytes(result.native[-1])} in the last"
    if not result.holdings:
        return f"{shorten_start(result.rows[0].what)} {rounds}"
    return f"{_path(result, 0)} {rounds}"


def _table(result: CheckResult) -> Iterator[str]:
    """A row for each type, a column for each round."""
    lines = [("in a round of", *(_plural(calls, "call") for calls in result.calls))]
    lines += [(shorten_start(row.what), *_cells(row)) for row in result.rows[:_ROWS]]
    if result.native:
        lines.append(("native memory", *(format_bytes(size, signed=True) for size in result.native)))
    yield from (f"  {line}" for line in aligned(lines))
    if len(result.rows) > _ROWS:
        yield f"  and {_plural(len(result.rows) - _ROWS, 'other type')}"


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


def _plural(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
