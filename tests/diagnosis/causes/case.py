"""A leaking program, its innocent twin and the mended one, and what must be said of them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

import memwatch
from memwatch.backend.meters.meters import Meters
from memwatch.diagnosis.causes import words_for
from memwatch.scenario.calls import Caller

Program = Callable[[], object]


class Data:
    """What leaks: about 16 KB."""

    def __init__(self, size: int = 16_000) -> None:
        self.rows = bytearray(size)


@dataclass(frozen=True)
class Case:
    """One cause. The programs are called again and again, as a server calls its handlers.

    `leak` grows for this cause, of which `words` must be said; `twin` looks alike and does not grow; `fixed` is `leak`
    with the hint applied. `done` empties what they filled. The check begins with rounds of `loops` calls.
    """

    name: str
    words: str
    leak: Program
    twin: Program
    fixed: Program
    done: Callable[[], object] = int
    loops: int = 4

    def verify(self) -> None:
        """The leak is told with its cause, and the hint ends the growth."""
        try:
            with pytest.raises(memwatch.LeakFound) as caught:
                memwatch.check(self.leak, self.loops, max_rounds=2)
            words = words_for(caught.value.result.holdings[0])
            assert words.name == self.name, str(caught.value)
            assert self.words in words.cause
            assert words.cause.partition(":")[0] in str(caught.value) and words.hint in str(caught.value)
            del caught, words
            leaked = growth(self.leak)
            self.done()
            assert growth(self.fixed) < 0.05 * leaked
        finally:
            self.done()


def verify_twins(cases: Iterable[Case]) -> None:
    """No twin leaks; all are called in one check, for each of its rounds looks through the heap."""

    async def call_all() -> None:
        for case in cases:
            outcome = case.twin()
            if isinstance(outcome, Coroutine):
                await outcome

    try:
        assert not memwatch.check(call_all, loops=8, max_rounds=4).leaks
    finally:
        for case in cases:
            case.done()


def growth(program: Program, calls: int = 24) -> int:
    """By how many bytes the process grows in so many calls, after a first few."""
    caller = Caller(program)
    try:
        caller.call(4)
        before = _base()
        caller.call(calls)
        return _base() - before
    finally:
        caller.close()


def _base() -> int:
    gc.collect(1)  # what the calls left is young
    return Meters().read(force=True).base


def rows(cases: Iterable[Case]) -> list[Any]:
    """The parameters of a test. Walks in Python take ten times as long, so most are slow there."""
    slow = (pytest.mark.slow,) if memwatch.backend.name == "pure" else ()
    return [pytest.param(case, id=case.name, marks=slow if number else ()) for number, case in enumerate(cases)]
