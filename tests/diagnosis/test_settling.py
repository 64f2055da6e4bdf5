"""Objects that come more and more slowly are waited for; those that come as before are not."""

from dataclasses import replace

import pytest

from memwatch.diagnosis.settling import Settling, settles
from memwatch.heap import TypeSeries
from memwatch.retain import Holding

from ..paths import KEPT


def series(**counts):
    read = TypeSeries()
    for number in range(5):
        read.add({what.replace("_", "."): (n[number], 1000 * n[number]) for what, n in counts.items()}, 10.0 * number)
    return read


EVEN, SLOWING, STOPPED = (0, 100, 200, 300, 400), (0, 150, 240, 300, 340), (0, 200, 400, 400, 400)


def held(frontier, count, size, kinds=None):
    return Holding(KEPT, count, size, count, kinds or {frontier: count}, frontier, "dict", count, 1, None)


@pytest.mark.parametrize(("counts", "slows"), [(EVEN, False), (SLOWING, True), (STOPPED, True)])
def test_what_one_holder_gets(counts, slows):
    why = settles([held("app.Shape", 340, 340_000)], series(app_Shape=counts, str=EVEN), 400_000)
    assert why == ("new app.Shape objects come more and more slowly" if slows else None)


def test_builtin_types_come_from_elsewhere_too():
    """All types of which each item has one must slow down."""
    kept = [held("str", 340, 340_000, {"str": 340, "int": 340})]
    assert settles(kept, series(str=SLOWING, int=EVEN), 10**6) is None
    assert settles(kept, series(str=SLOWING, int=SLOWING), 680_000)


def test_where_more_came_elsewhere_bytes_are_compared():
    kept = [held("str", 100, 100_000)]
    assert settles(kept, series(str=SLOWING), 200_000) is not None
    even = TypeSeries()
    for number, count in enumerate(SLOWING):
        even.add({"str": (count, 100_000 * number)}, 10.0 * number)
    assert settles(kept, even, 200_000) is None


def test_types_that_many_hold():
    assert settles([], series(dict=SLOWING), 400_000) == "new dict objects come more and more slowly"
    assert settles([], series(dict=SLOWING), 4_000_000) is None


def test_little_is_not_what_grows():
    assert settles([held("app.Shape", 340, 340_000)], series(app_Shape=SLOWING), 10**7) is None
    assert settles([held("app.Shape", 34, 10**7)], series(app_Shape=(0, 10, 20, 25, 30)), 10**7) is None


class TestFromVerdictToVerdict:
    """A verdict after one that waited has few looks of its own. The first: 340 items after 40 s, 5 a second lately."""

    few = TypeSeries()

    def after(self, items, seconds, came=20):
        """What the verdict *seconds* later says, by when there are so many *items*; suspected 10 s before it."""
        settling = Settling()
        shapes = replace(held("app.Shape", 340, 340_000), holder_items=340)
        assert settling.why_wait([shapes], series(app_Shape=SLOWING), 400_000, now=40.0, seconds=40.0)
        later = replace(held("app.Shape", came, 1000 * came), holder_items=items)
        return settling.why_wait([later], self.few, 1000 * came, now=40.0 + seconds, seconds=10.0)

    def test_what_goes_on_as_before_waits_no_more(self):
        assert self.after(items=340 + 500, seconds=100.0) is None

    def test_what_slows_down_further_does(self):
        assert self.after(items=340 + 200, seconds=100.0) == "new app.Shape objects come more and more slowly"

    def test_a_fast_start_up_before_an_even_leak_prolongs_nothing(self):
        settling = Settling()
        shapes = replace(held("app.Shape", 1000, 10**6), holder_items=1000)
        started = series(app_Shape=(0, 700, 800, 900, 1000))
        assert settling.why_wait([shapes], started, 10**6, now=40.0, seconds=40.0)
        shapes = replace(held("app.Shape", 100, 10**5), holder_items=2000)
        assert settling.why_wait([shapes], self.few, 10**5, now=140.0, seconds=10.0) is None

    def test_it_waits_three_times_at_most(self):
        settling, shapes = Settling(), [held("app.Shape", 340, 340_000)]
        said = [settling.why_wait(shapes, series(app_Shape=SLOWING), 400_000, 40.0 * n, 40.0) for n in range(1, 5)]
        assert [why is not None for why in said] == [True, True, True, False]
