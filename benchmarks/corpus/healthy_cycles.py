"""Healthy alone: 40 MiB a minute of reference cycles, which the collector takes when it comes."""

from __future__ import annotations

from steady import drive


class Node:
    def __init__(self, parent: Node | None) -> None:
        self.parent, self.children, self.data = parent, list[Node](), bytes(400)
        if parent is not None:
            parent.children.append(self)


def step(number: int) -> None:
    root = Node(None)
    for _ in range(60):
        Node(root)


if __name__ == "__main__":
    drive(step)
