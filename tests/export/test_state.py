"""The state that exporters show: readings and culprits, in names that source code has written."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType

import pytest

import memwatch
from memwatch import default, export
from memwatch.export.names import shown_holder, shown_line, shown_name
from memwatch.export.state import MOST_LEAKS, name_culprit, read_state
from memwatch.retain.steps import Root, RootKind

from .conftest import MIB, Order, Suspect, make_leak, make_path, make_status

SECRET = "".join(["jane", "_doe_", "4711"])  # made when the program runs, so no name of its source
HERE = Order.__module__


def test_nothing_is_known_of_a_process_that_nobody_watches(monkeypatch):
    monkeypatch.setattr(default, "watcher", lambda: None)
    assert read_state() is None


def test_nothing_is_known_before_the_first_reading(watched):
    watched.status = make_status(sample=None)
    assert read_state() is None


def test_a_state_is_the_newest_reading_and_the_leaks_that_go_on(watched):
    watched.status = make_status(make_leak())
    state = export.read_state()
    assert (state.sample.base, state.sample.rss, state.leaks, state.leaks_reported) == (50 * MIB, 80 * MIB, 1, 1)
    assert state.limit_bytes > 0 and state.limit_share == 80 * MIB / state.limit_bytes
    assert len(state.collections) == 3 and not state.suspected
    (culprit,) = state.culprits
    assert culprit.type == f"{HERE}.Order" and culprit.holder == f"{HERE}.CACHE"
    assert culprit.line == "export/conftest.py:12" and culprit.bytes_per_second == 36 * MIB / 3600


def test_the_number_of_culprits_is_bounded_and_the_fastest_are_named(watched):
    watched.status = make_status(*(make_leak(f"{n:012}", rate=float(n)) for n in range(50)))
    state = read_state()
    assert [culprit.fingerprint for culprit in state.culprits] == [f"{49 - n:012}" for n in range(MOST_LEAKS)]
    assert state.leaks == 50


def test_a_leak_that_nobody_could_look_into(watched):
    culprit = name_culprit(make_leak("", ()))
    assert (culprit.fingerprint, culprit.type, culprit.holder, culprit.line) == ("none", "", "", "")


@pytest.mark.parametrize("label", ["dict", "bytearray", f"{HERE}.Order", "collections.OrderedDict", "array.array"])
def test_names_of_source_code_are_shown(label):
    __import__("collections"), __import__("array")
    assert shown_name(label) == label


def test_a_class_inside_a_function_is_shown():
    assert shown_name(f"{__name__}.make.<locals>.Local") == f"{__name__}.make.<locals>.Local"


def make():
    class Local:
        pass

    return Local


def test_names_that_data_has_made_are_not_shown(monkeypatch):
    named = type(SECRET, (), {"__module__": __name__})
    monkeypatch.setitem(globals(), SECRET, named)
    made = ModuleType("made_by_hand")
    setattr(made, SECRET, 1)
    monkeypatch.setitem(sys.modules, "made_by_hand", made)
    labels = [f"{__name__}.{SECRET}", SECRET, f"made_by_hand.{SECRET}", f"{SECRET}.Order", f"sys.{SECRET}", "a b.c", ""]
    assert not [label for label in labels if SECRET in shown_name(label)]
    assert shown_name(labels[0]) == f"{__name__}.?"


def test_an_attribute_that_data_has_named_is_not_shown():
    assert shown_holder(make_path("CACHE", SECRET)) == f"{HERE}.CACHE.?"
    assert shown_holder(make_path(SECRET)) == f"{HERE}.?"
    assert shown_holder(make_path("CACHE", module=SECRET)) == "?.?"
    assert shown_holder(None) == ""


def test_roots_that_are_no_modules():
    path = replace(make_path(), root=Root(RootKind.FUNCTION, f"{__name__}.make"))
    assert shown_holder(path) == f"function {__name__}.make"
    assert shown_holder(replace(path, root=Root(RootKind.THREAD))) == "thread"
    assert SECRET not in shown_holder(replace(path, root=Root(RootKind.FUNCTION, SECRET)))


def test_only_the_lines_of_modules_are_shown():
    assert shown_line(__file__, 7) == "export/test_state.py:7"
    assert shown_line(f"<template {SECRET}>", 1) == ""


def test_whatever_a_report_shows_no_data_is_in_a_culprit():
    frames = ({"function": SECRET, "file": f"/{SECRET}.py", "line": 1, "in_app": False},)
    culprit = name_culprit(make_leak(suspects=(Suspect(f"{__name__}.{SECRET}", make_path(SECRET), frames),)))
    assert SECRET not in repr(culprit)


def test_a_real_watcher_has_a_state():
    memwatch.start(pace="service", tick=60.0, sample=60.0, profile=False)
    memwatch.gc()
    state = read_state()
    assert state.sample.trigger == "forced" and state.sample.base > MIB
    assert {rate.bytes_per_second for rate in state.rates} == {None} and len(state.rates) == 6
