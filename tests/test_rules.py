"""Rules: when something has held for a time, something is done, so often at most."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

import memwatch
from memwatch import rules as room
from memwatch import signals
from memwatch.extra_readings import ExtraReadings
from memwatch.thresholds import Crossing, Readings, Rule, Threshold, make_rules
from memwatch.watch import Sample

from .recording.conftest import make_leak

MIB = 1 << 20


class Order:
    pass


def sample(clock, base=100 * MIB, gc_seconds=0.0):
    return Sample(1e9 + clock, clock, "tick", base, base, 1, 1, 1, 1, 0, 0, gc_seconds, ())


@pytest.fixture
def made():
    """Rules of a test, cancelled at its end."""
    found = []
    yield lambda *args, **options: found.append(memwatch.rule(*args, **options)) or found[-1]
    for it in found:
        it.cancel()


def crossing(value=1.0):
    return Crossing("rss", value, 1.0, 0.0, 0.0, Readings(1, None, None))


def test_a_rule_acts_so_often_in_so_many_seconds(monkeypatch, fake_clock, made):
    monkeypatch.setattr(room, "Clock", SimpleNamespace(monotonic=fake_clock))
    seen = []
    rule = made({"rss": 1 << 60}, seen.append, limit=(2, 60.0))
    for _ in range(5):
        rule(crossing())
    assert (len(seen), rule.fired, rule.suppressed) == (2, 2, 3)
    fake_clock.advance(60)
    rule(crossing())
    assert len(seen) == 3
    assert repr(rule).endswith("in force, fired 3, suppressed 3>")


def test_a_rule_on_a_reading_fires_at_a_tick_of_the_watcher_and_not_when_cancelled(made):
    seen, came = [], threading.Event()
    memwatch.start(pace="job", tick=0.02, sample=0.02, profile=False)
    rule = made({"rss": 1}, lambda it: (seen.append(it), came.set()))
    assert isinstance(rule, memwatch.ActiveRule) and came.wait(20)
    assert seen[0].name == "rss" and seen[0].readings.rss == seen[0].value
    time.sleep(0.1)
    assert len(seen) == 1, "a level that stays is one event"
    rule.cancel()
    rule.cancel()
    assert "cancelled" in repr(rule)


def test_a_rule_on_a_leak_gets_it_and_one_that_raises_harms_nobody(made, caplog):
    seen = []
    made("leak", lambda leak: 1 / 0)
    made("leak", seen.append)
    leak = make_leak()
    signals.leak.publish(None, leak)
    signals.leak.publish(None, leak)
    assert seen == [leak, leak]
    assert sum("raised" in it.message for it in caplog.records) == 1


def test_one_that_blocks_holds_up_memwatch_and_not_the_program(made):
    entered, release = threading.Event(), threading.Event()
    memwatch.start(pace="job", tick=0.02, sample=0.02, profile=False)
    made({"rss": 1}, lambda it: (entered.set(), release.wait(20)))
    assert entered.wait(20)
    begun = time.monotonic()
    assert sum(range(100_000)) and time.monotonic() - begun < 5
    release.set()


def test_what_is_logged_is_what_happened(made, caplog):
    rule = made({"count": {"app.Order": 10_000}})
    rule(replace(crossing(12_000), name="count", threshold=10_000, what="app.Order"))
    made("leak", "log")(make_leak())
    texts = [it.message for it in caplog.records if it.levelno == logging.WARNING]
    assert texts == ["count of app.Order of 12,000 reaches the threshold of 10,000", "LEAK  0123456789ab"]


BAD = {
    "when must be 'leak' or one reading": {"when": "leaks"},
    "one reading with its level": {"when": {"rss": 1, "cpu": 1}},
    "unknown condition 'size'": {"when": {"size": 1}},
    "rss must be bytes": {"when": {"rss": "1 GiB"}},
    "count must be a class with a number": {"when": {"count": 5}},
    "count must be a class with a number of objects": {"when": {"count": {"app.Order": "many"}}},
    "for_seconds must be seconds": {"when": {"rss": 1}, "for_": -1},
    "for_ applies to readings alone": {"when": "leak", "for_": 5},
    "do must be something to call, or one of log, diff": {"when": "leak", "do": "mail"},
    "do must be something to call, or": {"when": "leak", "do": 5},
    "limit must be": {"when": "leak", "limit": 3},
    r"limit must be \(times, seconds\)": {"when": "leak", "limit": (0, 60)},
    "there is no folder": {"when": "leak", "do": "heap_snapshot", "folder": "none/at/all"},
}


@pytest.mark.parametrize("message", BAD)
def test_what_cannot_be_a_rule_is_refused(message):
    with pytest.raises(memwatch.OptionError, match=message):
        memwatch.rule(**BAD[message])
    assert memwatch.watcher() is None


def test_growth_and_the_collector_s_share_are_read_where_somebody_waits_for_them():
    extra, none = ExtraReadings(), Readings(1, None, None)
    rules = [Rule("base_growth", 1.0), Rule("gc_share", 0.5)]
    for second in range(700):
        found = extra.add_to(none, sample(second, 100 * MIB + second * MIB, gc_seconds=second * 0.25), rules)
    assert found.base_growth == pytest.approx(3600 * MIB, rel=0.01) and found.gc_share == pytest.approx(0.25, abs=0.03)
    assert extra.add_to(none, sample(701), []) == replace(none, gc_share=found.gc_share)


def test_live_objects_of_a_class_are_counted_once_a_minute_at_most():
    extra, none, name = ExtraReadings(), Readings(1, None, None), f"{Order.__module__}.Order"
    rules = [Rule("count", 5.0, what=name)]
    kept = [Order() for _ in range(7)]
    gc.collect()
    assert extra.add_to(none, sample(0.0), rules).counts == {name: 7}
    kept.clear()
    assert extra.add_to(none, sample(30.0), rules).counts == {name: 7}
    assert extra.add_to(none, sample(6100.0), rules).counts == {name: 0}
    (rule,) = make_rules(count={name: 5})
    assert Threshold(rule).update(0.0, 0.0, replace(none, counts={name: 7})).what == name
    assert Threshold(rule).update(0.0, 0.0, none) is None


SUFFIX = {"profile": "heapprofile", "heap_snapshot": "heapsnapshot"}
FILES = """
import memwatch, os, sys, time
folder = sys.argv[2]
kept = [bytearray(100_000) for _ in range(100)]
rule = memwatch.rule({"rss": 1}, do=sys.argv[1], folder=folder, limit=(1, 3600))
kept += [bytearray(100_000) for _ in range(100)]
deadline = time.monotonic() + 30
while not any(not name.endswith(".part") for name in os.listdir(folder)) and time.monotonic() < deadline:
    time.sleep(0.05)
(name,) = os.listdir(folder)
print(name.rsplit("-", 2)[0], name.rpartition(".")[2], rule.fired)
"""


@pytest.mark.slow
@pytest.mark.parametrize("do", ["profile", "heap_snapshot"])
@pytest.mark.skipif(memwatch.backend.name == "pure", reason="a profile needs the C extension")
def test_a_profile_or_the_heap_is_written_by_the_watcher_s_thread_which_imports_nothing(do, tmp_path):
    words = [sys.executable, "-c", FILES, do, str(tmp_path)]
    environ = {**os.environ, "MEMWATCH_TICK": "0.1"}
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, env=environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{do.replace('_', '-')} {SUFFIX[do]} 1\n"


LOOKS = """
import logging, memwatch, sys, time
from memwatch import rules
rules._LOOKS_APART = 1.0
seen = []
class Keep(logging.Handler):
    def emit(self, record):
        seen.append(record.getMessage())
logging.getLogger("memwatch").addHandler(Keep(logging.WARNING))
rule = memwatch.rule({"rss": 1}, do="diff", limit=(1, 3600))
kept, deadline = [], time.monotonic() + 40
while not any("kept" in it for it in seen) and time.monotonic() < deadline:
    kept.append(bytearray(20_000))
    time.sleep(0.005)
print(any("held by     module __main__ > kept: list" in it for it in seen), rule.fired, seen)
"""


@pytest.mark.slow
def test_two_looks_tell_what_grows_and_who_holds_it():
    words = [sys.executable, "-c", LOOKS]
    environ = {**os.environ, "MEMWATCH_TICK": "0.1"}
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, env=environ)
    assert done.returncode == 0 and done.stdout.startswith("True 1"), done.stdout + done.stderr
