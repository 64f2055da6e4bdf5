"""For formats that know no negative numbers: what a difference has more, without what it has less."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..calltree import CallTree, Node, Stack, stacks_of, walk
from ..treebuilder import build

LEFT_OUT = "what shrank is left out: this format has no negative numbers"


def growth_of(tree: CallTree) -> CallTree:
    """*tree* itself if nothing in it is negative, else its paths whose own bytes grew, with a note that says so.

    A path of which some sizes grew and others shrank keeps its bytes and loses the sizes.
    """
    if not any(map(_shrank, walk(tree.root))):
        return tree
    return replace(tree, root=build(_grown(tree)), notes=(*tree.notes, LEFT_OUT))


def _shrank(node: Node) -> bool:
    if node.self_bytes < 0 or node.self_count < 0:
        return True
    return bool(node.allocations) and any(count < 0 for _, count in node.allocations)


def _grown(tree: CallTree) -> Iterator[Stack]:
    for stack in stacks_of(tree.root):
        if stack.size_bytes > 0:
            mixed = any(count < 0 for _, count in stack.allocations)
            yield replace(stack, count=max(0, stack.count), allocations=() if mixed else stack.allocations)
