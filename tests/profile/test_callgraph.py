"""A profile as a flat list of nodes, and a tree again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memwatch import errors, profile
from memwatch.calltree import Stack
from memwatch.frames import Frame
from memwatch.profile import construct_callgraph
from memwatch.profile.callgraph import flatten
from memwatch.treebuilder import build

MAIN, LOAD = Frame("main", "app.py", 3, 1), Frame("load", "app.py", 7, 5)
ONE, SEVEN, TWENTY = ((1, 1),), ((7, 1),), ((10, 2),)
TREE = build([Stack((MAIN, LOAD), 20, 2, TWENTY), Stack((MAIN, MAIN, LOAD), 7, 1, SEVEN), Stack((LOAD,), 1, 1, ONE)])


def nodes() -> list[dict[str, Any]]:
    return list(flatten(TREE))


def test_a_tree_comes_back_whole_and_with_its_ids() -> None:
    assert construct_callgraph(nodes()).to_dict() == TREE.to_dict()


def test_order_does_not_matter_and_json_does_no_harm() -> None:
    assert construct_callgraph(json.loads(json.dumps(nodes()[::-1]))).to_dict() == TREE.to_dict()


def test_a_function_that_is_called_from_two_places_is_two_nodes() -> None:
    found = construct_callgraph(nodes())
    loads = [node for node in flatten(found) if node["function"] == "load"]
    assert len(loads) == 3 and len({node["id"] for node in loads}) == 3


def test_sums_are_made_of_allocations_where_they_are_missing() -> None:
    bare = [{name: node[name] for name in ("id", "child_ids", "function", "allocations")} for node in nodes()]
    assert construct_callgraph(bare).total_bytes == TREE.total_bytes


def test_a_deep_tree_is_no_recursion() -> None:
    deep = build([Stack((MAIN,) * 1500, 1, 1)])
    assert construct_callgraph(flatten(deep)).total_bytes == 1


def with_child(number: int, child: object) -> list[dict[str, Any]]:
    changed = nodes()
    changed[number]["child_ids"] = [*changed[number]["child_ids"], child]
    return changed


def circle() -> list[dict[str, Any]]:
    ring = {"function": "a", "id": 5, "child_ids": [6]}, {"function": "b", "id": 6, "child_ids": [5]}
    return [*nodes(), *ring]


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ([], "no nodes"),
        (7, "sequence of mappings"),
        ([1], "must be a mapping"),
        ([{}], "must have an id"),
        ([{"id": 1}], "must have a function"),
        ([{"id": 1, "function": "f", "child_ids": [], "line": "7"}], "line of node 1 must be of type int"),
        ([{"id": 1, "function": "f", "child_ids": [], "self_bytes": 0.5}], "whole numbers"),
        ([{"id": 1, "function": "f", "child_ids": [], "allocations": [5]}], "pairs of whole numbers"),
        (nodes() + nodes()[:1], "two nodes have the id"),
        (with_child(0, 12345), "not among the nodes"),
        (with_child(0, [1]), "not among the nodes"),
        (with_child(0, nodes()[-1]["id"]), "two parents"),
        (with_child(1, 1), "one root; here 0"),
        (nodes()[1:], "one root; here 2"),
        (circle(), "in a circle"),
    ],
)
def test_what_is_no_tree_is_refused(bad: Any, complaint: str) -> None:
    with pytest.raises(errors.OptionError, match=complaint):
        construct_callgraph(bad)


def test_collecting_stops_unless_told_not_to() -> None:
    profile.start(sample_interval=1)
    kept = [bytearray(1000) for _ in range(100)]
    flat = profile.collect_nodes()
    assert flat[0]["function"] == "(root)" and profile.is_running()
    assert profile.collect_allocations(stop_sampling=False).total_bytes >= 100_000 and kept
    assert construct_callgraph(flat).id == profile.collect_allocations().id
    assert not profile.is_running()
