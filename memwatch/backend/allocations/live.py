"""What a source of live allocations gives: stacks whose memory is still held, and what to know about them.

This is where `profile/` and a backend meet: whatever watches the allocator names the code itself and gives these.
They are no named tuples: generated code makes those, and by its file that cannot always be distinguished from a
program's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ...frames import Frame
from ...internal import internal


@internal
@dataclass(frozen=True, slots=True)
class LiveStack:
    """Frames, outermost first, and what is held of that which was allocated at their end: (bytes, how many) by size.

    Where not every allocation is seen, how many is an estimate, a whole number that is right on average, and `samples`
    is how many were seen; else it is the sum of the others. `ages` are seconds since the samples were taken, the
    youngest first, of many a few that are as evenly spread; empty if that is not known. `thread` and `task` name who
    allocated, a thread and a function that an asyncio task runs; empty if that is not known. `variance` is that of the
    estimated bytes; 0 where every allocation is seen. `context` are the labels that `memwatch.label` gave.
    """

    places: tuple[Frame, ...]
    sizes: tuple[tuple[int, int], ...]
    samples: int
    ages: tuple[float, ...] = ()
    thread: str = ""
    task: str = ""
    variance: float = 0.0
    context: str = ""


@internal
@dataclass(frozen=True, slots=True)
class Sampled:
    """One live sample that is the program's: its stack, innermost first, how many blocks it stands for, and the
    bytes that the allocator gave for these.

    `label` is the type of the object in the block, at `address`; empty, and the block's, where there is no object.
    `birth` is when it was taken, on the steady clock in nanoseconds; 0 where that is not known. `native` blocks were
    taken by C code past Python's allocators; such without a label that are not native are mostly what objects keep
    beside themselves, the table of a dict or the items of a list. `context` are the labels of the code that allocated.
    """

    places: tuple[Frame, ...]
    address: int
    label: str
    count: float
    size_bytes: float
    birth: int = 0
    native: bool = False
    context: str = ""


@internal
@dataclass(frozen=True, slots=True)
class LiveHeap:
    """Every stack that holds memory, each once for a thread, a task and a set of labels.

    `source` names what watched, `sample_interval` is the mean number of bytes between two samples (1: all was seen),
    `stack_depth` how many frames are kept at most, `notes` are remarks for the reader. `samples_taken` are those since
    the start, whether they are still held or not, `samples_expected` how many there should be; 0 where all was seen.
    """

    stacks: tuple[LiveStack, ...]
    source: str
    sample_interval: int
    stack_depth: int
    notes: tuple[str, ...]
    samples_taken: int = 0
    samples_expected: float = 0.0


@internal
@dataclass(frozen=True, slots=True, eq=False)
class LivePath:
    """What one thread, task and set of labels holds of what was allocated at the end of one call path; as `LiveStack`,
    but for what gets older by itself. The next reading has the same object where nothing of it has changed.

    `cut` of its `samples` had more frames than are kept.
    """

    places: tuple[Frame, ...]
    thread: str
    task: str
    context: str
    sizes: tuple[tuple[int, int], ...]
    samples: int
    cut: int


@internal
@dataclass(frozen=True, slots=True)
class PathReading:
    """All paths that hold memory; the rest as in `LiveHeap`."""

    paths: tuple[LivePath, ...]
    source: str
    sample_interval: int
    notes: tuple[str, ...]


class AllocationSource(Protocol):
    """Watches allocations between `start` and `stop`; what was allocated before is never seen."""

    @property
    def name(self) -> str:
        """What `LiveHeap.source` says."""

    @property
    def running(self) -> bool:
        """Whether it watches; False also if somebody else has ended that."""

    def start(self, sample_interval: int, stack_depth: int) -> None:
        """Begin with nothing. Raises UnsupportedError where that cannot be done."""

    def stop(self) -> None:
        """End, and forget everything."""

    def read(self) -> LiveHeap:
        """What is held now. Raises NotStartedError if nothing watches."""
