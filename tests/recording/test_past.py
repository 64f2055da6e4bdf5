"""What a new process knows of those before it, from the recording; and recordings of an older version."""

from __future__ import annotations

import os
import sqlite3
import time

import pytest

import memwatch
from memwatch.origin import program_name
from memwatch.recording import schema
from memwatch.recording import writer as room
from memwatch.recording.connection import open_for_writing
from memwatch.recording.life import Birth
from memwatch.recording.lives import GrownType, Reader
from memwatch.recording.past import look_back
from memwatch.recording.store import Ended, Reading, Reported, add_entries, add_life

MIB = 1 << 20
NOW = 1.8e9


@pytest.fixture
def shop(path):
    connection = open_for_writing(path)

    def add(number, rate=0.0, seconds=60.0, release="1.0", role="shop worker", reported=False, over=True, mark="gone"):
        """A life of a minute that grows by *rate* MiB a second."""
        begun = NOW - 5000 + number * 100
        pid = os.getpid()
        host = os.uname().nodename if hasattr(os, "uname") else ""
        birth = Birth(host, pid, 1, mark, "shop", role, None, "shop", release, "3", "0", 1 << 30, begun)
        life = add_life(connection, birth)
        entries = [Reading(begun + it, 1.0, round((50 + rate * it) * MIB), 1, 1, 1) for it in range(int(seconds))]
        entries += [Reported(begun + 50, "f", "objects", "", 1, 1.0, "{}", "", b"")] if reported else []
        add_entries(connection, life, entries + ([Ended(begun + seconds, "exit")] if over else []))
        return life

    add.connection = connection
    yield add
    connection.close()


def test_lives_of_the_role_and_release_tell_that_it_leaks(shop):
    for number in range(4):
        shop(number, rate=0.1, over=number % 2 == 0)
        shop(number, role="shop")
    mine = shop(9)
    past = look_back(shop.connection, mine, NOW)
    assert past.leaky is not None and past.leaky.lives == 4
    assert past.leaky.rate == pytest.approx(0.1 * MIB, rel=0.05)
    assert shop.connection.execute("select count(*) from shapes").fetchone()[0] == 4
    assert look_back(shop.connection, mine, NOW) == past, "from what was kept"
    assert look_back(shop.connection, shop(9, release="1.1"), NOW).leaky is None


def test_those_that_run_are_not_asked(shop):
    from memwatch.backend.lifetimes import mark_of

    for number in range(4):
        shop(number, rate=0.1, over=False, mark=mark_of(os.getpid()))
    assert look_back(shop.connection, shop(9), NOW).leaky is None


def test_a_leak_that_was_told_is_not_told_by_every_worker_of_the_day(shop):
    for number in range(5):
        shop(number, rate=0.1, reported=number == 4)
    mine = shop(9)
    assert look_back(shop.connection, mine, NOW).leaky is None
    assert look_back(shop.connection, mine, NOW + 2 * 86400).leaky is not None


def test_what_is_usual_is_of_other_releases_without_those_that_leaked(shop):
    for number in range(12):
        shop(number)
    for number in range(12, 16):
        shop(number, rate=1.0, reported=True)
    past = look_back(shop.connection, shop(20, release="1.1"), NOW)
    assert past.usual is not None and past.usual.lives == 12
    assert look_back(shop.connection, shop(21), NOW).usual is None


def test_a_recording_of_the_first_version_is_read_and_brought_up_to_date(path, make_writer, monkeypatch):
    with monkeypatch.context() as old:
        old.setattr(schema, "_STEPS", schema._STEPS[:1])
        old.setattr(schema, "VERSION", 1)
        connection = open_for_writing(path)
        life = add_life(connection, Birth("vm", 1, 1, "m", "p", "p", None, "p", "", "3", "0", 1, NOW))
        connection.execute(
            "insert into leaks values (1, ?, ?, 'f', 'objects', 's', 1, 1.0, null, '{}', '', x'')", (life, NOW)
        )
        connection.execute("insert into growths values (1, 'app.Order', 3, 4096)")
        connection.close()
    with Reader(path) as reader:
        assert len(reader.lives()) == 1 and not reader.types() and not reader.profiles()
    make_writer()
    connection = sqlite3.connect(path)
    assert connection.execute("pragma user_version").fetchone() == (schema.VERSION,)
    assert connection.execute("select count(*) from shapes").fetchone() == (0,)
    connection.close()
    with Reader(path) as reader:
        assert reader.types() == (GrownType(life, "app.Order", NOW, NOW, 3, 4096),)


def test_a_watcher_is_told_of_the_past_when_its_life_begins(path, shop):
    for number in range(4):
        shop(number, rate=0.1, role=program_name(), release="7")
    memwatch.start(pace="job", tick=0.05, sample=0.05)
    recording = memwatch.record(path, release="7")
    try:
        deadline = time.monotonic() + 20
        while recording._detector.leaky is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert recording._detector.leaky is not None and recording._detector.leaky.lives == 4
        assert recording._detector in memwatch.watcher()._observer._detectors
    finally:
        recording.close()
        room._writers.clear()
