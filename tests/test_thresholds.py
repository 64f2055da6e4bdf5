"""Thresholds: the rule by hand-made readings and times, then through `on_threshold` with a real watcher."""

import asyncio
import logging
import os
import subprocess
import sys
import textwrap
import time
from _queue import SimpleQueue
from types import SimpleNamespace

import pytest

import memwatch
from memwatch import crossings, default
from memwatch.errors import OptionError, ReceiverError
from memwatch.thresholds import Crossing, Gauge, Readings, Rule, Threshold, make_rules

MIB = 1 << 20
EPOCH = 1_700_000_000.0

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def told(rule, series):
    """The seconds at which *rule* speaks when the reading is as in *series*, ``{second: value}``."""
    threshold = Threshold(rule)
    updates = {at: threshold.update(at, EPOCH + at, readings(rule.name, value)) for at, value in series.items()}
    return [at for at, crossing in updates.items() if crossing is not None]


def readings(name, value):
    return Readings(**{"rss": 0, "cpu": 0.0, "limit_share": 0.0, name: value})


def each_second(text):
    """One reading a second: ``.`` is far below 100, ``-`` a little below, ``#`` above."""
    return {float(second): {".": 50, "-": 95, "#": 120}[mark] for second, mark in enumerate(text)}


# ---- the rule


@pytest.mark.parametrize(
    ("for_seconds", "cooldown", "series", "expected"),
    [
        (0, 0, "..........", []),
        (0, 0, "..###.....", [2]),
        (0, 0, "##########", [0]),
        (3, 0, "..########", [5]),
        (3, 0, "..##.##.##", []),
        (3, 0, "..##-##-##", []),
        (3, 0, "..###-####", [9]),
        (0, 0, "#-#-#-#-#-", [0]),
        (0, 0, "#.#.#.#.#.", [0, 2, 4, 6, 8]),
        (0, 3, "#.#.#.#.#.", [0, 4, 8]),
        (0, 3, "#.########", [0, 3]),
        (2, 0, "###-###.###", [2, 10]),
    ],
)  # fmt: skip
def test_when_it_speaks(for_seconds, cooldown, series, expected):
    rule = Rule("rss", 100, for_seconds=for_seconds, cooldown=cooldown)
    assert told(rule, each_second(series)) == expected


def test_the_threshold_itself_counts_as_reached():
    assert told(Rule("limit_share", 1.0), {0.0: 0.999, 1.0: 1.0}) == [1.0]


def test_without_hysteresis_any_fall_arms_it_again():
    assert told(Rule("rss", 100, hysteresis=0, cooldown=0), each_second("#-#-")) == [0, 2]


def test_a_reading_that_is_not_there_changes_nothing():
    assert told(Rule("cpu", 100, for_seconds=2), {0.0: None, 1.0: 120.0, 2.0: None, 3.0: 120.0}) == [3.0]


def test_after_a_gap_the_seconds_are_counted_anew():
    threshold = Threshold(Rule("rss", 100, for_seconds=10))
    assert threshold.update(0.0, EPOCH, readings("rss", 120)) is None
    threshold.interrupt()
    assert threshold.update(60.0, EPOCH, readings("rss", 120)) is None
    assert threshold.update(70.0, EPOCH, readings("rss", 120)) is not None


def test_what_was_told_is_told_again_only_after_a_reset():
    threshold = Threshold(Rule("rss", 100))
    assert threshold.update(0.0, EPOCH, readings("rss", 120)) is not None
    threshold.interrupt()
    assert threshold.update(90.0, EPOCH, readings("rss", 120)) is None
    threshold.reset()
    assert threshold.update(91.0, EPOCH, readings("rss", 120)) is not None


def test_the_crossing_tells_what_since_when_and_the_rest():
    threshold = Threshold(Rule("rss", 100 * MIB, for_seconds=30))
    values = Readings(rss=120 * MIB, cpu=12.5, limit_share=0.25)
    assert threshold.update(5.0, EPOCH + 5, values) is None
    crossing = threshold.update(36.0, EPOCH + 36, values)
    assert crossing == Crossing("rss", 120 * MIB, 100 * MIB, EPOCH + 5, EPOCH + 36, values)
    assert str(crossing) == "rss of 120 MiB reaches the threshold of 100 MiB and has done so for 31 s"
    assert crossing.to_dict() == {
        "name": "rss", "value": 120 * MIB, "threshold": 100 * MIB, "since": EPOCH + 5, "time": EPOCH + 36,
        "readings": {"rss": 120 * MIB, "cpu": 12.5, "limit_share": 0.25, "base_growth": None, "gc_share": None,
                     "counts": None},
        "what": "",
    }  # fmt: skip
    assert values.to_dict() == crossing.to_dict()["readings"]


@pytest.mark.parametrize(
    ("name", "value", "threshold", "text"),
    [
        ("cpu", 151.2, 150, "cpu of 151 % reaches the threshold of 150 %"),
        ("limit_share", 0.912, 0.9, "limit_share of 91.2 % reaches the threshold of 90.0 %"),
    ],
)
def test_as_text(name, value, threshold, text):
    assert str(Threshold(Rule(name, threshold)).update(0.0, EPOCH, readings(name, value))) == text


# ---- its options


def test_each_reading_with_a_threshold_has_a_rule_of_its_own():
    assert make_rules(rss=MIB, cpu=None, limit_share=0.5, for_seconds=5) == (
        Rule("rss", MIB, for_seconds=5),
        Rule("limit_share", 0.5, for_seconds=5),
    )


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({}, "no threshold is given; there are rss, cpu, limit_share"),
        ({"rss": None, "for_seconds": 1}, "no threshold is given"),
        ({"rss": 0}, "rss must be bytes, above 0, not 0"),
        ({"rss": -5}, "not -5"),
        ({"rss": 2**70}, "not a number so large"),
        ({"rss": 10**400}, "not a number so large"),
        ({"rss": float("nan")}, "not nan"),
        ({"rss": float("inf")}, "not inf"),
        ({"rss": "500 MB"}, "got an instance of str"),
        ({"rss": True}, "got an instance of bool"),
        ({"cpu": 0.0}, "cpu must be per cent of one core, above 0"),
        ({"limit_share": 80}, "at most 1.0, not 80"),
        ({"limit_share": 1.01}, "at most 1.0"),
        ({"rss": 1, "for_seconds": -1}, "for_seconds must be seconds, from 0 to 86400, not -1"),
        ({"rss": 1, "for_seconds": None}, "got an instance of NoneType"),
        ({"rss": 1, "hysteresis": 1}, "from 0.0 to 0.99, not 1"),
        ({"rss": 1, "cooldown": 1e9}, r"cooldown must be seconds, from 0 to 86400, not 1e\+09"),
        ({"ram": 1}, "unknown condition 'ram'; there are rss, cpu, limit_share, base_growth, gc_share, count, "),
        ({"ram": None}, "unknown condition 'ram'"),
    ],
    ids=str,
)  # fmt: skip
def test_conditions_out_of_range_are_named_with_what_is_allowed(conditions, words):
    with pytest.raises(OptionError, match=words):
        memwatch.on_threshold(print, **conditions)
    assert memwatch.watcher() is None and not crossings._handlers


# ---- the gauge


class Machine:
    """A clock, processor time and a limit that a test sets; `limits_read` counts."""

    def __init__(self, clock):
        self.clock, self.spent, self.limit, self.limits_read = clock, 0.0, 100, 0

    def read_limit(self):
        self.limits_read += 1
        return self.limit

    def gauge(self):
        return Gauge(self.clock, lambda: self.spent, self.read_limit)


def test_the_gauge_measures_processor_time_between_readings(fake_clock):
    machine = Machine(fake_clock)
    gauge = machine.gauge()
    assert gauge.read(25) == Readings(25, None, 0.25)
    fake_clock.advance(2.0)
    machine.spent = 3.0
    assert gauge.read(25).cpu == pytest.approx(150.0)
    fake_clock.advance(0.01)
    machine.spent = 3.01
    assert gauge.read(25).cpu == pytest.approx(150.0)
    fake_clock.advance(0.99)
    assert gauge.read(25).cpu == pytest.approx(1.0)
    machine.spent = 0.0  # as in a forked child that was not told
    fake_clock.advance(1.0)
    assert gauge.read(25).cpu == 0.0
    gauge.reset()
    assert gauge.read(25).cpu is None


def test_the_limit_is_read_once_a_minute(fake_clock):
    machine = Machine(fake_clock)
    gauge = machine.gauge()
    for _ in range(50):
        gauge.read(25)
        fake_clock.advance(1.0)
    machine.limit = 50
    assert machine.limits_read == 1 and gauge.read(25).limit_share == 0.25
    fake_clock.advance(10.0)
    assert gauge.read(25).limit_share == 0.5


def test_a_limit_that_cannot_be_read_is_asked_for_again(fake_clock):
    machine, broken = Machine(fake_clock), True

    def read_limit():
        if broken:
            raise OSError(24, "Too many open files")
        return machine.read_limit()

    gauge = Gauge(fake_clock, lambda: 0.0, read_limit)
    readings = gauge.read(25)
    assert readings.limit_share is None and Threshold(Rule("limit_share", 0.1)).update(0.0, 0.0, readings) is None
    broken = False
    assert gauge.read(25).limit_share == 0.25
    broken = True
    fake_clock.advance(61.0)
    assert gauge.read(25).limit_share == 0.25


# ---- with a watcher


@pytest.fixture
def events(monkeypatch):
    """A queue for handlers to put crossings into; as in a process that has not used memwatch yet."""
    memwatch.stop()
    monkeypatch.setattr(default._state, "stopped_by_hand", False)
    yield SimpleQueue()
    for receiver in list(crossings._handlers.values()):
        memwatch.off_threshold(receiver.handler)
    memwatch.stop()


def test_a_handler_is_called_once_with_what_was_crossed(events):
    memwatch.start(tick=0.01)
    assert memwatch.on_threshold(events.put, rss=MIB) == events.put
    crossing = events.get(timeout=30)
    assert crossing.name == "rss" and crossing.value == crossing.readings.rss > crossing.threshold == MIB
    assert 0 < crossing.readings.limit_share < 1
    before = memwatch.watcher().readings
    while memwatch.watcher().readings < before + 5:
        memwatch.gc()
    assert events.empty()


def test_a_tick_while_a_handler_is_connected_does_not_use_up_what_it_is_to_be_told(events, monkeypatch):
    connect = crossings._crossed.connect

    def tick():
        sample = SimpleNamespace(rss=2 * MIB, base=MIB, clock=time.monotonic(), time=time.monotonic())
        for call in crossings._Crossings().at_tick(sample):
            call()

    monkeypatch.setattr(crossings._crossed, "connect", lambda *args, **options: (tick(), connect(*args, **options)))
    memwatch.on_threshold(events.put, rss=MIB)
    tick()
    assert events.get(timeout=30).threshold == MIB


def test_as_a_decorator_it_gives_the_function_back_and_starts_the_watcher(events):
    assert memwatch.watcher() is None

    @memwatch.on_threshold(rss=MIB, cpu=1e6)
    def handler(crossing):
        events.put(crossing)

    assert handler.__name__ == "handler" and memwatch.watcher().pace.name == "service"
    assert events.get(timeout=30).name == "rss" and events.empty()


def test_processor_time_is_watched(events):
    memwatch.start(tick=0.02)
    memwatch.on_threshold(events.put, cpu=1)
    while events.empty():
        sum(range(10000))
    assert events.get().name == "cpu"


def test_cancelled_it_is_called_no_more(events):
    def handler(crossing):
        events.put(crossing)

    memwatch.on_threshold(handler, rss=MIB, limit_share=1e-9)
    memwatch.off_threshold(handler)
    memwatch.off_threshold(handler)
    memwatch.start(tick=0.01)
    memwatch.on_threshold(lambda crossing: events.put("another"), rss=MIB)
    assert events.get(timeout=30) == "another" and events.empty()
    assert len(crossings._handlers) == 1


def test_a_bound_method_is_known_again(events):
    class Owner:
        def handle(self, crossing):
            events.put(crossing)

    owner = Owner()
    memwatch.on_threshold(owner.handle, rss=MIB)
    memwatch.off_threshold(owner.handle)
    assert not crossings._handlers


def test_it_outlives_stop_and_start_and_is_not_told_twice(events):
    memwatch.start(tick=0.01)
    memwatch.on_threshold(events.put, rss=MIB)
    events.get(timeout=30)
    memwatch.stop()
    memwatch.on_threshold(lambda crossing: events.put("second"), rss=MIB)
    assert memwatch.watcher() is None
    memwatch.start(tick=0.01)
    assert events.get(timeout=30) == "second" and events.empty()


def test_a_handler_that_raises_is_logged_once_and_disturbs_nobody(events, caplog):
    def handler(crossing):
        raise LookupError("on purpose")

    memwatch.start(tick=0.01)
    with caplog.at_level(logging.ERROR, "memwatch"):
        memwatch.on_threshold(handler, rss=MIB, limit_share=1e-9)
        memwatch.on_threshold(events.put, rss=MIB)
        assert events.get(timeout=30).name == "rss"
    assert caplog.text.count("a receiver of 'threshold' raised") <= 2 and "on purpose" in caplog.text
    assert memwatch.watcher().running


def test_a_coroutine_runs_on_the_loop_that_it_was_given_on(events):
    async def main():
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        @memwatch.on_threshold(rss=MIB)
        async def handler(crossing):
            events.put(asyncio.get_running_loop() is loop)
            done.set()

        await asyncio.wait_for(done.wait(), 30)

    memwatch.start(tick=0.01)
    asyncio.run(main())
    assert events.get() is True


def test_what_could_never_be_called_is_refused(events):
    async def handler(crossing):
        pass

    for wrong, words in ((handler, "event loop"), (5_000_000, "callable")):
        with pytest.raises(ReceiverError, match=words):
            memwatch.on_threshold(wrong, rss=MIB)
    assert not crossings._handlers and memwatch.watcher() is None


def test_a_function_of_the_ticks_that_fails_is_let_go_and_the_watcher_lives(events, caplog):
    calls = SimpleQueue()
    watcher = memwatch.start(tick=0.01)
    with caplog.at_level(logging.ERROR, "memwatch"):
        watcher.at_tick.append(lambda sample: calls.put(sample) or 1 / 0)
        memwatch.on_threshold(events.put, rss=MIB, for_seconds=0.2)
        assert calls.get(timeout=30).rss > MIB and events.get(timeout=30)
    assert calls.empty() and caplog.text.count("ZeroDivisionError") == 1 and watcher.running


def python(code, *options):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-W", "error", *options, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@posix
def test_a_forked_child_is_watched_afresh():
    python("""
        import gc, os, threading, memwatch
        told = threading.Event()
        memwatch.start(tick=0.01)
        memwatch.on_threshold(lambda crossing: told.set(), rss=1 << 20)
        memwatch.on_threshold(lambda crossing: told.set(), cpu=1e6)
        assert told.wait(30)
        told.clear()
        pid = os.fork()
        if pid == 0:
            gc.collect()
            os._exit(0 if told.wait(30) else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert not told.is_set()
    """)


def test_memwatch_s_own_thread_imports_nothing_for_it():
    python("""
        import _thread, sys, threading, memwatch
        from memwatch import thresholds
        thresholds.LIMIT_LASTS = 0.0
        imported, told, main = [], threading.Event(), threading.get_ident()

        def hook(event, args):
            if event == "import" and _thread.get_ident() != main:
                imported.append(args)

        sys.addaudithook(hook)
        memwatch.start(tick=0.01)
        memwatch.on_threshold(lambda crossing: told.set(), limit_share=1e-9, cpu=1e-3, for_seconds=0.1)
        assert told.wait(30)
        memwatch.stop()
        assert not imported, imported
    """)


def test_handlers_time_is_not_memwatch_s_cost(events):
    def handler(crossing):
        deadline = time.thread_time() + 0.3
        while time.thread_time() < deadline:
            pass
        events.put(crossing)

    watcher = memwatch.start(tick=0.01)
    memwatch.on_threshold(handler, rss=MIB)
    events.get(timeout=30)
    memwatch.gc()
    assert watcher.cost.cpu_share * watcher.age < 0.25
