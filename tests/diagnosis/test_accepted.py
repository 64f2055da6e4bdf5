"""What a team has accepted is not told; what else leaks beside it is."""

from __future__ import annotations

import pytest

from memwatch.diagnosis import Diagnosis
from memwatch.watch import Dismissed, Leak


@pytest.fixture
def judged(case, app):
    """The decision on growth in `app.kept` and in `app.other`, with what is accepted."""

    def judge(kept, other=0, **accepted):
        app.kept, app.other = [], []
        case.diagnosis = Diagnosis(0.5, **accepted)

        def grow():
            app.kept.extend(bytearray(4000) for _ in range(kept))
            app.other.extend(bytearray(4000) for _ in range(other))

        return case.judge(grow)

    return judge


@pytest.mark.parametrize("pattern", ["bytearray", "app.kept", "app.k*", "*array"])
def test_what_is_accepted_by_type_or_holder_is_held(judged, pattern):
    decision = judged(1000, ignore=(pattern,))
    assert isinstance(decision, Dismissed) and decision.why == "bytearray is accepted by ignore"


def test_another_holder_is_told_all_the_same(judged):
    assert isinstance(judged(1000, ignore=("app.other", "list")), Leak)
    decision = judged(600, 600, ignore=("app.other",))
    assert isinstance(decision, Leak)


def test_growth_below_the_floor_of_a_team_is_held(judged):
    assert isinstance(judged(1000, min_growth=3 << 20), Leak)
    decision = judged(1000, min_growth=10 << 20)
    assert isinstance(decision, Dismissed) and decision.why.endswith("is less than min_growth")
