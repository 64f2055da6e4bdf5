"""Builds call trees: node by node, or from paths.

A tree may have millions of nodes, so that what is done for each is little: a dict of ints finds it, four lists hold it,
and its number is a sum. Nothing here recurses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from .calltree import ROOT, ROOT_ID, Allocations, Node, Stack, walk
from .estimates import Estimate, Part, merge_parts, total, weigh
from .frames import Frame
from .internal import internal

_ID_BYTES = 6  # 48 bits: every reader keeps such a number whole, also those that know doubles only
_PRIME = (1 << 8 * _ID_BYTES) - 59
_FACTOR = 0x5BD1_E995_9D1B  # any number: frames that change places make another path
_FRAME_BITS = 32


@internal
@dataclass(slots=True, eq=False)
class _Held:
    """What was allocated at a node itself, while its tree is built; most nodes of a tree hold nothing."""

    size_bytes: int = 0
    count: int = 0
    sizes: dict[int, int] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    certain: bool = True  # samples stand behind all of it


@internal
class Builder:
    """Grows a tree node by node, for what comes as a tree; `build` does it for paths.

    A node is a number until then, a child's above its parent's, and what is known of all nodes lies in a few lists:
    a profile of 60,000 paths has two million nodes.
    """

    root = 0

    def __init__(self) -> None:
        self._frames = [ROOT]
        self._numbers = {ROOT: 0}  # of the frames
        self._parents = [self.root]  # of each node
        self._frame_of = [0]  # each node's, its number
        self._children: dict[int, int] = {}  # by the parent and the number of the child's frame
        self._held: dict[int, _Held] = {}

    def child(self, parent: int, frame: Frame) -> int:
        """The node of *frame* below *parent*, made where there is none yet."""
        return self.descend(parent, (frame,))

    def descend(self, node: int, path: Iterable[Frame]) -> int:
        """The node at the end of *path*, which begins below *node*; those that it lacks are made."""
        numbers, children = self._numbers, self._children
        for frame in path:
            number = numbers.get(frame)
            if number is None:
                number = numbers[frame] = len(self._frames)
                self._frames.append(frame)
            key = node << _FRAME_BITS | number
            found = children.get(key)
            if found is None:
                found = children[key] = len(self._parents)
                self._parents.append(node)
                self._frame_of.append(number)
            node = found
        return node

    def hold(
        self, node: int, size_bytes: int, count: int, allocations: Allocations = (), parts: tuple[Part, ...] = ()
    ) -> None:
        """Add what was allocated at *node* itself."""
        held = self._held.get(node)
        if held is None:
            held = self._held[node] = _Held()
        held.size_bytes += size_bytes
        held.count += count
        for size, number in allocations:
            held.sizes[size] = held.sizes.get(size, 0) + number
        held.parts += parts
        held.certain = held.certain and bool(parts)

    def add(self, root: Node, sign: int = 1, counts: bool = True, parts: bool = True) -> None:
        """Add every node below *root*, or subtract it with *sign* -1, without its counts or its samples if asked to."""
        places = {root.id: self.root}
        for node in walk(root):
            place = places.pop(node.id)
            if node.self_bytes or node.self_count or node.allocations:
                sizes = tuple((size, sign * count) for size, count in node.allocations) if counts else ()
                count = sign * node.self_count if counts else 0
                self.hold(place, sign * node.self_bytes, count, sizes, node.parts if parts else ())
            for child in node.children:
                places[child.id] = self.child(place, child.frame)

    def build(self) -> Node:
        """The root of the tree; nodes that hold nothing, with all that lies below them, are left out.

        Children are in the order of their bytes, the most (in either direction) first.
        """
        below: list[list[Node] | None] = [None] * len(self._parents)
        held, ids = self._held.get, self._make_ids()
        while ids:
            place, id = len(ids) - 1, ids.pop()  # children before their parents
            node = _freeze(id, self._frames[self._frame_of[place]], held(place), below.pop())
            if place == self.root:
                return node or Node(ROOT_ID, ROOT, 0, 0, 0, 0, (), ())
            if node is not None:
                siblings = below[parent := self._parents[place]]
                if siblings is None:
                    below[parent] = [node]
                else:
                    siblings.append(node)
        raise AssertionError("a tree has a root")

    def _make_ids(self) -> list[int]:
        """A number for each node, made from its parent's and its frame: a polynomial of the digests on its path, modulo
        a prime. It is the next free one should two paths ever come out the same.
        """
        digests = list(map(_digest, self._frames))
        ids, taken = list[int](), {0}
        for parent, frame in zip(self._parents, self._frame_of, strict=True):
            made = (ids[parent] * _FACTOR + digests[frame]) % _PRIME if ids else ROOT_ID
            while made in taken:
                made = (made + 1) % _PRIME
            taken.add(made)
            ids.append(made)
        return ids


def build(stacks: Iterable[Stack]) -> Node:
    """The root of a tree that holds all *stacks*, as `Builder.build` makes it."""
    builder = Builder()
    for stack in stacks:
        node = builder.descend(builder.root, stack.frames)
        builder.hold(node, stack.size_bytes, stack.count, stack.allocations, stack.parts)
    return builder.build()


def _digest(frame: Frame) -> int:
    text = f"{frame.function}\0{frame.file}\0{frame.line}\0{frame.column}"
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_ID_BYTES).digest(), "little")


def _freeze(id: int, frame: Frame, held: _Held | None, children: list[Node] | None) -> Node | None:
    """The node, or None if it and all below it hold nothing. Most hold nothing themselves and have one child."""
    if held is None:
        if children is None:
            return None
        if len(children) == 1:
            child = children[0]
            row = (id, frame, 0, 0, child.total_bytes, child.total_count, (), (child,), (), child.estimate)
            return tuple.__new__(Node, row)  # as Node(*row), in a third of the time
    return _freeze_holding(id, frame, held or _Held(), children or [])


def _freeze_holding(id: int, frame: Frame, held: _Held, children: list[Node]) -> Node | None:
    allocations = tuple(sorted([it for it in held.sizes.items() if it[1]]))
    if not (children or held.size_bytes or held.count or allocations):
        return None
    children.sort(key=lambda node: (-abs(node.total_bytes), node.function, node.id))
    parts = merge_parts(held.parts) if held.certain and held.parts else ()
    return Node(
        id=id,
        frame=frame,
        self_bytes=held.size_bytes,
        self_count=held.count,
        total_bytes=held.size_bytes + sum([node.total_bytes for node in children]),
        total_count=held.count + sum([node.total_count for node in children]),
        allocations=allocations,
        children=tuple(children),
        parts=parts,
        estimate=_gather(parts, children) if held.certain else None,
    )


def _gather(parts: tuple[Part, ...], children: list[Node]) -> Estimate | None:
    """All that is known of a node's samples; None unless it is known of everything below it."""
    below = [child.estimate for child in children if child.estimate is not None]
    if len(below) < len(children):
        return None
    own = [weigh(parts)] if parts else []
    return total([*own, *below]) if own or below else None
