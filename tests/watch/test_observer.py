"""From samples to events, by hand-made detectors and judges."""

import gc
import logging
from collections import Counter
from itertools import pairwise

import pytest

from memwatch.backend.holds import note_hold
from memwatch.clock import Clock, steady_epoch
from memwatch.watch.contract import Candidate, Detector, Unjudged, make_leak
from memwatch.watch.cost import Ledger
from memwatch.watch.detectors import make_detectors
from memwatch.watch.observer import Observer
from memwatch.watch.pace import PACES
from memwatch.watch.sample import Dismissed, Growth, Leak, Sample, Stats, Suspicion
from memwatch.watch.steady_growth import SteadyGrowth


def mib(count):
    return round(count * 2**20)


def sample(second, base=1000):
    return Sample(
        float(second), float(second), "tick", base, base, 10, 960, 40, 5, 3, 9, 0.5, ("blocks", "native", "rss")
    )


def growth(level, second=100.0, detector="ratchet", meter="base"):
    return Growth(level, detector, meter, second - 16, second, 16.0, 1000, 500, 8, "windows")


class Script(Detector):
    """A detector that says what it was told to, at the samples it was told, in windows of 16 s."""

    def __init__(self, **at):
        self.at = {int(second[1:]): what for second, what in at.items()}
        self.withdrawn = 0
        self.dismissed = []
        self.name = "script"

    def update(self, sample):
        level = self.at.get(int(sample.time)) if not self.dismissed else None
        return growth(level, sample.time) if level else None

    def withdraw(self):
        self.withdrawn += 1

    def dismiss(self, growth):
        self.dismissed.append(growth)


class Judge:
    def __init__(self, decide=None):
        self.decide = decide or (lambda growth: make_leak(growth, "objects", Unjudged(growth, "nothing")))
        self.asked = []
        self.followed_at = []

    def suspected(self, candidate):
        self.asked.append("suspected")

    def followed(self, candidate):
        self.followed_at.append(candidate.last.time)

    def __call__(self, candidate):
        self.asked.append("judge")
        return self.decide(candidate.growth)

    def forget(self):
        self.asked.append("forget")


def events(observer, seconds, with_stats=False):
    return [(name, type(value)) for s in seconds for name, value in observer.observe(sample(s), with_stats)]


def observer(*detectors, judge, patience=0.0):
    return Observer(list(detectors), judge, Ledger(), lambda: sample(0), lambda: False, patience)


def test_suspicion_leak_and_recovery_in_order():
    judge = Judge()
    watched = observer(Script(_3="suspect", _5="leak", _9="recovered"), judge=judge)
    assert events(watched, range(12)) == [("suspect", Suspicion), ("leak", Leak), ("recovered", Leak)]
    assert judge.asked == ["suspected", "judge", "forget"]


def test_it_is_known_that_a_verdict_is_under_way():
    seen = []
    judge = Judge(lambda growth: seen.append(watched.status().judging) or Dismissed("nothing"))
    watched = observer(Script(_3="suspect", _5="leak"), judge=judge)
    events(watched, range(7))
    assert (seen, watched.status().judging) == ([True], False)


def test_each_hold_of_the_judge_is_entered():
    watched = observer(Script(_3="suspect", _5="leak"), judge=Judge(lambda growth: note_hold(0.3, 0.2)))
    events(watched, range(7))
    cost = watched.status().cost
    assert (cost.longest_pause_seconds, cost.longest_work_seconds) == (0.3, 0.2)


def test_growth_that_goes_on_after_it_was_recovered_is_told_again_although_it_began_before():
    watched = observer(Script(_3="suspect", _5="leak", _9="recovered", _10="suspect", _11="leak"), judge=Judge())
    names = [name for name, _ in events(watched, range(14))]
    assert names == ["suspect", "leak", "recovered", "suspect", "leak"]


def test_a_judge_that_is_not_ready_is_asked_again_and_nothing_is_a_leak_before():
    judge, ready = Judge(), []
    judge.suspected = lambda candidate: judge.asked.append("suspected") or bool(ready)
    detector = Script(_3="suspect", _5="leak", _6="leak", _7="early", _9="leak")
    watched = observer(detector, judge=judge)
    assert events(watched, range(8)) == [("suspect", Suspicion)]
    assert set(judge.asked) == {"suspected"} and detector.withdrawn == 3
    ready.append(True)
    del judge.asked[:]
    assert events(watched, range(8, 12)) == [("leak", Leak)]
    assert judge.asked == ["suspected", "judge"]


def test_a_suspicion_that_no_window_renews_is_over():
    watched = observer(Script(_3="suspect"), judge=Judge())
    events(watched, range(4))
    assert watched.suspicion is not None and watched.suspicion.end == 3
    events(watched, (3 + 16 * 16, 4 + 16 * 16))
    assert watched.suspicion is None


def test_an_early_leak_is_told_if_the_judge_knows_that_it_is_one():
    detector = Script(_3="suspect", _5="early")
    assert events(observer(detector, judge=Judge()), range(9)) == [("suspect", Suspicion), ("leak", Leak)]
    assert detector.withdrawn == 0


def test_an_early_leak_without_evidence_leaves_the_suspicion_as_it_was():
    judge = Judge(lambda growth: Dismissed("too early") if growth.level == "early" else Judge().decide(growth))
    detector = Script(_3="suspect", _5="early", _7="leak")
    assert events(observer(detector, judge=judge), range(9)) == [("suspect", Suspicion), ("leak", Leak)]
    assert (detector.withdrawn, detector.dismissed) == (1, []) and judge.asked == ["suspected", "judge", "judge"]


def test_an_early_leak_that_the_judge_failed_at_is_none(caplog):
    detector = Script(_3="suspect", _5="early")
    watched = observer(detector, judge=Judge(lambda growth: 1 / 0))
    assert events(watched, range(9)) == [("suspect", Suspicion)] and detector.withdrawn == 1


def test_a_leak_comes_before_the_stats_of_the_same_sample():
    watched = observer(Script(_0="suspect", _1="leak"), judge=Judge())
    assert [name for name, _ in events(watched, range(2), with_stats=True)] == ["suspect", "stats", "leak", "stats"]


def test_stats_carry_the_sample_and_its_trend():
    watched = observer(judge=Judge())
    for second in range(4):
        ((_, stats),) = watched.observe(sample(second, base=1000 + second), with_stats=True)
    assert isinstance(stats, Stats) and watched.latest is stats
    assert (stats.num_full_gc, stats.num_inc_gc, stats.heap_compactions) == (3, 9, 3)
    assert (stats.current_base, stats.min, stats.max, stats.trigger) == (1003, 1002, 1003, "tick")
    assert stats.to_dict()["meters"] == ["blocks", "native", "rss"]


def test_a_suspicion_is_told_once_however_often_it_is_renewed():
    watched = observer(Script(_1="suspect", _2="suspect", _3="suspect"), judge=Judge())
    assert events(watched, range(5)) == [("suspect", Suspicion)]


def test_a_suspicion_that_is_not_renewed_is_forgotten():
    judge = Judge()
    watched = observer(Script(_100="suspect", _800="suspect"), judge=judge)
    assert len(events(watched, [100, 400, 800])) == 2
    assert judge.asked == ["suspected", "forget", "suspected"]


def test_a_suspicion_is_kept_as_long_as_its_confirmation_may_take():
    judge = Judge()
    watched = observer(Script(_100="suspect", _800="leak"), judge=judge, patience=1000)
    assert [name for name, _ in events(watched, [100, 400, 800])] == ["suspect", "leak"]
    assert judge.asked == ["suspected", "judge"]


def test_a_suspicion_is_looked_at_again_in_each_of_its_windows_until_it_is_told():
    judge = Judge()
    watched = observer(Script(_10="suspect", _70="leak"), judge=judge, patience=1000)
    events(watched, range(200))
    assert judge.followed_at == [26, 42, 58]


def test_a_suspicion_that_stands_for_long_is_looked_at_ever_more_rarely():
    judge = Judge()
    events(observer(Script(_10="suspect"), judge=judge, patience=1000), range(900))
    assert judge.followed_at[:8] == [10 + 16 * window for window in range(1, 9)]
    assert judge.followed_at[8:] == [122 + 16 * 2**n for n in range(1, 6)]


def test_a_suspicion_from_before_the_last_leak_does_not_hide_the_next():
    judge = Judge()
    watched = observer(Script(_1="suspect", _2="leak"), Script(_5="suspect", _40="suspect", _60="leak"), judge=judge)
    assert [name for name, _ in events(watched, range(70))] == ["suspect", "leak", "suspect", "leak"]
    assert judge.asked == ["suspected", "judge", "suspected", "judge"]


def test_what_the_judge_holds_is_silent_and_dismissed():
    detector = Script(_1="suspect", _2="leak")
    watched = observer(detector, judge=Judge(lambda growth: Dismissed("a bounded cache")))
    assert [name for name, _ in events(watched, range(4))] == ["suspect"]
    assert detector.withdrawn == len(detector.dismissed) == 1


def test_what_is_to_wait_is_asked_about_again():
    answers = iter((lambda _: Dismissed("measured anew", waits=True), Judge().decide))
    detector = Script(_1="suspect", _2="leak", _3="leak")
    judge = Judge(lambda growth: next(answers)(growth))
    watched = observer(detector, judge=judge)
    assert [name for name, _ in events(watched, range(4))] == ["suspect", "leak"]
    assert (detector.withdrawn, detector.dismissed, judge.asked) == (1, [], ["suspected", "judge", "judge"])


@pytest.mark.parametrize("first", ["base", "rss"])
def test_what_the_judge_held_on_one_meter_is_dismissed_on_the_other(first):
    """Of the real detectors both meters show the growth of a cache; it is held once, and not told by the other."""
    held, judge = [], Judge(lambda growth: held.append(growth) or Dismissed("a bounded cache fills"))
    meters = [first, "rss" if first == "base" else "base"]
    watched = observer(*(SteadyGrowth(meter, PACES["job"]) for meter in meters), judge=judge)
    told = [
        (name, value.meter)
        for n in range(4 * 300)
        for name, value in watched.observe(sample(n / 4)._replace(base=mib(50 + n / 8), rss=mib(80 + n / 8)), False)
    ]
    assert [(growth.meter, round(growth.seconds)) for growth in held] == [(first, 64), (first, 128), (first, 256)]
    assert told == [("suspect", first)] * 3
    assert judge.asked == ["suspected", "judge", "forget"] * 3


@pytest.mark.parametrize("level", ["leak", "early"])
def test_nothing_is_a_leak_without_a_suspicion_of_its_own(level):
    judge, detector = Judge(), Script(_30=level, _31=level)
    watched = observer(detector, judge=judge)
    assert events(watched, range(31)) == [("suspect", Suspicion)]
    assert judge.asked == ["suspected"] and detector.withdrawn == 1
    assert events(watched, [31]) == [("leak", Leak)] and judge.asked == ["suspected", "judge"]


def test_a_leak_whose_evidence_was_let_go_is_suspected_again_before_it_is_told_again():
    judge = Judge()
    open_leak = Script(_1="suspect", _2="leak", _700="leak", _701="leak")
    watched = observer(open_leak, Script(_40="suspect"), judge=judge)
    told = [(int(s), name) for s in range(710) for name, _ in watched.observe(sample(s), with_stats=False)]
    assert told == [(1, "suspect"), (2, "leak"), (40, "suspect"), (700, "suspect"), (701, "leak")]
    assert judge.asked == ["suspected", "judge", "suspected", "forget", "suspected", "judge"]


def test_evidence_is_kept_while_a_leak_may_be_told_again():
    judge = Judge()
    watched = observer(Script(_1="suspect", _2="leak", _6="leak", _9="recovered"), judge=judge)
    assert [name for name, _ in events(watched, range(9))] == ["suspect", "leak", "leak"]
    assert judge.asked == ["suspected", "judge", "judge"]
    assert [name for name, _ in events(watched, range(9, 12))] == ["recovered"] and judge.asked[-1] == "forget"


def test_the_same_growth_is_told_once():
    seen_by_base = Script(_1="suspect", _2="leak", _6="leak", _8="recovered")
    seen_by_rss = Script(_3="leak", _5="recovered", _39="suspect", _40="leak", _44="recovered")
    watched = observer(seen_by_base, seen_by_rss, judge=Judge())
    told = [(int(s), name) for s in range(50) for name, _ in watched.observe(sample(s), with_stats=False)]
    first = [(1, "suspect"), (2, "leak"), (6, "leak"), (8, "recovered")]
    assert told == [*first, (39, "suspect"), (40, "leak"), (44, "recovered")]


def test_a_leak_that_has_stopped_is_known_until_its_growth_is_freed():
    watched = observer(Script(_1="suspect", _2="leak", _5="recovered"), judge=Judge())
    events(watched, range(9))
    (leak,) = watched.status().stopped
    assert (leak.growth, watched.status().leaks) == (500, ())
    for base, held in ((1000, 1), (800, 1), (750, 0), (1000, 0)):
        list(watched.observe(sample(10, base), with_stats=False))
        assert len(watched.status().stopped) == held


def test_what_a_parent_holds_is_not_its_child_s_leak():
    watched = observer(Script(_1="suspect", _2="leak", _5="recovered"), judge=Judge())
    events(watched, range(9))
    watched.begin_anew()
    assert watched.status().stopped == ()


def test_the_growth_of_garbage_is_not_taken_back_when_our_collection_removes_it():
    detector = Script(_1="suspect", _2="leak", _4="recovered")
    judge = Judge(lambda growth: make_leak(growth, "garbage", Unjudged(growth, "nothing")))
    assert [name for name, _ in events(observer(detector, judge=judge), range(6))] == ["suspect", "leak"]
    assert detector.withdrawn == len(detector.dismissed) == 1


def test_a_judge_that_raises_is_logged_and_the_leak_goes_out_with_what_is_known(caplog):
    def fails(growth):
        raise RuntimeError("no evidence")

    watched = observer(Script(_1="suspect", _2="leak"), judge=Judge(fails))
    events(watched, [1])
    with caplog.at_level(logging.ERROR, "memwatch"):
        ((name, leak),) = watched.observe(sample(2), with_stats=False)
    assert name == "leak" and "RuntimeError in " in caplog.text and "fails, line" in caplog.text
    assert leak.report.to_dict()["missing"] == ["the judge failed; its error was logged"]
    assert "the judge failed; its error was logged\n</pre>" in leak.report.to_html()
    assert leak.to_dict()["report"]["growth_bytes"] == 500


@pytest.mark.parametrize(("meter", "word"), [("base", "heap"), ("rss", "rss")])
def test_the_reason_is_in_node_memwatchs_words(meter, word):
    five = Growth("leak", "consecutive", meter, 0.0, 20.0, 20.0, 0, 67984, 5, "GCs")
    assert five.reason == f"{word} growth over 5 consecutive GCs (20s) - 11.67 mb/hr"


def test_a_window_of_no_length_has_no_rate():
    assert Growth("leak", "consecutive", "base", 0.0, 0.0, 0.0, 0, 5000, 5, "GCs").rate_per_hour == 0.0


def test_a_leak_speaks_of_its_times_in_utc(monkeypatch):
    monkeypatch.setattr(Clock, "wall", steady_epoch)  # the machine's clock may be set meanwhile
    leak = make_leak(growth("leak", 100.0), "objects", Unjudged(growth("leak"), "nothing"))
    assert leak.to_dict()["start"] == "1970-01-01T00:01:24+00:00"


@pytest.mark.parametrize("pace", PACES)
def test_the_collector_sees_no_object_more_with_a_reading(pace):
    """A suite that counts objects to find the leaks of what it tests, as greenlet's does, finds none of ours."""
    observer = Observer(make_detectors(PACES[pace]), Judge(), Ledger(), read=None, should_cancel=None)

    def count_after(seconds):
        for second in seconds:
            list(observer.observe(sample(second), with_stats=True))
        gc.collect()
        return Counter(type(each) for each in gc.get_objects() if str(type(each).__module__).startswith("memwatch"))

    assert count_after(range(60)) == count_after(range(60, 2000))


def test_the_programs_own_rates_are_those_of_the_window():
    def rates(*points):
        past = tuple(sample(second, base)._replace(rss=2 * base) for second, base in points)
        return Candidate(growth("suspect"), past, None, None, Ledger()).rates

    assert rates((0, 9000), (84, 1000), (92, 1200), (100, 1800)) == (50.0, 100.0)
    assert rates((84, 1000), (100, 200)) == (0.0, 0.0)
    assert rates((100, 200)) == rates((50, 10)) == (0.0, 0.0)


@pytest.mark.parametrize(("grew", "first"), [(3, 16), (20, 4), (500, 4), (6, 8)])
def test_the_first_looks_follow_each_other_as_soon_as_something_has_grown(grew, first):
    judge, detector = Judge(), Script()
    watched = observer(detector, judge=judge, patience=1000)
    watched._most_looks = 4
    detector.update = lambda sample: growth("suspect")._replace(growth=grew) if sample.time == 100 else None
    events(watched, range(200))
    assert judge.followed_at[0] - 100 == first


def test_after_the_first_looks_the_distance_doubles_up_to_a_window():
    judge = Judge()
    watched = observer(Script(_100="suspect"), judge=judge, patience=1000)
    watched._most_looks = 4
    events(watched, range(240))
    distances = [after - before for before, after in pairwise([100, *judge.followed_at])]
    assert distances == [*[4] * 8, 8, *[16] * 6]


def test_looks_begin_again_with_the_evidence_but_a_few_times():
    judge, detector = Judge(lambda growth: Dismissed("all is measured from now on", anew=True)), Script()
    watched = observer(detector, judge=judge, patience=1e6)
    watched._most_looks = 4
    levels = {100: "suspect", **dict.fromkeys(range(200, 900, 100), "early")}
    detector.update = lambda sample: growth(levels[sample.time], sample.time) if sample.time in levels else None
    events(watched, range(1000))
    soon = [sum(after - before == 4 for before, after in pairwise(judge.followed_at) if start < before < start + 100)
            for start in range(100, 900, 100)]  # fmt: skip
    assert soon[:4] == [7, 7, 7, 7] and not any(soon[4:])


def test_looks_begin_again_where_a_look_has_left_a_start_up_behind():
    judge, detector = Judge(), Script(_100="suspect")
    judge.followed = lambda candidate: judge.followed_at.append(candidate.last.time) or judge.followed_at == [116]
    events(observer(detector, judge=judge, patience=1e6), range(160))
    assert judge.followed_at[:2] == [116, 132]
