"""Nodes that refer to each other: 14 MiB a minute. The leak: the collector is switched off.

Type: Node
Line: Node(
Verdict: garbage
"""

from __future__ import annotations

import gc

from steady import LEAKS, drive


class Node:
    def __init__(self, parent: Node | None) -> None:
        self.parent, self.children, self.data = parent, list[Node](), bytes(200)
        if parent is not None:
            parent.children.append(self)


def step(number: int) -> None:
    root = Node(None)
    for _ in range(25):
        Node(root)


if __name__ == "__main__":
    if LEAKS:
        gc.disable()
    drive(step)
