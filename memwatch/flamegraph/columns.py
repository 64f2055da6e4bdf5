"""A call tree as the flame graph's page reads it: flat columns, each frame and each text once, and not without end.

`nodes` are parents first, each with its `depth`; `frames` and `strings` are referred to by number. A page holds the
`LIMIT` heaviest nodes; what lies below them is drawn together as ``(smaller)``, so that every sum stays whole. Since no
node is lighter than one below it, the heaviest ones are always a whole tree.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..calltree import CallTree, Node, walk
from ..frames import Frame

LIMIT = 20_000
SIZES = 16
"""How many different allocation sizes are shown of a node, those that hold most."""

SMALLER = Frame("(smaller)")

_NO_FILE, _APP, _INSTALLED, _LIBRARY = range(4)
_PACKAGE = re.compile(r".*[/\\](?:site|dist)-packages[/\\]([^/\\]+)", re.DOTALL)
_STANDARD = re.compile(
    r".*(?:[/\\]lib(?:64)?[/\\]python\d[^/\\]*|[/\\]python[^/\\]*[/\\]lib|[/\\]python\d+\.zip)[/\\]([^/\\]+)",
    re.DOTALL | re.IGNORECASE,
)
_EXACT = 2**53  # a reader that knows doubles only has every whole number below it
_SEPARATOR = re.compile(r"[/\\]")


@dataclass(frozen=True, slots=True)
class _Row:
    """One node of the page: a node of the tree, or several that are drawn together."""

    depth: int
    frame: Frame
    self_bytes: int
    self_count: int
    total_bytes: int
    total_count: int
    allocations: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _Table:
    """Values by their number, in the order in which they were first asked for."""

    numbers: dict[Any, int] = field(default_factory=dict)

    def number(self, value: Any) -> int:
        return self.numbers.setdefault(value, len(self.numbers))


def describe(tree: CallTree, limit: int = LIMIT) -> dict[str, Any]:
    """*tree* with its *limit* heaviest nodes as a dict for JSON. Numbers too large for a double are text."""
    left_out, rows = _select(tree.root, limit)
    frames, strings = _Table(), _Table()
    nodes: dict[str, list[Any]] = {
        "depth": [row.depth for row in rows],
        "frame": [frames.number(row.frame) for row in rows],
        "self_bytes": [_exact(row.self_bytes) for row in rows],
        "self_count": [_exact(row.self_count) for row in rows],
        "total_bytes": [_exact(row.total_bytes) for row in rows],
        "total_count": [_exact(row.total_count) for row in rows],
    }
    return {
        "name": tree.name,
        "source": tree.source,
        "sample_interval": _exact(tree.sample_interval),
        "time": _seconds(tree.time),
        "duration": _seconds(tree.duration),
        "pid": _exact(tree.pid),
        "difference": tree.difference,
        "notes": list(tree.notes),
        "left_out": left_out,
        "limit": limit,
        "nodes": nodes,
        "sizes": [[number, *_sizes(row)] for number, row in enumerate(rows) if row.allocations],
        "frames": _frames(frames, strings),
        "strings": list(strings.numbers),
    }


def _select(root: Node, limit: int) -> tuple[int, list[_Row]]:
    """How many nodes are left out, and the rows in the order of the page."""
    order = list(walk(root))
    if len(order) <= limit:
        return 0, list(_rows(root, {node.id for node in order}))
    weights = _weigh(order)
    # A parent comes before its children where their weights are equal, for the sort keeps the order of the walk.
    heaviest = sorted(order, key=lambda node: weights[node.id], reverse=True)[:limit]
    return len(order) - limit, list(_rows(root, {node.id for node in heaviest}))


def _weigh(order: list[Node]) -> dict[int, tuple[int, int]]:
    """Bytes and allocations that changed below each node in whatever direction, for nodes with parents first."""
    weights: dict[int, tuple[int, int]] = {}
    for node in reversed(order):
        below = [weights[child.id] for child in node.children]
        size = abs(node.self_bytes) + sum(weight for weight, _ in below)
        weights[node.id] = (size, abs(node.self_count) + sum(count for _, count in below))
    return weights


def _rows(root: Node, kept: set[int]) -> Iterator[_Row]:
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        yield _Row(
            depth,
            node.frame,
            node.self_bytes,
            node.self_count,
            node.total_bytes,
            node.total_count,
            node.allocations,
        )
        yield from _smaller([child for child in node.children if child.id not in kept], depth + 1)
        waiting.extend((child, depth + 1) for child in reversed(node.children) if child.id in kept)


def _smaller(dropped: list[Node], depth: int) -> Iterator[_Row]:
    """One row for all below *dropped* that grew, one for all that went: added up they would hide each other."""
    found = [node for child in dropped for node in walk(child)]
    for grew in (True, False):
        part = [node for node in found if (node.self_bytes >= 0) is grew]
        size, count = sum(node.self_bytes for node in part), sum(node.self_count for node in part)
        if size or count:
            yield _Row(depth, SMALLER, size, count, size, count)


def _sizes(row: _Row) -> list[int | str]:
    """How many sizes are left out, then size and count in turn, those first that hold most."""
    heaviest = heapq.nlargest(SIZES, row.allocations, key=lambda pair: (abs(pair[0] * pair[1]), abs(pair[1])))
    return [len(row.allocations) - len(heaviest), *(_exact(number) for pair in heaviest for number in pair)]


def _frames(frames: _Table, strings: _Table) -> dict[str, list[int | str]]:
    columns: dict[str, list[int | str]] = {
        name: [] for name in ("function", "file", "line", "column", "first_line", "kind", "group")
    }
    for frame in frames.numbers:
        kind, group = _group(frame)
        columns["function"].append(strings.number(frame.function))
        columns["file"].append(strings.number(frame.file))
        columns["line"].append(_exact(frame.line))
        columns["column"].append(_exact(frame.column))
        columns["first_line"].append(_exact(frame.first_line))
        columns["kind"].append(kind)
        columns["group"].append(strings.number(group))
    return columns


def _group(frame: Frame) -> tuple[int, str]:
    """Whose code a frame is, and what it shares its colour with: known from the path, for the page may be written on
    another machine than the one that ran the program."""
    if not frame.file:
        return _NO_FILE, frame.function
    if found := _PACKAGE.match(frame.file):
        return _INSTALLED, found[1].removesuffix(".py")
    if found := _STANDARD.match(frame.file):
        return _LIBRARY, found[1].removesuffix(".py")
    if frame.file.startswith("<frozen "):
        return _LIBRARY, frame.file[len("<frozen ") : -1].partition(".")[0]
    return _APP, _SEPARATOR.split(frame.file)[-1]


def _exact(number: int) -> int | str:
    return number if -_EXACT < number < _EXACT else str(number)


def _seconds(value: float) -> float:
    """A time that JSON and a calendar can hold; 0 for none."""
    return value if abs(value) < _EXACT else 0.0
