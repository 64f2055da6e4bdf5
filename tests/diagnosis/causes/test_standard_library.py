"""Causes in less common parts of the standard library, and in cachetools: each keeps what the program has added."""

from __future__ import annotations

import enum
import io
import itertools
import pickle
import shelve
import signal
import xml.etree.ElementTree as ElementTree
from multiprocessing.managers import Server, SyncManager
from typing import Any

import cachetools
import pytest

import memwatch

from .case import Case, Data, verify_twins

pytestmark = [pytest.mark.slow] if memwatch.backend.name == "pure" else []

NUMBERS = itertools.count(1000)
GLOBAL: dict[str, Any] = {}


def verify(case: Case) -> None:
    case.verify()
    verify_twins([case])
    GLOBAL.clear()


def test_elements_that_a_parser_hangs_below_the_root() -> None:
    parser = GLOBAL["parser"] = ElementTree.XMLPullParser(["start", "end"])
    parser.feed("<stream>")
    (_, root), *_ = parser.read_events()

    def read(clear: bool = False) -> None:
        parser.feed(f"<message><body>{'x' * 4000}{next(NUMBERS)}</body></message>")
        assert [event for event, _ in parser.read_events()]
        if clear:
            root.clear()

    def read_document() -> None:
        assert ElementTree.fromstring(f"<stream><message>{'x' * 4000}</message></stream>").tag == "stream"

    verify(
        Case(
            "element-tree",
            "elements that pile up below one element",
            leak=read,
            twin=read_document,
            fixed=lambda: read(clear=True),
            done=root.clear,
        )
    )


def test_a_shelf_with_writeback() -> None:
    entries: dict[str, bytes] = {}
    shelf: Any = shelve.Shelf(entries, writeback=True)
    GLOBAL["shelf"] = shelf
    plain = shelve.Shelf(entries)
    for number in range(3000):
        plain[str(number)] = "x" * 4000
    keys = itertools.cycle(range(3000))

    def visit(sync: bool = False) -> None:
        assert shelf[str(next(keys))]
        if sync:
            shelf.sync()

    verify(
        Case(
            "shelf-writeback",
            "a shelf with writeback=True",
            leak=visit,
            twin=lambda: plain[str(next(keys))],
            fixed=lambda: visit(sync=True),
            done=shelf.sync,
        )
    )


def test_what_the_program_shares_by_a_manager() -> None:
    server = GLOBAL["server"] = Server(SyncManager._registry, ("127.0.0.1", 0), b"key", "pickle")  # type: ignore[attr-defined]
    shared: dict[int, Data] = {}
    server.id_to_obj["a"] = shared, set(), {}
    verify(
        Case(
            "shared-by-manager",
            "shared by a multiprocessing.Manager",
            leak=lambda: shared.__setitem__(next(NUMBERS), Data()),
            twin=lambda: shared.__setitem__(0, Data()),
            fixed=lambda: (shared.__setitem__(0, Data()), shared.pop(0)),
            done=shared.clear,
        )
    )
    server.listener.close()


def test_a_cache_of_cachetools_that_nothing_bounds() -> None:
    endless, bounded = cachetools.TTLCache(maxsize=float("inf"), ttl=10**8), cachetools.TTLCache(maxsize=4, ttl=10**8)
    GLOBAL["caches"] = endless, bounded
    verify(
        Case(
            "cachetools-without-bound",
            "a cache of cachetools without a bound",
            leak=lambda: endless.__setitem__(next(NUMBERS), Data()),
            twin=lambda: bounded.__setitem__(next(NUMBERS), Data()),
            fixed=lambda: bounded.__setitem__(next(NUMBERS), Data()),
            done=endless.clear,
        )
    )


class Rights(enum.IntFlag):
    """Keeps values that no member stands for."""

    READ = 1


def test_values_of_a_flag_that_no_member_stands_for() -> None:
    def check(is_masked: bool = False) -> None:
        for _ in range(20):
            assert Rights(next(NUMBERS) & 1 if is_masked else next(NUMBERS)) is not None

    known = list(Rights._value2member_map_)
    verify(
        Case(
            "flag-values",
            "values of the Flag tests.diagnosis.causes.test_standard_library.Rights",
            leak=check,
            twin=lambda: Rights(1),
            fixed=lambda: check(is_masked=True),
            done=lambda: [Rights._value2member_map_.pop(it) for it in set(Rights._value2member_map_).difference(known)],
        )
    )


def test_a_pickler_that_is_used_again_and_again() -> None:
    stream = io.BytesIO()
    pickler = GLOBAL["pickler"] = pickle.Pickler(stream)

    def send(clear: bool = False) -> None:
        pickler.dump(Data())
        stream.seek(0)
        stream.truncate()
        if clear:
            pickler.clear_memo()

    verify(
        Case(
            "pickler-memo",
            "a Pickler that is used again and again",
            leak=send,
            twin=lambda: pickle.dumps(Data()),
            fixed=lambda: send(clear=True),
            done=pickler.clear_memo,
        )
    )


def test_handlers_that_are_installed_over_one_another() -> None:
    first = signal.getsignal(signal.SIGUSR1)

    def install(again: bool = True) -> None:
        data, before = Data(), signal.getsignal(signal.SIGUSR1) if again else first

        def handle(number: int, frame: object) -> None:
            assert data and callable(before)

        signal.signal(signal.SIGUSR1, handle)

    verify(
        Case(
            "chain-in-c",
            "a chain of which C code holds the last",
            leak=install,
            twin=lambda: install(again=False),
            fixed=lambda: install(again=False),
            done=lambda: signal.signal(signal.SIGUSR1, first),
        )
    )
