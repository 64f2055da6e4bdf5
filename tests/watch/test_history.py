"""A whole life in bounded space."""

from itertools import pairwise

from memwatch.watch.history import KEPT, History
from memwatch.watch.sample import Sample


def sample(n):
    return Sample(float(n), float(n), "tick", n, n, 0, 0, 0, 0, 0, 0, 0.0, ())


def test_short_lives_are_kept_whole():
    history = History()
    for n in range(10):
        history.add(sample(n))
    assert [s.base for s in history.samples()] == list(range(10))


def test_long_lives_are_thinned_evenly_and_keep_their_ends():
    history = History()
    for n in range(100_001):
        history.add(sample(n))
    kept = [s.base for s in history.samples()]
    assert len(kept) <= KEPT + 1 and history.seen == 100_001
    assert kept[0] == 0 and kept[-1] == 100_000
    steps = {after - before for before, after in pairwise(kept[:-1])}
    assert len(steps) == 1


def test_no_life_no_samples():
    assert History().samples() == ()


def test_every_field_comes_back_as_it_was():
    history = History()
    one = Sample(1.5, 2.25, "forced", 2**50, 2**40 + 1, 7, 112, None, 300, 5, 9, 0.125, ("anonymous rss", "rss"))
    other = one._replace(trigger="exit", native=0, meters=("blocks", "native", "rss"))
    for each in (one, other, one):
        history.add(each)
    assert history.samples() == (one, other, one)
    assert [type(getattr(s, name)) for s in history.samples() for name in s._fields] == [
        type(getattr(s, name)) for s in (one, other, one) for name in s._fields
    ]
