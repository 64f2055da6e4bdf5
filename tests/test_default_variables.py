"""The MEMWATCH_ variables count in every way in, and a watcher tells what it does."""

import os
import re

import memwatch
from memwatch import default


def test_variables_count_where_a_receiver_starts_the_watcher(fresh, monkeypatch):
    monkeypatch.setenv("MEMWATCH_PACE", "job")
    monkeypatch.setenv("MEMWATCH_TICK", "0.5")
    memwatch.on("leak", print)
    pace = memwatch.watcher().pace
    assert (pace.name, pace.tick, default.sampling_interval()) == ("job", 0.5, 0)


def test_keywords_win_over_variables(fresh, monkeypatch):
    monkeypatch.setenv("MEMWATCH_PACE", "job")
    monkeypatch.setenv("MEMWATCH_TICK", "60")
    monkeypatch.setenv("MEMWATCH_PROFILE", "0")
    assert memwatch.start(pace="service").pace.tick == 60
    memwatch.stop()
    pace = memwatch.start(sample=5.0, profile=True).pace
    assert (pace.name, pace.tick, pace.sample) == ("job", 0.25, 5.0)


def test_a_bad_variable_is_warned_about_once_and_costs_nothing(fresh, monkeypatch, caplog):
    monkeypatch.setattr(default._state, "problems", frozenset())
    monkeypatch.setenv("MEMWATCH_TICK", "never")
    monkeypatch.setenv("MEMWATCH_DETEKTOR", "ratchet")
    for _ in range(2):
        memwatch.start()
        memwatch.stop()
    (record,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "MEMWATCH_TICK='never'" in record.getMessage()
    assert "MEMWATCH_DETEKTOR is not known (is MEMWATCH_DETECTOR meant?)" in record.getMessage()


def test_a_watcher_tells_its_state(fresh):
    watcher = memwatch.start(pace="job", tick=60.0)
    state = f"<Watcher: watching pid {os.getpid()}, pace job, backend {memwatch.backend.name}, decides after "
    assert repr(watcher).startswith(state)
    memwatch.stop()
    assert re.fullmatch(r"<Watcher: stopped after \d+ readings?>", repr(watcher))
