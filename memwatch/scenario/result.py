"""The values of a check: what grew in every round, and who holds it. Sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..internal import internal
from ..retain import Holding
from .text import render


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

    `calls` has the number of calls in each round that was measured, the warm-up left out. `rows` are the types that
    grew in every one of them and whose new objects are held without a bound, the one that the first holder holds
    first. `holdings` say who holds them, the most bytes first. `native` is by how many bytes malloc's memory grew in
    each round beyond what Python objects explain; it is empty unless that was too much in every round. `rounds`
    counts all, warm-up included. `checked` is where the function is defined, as ``test_app.py:12 in test_load``. For
    each of the holdings `allocated_at` has the frames that allocated what it holds, innermost first, empty where that
    was not sampled, and `kept_by` the name of the fixture that leads to the holder, empty where none does.
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
        """Whether anything grew in every round that is not known to be bounded."""
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
        return render(self)
