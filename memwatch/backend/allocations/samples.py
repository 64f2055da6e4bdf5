"""What the sampler in C holds, read as columns: stacks, live samples, and which of them are objects."""

from __future__ import annotations

import os
import struct
from array import array
from dataclasses import dataclass

from ...frames import Frame
from ...internal import internal
from .. import _native
from ..type_labels import every_type, type_label
from .frame_filter import FrameFilter

_CUT = 1 << 31
_LOOPS = {("Handle._run", "events.py"), ("Runner.run", "runners.py"), ("BaseEventLoop.run_forever", "base_events.py")}
_ASYNCIO = os.path.join("asyncio", "")


@internal
@dataclass(frozen=True, slots=True)
class Reading:
    """What `sampling_read` gives; a stack is a range of steps, innermost first, a step is a place. `coroutines` and
    `loops` tell of each place whether it is one, or an event loop's own."""

    places: tuple[Frame, ...]
    coroutines: tuple[bool, ...]
    loops: tuple[bool, ...]
    stacks: tuple[tuple[tuple[int, ...], bool], ...]
    samples: tuple[tuple[int, int, float, int, int, int, int, int], ...]
    """size, birth, interval, thread, stack, address, 1 for a block that C code took past Python's allocators, label."""
    time: int

    def program_part(self, territory: FrameFilter, steps: tuple[int, ...]) -> tuple[int, ...] | None:
        """*steps* as far as they are the program's; None if the allocation is memwatch's own.

        What an event loop runs begins there: the loop is the same for all, and says nothing of who allocated.
        """
        if not steps:
            return steps
        part = territory.program_part([(self.places[step].file, self.places[step].line) for step in steps])
        return steps[: self._loop_of(steps[: len(part)])] if part else None

    def task(self, steps: tuple[int, ...], cut: bool) -> str:
        """The function that an asyncio task runs, empty if there is none, or if it is where *steps* were cut."""
        end = self._loop_of(steps)
        roots = [step for step in steps[:end] if self.coroutines[step]]
        return self.places[roots[-1]].function if roots and not (cut and end == len(steps)) else ""

    def _loop_of(self, steps: tuple[int, ...]) -> int:
        """Where the innermost event loop's own steps begin; their number if there is none, or nothing but a loop."""
        return next((place for place, step in enumerate(steps) if self.loops[step]), 0) or len(steps)


def read(begun: int) -> Reading:
    """The samples that were taken since *begun*, on the steady clock."""
    codes, at, steps, ends, addresses, sizes, births, intervals, threads, stacks, natives, labels, now = (
        _native.sampling_read()
    )
    numbers = _column("I", at)
    places, coroutines, loops = [], [], []
    for code, line, column in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True):
        function, file, first_line, coroutine = codes[code]
        places.append(Frame(function, file, line, column, first_line))
        coroutines.append(coroutine)
        loops.append(_is_loop(function, file))
    first = (_column("Q", sizes), _column("Q", births), _column("f", intervals), _column("I", threads))
    rows = zip(*first, _column("I", stacks), _column("Q", addresses), natives, _column("H", labels), strict=True)
    samples = tuple([row for row in rows if row[1] >= begun])
    stacks_read = _stacks_of(steps, ends)
    return Reading(tuple(places), tuple(coroutines), tuple(loops), stacks_read, samples, now)


def _is_loop(function: str, file: str) -> bool:
    """Whether it is a frame of asyncio's that runs callbacks and tasks, or a loop that does so in C."""
    folder, name = os.path.split(file)
    return (function, name) in _LOOPS and os.path.join(folder, "").endswith(_ASYNCIO)


def objects() -> dict[tuple[int, int], tuple[int, str]]:
    """By a sample's address and birth: how many bytes lie before the object in it, and the label of its type."""
    types = every_type()
    rows = struct.iter_unpack("=QQII", _native.sampling_objects(types))
    return {(address, birth): (before, type_label(types[place])) for address, birth, place, before in rows}


def _stacks_of(raw_steps: bytes, raw_ends: bytes) -> tuple[tuple[tuple[int, ...], bool], ...]:
    steps, found, start = _column("I", raw_steps), [], 0
    for marked in _column("I", raw_ends):
        end = marked & ~_CUT
        found.append((tuple(steps[start:end]), bool(marked & _CUT)))
        start = end
    return tuple(found)


def _column(code: str, data: bytes) -> array[int]:
    made: array[int] = array(code)
    made.frombytes(data)
    return made
