"""The values of a watched test run: what was left behind, and by which tests. Sizes are bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..internal import internal


@internal
@dataclass(frozen=True, slots=True)
class Left:
    """What was left behind at one place, and was still alive at the end of the run.

    `count` objects of `type` came to the holder at `held_by`, with all that came there `size_bytes`; `place` is the
    same for the same holder in another process. `tests` are the tests
    during which they were allocated with the bytes that the samples tell for each, the most first, `test_count` how
    many such tests there are. `allocated_at` is ``file:line in function``, empty where that was not sampled.
    """

    type: str
    count: int
    size_bytes: int
    held_by: str
    place: str
    allocated_at: str
    source: str
    cause: str
    hint: str
    tests: tuple[tuple[str, int], ...]
    test_count: int
    worker: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return {**asdict(self), "tests": [list(test) for test in self.tests]}


@internal
@dataclass(frozen=True, slots=True)
class Findings:
    """What a run left behind, most bytes first, and what is not known: `missing`, in words. `tests` were run."""

    left: tuple[Left, ...] = ()
    missing: tuple[str, ...] = ()
    tests: int = 0
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """What a worker of a distributed run sends."""
        left = [found.to_dict() for found in self.left]
        return {"left": left, "missing": list(self.missing), "tests": self.tests, "seconds": self.seconds}

    @classmethod
    def from_dict(cls, sent: Mapping[str, Any], worker: str = "") -> Findings:
        """What a worker has sent."""
        left = [Left(**{**row, "tests": tuple(map(tuple, row["tests"])), "worker": worker}) for row in sent["left"]]
        missing = tuple(f"{worker}: {text}" if worker else text for text in sent["missing"])
        return cls(tuple(left), missing, sent["tests"], sent["seconds"])


def joined(findings: Iterable[Findings]) -> Findings:
    """Those of several workers as one: what lies at one place in several of them is reported once, added up."""
    rows: dict[tuple[str, str, str], Left] = {}
    found = list(findings)
    for row in (row for part in found for row in part.left):
        key = (row.type, row.place, row.allocated_at)
        rows[key] = _added(rows[key], row) if key in rows else row
    left = tuple(sorted(rows.values(), key=lambda row: -row.size_bytes))
    missing = tuple(text for part in found for text in part.missing)
    return Findings(left, missing, sum(it.tests for it in found), sum(it.seconds for it in found))


def _added(one: Left, other: Left) -> Left:
    tests = tuple(sorted((*one.tests, *other.tests), key=lambda test: -test[1]))
    return replace(
        one,
        count=one.count + other.count,
        size_bytes=one.size_bytes + other.size_bytes,
        tests=tests,
        test_count=one.test_count + other.test_count,
        worker=f"{one.worker}, {other.worker}" if other.worker else one.worker,
    )
