"""Tables that are made anew with each change: how many rows they have, and how many they keep."""

from __future__ import annotations

import sys
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy
import pytest

from memwatch.retain.bounds import Bound, bound_of, seconds_kept
from memwatch.retain.row_counts import rows_of


class Signal:
    def __init__(self) -> None:
        self.data = numpy.zeros((50, 3))


class Sliced(Signal):
    def push(self, row: Any) -> None:
        self.data = numpy.vstack([self.data, row])[-700:]


class Compared(Signal):
    def push(self, row: Any) -> None:
        self.data = numpy.vstack([self.data, row])
        if len(self.data) > 900:
            self.data = self.data[1:]


class Whole(Signal):
    def push(self, row: Any) -> None:
        self.data = numpy.vstack([self.data, row])


@pytest.mark.parametrize(("kind", "bound"), [(Sliced, Bound(700, 50)), (Compared, Bound(900, 50)), (Whole, None)])
def test_an_array_that_code_cuts(kind: type[Signal], bound: Bound | None) -> None:
    signal = kind()
    assert bound_of([sys.modules[__name__], signal, signal.data], signal.data) == bound


class Ticks:
    """As pandas' frames are used."""

    def __init__(self, frame: Any) -> None:
        self.frame = frame


class Last(Ticks):
    def put(self, more: Any) -> None:
        self.frame = more().tail(2000)


class Recent(Ticks):
    def put(self, more: Any) -> None:
        self.frame = more(self.frame)
        self.frame = self.frame[self.frame["t"] > time.time() - 90]


class All(Ticks):
    def put(self, more: Any) -> None:
        self.frame = more(self.frame)


class Mask:
    """Whose indexes are a field in C, as those of pandas' manager are: a slot stands for it."""

    __slots__ = ("axes",)


class DataFrame:
    """Its own code is not looked at, whatever it compares."""

    def __init__(self, rows: Any) -> None:
        self._mgr = Mask()
        self._mgr.axes = [SimpleNamespace(), rows]

    def __len__(self) -> int:
        raise AssertionError("the program's code was run")

    def head(self) -> Any:
        return self if len(self) > 50 else self.clear()


@pytest.fixture
def frame(monkeypatch: pytest.MonkeyPatch) -> Any:
    """One that is taken for pandas'."""
    monkeypatch.setattr(DataFrame, "__module__", "pandas")
    monkeypatch.setitem(sys.modules, "pandas", ModuleType("pandas"))
    return DataFrame(SimpleNamespace(_range=range(300)))


def test_the_rows_of_a_frame(frame: Any) -> None:
    assert rows_of(frame) == 300
    assert rows_of(DataFrame(SimpleNamespace(_range=None, _data=numpy.arange(20)))) == 20
    assert rows_of(DataFrame(SimpleNamespace(_data="text"))) is None
    assert rows_of(numpy.array(3)) is None and rows_of([1]) is None


@pytest.mark.parametrize(
    ("kind", "bound", "seconds"), [(Last, Bound(2000, 300), None), (Recent, None, 90.0), (All, None, None)]
)
def test_a_frame_that_code_cuts(frame: Any, kind: type[Ticks], bound: Bound | None, seconds: float | None) -> None:
    ticks = kind(frame)
    chain = [sys.modules[__name__], ticks, ticks.frame]
    assert (bound_of(chain, frame), seconds_kept(chain, frame)) == (bound, seconds)
