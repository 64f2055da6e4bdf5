"""Where live objects were allocated, as a heap snapshot stores it: a tree of calls, and the place of an object there.

The sampler has seen one byte in some hundred thousand, so most objects have no stack: those with one stand for the
others of their type.
"""

from __future__ import annotations

import json
import struct
from math import expm1
from typing import Any

from ...frames import Frame
from ...internal import internal
from .. import name
from ..quiet import quiet

_native: Any = None
if name == "native":
    from .. import _native
    from ..allocations.frame_filter import FrameFilter
    from ..allocations.samples import Reading, objects

_ROOT = "(root)"


@internal
class _Node:
    """A function that the one above it called; the estimated number of blocks held there, and their bytes."""

    __slots__ = ("below", "bytes", "count", "function", "number")

    def __init__(self, number: int, function: int) -> None:
        self.number, self.function = number, function
        self.count, self.bytes = 0.0, 0.0
        self.below: dict[int, _Node] = {}

    def as_json(self) -> str:
        """The fields of a node of the tree; its children are a list in the last one."""
        below = ",".join([node.as_json() for node in self.below.values()])
        return f"{self.number},{self.function},{round(self.count)},{round(self.bytes)},[{below}]"


@internal
class _Tree:
    """The tree of calls while it is built: its functions and their strings, each once."""

    def __init__(self) -> None:
        self.strings: dict[str, int] = {}
        self.functions: dict[tuple[str, str, int], int] = {}
        self.rows: list[str] = []
        self.root = _Node(1, self._function(Frame(_ROOT, "", 0)))
        self.nodes = 1

    def _string(self, text: str) -> int:
        return self.strings.setdefault(text, len(self.strings))

    def _function(self, frame: Frame) -> int:
        key = (frame.function, frame.file, frame.line)
        place = self.functions.setdefault(key, len(self.functions))
        if place == len(self.rows):
            called, file = self._string(frame.function), self._string(frame.file)
            self.rows.append(f"{place + 1},{called},{file},{file},{max(0, frame.line - 1)},{max(0, frame.column or 0)}")
        return place

    def enter(self, frames: list[Frame], count: float, size_bytes: float) -> int:
        """The number of the node at the end of *frames*, outermost first, to which so much is added."""
        node = self.root
        for frame in frames:
            function = self._function(frame)
            if function not in node.below:
                self.nodes += 1
                node.below[function] = _Node(self.nodes, function)
            node = node.below[function]
        node.count += count
        node.bytes += size_bytes
        return node.number


def tell(about: dict[str, Any], stacks: bool) -> tuple[list[str], bytes, bytes, int, bytes, bytes]:
    """What a heap snapshot is given: strings, (address, node) pairs, functions, how many, the tree, and *about*."""
    known = json.dumps(about).encode("ascii")
    if not stacks or _native is None or not _native.sampling_running():
        return [], b"", b"", 0, b"", known
    tree, pairs = _Tree(), []
    with quiet:
        frame_filter, reading, found = FrameFilter(), Reading(), objects()
        parts = [reading.program_part(frame_filter, steps) for steps, _ in reading.stacks]
        for size, birth, interval, _, stack, address, *_ in reading.rows():
            part = parts[stack - 1] if stack and size else None
            if part:
                count = -1 / expm1(-size / interval)
                number = tree.enter([reading.places[step] for step in reversed(part)], count, count * size)
                before, label = found.get((address, birth), (0, ""))
                if label:
                    pairs.append(struct.pack("=QQ", address + before, number))
    functions = ",".join(tree.rows).encode("ascii")
    return list(tree.strings), b"".join(pairs), functions, len(tree.rows), tree.root.as_json().encode("ascii"), known
