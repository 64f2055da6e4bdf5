"""A recording that is followed, one life at a time."""

from __future__ import annotations

import json

import pytest

from memwatch.errors import RecordingError
from memwatch.recording.connection import open_for_writing
from memwatch.recording.life import Birth
from memwatch.recording.store import Ended, Over, Reading, Reported, add_entries, add_life
from memwatch.top.recording import RecordingSource

from .conftest import MIB, REPORT


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "shop.db")


@pytest.fixture
def add(path):
    """Add a life of 100 s that begins at *start*, and leaks if reported."""
    connection = open_for_writing(path)

    def add(start, leaks=False, more=()):
        birth = Birth("vm", 100, 1, "boot", "gunicorn", "web", None, "gunicorn", "1.0", "3.12", "0.1", 1 << 30, start)
        life = add_life(connection, birth)
        entries = [
            Reading(start + second, 1.0, (10 + second) * MIB, 40 * MIB, 40 * MIB, 9) for second in range(0, 101, 50)
        ]
        if leaks:
            reported = (start + 90, "0123456789ab", "objects", "app.Order held by app.CACHE", MIB, 60.0 * MIB)
            entries.append(Reported(*reported, json.dumps(REPORT), "LEAK", b""))
        add_entries(connection, life, [*entries, *more])
        return life

    yield add
    connection.close()


def test_the_life_that_told_a_leak_comes_first_and_the_others_by_turns(add, path):
    add(1000.0, leaks=True, more=[Ended(1100.0, "exit")])
    add(2000.0)
    source = RecordingSource(path)
    view = source.poll()
    assert (view.state, view.title) == ("leak", "shop.db: web, pid 100, 1 of 2, has ended")
    assert view.thinks == "it leaks: heap growth over 2 consecutive looks (10s)"
    assert view.types == ("str", "app.Order") and view.details("app.Order")[0].startswith("allocated   /srv/shop.py:12")
    assert view.curve == ((1000.0, 10 * MIB), (1050.0, 60 * MIB), (1100.0, 110 * MIB))
    assert view.facts[1:] == (("leak", "app.Order held by app.CACHE; 60.0 MiB/h"), ("release", "1.0"))
    source.turn(1)
    view = source.poll()
    assert (view.state, view.thinks, view.types) == ("ended", "no leak was reported", ())
    source.turn(1)
    assert source.poll().state == "leak"
    assert source.looks_every == 0.0 and source.holders("str") == ["of str no more was recorded"]


def test_it_is_read_again_and_what_has_stopped_is_said(add, path):
    add(1000.0, leaks=True)
    source = RecordingSource(path)
    add(3000.0, leaks=True, more=[Over(3099.0, "0123456789ab")])
    view = source.poll()
    assert view.state == "stopped" and view.thinks.startswith("it leaked, and has stopped: ")


def test_an_empty_one_and_what_is_none(add, path, tmp_path):
    source = RecordingSource(path)
    assert source.poll().thinks == "nothing is recorded yet"
    source.turn(1)
    with pytest.raises(RecordingError):
        RecordingSource(str(tmp_path / "missing.db"))
    other = tmp_path / "other.db"
    other.write_text("no database, but long enough to be taken for one" * 10)
    with pytest.raises(RecordingError):
        RecordingSource(str(other))


def test_one_that_cannot_be_read_any_more(add, path, tmp_path):
    add(1000.0, leaks=True)
    source = RecordingSource(path)
    (tmp_path / "shop.db").rename(tmp_path / "moved.db")
    view = source.poll()
    assert view.state == "leak" and view.news
    source.turn(1)
