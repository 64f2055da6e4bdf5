"""What a waiting greenlet's functions hold, which no collector sees before Python 3.15."""

from __future__ import annotations

import ctypes
import gc
import sys
from types import ModuleType
from typing import Any

import pytest

from memwatch.heap import take_snapshot
from memwatch.retain import RootKind, find_holdings
from memwatch.retain import greenlets as module

greenlet = pytest.importorskip("greenlet")


class Job:
    """What waits."""

    def __init__(self) -> None:
        self.data = bytearray(4000)


def work() -> Job:
    job = Job()
    wait()
    return job


def wait() -> None:
    greenlet.getcurrent().parent.switch()


def test_variables_of_a_waiting_greenlet_are_told_by_its_function(monkeypatch: pytest.MonkeyPatch) -> None:
    app: Any = ModuleType("app")
    app.waiting = []
    monkeypatch.setitem(sys.modules, "app", app)
    gc.collect()  # what is garbage makes room for what comes later, at addresses that are known
    known = take_snapshot().addresses
    for _ in range(300):
        app.waiting.append(greenlet.greenlet(work))
        app.waiting[-1].switch()
    found = next(it for it in find_holdings(known) if it.frontier_type == f"{__name__}.Job")
    assert found.path.text == f"suspended greenlet, function {__name__}.work > local job: {__name__}.Job"
    assert found.path.root.kind is RootKind.GREENLET
    assert 200 < found.targets <= 330  # some come to lie where others died
    assert [path.text for path in found.others] == ["module app > waiting: list, 300 items > [index]"]
    for job in app.waiting:
        job.throw()


def collect_rows() -> list[Job]:
    rows = [Job() for _ in range(20)]
    wait()
    return rows


def test_what_c_code_holds_besides_does_not_hide_the_variables_of_greenlets() -> None:
    waiting: list[Any] = []  # and known, for from 3.15 on all of it hangs below
    known = take_snapshot().addresses
    waiting += [greenlet.greenlet(collect_rows) for _ in range(300)]
    for it in waiting:
        it.switch()
    addresses = [_held_in_c() for _ in range(310)]
    gc.collect()
    found = next(it for it in find_holdings(known) if it.frontier_type == "list" and it.targets > 200)
    assert found.path.text.startswith(f"suspended greenlet, function {__name__}.collect_rows > local rows")
    assert found.targets <= 330  # on the pure backend some come to lie where others died
    for address in addresses:
        ctypes.pythonapi.Py_DecRef(ctypes.cast(address, ctypes.py_object))
    for it in waiting:
        it.throw()


def _held_in_c() -> int:
    """The address of an empty list to which C code has a reference."""
    held: list[Any] = []
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))
    return id(held)


def test_no_more_greenlets_are_asked_than_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = [greenlet.greenlet(work) for _ in range(3000)]
    for it in waiting:
        it.switch()
    gc.collect()  # so that the latest come last, in one generation
    asked: list[object] = []
    reading = module.frame_locals
    monkeypatch.setattr(module, "frame_locals", lambda frame: asked.append(frame) or reading(frame))
    latest = id(reading(waiting[-1].gr_frame.f_back)["job"])
    assert set(module.roots_in_greenlets({latest})) == {latest} and len(asked) <= 8
    asked.clear()
    assert module.roots_in_greenlets({id(asked)}) == {} and len(asked) <= 1001
    for it in waiting:
        it.throw()
