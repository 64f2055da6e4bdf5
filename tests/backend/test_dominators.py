"""Dominators and retained sizes: of small graphs as networkx finds them, and both backends alike."""

from __future__ import annotations

import random
from array import array
from typing import Any

import pytest

import memwatch
from memwatch.backend.graph import dominators as reference
from memwatch.backend.graph.contract import NONE

CORES: list[Any] = [reference]
if memwatch.backend.name == "native":
    from memwatch.backend.graph import exact

    CORES.append(exact)

Columns = tuple["array[int]", "array[int]", "array[int]", "array[int]"]


def graph_of(seed: int) -> Columns:
    """Columns of a random graph: starts, targets, sizes, classes."""
    draw = random.Random(seed)
    count = draw.randint(1, 40)
    starts, targets = array("I", [0]), array("I")
    for _ in range(count):
        targets.extend(draw.choices(range(count), k=draw.choice((0, 1, 1, 2, 3))))
        starts.append(len(targets))
    sizes = array("I", [draw.randint(0, 99) for _ in range(count)])
    return starts, targets, sizes, array("I", [draw.randint(0, 4) for _ in range(count)])


@pytest.mark.parametrize("core", CORES, ids=lambda core: core.__name__.rpartition(".")[2])
@pytest.mark.parametrize("seed", range(40))
def test_they_are_those_that_networkx_finds(core: Any, seed: int) -> None:
    import networkx  # 286 modules, which the walks of other tests need not meet

    starts, targets, sizes, _ = graph_of(seed)
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(len(sizes)))
    for vertex in range(len(sizes)):
        graph.add_edges_from((vertex, target) for target in targets[starts[vertex] : starts[vertex + 1]])
    expected = networkx.immediate_dominators(graph, 0)
    expected[0] = 0
    above, retained = core.dominators_of(starts, targets, sizes)
    assert {vertex: above[vertex] for vertex in range(len(sizes)) if above[vertex] != NONE} == expected
    for vertex in expected:
        without = graph.copy()
        without.remove_node(vertex)
        left = {0, *networkx.descendants(without, 0)} if vertex else set()
        lost = set(expected) - left
        assert retained[vertex] == sum(sizes[it] for it in lost)


@pytest.mark.skipif(len(CORES) == 1, reason="there is one backend")
@pytest.mark.parametrize("seed", range(60))
def test_both_backends_tell_the_same(seed: int) -> None:
    group = 4 if seed % 2 else NONE
    told = []
    for core in CORES:
        found = core.retained_of(*graph_of(seed), 5, 6, group)
        for point in found["points"]:
            point["classes"].sort()
        found["points"].sort(key=lambda point: -point["bytes"])
        told.append((found["bytes"], sorted(found["classes"]), [point["bytes"] for point in found["points"]]))
    assert told[0] == told[1]


def test_a_long_list_does_not_nest() -> None:
    count = 50_000
    starts = array("I", [*range(count), count - 1])
    targets, sizes = array("I", range(1, count)), array("I", [1]) * count
    for core in CORES:
        assert core.dominators_of(starts, targets, sizes)[1][:3] == array("Q", [count, count - 1, count - 2])


@pytest.mark.skipif(len(CORES) == 1, reason="the C extension checks")
@pytest.mark.parametrize(
    ("starts", "targets"), [([0, 1], [1]), ([0, 2], [0]), ([0], []), ([1, 1], [0]), ([0, 2, 1], [0]), ([], [])]
)
def test_columns_that_are_no_graph_are_refused(starts: list[int], targets: list[int]) -> None:
    with pytest.raises(ValueError, match="no graph"):
        exact.dominators_of(array("I", starts), array("I", targets), array("I", [1]) * max(0, len(starts) - 1))
