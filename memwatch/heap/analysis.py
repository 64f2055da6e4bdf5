"""What a heap snapshot tells: where much hangs, who holds the objects of a class, what two of them differ in."""

from __future__ import annotations

import io
from array import array
from collections import Counter
from collections.abc import Collection, Sequence
from heapq import heapify, heappop, heappush
from importlib import import_module
from typing import Any

from .. import backend
from ..backend.graph import dominators as reference
from ..backend.graph.contract import NONE, Wish
from ..formats.heapsnapshot import writer
from ..formats.heapsnapshot.reader import read_from
from ..formats.heapsnapshot.snapshot import HeapSnapshot
from .dominators_table import Dominators, PathStep, from_answer

_native: Any = import_module("..backend.graph.exact", __package__) if backend.name == "native" else None
GROUP = "(synthetic)"
_MODULE = "<module "
_core: Any = _native or reference


def analyse(snapshot: HeapSnapshot, top: int = 20) -> Dominators:
    """At most *top* points of the heap where much hangs, and as many classes by what they retain."""
    classes, places = snapshot.class_places()
    starts, targets, edges = strong(snapshot)
    answer = _core.retained_of(starts, targets, snapshot.sizes, places, len(classes), top, group_class(classes))

    def path_of(point: dict[str, Any]) -> tuple[PathStep, ...]:
        return _steps(snapshot, starts, targets, edges, point["way"])

    return from_answer(answer, path_of, lambda point: snapshot.name_of(point["vertex"]), classes.__getitem__, top)


def _steps(
    snapshot: HeapSnapshot, starts: array[int], targets: array[int], edges: Sequence[int], way: Sequence[int]
) -> tuple[PathStep, ...]:
    steps, before = [], 0
    for node in way:
        edge = next(it for it in range(starts[before], starts[before + 1]) if targets[it] == node)
        reference = snapshot.reference(before, edges[edge])
        steps.append(PathStep(reference.kind, reference.name, snapshot.name_of(node)))
        before = node
    return tuple(steps)


def way_to(snapshot: HeapSnapshot, wanted: int) -> tuple[PathStep, ...]:
    """A shortest way from the root to one node."""
    starts, targets, edges = strong(snapshot)
    above = reference.ways(starts, targets)
    way: list[int] = []
    while wanted and above[wanted]:
        way.append(wanted)
        wanted = above[wanted] - 1
    return _steps(snapshot, starts, targets, edges, way[::-1])


def retained_by_class(
    snapshot: HeapSnapshot, classes: list[str], places: array[int], chosen: bytearray
) -> dict[str, int]:
    """By class the bytes that would be freed with all the *chosen* objects of it."""
    starts, targets, _ = strong(snapshot)
    others = len(classes)
    marked = array("I", (place if chosen[node] else others for node, place in enumerate(places)))
    answer = _core.retained_of(starts, targets, snapshot.sizes, marked, others + 1, 1)
    return {classes[row[0]]: row[3] for row in answer["classes"] if row[0] != others}


def dominators_in(snapshot: HeapSnapshot) -> array[int]:
    """For each node its immediate dominator; 2^32 - 1 where it cannot be reached."""
    starts, targets, _ = strong(snapshot)
    found: array[int] = _core.dominators_of(starts, targets, snapshot.sizes)[0]
    return found


def group_class(classes: list[str]) -> int:
    """The place of the class of what is no object."""
    return classes.index(GROUP) if GROUP in classes else NONE


def retained_bytes(snapshot: HeapSnapshot) -> array[int]:
    """For each node the bytes that it retains; 0 where it cannot be reached."""
    starts, targets, _ = strong(snapshot)
    found: array[int] = _core.dominators_of(starts, targets, snapshot.sizes)[1]
    return found


def strong(snapshot: HeapSnapshot) -> tuple[array[int], array[int], Any]:
    """The columns of the edges that hold something: where those of each node begin, their targets, and their places."""
    weak = snapshot.edge_kinds.index("weak") if "weak" in snapshot.edge_kinds else -1
    if weak not in snapshot.edge_types:
        return snapshot.starts, snapshot.targets, range(len(snapshot.targets))
    starts, targets, places = array("I", [0]), array("I"), array("I")
    for node in range(len(snapshot)):
        for edge in range(snapshot.starts[node], snapshot.starts[node + 1]):
            if snapshot.edge_types[edge] != weak:
                targets.append(snapshot.targets[edge])
                places.append(edge)
        starts.append(len(targets))
    return starts, targets, places


def taken_in_python(wanted: Any) -> tuple[HeapSnapshot, int | None]:
    """The heap now, as the pure backend sees it, and the place of *wanted* there."""
    graphs: Any = import_module("..backend.graph.pure", __package__)
    file = io.BytesIO()
    with graphs.Graph(Wish(False, True, False, ())) as graph:
        writer.write(file, graph.counts, graph.nodes(), graph.edges(), graph.strings, {})
        place = graph.place_of(wanted)
    file.seek(0)
    return read_from(file), place


def wide_nodes(snapshot: HeapSnapshot) -> frozenset[int]:
    """The groups, the modules and their namespaces: a heap hangs below them, and they tell nothing of one leak."""
    modules = [it for it in range(len(snapshot)) if snapshot.name_of(it).startswith(_MODULE)]
    names = (it.target for module in modules for it in snapshot.references(module) if it.name == "__dict__")
    groups = (it for it in range(len(snapshot)) if snapshot.class_of(it) == GROUP)
    return frozenset((*modules, *names, *groups))


def holder_of_most(wide: Collection[int], above: Sequence[int], held: Counter[int]) -> int:
    """The nearest node below which more than half hangs of what *held* counts by its holder; *above*: the dominators.

    Where that is one of `wide_nodes`, it tells nothing: then the holder that has the most.
    """
    first, most = held.most_common(1)[0]
    if 2 * most > held.total():
        return first
    found = _common(above, held)
    return first if found in wide else found


def _common(above: Sequence[int], held: Counter[int]) -> int:
    depths, left, half = {0: 0}, dict(held), held.total() / 2
    waiting = [(-_depth(above, depths, node), node) for node in left]
    heapify(waiting)
    while waiting:
        _, node = heappop(waiting)
        if left[node] > half or above[node] == NONE or node == 0:
            return node
        upper = above[node]
        if upper not in left:
            heappush(waiting, (-_depth(above, depths, upper), upper))
        left[upper] = left.get(upper, 0) + left[node]
    return 0


def _depth(above: Sequence[int], depths: dict[int, int], node: int) -> int:
    way = []
    while node not in depths and above[node] != NONE:
        way.append(node)
        node = above[node]
    depth = depths.setdefault(node, 0)
    for node in reversed(way):
        depths[node] = depth = depth + 1
    return depth
