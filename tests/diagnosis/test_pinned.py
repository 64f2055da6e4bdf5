"""What small objects keep alive, told by samples: native memory, and the stacks of greenlets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memwatch.diagnosis import pinned
from memwatch.diagnosis.account import kind_of
from memwatch.diagnosis.lines import NO_OBJECT
from memwatch.retain import Holding, Root, RootKind

from ..paths import KEPT
from .test_lines import MIB, holding, lines, sampled, suspects, where


def test_native_memory_is_told_with_the_small_objects_that_the_same_function_makes(monkeypatch):
    monkeypatch.setattr(pinned, "keepers_of_native", lambda labels: labels & {"lib.View"})
    views = replace(holding("lib.View", **{"lib.View": 9}), retained_bytes=3000)

    def told(raw: str, kept: Holding = views, native: bool = True) -> list[tuple[str, bool, int]]:
        samples = [sampled("lib.View", "app:2"), *[sampled("", raw, size=10.0 * MIB, native=native)] * 9]
        found = suspects([kept], lines(*samples, known=native), "native", 100 * MIB)
        assert found[0].bytes_growth == pytest.approx(90 * MIB, rel=0.01)
        return [(it.type, bool(it.held_by), it.samples) for it in found]

    assert told("app:3") == [("lib.View", True, 9)]
    assert told("app:3", native=False) == [("lib.View", True, 9)]  # a buffer that C code has from Python
    assert told("app:3", replace(views, retained_bytes=90 * MIB)) == [("lib.View", True, 9)]
    assert told("other:3") == [(NO_OBJECT, False, 9)]
    assert told("app:3", replace(views, frontier_type="str", type_counts={"str": 9})) == [(NO_OBJECT, False, 9)]


def test_what_a_librarys_function_allocates_in_several_blocks_goes_with_what_there_is_one_of(monkeypatch):
    monkeypatch.setattr(pinned, "keepers_of_native", lambda labels: labels & {"lib.Stream"})
    streams = replace(holding("lib.Stream", **{"lib.Stream": 60}), targets=60, retained_bytes=3000)
    one = [sampled("", "lib:2", size=MIB, native=True)] * 60
    four = [replace(sampled("", "lib:5", size=MIB, native=True), count=4.0)] * 60
    other = [replace(sampled("", "other:5", size=MIB / 8, native=True), count=4.0)] * 60
    (found, *_) = suspects(
        [streams], lines(*[replace(it, count=1.0) for it in one], *four, *other, known=True), "native"
    )
    assert found.held_by is KEPT and found.bytes_growth == pytest.approx(120 * MIB, rel=0.01)


def test_native_memory_that_a_callee_made_is_most_likely_what_the_only_small_objects_keep(monkeypatch):
    monkeypatch.setattr(pinned, "keepers_of_native", lambda labels: labels & {"lib.View"})
    views = replace(holding("lib.View", **{"lib.View": 900}), targets=900, retained_bytes=3000)
    raw = [sampled("", "apploader:3", "app:4", size=10.0 * MIB, native=True)] * 9
    own = sampled("", "app:5", size=MIB, native=True)  # what a view itself takes
    found = lines(sampled("lib.View", "app:2"), own, *raw, known=True)
    (told,) = suspects([views], found, "native", 100 * MIB)
    assert told.held_by is KEPT and "; most likely each keeps native memory alive" in told.cause
    assert where(told) == ["apploader:3", "app:4"] and told.share == pytest.approx(0.91, rel=0.02)
    single = replace(views, path=replace(KEPT, root=Root(RootKind.MODULE, "other")), targets=1)
    assert suspects([views, single], found, "native", 100 * MIB)[0].held_by is KEPT
    assert suspects([views, replace(single, targets=900)], found, "native", 100 * MIB)[0].held_by is None


def test_what_small_objects_keep_unseen_is_said_to_be_likely(monkeypatch):
    monkeypatch.setattr(pinned, "keepers_of_native", lambda labels: labels & {"lib.View"})
    views = replace(holding("lib.View", **{"lib.View": 90}), targets=100, retained_bytes=9000)
    for sites in (lines(known=True), lines(sampled("", "app:3", size=MIB, native=True), known=True)):
        found, *_ = suspects([views], sites, "native", 100 * MIB)
        assert "; most likely each keeps native memory alive, about" in found.cause and found.held_by is KEPT
    (found,) = suspects([views], lines(known=True), "native", 100 * MIB)
    assert found.share < 0.001 and "; most likely each keeps native memory alive, about 1.00 MiB, " in found.cause
    assert "MiB together, which no allocator" in found.cause
    assert found.hint.startswith("close what is done with, or keep a copy of the part")


def test_the_stacks_of_suspended_greenlets_are_told_with_what_hangs_on_them():
    path = replace(KEPT, root=Root(RootKind.GREENLET, "app.work"))
    jobs = replace(holding("app.Job", **{"app.Job": 700}), path=path, targets=700)
    stacks = [sampled("", "lib:1", "app:7", size=0.1 * MIB)] * 9
    found = lines(*stacks, *[sampled("frame", "app:7", size=0.1 * MIB)] * 5, known=False)
    (told,) = suspects([jobs], found, "objects", 3 * MIB)
    assert told.bytes_growth == pytest.approx(2.4 * MIB, rel=0.01) and told.held_by is path
    assert told.cause.endswith("each keeps its stack alive, about 2.05 KiB") and where(told) == ["lib:1", "app:7"]
    assert kind_of(found.loose()[0], True, [jobs]) == "objects" and kind_of(found.loose()[0], True) == "untracked"
    (other, _) = suspects([replace(jobs, targets=90)], found, "objects", 3 * MIB)
    assert other.type == "frame"  # too many to be one for each


def test_objects_that_others_keep_unseen_are_told_with_them(monkeypatch):
    monkeypatch.setattr(pinned, "unseen_keepers", lambda labels: labels & {"lib.Match"})
    matches = replace(holding("lib.Match", **{"lib.Match": 60}), targets=60, retained_bytes=3000)
    texts = [replace(sampled("str", "lib:3", "app:4", size=MIB), count=1.0)] * 60
    found = lines(sampled("lib.Match", "lib:3", "app:4"), *texts, known=False)
    (told,) = suspects([matches], found, "untracked", 64 * MIB)
    assert told.type == "lib.Match" and told.held_by is KEPT and told.bytes_growth == pytest.approx(60 * MIB, rel=0.01)
    assert told.cause.endswith("each keeps memory that no walk sees alive, about 1.00 MiB")
    lost, *_ = suspects([replace(matches, targets=9)], found, "untracked", 64 * MIB)
    assert lost.type == "str" and lost.held_by is None
