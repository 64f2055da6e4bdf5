"""A call tree as a flat list of nodes, and back again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..calltree import Node, Stack, walk
from ..errors import OptionError
from ..frames import Frame
from ..treebuilder import build

FlatNode = Mapping[str, Any]

_TYPES: dict[str, type] = {"function": str, "file": str, "line": int, "column": int}


def flatten(root: Node) -> tuple[dict[str, Any], ...]:
    """Every node as `Node.flat` gives it, parents before their children; the root is the first."""
    return tuple([node.flat() for node in walk(root)])


def construct_callgraph(nodes: Iterable[FlatNode]) -> Node:
    """The tree that *nodes* were taken from: the root, with its children.

    *nodes* are mappings as `collect_nodes` gives them, in any order. Ids are made anew, from the paths; they are the
    same again if the nodes were not changed. Needed are `id`, `child_ids` and `function`; `self_bytes` and `self_count`
    are the sums of `allocations` where they are missing. Raises OptionError for anything that is no tree: no node, an
    id twice, a child that is not there or has two parents, a circle, several roots.
    """
    by_id = _index(nodes)
    root = _find_root(by_id)
    stacks: list[Stack] = []
    waiting: list[tuple[FlatNode, tuple[Frame, ...]]] = [(root, ())]
    met = 0
    while waiting:
        node, path = waiting.pop()
        met += 1
        stacks.append(_stack(node, path))
        children = [by_id[child] for child in reversed(node["child_ids"])]
        waiting.extend((child, (*path, _frame(child))) for child in children)
    if met < len(by_id):
        raise OptionError(f"{len(by_id) - met} of {len(by_id)} nodes are in a circle, which the root does not reach")
    return build(stacks)


def _index(nodes: Iterable[FlatNode]) -> dict[int | str, FlatNode]:
    by_id: dict[int | str, FlatNode] = {}
    for node in _checked_list(nodes):
        if node["id"] in by_id:
            raise OptionError(f"two nodes have the id {node['id']!r}")
        by_id[node["id"]] = node
    return by_id


def _checked_list(nodes: Iterable[FlatNode]) -> list[FlatNode]:
    try:
        found = list(nodes)
    except TypeError:
        raise OptionError(f"nodes must be a sequence of mappings, not a {type(nodes).__name__}") from None
    for node in found:
        _check(node)
    if not found:
        raise OptionError("there are no nodes; collect_nodes() gives the root at least")
    return found


def _check(node: FlatNode) -> None:
    if not isinstance(node, Mapping):
        raise OptionError(f"a node must be a mapping, not a {type(node).__name__}")
    if type(node.get("id")) not in (int, str):
        raise OptionError("a node must have an id, a number or a text")
    if "function" not in node or not isinstance(node.get("child_ids"), list | tuple):
        raise OptionError(f"node {node['id']!r} must have a function and a list of child_ids")
    for name, kind in _TYPES.items():
        if type(node.get(name, kind())) is not kind:
            raise OptionError(f"{name} of node {node['id']!r} must be of type {kind.__name__}")


def _find_root(by_id: Mapping[int | str, FlatNode]) -> FlatNode:
    parents: dict[int | str, int | str] = {}
    for node in by_id.values():
        for child in node["child_ids"]:
            if type(child) not in (int, str) or child not in by_id:
                raise OptionError(f"node {node['id']!r} has a child that is not among the nodes")
            if child in parents:
                raise OptionError(f"node {child!r} has two parents, {parents[child]!r} and {node['id']!r}")
            parents[child] = node["id"]
    roots = [node for identity, node in by_id.items() if identity not in parents]
    if len(roots) != 1:
        raise OptionError(f"a tree has one root; here {len(roots)} nodes have no parent")
    return roots[0]


def _frame(node: FlatNode) -> Frame:
    return Frame(node["function"], node.get("file", ""), node.get("line", 0), node.get("column", 0))


def _stack(node: FlatNode, path: tuple[Frame, ...]) -> Stack:
    allocations = _allocations(node)
    size = sum(size * count for size, count in allocations)
    count = sum(count for _, count in allocations)
    size, count = node.get("self_bytes", size), node.get("self_count", count)
    if type(size) is not int or type(count) is not int:
        raise OptionError(f"self_bytes and self_count of node {node['id']!r} must be whole numbers")
    return Stack(path, size, count, allocations)


def _allocations(node: FlatNode) -> tuple[tuple[int, int], ...]:
    pairs = node.get("allocations", ())
    try:
        checked = tuple([(size, count) for size, count in pairs])
    except (TypeError, ValueError):
        checked = ((None, None),)
    if any(type(number) is not int for pair in checked for number in pair):
        raise OptionError(f"allocations of node {node['id']!r} must be pairs of whole numbers, (size, count)")
    return checked
