"""Causes that are told by where a container stands."""

from __future__ import annotations

import collections
import functools
import io
import itertools
import sys
from collections.abc import Callable
from typing import Any

import pytest

import memwatch

from .case import Case, Data, rows, verify_twins

NUMBERS = itertools.count(1000)
LIST: list[Any] = []
BY_NUMBER: dict[int, Data] = {}
CACHE: dict[int, Data] = {}
RECENT: collections.deque[Data] = collections.deque(maxlen=2)


class Session:
    """A class whose list all instances share."""

    seen: list[Data] = []  # noqa: RUF012 - that is the mistake
    name = ""

    def __init__(self, own: bool = False) -> None:
        if own:
            self.seen = []

    def note(self) -> None:
        self.seen.append(Data())


class Store:
    """Holds what is put into it."""

    def __init__(self) -> None:
        self.rows: list[Data] = []

    def put_and_take(self) -> None:
        self.rows.append(Data())
        self.rows.clear()


STORE = Store()
for _number in range(40):  # so many that their names lie in a dict, on any version
    setattr(STORE, f"field_{_number}", None)


def collect(item: Data, items: list[Data] = []) -> list[Data]:  # noqa: B006 - that is the mistake
    items.append(item)
    return items


def collect_anew(item: Data, items: list[Data] | None = None) -> list[Data]:
    items = [] if items is None else items
    items.append(item)
    return items


def make_memo() -> Callable[[int], Data]:
    known: dict[int, Data] = {}

    def look_up(number: int) -> Data:
        if number not in known:
            known[number] = Data()
        return known[number]

    return look_up


@functools.lru_cache(maxsize=4)
def bounded(number: int) -> Data:
    return Data()


look_up = make_memo()


def grow_text() -> None:
    Session.name += "x" * 2000


def grow_text_and_begin_anew() -> None:
    Session.name = "x" * 2000 if len(Session.name) > 4000 else Session.name + "x" * 2000


def clear() -> None:
    known, default = look_up.__closure__[0].cell_contents, collect.__defaults__[0]
    for container in (LIST, BY_NUMBER, CACHE, RECENT, Session.seen, STORE.rows, known, default):
        container.clear()
    Session.name = ""
    for name in [name for name in vars(STORE) if name.startswith("row_")]:
        delattr(STORE, name)


def attribute() -> None:
    setattr(STORE, f"row_{next(NUMBERS)}", Data())


def attribute_and_delete() -> None:
    name = f"row_{next(NUMBERS)}"
    setattr(STORE, name, Data())
    delattr(STORE, name)


CASES = (
    Case(
        "module-variable",
        "a module-level list that only grows",
        leak=lambda: LIST.append(Data()),
        twin=lambda: (LIST.append(Data()), LIST.clear()),
        fixed=lambda: RECENT.append(Data()),
        done=clear,
    ),
    Case(
        "module-variable",
        "a module-level dict that only grows",
        leak=lambda: BY_NUMBER.update({next(NUMBERS): Data()}),
        twin=lambda: BY_NUMBER.update({7: Data()}),
        fixed=lambda: BY_NUMBER.update({(n := next(NUMBERS)): Data()}) or BY_NUMBER.pop(n),
        done=clear,
    ),
    Case(
        "growing-cache",
        "a dict that is a cache by its name",
        leak=lambda: CACHE.setdefault(next(NUMBERS), Data()),
        twin=lambda: CACHE.setdefault(1, Data()),
        fixed=lambda: bounded(next(NUMBERS)),
        done=clear,
    ),
    Case(
        "class-attribute",
        "a list on the class tests.diagnosis.causes.test_places.Session that only grows",
        leak=lambda: Session().note(),
        twin=lambda: Session(own=True).note(),
        fixed=lambda: Session(own=True).note(),
        done=clear,
    ),
    Case(
        "default-argument",
        "a list that is a default argument of tests.diagnosis.causes.test_places.collect",
        leak=lambda: collect(Data()),
        twin=lambda: collect(Data(), []),
        fixed=lambda: collect_anew(Data()),
        done=clear,
    ),
    Case(
        "closure",
        "a dict in the closure of tests.diagnosis.causes.test_places.make_memo.<locals>.look_up",
        leak=lambda: look_up(next(NUMBERS)),
        twin=lambda: look_up(1),
        fixed=lambda: bounded(next(NUMBERS)),
        done=clear,
    ),
    Case(
        "growing-container",
        "a list that only grows",
        leak=lambda: STORE.rows.append(Data()),
        twin=STORE.put_and_take,
        fixed=STORE.put_and_take,
        done=clear,
    ),
    Case(
        "growing-attributes",
        "more and more attributes",
        leak=attribute,
        twin=lambda: setattr(STORE, "field_1", Data()),
        fixed=attribute_and_delete,
        done=clear,
    ),
    Case(
        "growing-text",
        "a text or a buffer that is added to",
        leak=grow_text,
        twin=lambda: setattr(Session, "name", "x" * 2000),
        fixed=grow_text_and_begin_anew,
        done=clear,
    ),
)


@pytest.mark.skipif(
    memwatch.backend.name == "pure" or sys.version_info < (3, 12),
    reason="the size of a stream is read in C, from 3.12 on",
)
@pytest.mark.parametrize(("kind", "line"), [(io.StringIO, "x" * 20_000), (io.BytesIO, b"x" * 20_000)])
def test_a_stream_that_is_never_emptied(kind: type[Any], line: Any) -> None:
    stream = kind()

    def write(empty: bool = False) -> None:
        stream.write(line)
        if empty:
            stream.seek(0)
            stream.truncate()

    words = "a stream in memory that is written to"
    STORE.stream = stream
    try:
        Case("growing-stream", words, leak=write, twin=kind, fixed=lambda: write(empty=True)).verify()
    finally:
        del STORE.stream


@pytest.mark.parametrize("case", rows(CASES))
def test_where_a_container_stands_is_told(case: Case) -> None:
    case.verify()


def test_their_innocent_twins_are_silent() -> None:
    verify_twins(CASES)
