"""What the sampler in C holds, read as columns: stacks, live samples, and which of them are objects."""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterator

from ...frames import Frame
from ...internal import internal
from .. import _native
from ..type_labels import every_type, type_label
from .frame_filter import FrameFilter

_CUT = 1 << 31
_LOOPS = {("Handle._run", "events.py"), ("Runner.run", "runners.py"), ("BaseEventLoop.run_forever", "base_events.py")}
_ASYNCIO = os.path.join("asyncio", "")
_Row = tuple[int, int, float, int, int, int, int, int]


@internal
class Places(dict[int, Frame]):
    """Frames by the number of their place, each made when it is first asked for."""

    def __init__(self, codes: list[tuple[str, str, int, bool]], numbers: array[int]) -> None:
        super().__init__()
        self._codes, self._numbers = codes, numbers

    def __missing__(self, place: int) -> Frame:
        function, file, first_line, _ = self.code(place)
        line, column = self._numbers[3 * place + 1 : 3 * place + 3]
        made = self[place] = Frame(function, file, line, column, first_line)
        return made

    def code(self, place: int) -> tuple[str, str, int, bool]:
        """Function, file, first line, and whether it is a coroutine."""
        return self._codes[self._numbers[3 * place]]


@internal
class Reading:
    """What `sampling_read` gives; a stack is a range of steps, innermost first, a step is the number of a place.

    Nothing is made of it before it is asked for: of most of it some readers know already all that they need.
    """

    __slots__ = ("_columns", "_ends", "_loops", "_steps", "places", "time")

    def __init__(self) -> None:
        codes, at, steps, ends, addresses, sizes, births, intervals, threads, stacks, natives, labels, self.time = (
            _native.sampling_read()
        )
        self.places = Places(codes, _column("I", at))
        self._steps, self._ends = _column("I", steps), _column("I", ends)
        first = (_column("Q", sizes), _column("Q", births), _column("f", intervals), _column("I", threads))
        self._columns = (*first, _column("I", stacks), _column("Q", addresses), natives, _column("H", labels))
        self._loops: dict[tuple[str, str], bool] = {}

    def rows(self) -> Iterator[_Row]:
        """Of each sample size, birth, interval, thread, stack (from 1; 0 is none that is known), address, 1 for a block
        that C code took past Python's allocators, label.
        """
        return zip(*self._columns, strict=True)

    def identities(self) -> Iterator[tuple[int, int, int]]:
        """What tells each sample from all others, and from itself after its block has grown: address, birth, size."""
        sizes, births, _, _, _, addresses, _, _ = self._columns
        return zip(addresses, births, sizes, strict=True)

    def row(self, number: int) -> _Row:
        """One of `rows`."""
        return tuple([column[number] for column in self._columns])  # type: ignore[return-value]

    def samples(self, begun: int) -> tuple[_Row, ...]:
        """Those of `rows` that were taken since *begun*, on the steady clock."""
        return tuple([row for row in self.rows() if row[1] >= begun])

    def stack(self, number: int) -> tuple[tuple[int, ...], bool]:
        """The steps of a stack, from 1, and whether it was cut; none for 0."""
        if not number:
            return (), False
        start, marked = self._ends[number - 2] & ~_CUT if number > 1 else 0, self._ends[number - 1]
        return tuple(self._steps[start : marked & ~_CUT]), bool(marked & _CUT)

    @property
    def stacks(self) -> list[tuple[tuple[int, ...], bool]]:
        """All of them, from number 1 on."""
        return [self.stack(number) for number in range(1, len(self._ends) + 1)]

    def program_part(self, frame_filter: FrameFilter, steps: tuple[int, ...]) -> tuple[int, ...] | None:
        """*steps* as far as they are the program's; None if the allocation is memwatch's own.

        What an event loop runs begins there: the loop is the same for all, and says nothing of who allocated.
        """
        if not steps:
            return steps
        part = frame_filter.program_part([(self.places[step].file, self.places[step].line) for step in steps])
        return steps[: self._loop_of(steps[: len(part)])] if part else None

    def task(self, steps: tuple[int, ...], cut: bool) -> str:
        """The function that an asyncio task runs, empty if there is none, or if it is where *steps* were cut."""
        end = self._loop_of(steps)
        roots = [step for step in steps[:end] if self.places.code(step)[3]]
        return self.places[roots[-1]].function if roots and not (cut and end == len(steps)) else ""

    def _loop_of(self, steps: tuple[int, ...]) -> int:
        """Where the innermost event loop's own steps begin; their number if there is none, or nothing but a loop."""
        return next((place for place, step in enumerate(steps) if self._is_loop(step)), 0) or len(steps)

    def _is_loop(self, step: int) -> bool:
        function, file, _, _ = self.places.code(step)
        known = self._loops.get((function, file))
        if known is None:
            known = self._loops[function, file] = _is_loop(function, file)
        return known


def _is_loop(function: str, file: str) -> bool:
    """Whether it is a frame of asyncio's that runs callbacks and tasks, or a loop that does so in C."""
    folder, name = os.path.split(file)
    return (function, name) in _LOOPS and os.path.join(folder, "").endswith(_ASYNCIO)


def objects() -> dict[tuple[int, int], tuple[int, str]]:
    """By a sample's address and birth: how many bytes lie before the object in it, and the label of its type."""
    types = every_type()
    rows = struct.iter_unpack("=QQII", _native.sampling_objects(types))
    return {(address, birth): (before, type_label(types[place])) for address, birth, place, before in rows}


def _column(code: str, data: bytes) -> array[int]:
    made: array[int] = array(code)
    made.frombytes(data)
    return made
