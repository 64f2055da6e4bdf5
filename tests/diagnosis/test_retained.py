"""What the holder of the first suspect retains, as a forked child finds it out."""

from __future__ import annotations

import sys
from array import array
from collections import OrderedDict, deque

import pytest

import memwatch
from memwatch.backend.graph.in_child import retained_in_child
from memwatch.diagnosis import forked_look
from memwatch.errors import UnsupportedError
from memwatch.retain import RetainingPath

MIB = 1 << 20
can_look = pytest.mark.skipif(
    memwatch.backend.name != "native" or sys.platform != "linux", reason="no forked child looks here"
)


@can_look
@pytest.mark.usefixtures("weighed")
def test_the_report_tells_what_the_holder_retains_old_and_new(case, app, text):
    app.kept = list(map(text, range(500)))
    report = case.judge(lambda: app.kept.extend(map(text, range(1000)))).report
    first, *others = report.suspects
    assert first.retained_bytes == pytest.approx(1500 * sys.getsizeof(app.kept[0]), rel=0.05)
    assert first.retained_objects == pytest.approx(1501, abs=2)
    assert all(it.retained_bytes is None for it in others)
    assert report.cost.child_seconds > 0 and report.missing == ()
    assert f"retains     {first.retained_bytes / MIB:.2f} MiB in {first.retained_objects:,} objects" in str(report)
    assert "That holder's end would free" in report.to_markdown()
    assert "The holder retains" in report.to_html()


@can_look
@pytest.mark.usefixtures("weighed")
def test_small_views_retain_their_large_buffers_and_what_two_hold_neither_retains(case, app):
    app.shared, app.views = bytearray(4 * MIB), []

    def grow():
        app.views.extend(memoryview(bytearray(40_000))[:8] for _ in range(200))
        app.views.append(memoryview(app.shared)[:8])

    first = case.judge(grow).report.suspects[0]
    assert "views" in first.held_by.text
    assert 8_000_000 <= first.retained_bytes < 8_000_000 + MIB


@can_look
@pytest.mark.parametrize("make", [deque, OrderedDict, lambda: array("d", [1.0] * 100)])
def test_what_containers_in_c_have_beside_themselves_is_retained(make):
    kept = [make() for _ in range(500)]
    found = retained_in_child(id(kept), lambda: False, patience=10.0)
    assert found.size_bytes == pytest.approx(sys.getsizeof(kept) + 500 * sys.getsizeof(kept[0]), rel=0.1)


@can_look
@pytest.mark.usefixtures("weighed")
def test_what_others_hold_as_well_is_not_told_of_one_holder(case, app):
    app.kept, app.by_number = [], {}

    def grow():
        app.kept.extend(bytearray(4000) for _ in range(200))
        app.by_number.update(enumerate(app.kept))

    first = case.judge(grow).report.suspects[0]
    assert first.held_by is not None and first.retained_bytes is None


@can_look
@pytest.mark.usefixtures("weighed")
def test_a_child_that_fails_costs_the_report_nothing_else(case, app, text, monkeypatch):
    def refuse(*_):
        raise UnsupportedError("no forked child")

    monkeypatch.setattr(forked_look, "retained_in_child", refuse)
    app.kept = []
    report = case.judge(lambda: app.kept.extend(map(text, range(1000)))).report
    assert isinstance(report.suspects[0].held_by, RetainingPath) and report.suspects[0].retained_bytes is None
