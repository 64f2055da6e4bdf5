"""A tree of call paths with the bytes and the number of allocations that each of them holds.

Profiles and traces are made into one, and every file format is written from one. A path is a true calling context: the
same function called from two places, or by itself, is two nodes. Nothing here recurses, so a path may be of any depth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from .estimates import AGES, Evidence, Part, describe, merge_parts, total, weigh
from .frames import Frame
from .internal import internal

Allocations = tuple[tuple[int, int], ...]

ROOT_ID = 1
_ID_BYTES = 6  # 48 bits: every reader keeps such a number whole, also those that know doubles only


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
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Node:
    """One call path's end. `self_…` is what was allocated there, `total_…` the same with all that lies below.

    `id` is made from the path alone: it is the same in every tree that has this path, and no other node has it.

    Where the numbers are estimates, `parts` are the samples behind `self_...`, by thread and task, and `evidence` is
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
    evidence: Evidence | None = None

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
        """Between which numbers of bytes the true `total_bytes` lie, with 95 % confidence; see `evidence.interval`."""
        return self.evidence.interval if self.evidence else None

    @property
    def samples(self) -> int | None:
        """How many live samples `total_bytes` was estimated from."""
        return self.evidence.samples if self.evidence else None

    @property
    def ages(self) -> tuple[tuple[float, int], ...] | None:
        """How many of them are younger than so many seconds, and not younger than the bound before: (bound, samples),
        the last bound infinite. A leak's are of all ages; what was filled once and is kept has grown old.
        """
        return tuple(zip(AGES, self.evidence.ages, strict=True)) if self.evidence else None

    @property
    def threads(self) -> tuple[tuple[str, int], ...] | None:
        """Which threads allocated it: (name, estimated bytes), the most first."""
        return self.evidence.threads if self.evidence else None

    @property
    def tasks(self) -> tuple[tuple[str, int], ...] | None:
        """Which asyncio tasks allocated it: (the coroutine that the task runs, estimated bytes), the most first."""
        return self.evidence.tasks if self.evidence else None

    @property
    def labels(self) -> tuple[tuple[str, int], ...] | None:
        """With which labels it was allocated, as `memwatch.label` gives: (text, estimated bytes), the most first."""
        return self.evidence.labels if self.evidence else None

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
            **describe(self.evidence),
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


@internal
@dataclass(slots=True, eq=False)
class Growing:
    """A node while its tree is built."""

    id: int
    frame: Frame
    size_bytes: int = 0
    count: int = 0
    sizes: dict[int, int] = field(default_factory=dict)
    children: dict[Frame, Growing] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    certain: bool = True  # samples stand behind all of its own numbers

    def hold(self, size_bytes: int, count: int, allocations: Allocations = (), parts: tuple[Part, ...] = ()) -> None:
        """Add what was allocated at this node itself."""
        self.size_bytes += size_bytes
        self.count += count
        for size, number in allocations:
            self.sizes[size] = self.sizes.get(size, 0) + number
        self.parts += parts
        self.certain = self.certain and bool(parts)


@internal
class Builder:
    """Grows a tree node by node, for what comes as a tree; `build` does it for paths."""

    def __init__(self) -> None:
        self.root = Growing(ROOT_ID, ROOT)
        self._taken = {0, ROOT_ID}

    def child(self, parent: Growing, frame: Frame) -> Growing:
        """The node of *frame* below *parent*, made where there is none yet."""
        found = parent.children.get(frame)
        if found is None:
            found = parent.children[frame] = Growing(_make_id(parent.id, frame, self._taken), frame)
        return found

    def add(self, root: Node, sign: int = 1, counts: bool = True, parts: bool = True) -> None:
        """Add every node below *root*, or subtract it with *sign* -1, without its counts or its samples if asked to."""
        places = {root.id: self.root}
        for node in walk(root):
            place = places.pop(node.id)
            if node.self_bytes or node.self_count or node.allocations:
                sizes = tuple((size, sign * count) for size, count in node.allocations) if counts else ()
                count = sign * node.self_count if counts else 0
                place.hold(sign * node.self_bytes, count, sizes, node.parts if parts else ())
            places.update((child.id, self.child(place, child.frame)) for child in node.children)

    def build(self) -> Node:
        """The root of the tree; nodes that hold nothing, with all that lies below them, are left out.

        Children are in the order of their bytes, the most (in either direction) first.
        """
        return _finish(self.root)


def build(stacks: Iterable[Stack]) -> Node:
    """The root of a tree that holds all *stacks*, as `Builder.build` makes it."""
    builder = Builder()
    for stack in stacks:
        node = builder.root
        for frame in stack.frames:
            node = builder.child(node, frame)
        node.hold(stack.size_bytes, stack.count, stack.allocations, stack.parts)
    return builder.build()


def _make_id(parent: int, frame: Frame, taken: set[int]) -> int:
    """A number made from the parent's and the frame; the next free one should two paths ever come out the same."""
    text = f"{parent}\0{frame.function}\0{frame.file}\0{frame.line}\0{frame.column}"
    made = int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_ID_BYTES).digest(), "little")
    while made in taken:
        made = (made + 1) % (1 << 8 * _ID_BYTES)
    taken.add(made)
    return made


def _finish(root: Growing) -> Node:
    order = [root]
    for growing in order:  # it gets longer as we go: parents before their children
        order.extend(growing.children.values())
    made: dict[int, Node | None] = {}
    for growing in reversed(order):
        children = [node for child in growing.children.values() if (node := made.pop(child.id)) is not None]
        made[growing.id] = _freeze(growing, children)
    return made[ROOT_ID] or Node(ROOT_ID, ROOT, 0, 0, 0, 0, (), ())


def _freeze(growing: Growing, children: list[Node]) -> Node | None:
    allocations = tuple(sorted([it for it in growing.sizes.items() if it[1]])) if growing.sizes else ()
    if not (growing.size_bytes or growing.count or allocations or children):
        return None
    if len(children) > 1:
        children.sort(key=lambda node: (-abs(node.total_bytes), node.function, node.id))
    parts = merge_parts(growing.parts) if growing.certain and growing.parts else ()
    return Node(
        id=growing.id,
        frame=growing.frame,
        self_bytes=growing.size_bytes,
        self_count=growing.count,
        total_bytes=growing.size_bytes + sum([node.total_bytes for node in children]),
        total_count=growing.count + sum([node.total_count for node in children]),
        allocations=allocations,
        children=tuple(children),
        parts=parts,
        evidence=_gather(parts, children) if growing.certain else None,
    )


def _gather(parts: tuple[Part, ...], children: list[Node]) -> Evidence | None:
    """All that is known of a node's samples; None unless it is known of everything below it."""
    below = [child.evidence for child in children if child.evidence is not None]
    if len(below) < len(children):
        return None
    own = [weigh(parts)] if parts else []
    return total([*own, *below]) if own or below else None


def walk(root: Node) -> Iterator[Node]:
    """Every node below *root* and itself, parents before their children, in the order of the children."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def stacks_of(root: Node) -> Iterator[Stack]:
    """What `build` was given, one stack a path: the nodes that hold something themselves."""
    waiting: list[tuple[Node, tuple[Frame, ...]]] = [(root, ())]
    while waiting:
        node, frames = waiting.pop()
        if node.self_bytes or node.self_count or node.allocations:
            yield Stack(frames, node.self_bytes, node.self_count, node.allocations, node.parts)
        waiting.extend((child, (*frames, child.frame)) for child in reversed(node.children))
