"""A table that is made anew with each change, up to so many rows; and one that has no end."""

import numpy
import pytest

from memwatch.watch import Dismissed, Leak

MANY = (1 << 18) // 8  # numbers, in a quarter of a MiB


class Latest:
    def __init__(self):
        self.data = numpy.zeros(4 * MANY)

    def push(self, chunk):
        self.data = numpy.append(self.data, chunk)[-650_000:]


class Everything:
    def __init__(self):
        self.data = numpy.zeros(4 * MANY)

    def push(self, chunk):
        self.data = numpy.append(self.data, chunk)


@pytest.mark.parametrize(("kind", "expected"), [(Latest, Dismissed), (Everything, Leak)])
def test_an_array_that_is_cut_to_its_latest_rows(case, app, kind, expected):
    app.signal = kind()
    decision = case.judge(lambda: app.signal.push(numpy.ones(6 * MANY)))
    assert type(decision) is expected
    if expected is Dismissed:
        assert decision.why == f"a bounded numpy.ndarray fills: {10 * MANY:,} of at most 650,000"
