"""The search of the chosen backend: from the roots to what is new, and back as chains of living objects."""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..backend import name
from ..backend.forks import begin_walk, end_walk
from ..internal import internal
from .found import HoldingSite, Query, Question
from .pure import search_in_python
from .references import empty_locals

if name == "native":
    from . import native

IN_C = name == "native" and native.KNOWS_FRAMES
"""Whether there is a search in C for this Python."""

_PURE_SECONDS = 7e-7  # a block of Python's allocator, in a walk that other threads interrupt
_PURE_PAUSE = 4.4e-8  # the same: what lists the tracked objects is one call


@internal
class Search:
    """`with Search(query) as places:` the places where there are new objects.

    Entering raises `Cancelled`. The places hold objects until the end; a fork meanwhile waits a moment, so that the
    child does not keep them.
    """

    __slots__ = ("_ask", "_in_python", "places", "rests", "thread")

    def __init__(self, query: Query) -> None:
        self.places: list[HoldingSite] = []
        self.rests = False
        self.thread = get_ident()
        self._in_python = not IN_C or query.in_slices
        self._ask: Callable[[], list[HoldingSite]]
        if self._in_python:
            self._ask = lambda: search_in_python(query, self._hold)
        else:
            self._ask = lambda: native.search(query)

    @classmethod
    def of_child(
        cls,
        question: Question,
        rows: list[Any],
        may_list: bool = False,
        is_old: Callable[[Any], bool] | None = None,
    ) -> Search:
        """The places that a forked child has found as the answer to *question*; the others as `places_of` says."""
        names = question.names
        return cls._asking(lambda: native.places_of(names, rows, may_list, is_old))

    @classmethod
    def near(cls, query: Query, seconds: float) -> Search:
        """The places near to the roots of *query*, as near as can be looked at in so many *seconds*, for which the
        search may hold the interpreter at most. Only on the C backend."""
        nodes = int(seconds / 2 / native.PAUSE_SECONDS)
        references = int(seconds / 2 / native.REFERENCE_SECONDS)
        limited = replace(query, max_objects=nodes, near=references)
        return cls._asking(lambda: native.search(limited))

    @classmethod
    def _asking(cls, ask: Callable[[], list[HoldingSite]]) -> Search:
        made = cls.__new__(cls)
        made.places, made.rests, made.thread, made._in_python = [], False, get_ident(), False
        made._ask = ask
        return made

    def __enter__(self) -> list[HoldingSite]:
        begin_walk(self)
        self.rests = self._in_python  # a walk in Python says itself when it rests
        try:
            self.places = self._ask()
        except BaseException:
            self.release()
            raise
        return self.places

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let go of every object."""
        end_walk(self)
        self._ask = _find_nothing
        for place in self.places:
            place.release()
        self.places.clear()
        empty_locals()

    def _hold(self) -> None:
        self.rests = False


def ask_child(query: Query) -> Question:
    """*query* as a forked child is asked it. The other ways that it finds have no targets of their own."""
    return native.question(query, in_child=True)


def bytes_of_places(rows: list[Any]) -> int:
    """The bytes of new objects at all places that a forked child found with a holder, whether they still exist here or
    not."""
    return native.bytes_of(rows)


def unreached(by_root: list[tuple[int, int, int]]) -> tuple[int, int]:
    """How many new objects nothing leads to, and their bytes, by the child's counts for each kind of root."""
    found = [(items, size) for kind, items, size in by_root if kind == native.NOTHING]
    return sum(items for items, _ in found), sum(size for _, size in found)


def _find_nothing() -> list[HoldingSite]:
    return []


def expected_search(objects: int, in_slices: bool = False) -> tuple[float, float]:
    """Seconds that a search through so many objects is expected to hold the interpreter at once, and to take."""
    if IN_C and not in_slices:
        return objects * native.PAUSE_SECONDS, objects * native.PAUSE_SECONDS
    return objects * _PURE_PAUSE, objects * _PURE_SECONDS
