"""Code that would keep a container short, behind a switch that is off: it bounds nothing, if nobody turns it on."""

from __future__ import annotations

from collections.abc import Iterable
from opcode import opname
from types import CodeType
from typing import Any

import pytest

from memwatch.backend import FREE_THREADED
from memwatch.retain.bounds import bound_of
from memwatch.retain.comparisons import code_is_read_once, instructions, once
from memwatch.retain.flow import reached
from memwatch.retain.switches import without_off
from memwatch.retain.views import View

ITEMS = 20
keeps_all = True


class Rows:
    """What all have."""

    def __init__(self, limits: bool) -> None:
        self.limits_rows, self.rows = limits, dict[int, Any]()

    def put(self, number: int) -> None:
        self.rows[number] = [number]


class First(Rows):
    def put(self, number: int) -> None:
        super().put(number)
        if self.limits_rows and len(self.rows) > 500:
            self.rows.popitem()


class Last(Rows):
    def put(self, number: int) -> None:
        super().put(number)
        while len(self.rows) > 500 and self.limits_rows:
            del self.rows[next(iter(self.rows))]


class Early(Rows):
    def put(self, number: int) -> None:
        super().put(number)
        if not self.limits_rows:
            return
        try:
            if len(self.rows) > 500:
                self.rows.clear()
        finally:
            number += 1


class Calling(Rows):
    def put(self, number: int) -> None:
        super().put(number)
        if len(self.rows) > 500 and not number and self.limits_rows:
            self.cut_if_limited()

    def cut_if_limited(self) -> None:
        self.rows.popitem()


class Choosing(Rows):
    def put(self, number: int) -> None:
        super().put(number)
        if len(self.rows) > 500:
            self.rows.pop(number) if self.limits_rows else self.rows.get(number)


@pytest.mark.skipif(FREE_THREADED, reason="free-threaded builds do not show what has been run")
@pytest.mark.parametrize("kind", [First, Last, Early, Calling, Choosing])
def test_a_bound_behind_a_switch(kind: type[Rows]) -> None:
    for limits, bound in ((True, (500, ITEMS)), (False, None)):
        kept = kind(limits)
        for number in range(ITEMS):
            kept.put(number)
        assert bound_of([kept, kept.rows], kept.rows, codes="living") == bound


def by_global() -> Any:
    return "on" if keeps_all else cut_rows


def by_variable(keeps_some: bool) -> Any:
    return "on" if keeps_some else cut_rows


class Settable:
    may_be_cut, never_cut = False, True

    def put(self) -> Any:
        return cut_rows if self.may_be_cut else None

    def get(self) -> Any:
        return None if self.never_cut else cut_rows

    def allow(self) -> None:
        self.may_be_cut = True


def cut_rows() -> None:
    """Is named by the code above."""


@pytest.mark.parametrize(
    ("function", "values", "is_left"),
    [
        (by_global, {"keeps_all": True}, False),
        (by_global, {"keeps_all": False}, True),
        (by_global, {"keeps_all": 1}, True),
        (by_variable, {"keeps_some": True}, True),
        (Settable.put, {}, True),
        (Settable.get, {}, False),
        (Settable.get, {"never_cut": False}, False),
    ],
    ids=["off", "on", "a number", "an argument", "an attribute that a method sets", "an attribute", "a global beside"],
)
def test_only_what_is_off_for_ever_is_left_out(function: Any, values: dict[str, Any], is_left: bool) -> None:
    (code,) = without_off(View("rows", (function.__code__,), (values.get,), owner=Settable())).codes
    assert ("cut_rows" in code.co_names) is is_left
    assert (code is function.__code__) is (is_left and values != {"keeps_all": False})


def looping() -> Any:
    for number in range(3):
        try:
            while number:
                number -= 1
        except ValueError:
            yield number
    return [it + 1 for it in range(3)]


def test_all_of_code_can_be_reached_whatever_its_loops_and_handlers() -> None:
    """The room for a cache behind a jump does not count."""
    code = looping.__code__
    assert reached(code) >= {place for place, (op, _) in enumerate(instructions(code)) if op}


def test_code_is_read_once_within_a_block_also_with_long_arguments() -> None:
    reads = list[object]()

    @once
    def stores(code: CodeType) -> Iterable[str]:
        reads.append(code)
        yield from (code.co_names[arg] for op, arg in instructions(code) if opname[op] == "STORE_NAME")

    names = [f"a{number}" for number in range(300)]
    code = compile("\n".join(f"{name} = None" for name in names), "app.py", "exec")
    with code_is_read_once():
        assert [*stores(code)] == names == [*stores(code)] and reads == [code]
    assert [*stores(code)] == names == [*stores(code)] and len(reads) == 3
