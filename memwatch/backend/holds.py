"""For how long does memwatch hold the interpreter in one piece? What walks the heap in C is measured here.

By the clock a hold says how long the program stood still. The processor time of the thread that held says how much of
that memwatch worked; for the rest it waited for a processor, which other programs had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from ..clock import Clock
from ..internal import internal, never_count
from .quiet import get_ident

Note = Callable[[float, float], None]
"""Gets the seconds of a hold by the clock, and those of processor time."""

_notes: dict[int, Note] = {}
never_count(_notes)


@internal
class Hold:
    """`with Hold() as hold:` around what holds the interpreter from end to end.

    Then `seconds` is how long it took by the clock, and `work` how much processor time this thread has spent in it.
    """

    __slots__ = ("seconds", "work")

    def __init__(self) -> None:
        self.seconds = self.work = 0.0

    def __enter__(self) -> Self:
        self.work, self.seconds = Clock.thread_time(), Clock.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = Clock.perf_counter() - self.seconds
        self.work = min(self.seconds, Clock.thread_time() - self.work)
        note_hold(self.seconds, self.work)


def note_hold(seconds: float, work: float) -> None:
    """This thread has held the interpreter for so long by the clock, and worked so much of it."""
    note = _notes.get(get_ident())
    if note is not None:
        note(seconds, work)


@contextmanager
def holds_noted_by(note: Note) -> Iterator[None]:
    """Call *note* with each hold of this thread until the end of the block."""
    thread = get_ident()
    before = _notes.get(thread)
    _notes[thread] = note
    try:
        yield
    finally:
        if before is None:
            _notes.pop(thread, None)
        else:
            _notes[thread] = before
