"""Growth that is still in use, for peers that are connected; and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memwatch.diagnosis import in_use
from memwatch.diagnosis.in_use import is_connected
from memwatch.diagnosis.judge import Diagnosis
from memwatch.retain import Holding

from ..paths import KEPT

GREW = 10**6
SESSIONS = Holding(KEPT, 100, GREW, 300, {"app.Session": 100}, "app.Session", "set", 160, 1, None)


@pytest.mark.parametrize(
    ("accepted", "held", "grew", "is_held"),
    [
        (104, SESSIONS, GREW, True),
        (104, replace(SESSIONS, targets=200), GREW, True),
        (13, SESSIONS, GREW, False),
        (104, replace(SESSIONS, targets=400), GREW, False),
        (900, SESSIONS, GREW, False),
        (104, SESSIONS, 3 * GREW, False),
        (None, SESSIONS, GREW, False),
    ],
    ids=["one each", "two each", "peers have gone", "more for each", "most have none", "a part", "not known"],
)
def test_as_much_came_as_peers_are_connected(
    monkeypatch: pytest.MonkeyPatch, accepted: int | None, held: Holding, grew: int, is_held: bool
) -> None:
    monkeypatch.setattr(in_use, "count_accepted", lambda: accepted)
    why = is_connected([held], grew, 4)
    assert why == ("100 more peers are connected, and have app.Session objects here" if is_held else None)
    assert is_connected([held], grew, None) is None


def test_all_that_hold_the_same_objects_hold_most_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_use, "count_accepted", lambda: 104)
    part = replace(SESSIONS, retained_bytes=GREW // 3)
    assert is_connected([part, part], GREW, 4) is not None
    assert is_connected([part, replace(part, targets=50)], GREW, 4) is None


def test_peers_are_waited_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_use, "count_accepted", lambda: 104)
    judge = Diagnosis(0.1)
    judge._gatherer.evidence.connections = 4
    assert [judge._serves([SESSIONS], GREW) is not None for _ in range(3)] == [True, True, False]
