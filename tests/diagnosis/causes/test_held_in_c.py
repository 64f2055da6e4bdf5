"""Causes where C code alone holds what leaks, and what it is tells who."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import memwatch
from memwatch.diagnosis.causes import words_for
from memwatch.retain import Holding, RetainingPath, Root, RootKind

from .case import Case, Data, verify_twins

pytestmark = [pytest.mark.slow] if memwatch.backend.name == "pure" else []

NUMBERS = itertools.count(1000)
WAITING: list[Any] = []


class View:
    """Gives a method of its own as a callback."""

    def __init__(self) -> None:
        self.data = Data()
        self.choice: Any = None

    def refresh(self, *_: object) -> None: ...


def verify(case: Case) -> None:
    case.verify()
    verify_twins([case])


class Tariff(View):
    """Can be called itself."""

    def __call__(self, *_: object) -> None: ...


@pytest.mark.parametrize("make", [lambda: View().refresh, lambda: partial(View().refresh, 1), Tariff])
def test_callbacks_given_to_a_library_in_c(make: Callable[[], Callable[[], None]]) -> None:
    connection = sqlite3.connect(":memory:", check_same_thread=False)

    def register(take_back: bool = False) -> None:
        name = f"f{next(NUMBERS)}"
        connection.create_function(name, 0, make())
        if take_back:
            connection.create_function(name, 0, None)

    verify(
        Case(
            "callbacks-in-c",
            "callbacks that only C code holds",
            leak=register,
            twin=View,
            fixed=lambda: register(take_back=True),
        )
    )
    connection.close()


def test_classes_given_to_a_library_in_c() -> None:
    connection = sqlite3.connect(":memory:", check_same_thread=False)

    def make(rows: bytes) -> Any:
        class Sum:
            data = rows

            def step(self, value: int) -> None: ...

            def finalize(self) -> int:
                return 0

        return Sum

    made = make(b"")

    def register(aggregate: Any = None) -> None:
        aggregate = aggregate or make(bytes(16_000))
        connection.create_aggregate(f"f{next(NUMBERS)}", 1, aggregate)

    verify(
        Case(
            "classes-in-c",
            "classes that are made again and again",
            leak=register,
            twin=View,
            fixed=lambda: register(made),
        )
    )
    connection.close()


def test_a_chain_of_profile_functions() -> None:
    held = Holding(
        path=RetainingPath(Root(RootKind.THREAD, "state", main=True), ()),
        targets=1,
        retained_bytes=1 << 20,
        retained_items=900,
        type_counts={"app.Tracer": 300, "list": 300},
        frontier_type="app.Tracer",
        holder_type="app.Tracer",
        holder_items=None,
        holder_address=1,
        bound=None,
    )
    assert words_for(held).name == "chain-in-c"


def traced(tcl: Any, variable: Callable[..., Any], take_back: bool) -> None:
    view = View()
    view.choice = variable(tcl, "a")
    name = view.choice.trace_add("write", view.refresh)
    if take_back:
        view.choice.trace_remove("write", name)


def test_commands_of_tcl() -> None:
    tkinter = pytest.importorskip("tkinter")
    tcl = tkinter.Tcl()
    verify(
        Case(
            "tcl-commands",
            "callbacks that Tcl holds",
            leak=lambda: traced(tcl, tkinter.StringVar, False),
            twin=lambda: tkinter.StringVar(tcl, "a"),
            fixed=lambda: traced(tcl, tkinter.StringVar, True),
        )
    )


def test_greenlets_that_wait() -> None:
    greenlet = pytest.importorskip("greenlet")

    def work() -> object:
        data = Data()
        greenlet.getcurrent().parent.switch()
        return data

    def begin(ends: bool) -> None:
        made = greenlet.greenlet(work)
        made.switch()
        if ends:
            made.switch()
        else:
            WAITING.append(made)

    def end_all() -> None:
        while WAITING:
            WAITING.pop().throw()

    verify(
        Case(
            "suspended-greenlets",
            "greenlets that wait and never end",
            leak=lambda: begin(ends=False),
            twin=lambda: begin(ends=True),
            fixed=lambda: begin(ends=True),
            done=end_all,
        )
    )
