"""Dominators in Python: the reference for native/graph, and what the pure backend uses."""

from __future__ import annotations

from array import array
from collections import defaultdict, deque
from typing import Any

from .contract import NONE

_LARGE_CHILD = 10
_LONGEST_WAY = 40
_GROUPS_ABOVE = 1  # the vertex that is called (GC roots)


def dominators_of(starts: array[int], targets: array[int], sizes: array[int]) -> tuple[array[int], array[int]]:
    """For each vertex its immediate dominator and the bytes that it retains; 2^32 - 1 and 0 where it is not reached.

    By Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm": round after round, in the order in which the
    walk left the vertices backwards, until nothing changes.
    """
    order, above = _dominators(starts, targets)
    retained = array("Q", bytes(8 * len(sizes)))
    for vertex in reversed(order):
        retained[vertex] += sizes[vertex]
        if vertex:
            retained[above[vertex]] += retained[vertex]
    return above, retained


def _dominators(starts: array[int], targets: array[int]) -> tuple[list[int], array[int]]:
    """The vertices that are reached, a dominator always before what it dominates; and for each its dominator."""
    order = _order(starts, targets)
    number = {vertex: place for place, vertex in enumerate(order)}
    sources: list[list[int]] = [[] for _ in order]
    for place, vertex in enumerate(order):
        for target in targets[starts[vertex] : starts[vertex + 1]]:
            sources[number[target]].append(place)
    above: list[int] = [0, *[-1] * (len(order) - 1)]
    changed = True
    while changed:
        changed = False
        for place in range(1, len(order)):
            known = [source for source in sources[place] if above[source] >= 0]
            found = known[0]
            for source in known[1:]:
                found = _meet(above, found, source)
            changed, above[place] = changed or above[place] != found, found
    by_vertex = array("I", [NONE]) * (len(starts) - 1)
    for place, vertex in enumerate(order):
        by_vertex[vertex] = order[above[place]]
    return order, by_vertex


def _meet(above: list[int], one: int, other: int) -> int:
    while one != other:
        if one > other:
            one = above[one]
        else:
            other = above[other]
    return one


def _order(starts: array[int], targets: array[int]) -> list[int]:
    left: list[int] = []
    seen = bytearray(len(starts))
    seen[0] = 1
    stack = [(0, starts[0])]
    while stack:
        vertex, edge = stack.pop()
        while edge < starts[vertex + 1] and seen[targets[edge]]:
            edge += 1
        if edge == starts[vertex + 1]:
            left.append(vertex)
            continue
        target = targets[edge]
        seen[target] = 1
        stack += [(vertex, edge + 1), (target, starts[target])]
    return left[::-1]


def retained_of(
    starts: array[int],
    targets: array[int],
    sizes: array[int],
    classes: array[int],
    most_classes: int,
    top: int,
    group_class: int = NONE,
) -> dict[str, Any]:
    """What the vertices retain, as native/graph/retained.h says; it does without *most_classes*."""
    del most_classes
    order, above = _dominators(starts, targets)
    retained = array("Q", sizes)
    objects = array("Q", (kind != group_class for kind in classes))
    below: dict[int, list[int]] = defaultdict(list)
    for vertex in reversed(order[1:]):
        retained[above[vertex]] += retained[vertex]
        objects[above[vertex]] += objects[vertex]
        below[above[vertex]].append(vertex)
    points = _points(retained, below, top, [kind == group_class for kind in classes])
    steps = ways(starts, targets)
    accumulated = _accumulated(order, above, points, sizes, classes)
    rows = [
        {
            "vertex": vertex,
            "bytes": retained[vertex],
            "objects": objects[vertex],
            "own": sizes[vertex],
            "way": _way(steps, vertex),
            "classes": accumulated[vertex],
        }
        for vertex in points
    ]
    by_class = _by_class(below, sizes, retained, objects, classes, group_class)
    return {"bytes": retained[0], "objects": objects[0], "wanted": [0, 0], "points": rows, "classes": by_class}


def _points(retained: array[int], below: dict[int, list[int]], top: int, is_group: list[bool]) -> list[int]:
    """Where much hangs. A point gives way to large children that are most of it; groups always give way."""
    waiting, settled = [0], list[int]()
    while waiting and len(settled) < top:
        vertex = max(waiting, key=retained.__getitem__)
        waiting.remove(vertex)
        children = below[vertex]
        large = [child for child in children if retained[child] >= retained[vertex] // _LARGE_CHILD]
        if is_group[vertex]:
            waiting += children
        elif large and sum(retained[child] for child in large) >= retained[vertex] // 2:
            waiting += large
        else:
            settled.append(vertex)
    return settled


def _accumulated(
    order: list[int], above: array[int], points: list[int], sizes: array[int], classes: array[int]
) -> dict[int, list[list[int]]]:
    point_of: dict[int, int] = dict(zip(points, points, strict=True))
    sums: dict[int, dict[int, list[int]]] = {point: {} for point in points}
    for vertex in order:
        point = point_of.get(vertex, point_of.get(above[vertex]))
        if point is not None:
            point_of[vertex] = point
            entry = sums[point].setdefault(classes[vertex], [classes[vertex], 0, 0, 0, 0])
            entry[1] += 1
            entry[2] += sizes[vertex]
    return {point: list(found.values()) for point, found in sums.items()}


def _by_class(
    below: dict[int, list[int]],
    sizes: array[int],
    retained: array[int],
    objects: array[int],
    classes: array[int],
    group_class: int,
) -> list[list[int]]:
    """[class, objects, bytes, retained bytes, retained objects]; an object below one of its class adds nothing."""
    sums: dict[int, list[int]] = {}
    open_above: dict[int, int] = defaultdict(int)
    waiting = [0]
    while waiting:
        vertex = waiting.pop()
        if vertex < 0:
            open_above[classes[~vertex]] -= 1
            continue
        kind = classes[vertex]
        if kind == group_class:
            waiting += below[vertex]
            continue
        entry = sums.setdefault(kind, [kind, 0, 0, 0, 0])
        added = 1, sizes[vertex], *((0, 0) if open_above[kind] else (retained[vertex], objects[vertex]))
        entry[1:] = [before + more for before, more in zip(entry[1:], added, strict=True)]
        open_above[kind] += 1
        waiting += [~vertex, *below[vertex]]
    return list(sums.values())


def ways(starts: array[int], targets: array[int]) -> array[int]:
    """For each vertex the one before it on a short way, plus one. The first group of roots is walked to its end before
    the next: what a module leads to does not count as held by a thread."""
    found = array("I", bytes(4 * (len(starts) - 1)))
    queue: deque[int] = deque()
    for first in targets[starts[0] : starts[1]]:
        _enter(found, queue, first, 0)
        while queue:
            vertex = queue.popleft()
            for target in targets[starts[vertex] : starts[vertex + 1]]:
                _enter(found, queue, target, vertex)
                if vertex == _GROUPS_ABOVE:
                    _run(starts, targets, found, queue)
    return found


def _run(starts: array[int], targets: array[int], found: array[int], queue: deque[int]) -> None:
    while queue:
        vertex = queue.popleft()
        for target in targets[starts[vertex] : starts[vertex + 1]]:
            _enter(found, queue, target, vertex)


def _enter(found: array[int], queue: deque[int], vertex: int, before: int) -> None:
    if vertex and not found[vertex]:
        found[vertex] = before + 1
        queue.append(vertex)


def _way(ways: array[int], vertex: int) -> list[int]:
    steps: list[int] = []
    while vertex and len(steps) < _LONGEST_WAY:
        steps.append(vertex)
        vertex = ways[vertex] - 1
    return steps[::-1]
