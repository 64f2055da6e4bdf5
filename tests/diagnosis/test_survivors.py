"""What lives of all that the lines of a growth have made: does it come and go, or more and more slowly?"""

from __future__ import annotations

from math import log
from types import SimpleNamespace
from typing import Any

import pytest

from memwatch.backend.allocations.live import Sampled
from memwatch.backend.allocations.recorder import Recorder
from memwatch.diagnosis import benign_growth, evidence, sqlite_pages
from memwatch.diagnosis.benign_growth import BenignGrowth
from memwatch.diagnosis.lines import Lines
from memwatch.diagnosis.settling import Settling, come_slower
from memwatch.frames import Frame
from memwatch.heap import TypeSeries
from memwatch.retain import Holding, Unseen

from ..paths import KEPT

SECOND, MIB = 10**9, 1 << 20
OURS, OTHER = ((Frame("put", "app.py", line, 0, 1),) for line in (7, 90))


def made(births: Any, label: str = "app.Stream", size: float = 1e5, native: bool = False) -> list[Sampled]:
    """One sample for each of *births*, in seconds."""
    return [Sampled(OURS, 0, label, 1.0, size, round(birth * SECOND), native) for birth in births]


def born(births: Any, size: float = 1e5) -> list[tuple[float, float]]:
    """The same as times and bytes."""
    return [(birth, size) for birth in births]


def replaced(survivors: list[Sampled], net: int = 100, lengthen: bool | None = False) -> str | None:
    """What is said of growth in which *net* more streams have come."""
    rows = [SimpleNamespace(what="app.Stream", net=net, size_bytes=10**7)]
    diff: Any = SimpleNamespace(grown=(), change=SimpleNamespace(details=rows))
    return BenignGrowth((), diff, True, 10**7, 64.0).replaced(survivors, lengthen)


def test_what_lives_as_long_as_ever_comes_and_goes() -> None:
    assert replaced(made(range(110, 140))) == (
        "what has come of type app.Stream before has gone: it comes and goes, and there is more and more"
    )


@pytest.mark.parametrize(
    ("survivors", "net", "lengthen"),
    [
        (made(range(110, 140)), 100, True),
        (made(range(110, 140)), 100, None),
        (made(range(110, 115)), 100, False),
        (made(range(110, 140)), 1, False),
        (made(range(110, 140), label=""), 100, False),
        (made(range(110, 140), native=True), 100, False),
    ],
    ids=["longer and longer", "not known", "few samples", "one made anew", "tables that are made anew", "native"],
)
def test_what_stays_is_a_leak(survivors: list[Sampled], net: int, lengthen: bool | None) -> None:
    assert replaced(survivors, net, lengthen) is None


RARER = [30 * log(61 / (61 - n)) for n in range(61)]  # of 61 things, asked for by chance, when each is new


def test_few_large_objects_that_come_more_and_more_slowly() -> None:
    assert come_slower(born(RARER))


def test_a_trend_that_only_all_the_time_after_a_start_up_shows() -> None:
    """Sessions of 71 hosts, when each was first asked for: 27 in the last two thirds are too few."""
    late = [
        48,
        49,
        52,
        57,
        58,
        59,
        61,
        64,
        66,
        67,
        70,
        72,
        77,
        83,
        86,
        88,
        90,
        95,
        98,
        102,
        105,
        109,
        114,
        119,
        128,
        137,
    ]
    assert come_slower(born([*(n * n / 46 for n in range(46)), *late]))


@pytest.mark.parametrize(
    "births",
    [
        range(60),
        [*[0.1 * n for n in range(200)], *range(20, 80)],
        [*[0.1 * n for n in range(100)], *range(10, 160), *[15 + n / 3 for n in range(100)]],
        RARER[:9],
        [3 * n + n % 3 for n in range(40)],
    ],
    ids=["even", "after a start-up", "after a long one", "few", "in steps"],
)
def test_what_comes_as_fast_as_ever_is_not_waited_for(births: Any) -> None:
    assert not come_slower(born(births))


def waits(looks: list[int], times: int = 1) -> list[bool]:
    """Whether verdicts wait for what came more and more seldom, by the looks' counts of it in one dict."""
    settling, series = Settling(), TypeSeries()
    for number, count in enumerate(looks):
        series.add({"app.Session": (count, 1000 * count)}, 10.0 * number, 10.0 * number)
    came = looks[-1] - looks[0]
    held = Holding(KEPT, came, 10**6, came, {"app.Session": came}, "app.Session", "dict", came, 1, None)
    said = [settling.why_wait([held], series, 10**6, 40.0 * n, 40.0, born(RARER)) for n in range(times)]
    return [why is not None for why in said]


def test_few_objects_are_a_reason_to_wait_three_times() -> None:
    assert waits([0, 4, 8, 12], times=4) == [True, True, True, False]


def test_where_looks_have_counted_many_they_tell_more() -> None:
    """By the clock all slows down when the machine has other work."""
    assert waits([0, 100, 200, 300, 400]) == [False]
    assert waits([0, 400]) == [True]


def test_lines_of_the_growth_are_looked_at_for_longer_than_it_is() -> None:
    earlier = [*made([3.0]), *(Sampled(OTHER, 0, "str", 1.0, 1e6, birth) for birth in (5, 6))]
    lines = Lines(made(range(100, 110)))
    assert lines.of_same_lines(1e6, [*earlier, *made([101.0])]) == made([3.0, 101.0])
    assert lines.of_same_lines(1e7, earlier) == []


def test_only_what_was_sampled_since_the_growth_began_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sampler that was started later would find all of it young."""
    recorder = Recorder(1 << 16)
    found = evidence.EvidenceCollector(0.1, recorder)
    assert found.survivors(Lines(), 10**6, 64.0) == []
    recorder.sampling = SimpleNamespace(begun=evidence.Clock.monotonic_ns() - 60 * SECOND)  # type: ignore[assignment]
    monkeypatch.setattr(evidence, "read_recorded", lambda *_: (made([1.0]), bool))
    lines = Lines(made([1.0] * 10))
    assert found.survivors(lines, 10**6, 64.0) == []
    assert found.survivors(lines, 10**6, 50.0) == made([1.0])


@pytest.mark.parametrize(
    ("now", "files", "opened", "is_held"),
    [(20, 19, 0, True), (9, 50, 0, False), (20, 5, 0, False), (20, 50, 3, False)],
    ids=["pages of files", "little of the growth", "in memory", "in more and more connections"],
)
def test_pages_that_sqlite_keeps(
    monkeypatch: pytest.MonkeyPatch, now: int, files: int, opened: int, is_held: bool
) -> None:
    rows = [SimpleNamespace(what="sqlite3.Connection", net=opened, size_bytes=100 * opened)]
    diff: Any = SimpleNamespace(grown=(), change=SimpleNamespace(details=rows))
    monkeypatch.setattr(sqlite_pages, "read_sqlite_pages", lambda: now * MIB)
    monkeypatch.setattr(sqlite_pages, "count_writable_bytes", lambda: files * MIB)
    excuses: Any = BenignGrowth((), diff, True, 20 * MIB, 64.0, {"sqlite3.Connection": (2, 400)}).pages
    assert (excuses.paging(2 * MIB) is not None) is is_held
    assert excuses.paging(None) is None
    for name, is_deleted in (("app.expire", now == 20 and not opened), (None, False)):
        monkeypatch.setattr(sqlite_pages, "find_deleting", lambda name=name: name)
        assert (excuses.deleting(2 * MIB) is not None) is is_deleted


@pytest.mark.parametrize(
    ("came", "used", "limit", "is_held"),
    [(900, 1000, 1500, True), (100, 1000, 1500, False), (2000, 1000, 1500, False), (900, 1000, 100_000, False)],
    ids=["fills", "few are new", "more than it has", "far from full"],
)
def test_a_bounded_container_whose_items_no_walk_meets(
    monkeypatch: pytest.MonkeyPatch, came: int, used: int, limit: int, is_held: bool
) -> None:
    monkeypatch.setattr(benign_growth, "find_unseen", lambda: [Unseen("lru.LRU", used, limit)])
    lines = Lines([Sampled(OURS, n, "str", came / 20, 1e6, n) for n in range(20)])
    why = BenignGrowth((), None, True, 20 * MIB, 64.0).unseen(lines, 10**10, 3)
    assert (why is not None) is is_held
    assert BenignGrowth((), None, True, 90 * MIB, 64.0).unseen(lines, 10**10, 3) is None
