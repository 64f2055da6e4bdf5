"""A recording stays small: readings get coarser with age, old lives go, and no more is kept than there is room for."""

from __future__ import annotations

import pytest

from memwatch.recording.connection import open_for_writing
from memwatch.recording.life import Birth
from memwatch.recording.store import Ended, Reading, Reported, add_entries, add_life
from memwatch.recording.upkeep import EVERY, Limits, look_after, thin

MIB = 1 << 20
NOW = 1.8e9


@pytest.fixture
def connection(path):
    made = open_for_writing(path)
    yield made
    made.close()


def add(connection, started, readings=(), ended=None, reported=0):
    birth = Birth("vm", 1, 1, "boot", "p", "p", None, "p", "", "3.12.1", "0.1.0", 1 << 30, started)
    life = add_life(connection, birth)
    connection.execute("begin")
    add_entries(connection, life, readings)
    add_entries(
        connection, life, [Reported(started, "f", "objects", "", 1, 1.0, "{}", "x" * reported, b"")] if reported else []
    )
    add_entries(connection, life, [Ended(ended, "exit")] if ended else [])
    connection.execute("commit")
    return life


def test_old_readings_are_merged_to_the_least_and_the_peak(connection):
    begun = NOW - 2 * 3600
    life = add(connection, begun, (Reading(begun + n, 1.0, 100 + n, 200 + n, 300 + n, 9) for n in range(7200)))
    thin(connection, life, NOW)
    count = "select count(*) from meters where span = ?"
    assert connection.execute(count, (10.0,)).fetchone()[0] == 360
    assert connection.execute(count, (1.0,)).fetchone()[0] == 3600
    first = connection.execute("select base, rss, peak from meters order by time limit 1").fetchone()
    assert first == (100, 200, 309)
    thin(connection, life, NOW)
    assert connection.execute("select count(*) from meters").fetchone()[0] == 3960


def test_a_process_hour_takes_far_less_than_a_megabyte(connection):
    hours = 12
    for hour in range(hours):
        begun = NOW - (hours - hour) * 3600
        life = add(connection, begun, (Reading(begun + n, 1.0, 100, 200, 300, 9) for n in range(3600)))
        thin(connection, life, NOW)
    pages = (
        connection.execute("pragma page_count").fetchone()[0]
        - connection.execute("pragma freelist_count").fetchone()[0]
    )
    assert pages * 4096 / hours < 0.1 * MIB


def test_lives_that_are_over_are_thinned_by_who_comes_first_and_too_old_ones_go(connection):
    old = add(
        connection, NOW - 40 * 86400, [Reading(NOW - 40 * 86400 + 600, 600.0, 1, 1, 1, 1)], NOW - 40 * 86400 + 600
    )
    aged = add(connection, NOW - 7200, (Reading(NOW - 7200 + n, 1.0, 1, 1, 1, 1) for n in range(600)), NOW - 6600)
    lasting = add(connection, NOW - 40 * 86400, [Reading(NOW - 10, 1.0, 1, 1, 1, 1)])
    look_after(connection, NOW, Limits())
    assert {life for (life,) in connection.execute("select id from lives")} == {aged, lasting} != {old}
    assert connection.execute("select count(*) from meters where life = ?", (aged,)).fetchone()[0] == 60


def test_it_is_done_by_one_at_a_time_also_when_the_clock_was_set_back(connection):
    def lives():
        return connection.execute("select count(*) from lives").fetchone()[0]

    look_after(connection, NOW, Limits())
    add(connection, NOW - 40 * 86400)
    look_after(connection, NOW + EVERY / 2, Limits())
    assert lives() == 1
    look_after(connection, NOW - 86400, Limits())
    assert lives() == 0, "a time that is still to come is none to wait for"


def test_the_oldest_go_where_there_is_too_much(connection):
    for number in range(40):
        begun = NOW - 86400 + number * 60
        add(connection, begun, [Reading(begun + 30, 1.0, 1, 1, 1, 1)], begun + 30, reported=100_000)
    running = add(connection, NOW - 2 * 86400, [Reading(NOW - 1, 1.0, 1, 1, 1, 1)])
    look_after(connection, NOW, Limits(size_bytes=2 * MIB))
    left = [life for (life,) in connection.execute("select id from lives order by started")]
    assert left[0] == running and 10 < len(left) < 25
    assert connection.execute("select count(*) from leaks").fetchone()[0] == len(left) - 1
