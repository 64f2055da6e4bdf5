"""A profile: which call paths hold how much of what was allocated since the start, at one moment."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .. import formats
from ..calltree import ROOT, CallTree, Node, Stack, stacks_of, walk
from ..combine import diff, keep, merge
from ..errors import OptionError
from ..estimates import Part, weigh
from ..files import write_file
from ..frames import Frame
from ..notebook_display import Shown, page_html
from ..tables import aligned, shorten_start
from ..units import format_bytes, printable

_TOP = 10
_WIDEST = 100


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Profile(Shown):
    """The call paths that held memory when it was read. Print it for the lines that hold the most.

    `tree` is what formats are written from, `stack_depth` how many frames a path may have, `started` when the
    profile began (epoch seconds).
    """

    tree: CallTree
    stack_depth: int
    started: float

    @property
    def root(self) -> Node:
        """The root of the call tree; its `total_bytes` is all that is held."""
        return self.tree.root

    @property
    def source(self) -> str:
        """What watched the allocations: ``sampler`` or ``tracemalloc``."""
        return self.tree.source

    @property
    def sample_interval(self) -> int:
        """The mean number of bytes between two samples; 1 if every allocation was seen, as by tracemalloc."""
        return self.tree.sample_interval

    @property
    def samples_taken(self) -> int | None:
        """How many samples were taken since the start, held or not; None where nothing was sampled, in a difference."""
        return self.tree.samples_taken

    @property
    def samples_expected(self) -> float | None:
        """How many there should be, the bytes that were allocated divided by the interval; None as `samples_taken`."""
        return self.tree.samples_expected

    @property
    def time(self) -> float:
        """When it was read, in epoch seconds."""
        return self.tree.time

    @property
    def pid(self) -> int:
        """The process; 0 for several."""
        return self.tree.pid

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader should know about these numbers."""
        return self.tree.notes

    def nodes(self) -> tuple[Node, ...]:
        """Every node, parents before their children."""
        return (*walk(self.root),)

    def diff(self, other: Profile) -> Profile:
        """What this profile has more than *other*, an earlier one, path by path; less is negative."""
        return Profile(diff(self.tree, _profile(other).tree), self.stack_depth, other.time)

    def merge(self, *others: Profile) -> Profile:
        """This profile and *others* added up, as of several processes."""
        every = [self, *map(_profile, others)]
        return Profile(
            merge(one.tree for one in every),
            max(one.stack_depth for one in every),
            min(one.started for one in every),
        )

    def filter(self, where: Callable[[Frame], bool] | None = None, *, function: str = "", file: str = "") -> Profile:
        """The paths that lead through a frame for which all that is given holds, whole.

        *where* answers True for the frame; *function* and *file* are parts of its names. Raises OptionError if nothing
        is given, or something that is no text.
        """
        if not all(isinstance(part, str) for part in (function, file)) or not (where or function or file):
            raise OptionError("filter() takes where=a function of a frame, function= and file= a part of their names")

        def wanted(stack: Stack) -> bool:
            return any(
                function in frame.function and file in frame.file and (where is None or where(frame))
                for frame in stack.frames
            )

        return Profile(keep(self.tree, wanted), self.stack_depth, self.started)

    def write(self, path: str | os.PathLike[str], format: str | None = None) -> str:
        """Write it to *path* and return the absolute path; *format* is chosen by the suffix if it is not given.

        Raises FormatError for a format or suffix that is not known, WriteError if the file cannot be written.
        """
        return write_file(path, self.encode(formats.choose(path, format)))

    def encode(self, format: str) -> bytes:
        """What `write` puts into a file, for one that is sent elsewhere. Raises FormatError."""
        return formats.write(self.tree, formats.choose(None, format))

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        tree = self.tree
        return {
            "name": tree.name,
            "source": tree.source,
            "sample_interval": tree.sample_interval,
            "stack_depth": self.stack_depth,
            "started": self.started,
            "time": tree.time,
            "duration": tree.duration,
            "pid": tree.pid,
            "difference": tree.difference,
            "samples_taken": tree.samples_taken,
            "samples_expected": tree.samples_expected,
            "notes": list(tree.notes),
            "root": tree.root.to_dict(),
        }

    def _repr_html_(self) -> str:
        return page_html(self.encode("flamegraph").decode())

    def __repr__(self) -> str:
        return f"<Profile {_summary(self)}>"

    def __str__(self) -> str:
        lines = [_summary(self), *_table(self)]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def load(path: str | os.PathLike[str]) -> Profile:
    """The profile in the file *path*, of any format that can be read, also of another program's.

    What the format does not keep is unknown: see each one's description. Raises FormatError.
    """
    tree = formats.read_file(path)
    depth = max((len(stack.frames) for stack in stacks_of(tree.root)), default=0)
    return Profile(tree, depth, tree.time - tree.duration)


def _profile(value: object) -> Profile:
    if not isinstance(value, Profile):
        raise OptionError(f"a Profile is compared with a Profile, not with a {type(value).__name__}")
    return value


def _summary(profile: Profile) -> str:
    root = profile.root
    held = format_bytes(root.total_bytes, signed=profile.tree.difference)
    taken, expected = profile.samples_taken, profile.samples_expected
    sampled = "" if taken is None or expected is None else f"; samples taken / expected: {taken:,} / {expected:,.0f}"
    return f"{held} in {root.total_count:,} allocations, by {profile.source or 'an unknown source'}{sampled}"


@dataclass(slots=True)
class _Line:
    """What one line of code holds itself, whatever path led to it."""

    size_bytes: int = 0
    count: int = 0
    parts: list[Part] = field(default_factory=list)
    certain: bool = True

    def add(self, stack: Stack) -> None:
        self.size_bytes += stack.size_bytes
        self.count += stack.count
        self.parts += stack.parts
        self.certain = self.certain and bool(stack.parts)


def _table(profile: Profile) -> list[str]:
    """The lines of code that hold the most themselves, in either direction, with 95 % intervals of estimates."""
    signed = profile.tree.difference
    lines: dict[tuple[str, str, int], _Line] = defaultdict(_Line)
    for stack in stacks_of(profile.root):
        frame = stack.frames[-1] if stack.frames else ROOT
        lines[frame.function, frame.file, frame.line].add(stack)
    largest = sorted(lines.items(), key=lambda item: -abs(item[1].size_bytes))[:_TOP]
    count = "{:+,}" if signed else "{:,}"
    return aligned(
        [
            (format_bytes(line.size_bytes, signed), count.format(line.count), _interval(line), _place(*key))
            for key, line in largest
        ],
        left=(3,),
        least=(12, 10),
    )


def _interval(line: _Line) -> str:
    if not line.certain:
        return ""
    low, high = weigh(line.parts).interval
    return f"{format_bytes(low)} to {format_bytes(high)}"


def _place(function: str, file: str, line: int) -> str:
    where = shorten_start(f"{file}:{line}", _WIDEST) if file else "outside Python code"
    return f"{printable(function)}  {where}"
