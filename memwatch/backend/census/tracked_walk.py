"""A visit to every object that the collector tracks, in slices between which other threads run, and fork.

Between two slices the walk holds objects in its own lists alone, which a forked child can empty: whoever visits keeps
none in a variable from one slice to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Any, Self

from ...internal import internal
from .. import FREE_THREADED
from ..forks import begin_walk, end_walk, rest
from ..quiet import get_ident
from ..stopped import stopping_patience
from .contract import Cancelled, ShouldCancel
from .exclude import find_internal, parts_of
from .tracked import Tracked, list_tracked

SLICE = 20_000 if FREE_THREADED else 2000
"""Objects that are looked at between two rests: fewer and larger slices where each stops all threads."""


@internal
class TrackedWalk:
    """`with` lists the tracked objects, and lets go of everything at the end, also where a traceback keeps the frame.

    `pause_seconds` is for how long the listing held the interpreter.
    """

    __slots__ = ("_exclude", "_should_cancel", "batch", "pause_seconds", "rests", "thread", "tracked")

    def __init__(self, exclude: Sequence[object], should_cancel: ShouldCancel) -> None:
        self._exclude = exclude
        self._should_cancel = should_cancel or stopping_patience()
        self.batch: list[Any] = []
        self.tracked = Tracked(self.batch, [], [], set())
        self.pause_seconds = 0.0
        self.rests = False
        self.thread = get_ident()

    def __enter__(self) -> Self:
        begin_walk(self)
        begun = perf_counter()
        # Here and not earlier: the tuple of the arguments is gone. What the walk creates from here on is not listed.
        self.tracked = list_tracked()
        self.pause_seconds = perf_counter() - begun
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.release()
        if isinstance(error, Cancelled):
            error.__traceback__ = None  # its frames hold the slice that was being walked

    def release(self) -> None:
        """Drop every reference and address that the walk holds."""
        end_walk(self)
        self.tracked.clear()
        self.batch.clear()
        self._exclude = ()

    def slices(self) -> Iterator[list[Any]]:
        """The tracked objects, always in the same list."""
        batch, tracked = self.batch, self.tracked.objects
        for start in range(0, len(tracked), SLICE):
            rest(self)
            batch[:] = [it for it in tracked[start : start + SLICE] if it is not None]
            yield batch

    def drain(self) -> Iterator[list[Any]]:
        """As `slices`, each slice dropped from the whole before it is handed out."""
        batch, tracked = self.batch, self.tracked.objects
        while tracked:
            self.check()
            batch[:] = [it for it in tracked[-SLICE:] if it is not None]
            del tracked[-SLICE:]
            yield batch

    def check(self) -> None:
        """To be called where no object is held but in the fields."""
        rest(self)
        if self._should_cancel is not None and self._should_cancel():
            raise Cancelled("gave up while walking the heap")

    def hidden(self) -> set[int]:
        """The addresses that are not counted: memwatch's own objects, and what the caller excludes."""
        found: list[object] = []
        for batch in self.slices():
            found.extend(find_internal(batch))
        return {*parts_of(found), *self.tracked.own, *map(id, self._exclude), id(self._exclude)}
