"""Buffers that grow in place: which are used again and again, which have a bound each, and which leak?"""

from array import array

import pytest

import memwatch
from memwatch.watch import Dismissed, Leak


def test_buffers_that_grow_to_their_largest_use_are_waited_for(make_case, app):
    app.buffers = [bytearray(5_000) for _ in range(30)]
    case = make_case(pause_budget=60.0, age=1e6)

    def judged():
        case.past.clear()
        case.suspect()
        for buffer in app.buffers:
            buffer.extend(bytes(100_000))
        decision = case.verdict()
        case.diagnosis.forget()
        return decision

    first = judged()
    assert isinstance(first, Dismissed) and "30 objects of type bytearray grew in place" in first.why
    if memwatch.backend.name == "native":  # the other one is too slow here for all the walks of three verdicts
        assert [type(judged()) for _ in range(2)] == [Dismissed, Leak]


def test_one_buffer_that_grows_is_a_leak(case, app):
    app.buffers = [bytearray(5_000) for _ in range(30)]
    assert isinstance(case.judge(lambda: app.buffers[7].extend(bytes(3_000_000))), Leak)


@pytest.mark.parametrize("most", [4_000, 0])
def test_arrays_that_each_have_a_bound_are_none(case, app, most):
    app.series = {number: Series(most) if most else Unbounded() for number in range(100)}
    grow = lambda: [it.add(2_000) for it in app.series.values()]  # noqa: E731
    decision = case.judge(grow)
    assert isinstance(decision, Dismissed if most else Leak)
    if not most:
        assert decision.report.suspects[0].held_by.lines[1].startswith(".series: dict")


class Unbounded:
    def __init__(self):
        self.points = array("d", bytes(8_000))

    def add(self, count):
        self.points.frombytes(bytes(8 * count))


class Series(Unbounded):
    def __init__(self, most):
        super().__init__()
        self.most = most

    def add(self, count):
        super().add(count)
        if len(self.points) > self.most:
            del self.points[: -self.most]
