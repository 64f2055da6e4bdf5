"""A tree of call paths with the bytes and the number of allocations that each of them holds.

Profiles and traces are made into one, and every file format is written from one. A path is a true calling context: the
same function called from two places, or by itself, is two nodes. Nothing here recurses, so a path may be of any depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from .estimates import AGES, Estimate, Part, describe
from .frames import Frame
from .internal import internal

Allocations = tuple[tuple[int, int], ...]

ROOT_ID = 1

ROOT = Frame("(root)")


@internal
@dataclass(frozen=True, slots=True)
class Stack:
    """A path of frames, outermost first, and what was allocated at its end: bytes, how many allocations, and of which
    size, as (size, count) pairs.

    `allocations` is empty where sizes are not known. In a difference numbers may be negative. `parts` are the samples
    that the numbers were estimated from, by thread and task; there are none where nothing was estimated.
    """

    frames: tuple[Frame, ...]
    size_bytes: int
    count: int
    allocations: Allocations = ()
    parts: tuple[Part, ...] = ()


@internal
class Node(NamedTuple):
    """One call path's end. `self_…` is what was allocated there, `total_…` the same with all that lies below.

    `id` is made from the path alone: it is the same in every tree that has this path, and no other node has it.

    Where the numbers are estimates, `parts` are the samples behind `self_...`, by thread and task, and `estimate` is
    what all samples behind `total_...` say: `interval`, `samples`, `ages`, `threads`, `tasks` and `labels`. These are
    None where every allocation was seen, where it is not known, and in a difference.
    """

    id: int
    frame: Frame
    self_bytes: int
    self_count: int
    total_bytes: int
    total_count: int
    allocations: Allocations
    children: tuple[Node, ...]
    parts: tuple[Part, ...] = ()
    estimate: Estimate | None = None

    def __eq__(self, other: object) -> bool:
        """Whether *other* is this very node: a comparison by value would walk all that lies below."""
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return object.__hash__(self)

    @property
    def function(self) -> str:
        """The function's qualified name; ``(root)`` at the root."""
        return self.frame.function

    @property
    def file(self) -> str:
        """The path of the file as the interpreter knows it; empty where there is none."""
        return self.frame.file

    @property
    def line(self) -> int:
        """The line that was running, from 1; 0 where it is not known."""
        return self.frame.line

    @property
    def column(self) -> int:
        """Where on that line, from 1; 0 where it is not known."""
        return self.frame.column

    @property
    def child_ids(self) -> tuple[int, ...]:
        """The ids of the children."""
        return tuple(child.id for child in self.children)

    @property
    def interval(self) -> tuple[int, int] | None:
        """Between which numbers of bytes the true `total_bytes` lie, with 95 % confidence; see `estimate.interval`."""
        return self.estimate.interval if self.estimate else None

    @property
    def samples(self) -> int | None:
        """How many live samples `total_bytes` was estimated from."""
        return self.estimate.samples if self.estimate else None

    @property
    def ages(self) -> tuple[tuple[float, int], ...] | None:
        """How many of them are younger than so many seconds, and not younger than the bound before: (bound, samples),
        the last bound infinite. A leak's are of all ages; what was filled once and is kept has grown old.
        """
        return tuple(zip(AGES, self.estimate.ages, strict=True)) if self.estimate else None

    @property
    def threads(self) -> tuple[tuple[str, int], ...] | None:
        """Which threads allocated it: (name, estimated bytes), the most first."""
        return self.estimate.threads if self.estimate else None

    @property
    def tasks(self) -> tuple[tuple[str, int], ...] | None:
        """Which asyncio tasks allocated it: (the coroutine that the task runs, estimated bytes), the most first."""
        return self.estimate.tasks if self.estimate else None

    @property
    def labels(self) -> tuple[tuple[str, int], ...] | None:
        """With which labels it was allocated, as `memwatch.label` gives: (text, estimated bytes), the most first."""
        return self.estimate.labels if self.estimate else None

    def __repr__(self) -> str:
        return f"<Node {self.id} {self.frame}: {self.self_bytes} of {self.total_bytes} bytes>"

    def flat(self) -> dict[str, Any]:
        """The node as JSON can hold it, its children as `child_ids` only."""
        return {
            "id": self.id,
            "function": self.function,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "self_bytes": self.self_bytes,
            "total_bytes": self.total_bytes,
            "self_count": self.self_count,
            "total_count": self.total_count,
            "allocations": [list(pair) for pair in self.allocations],
            "child_ids": list(self.child_ids),
            **describe(self.estimate),
        }

    def to_dict(self) -> dict[str, Any]:
        """The node and everything below it, each with its `children`."""
        made: dict[int, dict[str, Any]] = {}
        for node in reversed(list(walk(self))):
            made[node.id] = {**node.flat(), "children": [made.pop(child.id) for child in node.children]}
        return made[self.id]


@internal
@dataclass(frozen=True, slots=True, eq=False)
class CallTree:
    """The tree below `root`, and where it comes from.

    `name` is a title, `source` what measured it, `sample_interval` the mean number of bytes between two samples (1:
    every allocation was seen), `time` when it was read (epoch seconds), `duration` how long it was measured before
    that (seconds), `pid` in which process (0: not known). In a `difference` numbers may be negative. `notes` are
    remarks for the reader. `samples_taken` are those since the start, held or not, and `samples_expected` the bytes
    that were allocated divided by the interval; None where nothing was sampled, where it is not known, and in a
    difference.
    """

    root: Node
    name: str = "heap"
    source: str = ""
    sample_interval: int = 1
    time: float = 0.0
    duration: float = 0.0
    pid: int = 0
    difference: bool = False
    notes: tuple[str, ...] = ()
    samples_taken: int | None = None
    samples_expected: float | None = None


def walk(root: Node) -> Iterator[Node]:
    """Every node below *root* and itself, parents before their children, in the order of the children."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def stacks_of(root: Node) -> Iterator[Stack]:
    """What `treebuilder.build` was given, one stack a path: the nodes that hold something themselves."""
    path: list[Frame] = []
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        del path[depth:]
        while True:
            path.append(node.frame)
            if node.self_bytes or node.self_count or node.allocations:
                yield Stack(tuple(path[1:]), node.self_bytes, node.self_count, node.allocations, node.parts)
            if len(node.children) != 1:
                break
            node = node.children[0]  # as most are
        depth = len(path)
        waiting.extend([(child, depth) for child in reversed(node.children)])
