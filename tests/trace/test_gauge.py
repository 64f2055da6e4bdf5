"""Readings are fresh while they are cheap or rare, and a storm of marks does not pay for each of them."""

from __future__ import annotations

import pytest

from memwatch import trace
from memwatch.backend.meters.meters import Meters, Reading
from memwatch.trace import tracer
from memwatch.trace.gauge import BURST, CHEAP, Gauge
from memwatch.trace.records import UNITS


class Costly:
    """Meters whose readings take so many seconds; each has a number as its base."""

    def __init__(self, clock, cost):
        self.clock, self.longest, self.reads = clock, cost, 0

    def read(self, force=False):
        self.reads += 1
        self.clock.advance(self.longest)
        return Reading(self.reads, 0, 0, 0, None, 0)


def storm(clock, cost, seconds):
    """Mark as often as can be for so long; the meters and what the marks saw."""
    source = Costly(clock, cost)
    gauge, end, seen = Gauge(source, clock), clock.now + seconds, []
    while clock.now < end:
        seen.append(gauge.read())
        clock.advance(5e-6)
    return source, seen


def test_cheap_readings_are_all_fresh(fake_clock):
    source, seen = storm(fake_clock, CHEAP / 2, 0.1)
    assert source.reads == len(seen) and {age for _, age in seen} == {0.0}


@pytest.mark.parametrize("cost", [0.00017, 0.0105])
def test_a_storm_takes_a_twentieth_of_the_time_beyond_the_first(fake_clock, cost):
    source, seen = storm(fake_clock, cost, 3.0)
    assert source.reads * cost <= BURST + cost + 0.05 * 3.0
    assert source.reads * cost >= 0.04 * 3.0
    assert len(seen) > 10 * source.reads


def test_an_old_reading_says_how_old_it_is(fake_clock):
    gauge = Gauge(Costly(fake_clock, 0.5), fake_clock)
    first = gauge.read()
    fake_clock.advance(2.0)
    assert first == (Reading(1, 0, 0, 0, None, 0), 0.0)
    assert gauge.read() == (Reading(1, 0, 0, 0, None, 0), 2.5)


def test_costly_readings_are_fresh_where_marks_are_rare(fake_clock):
    source = Costly(fake_clock, 0.00017)
    gauge = Gauge(source, fake_clock)
    for number in range(1000):
        assert gauge.read()[0].base == number + 1
        fake_clock.advance(0.01)


def test_force_reads_whatever_it_costs(fake_clock):
    gauge = Gauge(Costly(fake_clock, 1.0), fake_clock)
    assert [gauge.read(force=True)[0].base for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("unit", ["B", "KiB"])
def test_records_on_an_old_reading_neither_lower_nor_raise_it(unit) -> None:
    class Dear(Meters):
        longest = 1.0  # seconds: the first reading stands in for all that follow

    trace.init(unit)
    gauge = tracer.latest()._gauge = Gauge(Dear())
    fresh = trace.trace_memory("fresh")
    old = [trace.trace_memory("old") for _ in range(2000)]
    assert {record.heap_used for record in old} == {fresh.heap_used} and old[-1].age_seconds > 0
    gauge._due = 0.0
    again = trace.trace_memory("fresh again")
    assert abs(again.heap_used - fresh.heap_used) * UNITS[unit] < 2000 * 48
