"""Causes that no path tells: the collector is off, C code lost references or memory, or callbacks cannot be seen."""

from __future__ import annotations

import ctypes
import gc
import itertools
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from memwatch.backend.meters.meters import Meters
from memwatch.diagnosis.causes import BY_VERDICT, words_for_verdict
from memwatch.watch import Dismissed

COUNT = 20_000
NATIVE_IS_READABLE = "native" in Meters().names
NUMBERS = itertools.count(10**12)


def grown(program: Callable[[], object]) -> int:
    before = Meters().read(force=True).base
    program()
    return Meters().read(force=True).base - before


class Node:
    """One half of a cycle."""

    def __init__(self, end: bool = False) -> None:
        self.rows, self.other = bytearray(2000), None if end else Node(end=True)
        if self.other is not None:
            self.other.other = self


def make_cycles(cut: bool = False) -> None:
    for _ in range(500):
        node = Node()
        if cut:
            node.other = None


def test_the_collector_is_off(case: Any, collector_off: None) -> None:
    leak = case.judge(make_cycles)
    (top, *_) = leak.report.suspects
    assert leak.verdict == "garbage" and top.cause == "reference cycles that nothing collects: the collector is off"
    assert "gc.enable()" in top.hint and words_for_verdict("garbage").name == "gc-disabled"
    leaked = grown(make_cycles)
    assert grown(lambda: make_cycles(cut=True)) < 0.05 * leaked
    assert grown(lambda: (make_cycles(), gc.collect())) < 0.05 * leaked


def test_cycles_beside_a_collector_that_runs_are_silent(case: Any) -> None:
    decision = case.judge(make_cycles)  # the collector may have come in between
    assert isinstance(decision, Dismissed) or decision.verdict != "garbage"


def test_the_collector_runs_and_never_in_full() -> None:
    assert words_for_verdict("garbage").name == BY_VERDICT["garbage"].name == "uncollected-cycles"


class Extension:
    """Takes a reference to each number that it makes, and gives it back when it is closed."""

    def __init__(self) -> None:
        self.kept = (ctypes.c_void_p * COUNT)()

    def call(self, forget: bool) -> None:
        for place in range(COUNT):
            number = next(NUMBERS) ** 5
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(number))
            self.kept[place] = id(number)
            if not forget:
                ctypes.pythonapi.Py_DecRef(ctypes.py_object(number))

    def close(self) -> None:
        for address in self.kept:
            ctypes.pythonapi.Py_DecRef(ctypes.c_void_p(address))


@pytest.mark.skipif(not NATIVE_IS_READABLE, reason="this platform does not say what malloc holds")
def test_references_lost_in_an_extension(case: Any) -> None:
    extension = Extension()
    leak = case.judge(lambda: extension.call(forget=True))
    extension.close()
    words = [suspect.cause for suspect in leak.report.suspects] or [BY_VERDICT[leak.verdict].cause]
    assert leak.verdict == "untracked" and words[0] == BY_VERDICT["untracked"].cause
    assert words_for_verdict("untracked").name == "lost-references"
    assert grown(lambda: extension.call(forget=False)) < 0.05 * COUNT * 56


@pytest.mark.skipif(not NATIVE_IS_READABLE, reason="this platform does not say what malloc holds")
def test_memory_that_c_code_does_not_free(case: Any) -> None:
    malloc, free = (getattr(ctypes.CDLL(None), name) for name in ("malloc", "free"))
    malloc.restype, malloc.argtypes, free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
    blocks = (ctypes.c_void_p * 1000)()

    def allocate() -> None:
        for place in range(len(blocks)):
            blocks[place] = malloc(4000)

    leak = case.judge(allocate)
    for block in blocks:
        free(block)
    assert leak.verdict == "native" and BY_VERDICT["native"].cause in str(leak.report)
    assert words_for_verdict("native").name == "native-memory"
    assert grown(lambda: [free(malloc(4000)) for _ in blocks]) < 0.05 * 4_000_000


CALLBACKS = """
    import atexit, os, weakref
    from memwatch.backend.forks import FORK_HOOKS
    from memwatch.backend.meters.meters import Meters
    from memwatch.diagnosis.causes import words_for
    from memwatch.heap import take_snapshot
    from memwatch.retain import find_holdings

    class Service:
        def __init__(self):
            self.rows = bytearray(16000)
        def reset(self, *arguments):
            pass

    class Unlike(Service):
        def __eq__(self, other):
            return self is other
        __hash__ = object.__hash__
        def __call__(self):
            pass

    def told(leak):
        known = take_snapshot().addresses
        for _ in range(30):
            leak()
        return words_for(find_holdings(known)[0]).name

    def grown(program):
        before = Meters().read(force=True).base
        for _ in range(30):
            program()
        return Meters().read(force=True).base - before

    def at_exit(take_back=False):
        callback = Unlike()
        atexit.register(callback)
        if take_back:
            atexit.unregister(callback)

    alive = weakref.WeakSet()
    print(told(at_exit))
    print(grown(lambda: at_exit(take_back=True)) < 0.05 * grown(at_exit))
    os.register_at_fork(before=lambda: [service.reset() for service in alive])

    def register():
        os.register_at_fork(before=Service().reset)

    print(told(register))
    FORK_HOOKS.clear()  # a list of the interpreter's without a callback of ours, as others have
    print(told(register))
    leaked = grown(register)
    print(grown(lambda: alive.add(Service())) < 0.05 * leaked)
"""


def test_callbacks_that_the_interpreter_alone_holds() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CALLBACKS)], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.split() == ["exit-callbacks", "True", "fork-callbacks", "interpreter-callbacks", "True"]
