"""A heap snapshot as it was read: the columns of its nodes and edges."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .layout import EDGE_TYPES, NODE_TYPES


class Reference(NamedTuple):
    """An edge: the node that has it, how it is called (of an element its number, in brackets), and where it leads."""

    owner: int
    kind: str
    name: str
    target: int


@dataclass(frozen=True, slots=True)
class HeapSnapshot:
    """The nodes by their place, 0 being the root; the edges of node n are those from ``starts[n]`` to ``starts[n+1]``.

    `types`, `names`, `ids`, `sizes` (bytes) and `stacks` (0: not known) are of nodes, `edge_types`, `edge_names` and
    `targets` of edges; names are places in `strings`, and of elements numbers. `about` is what memwatch has added.
    """

    types: array[int]
    names: array[int]
    ids: array[int]
    sizes: array[int]
    starts: array[int]
    edge_types: array[int]
    edge_names: array[int]
    targets: array[int]
    strings: list[str]
    stacks: array[int] = field(default_factory=lambda: array("I"))
    about: dict[str, Any] = field(default_factory=dict)
    node_types: tuple[str, ...] = NODE_TYPES
    edge_kinds: tuple[str, ...] = EDGE_TYPES

    def __len__(self) -> int:
        return len(self.types)

    @property
    def total_bytes(self) -> int:
        """The bytes of all nodes."""
        return sum(self.sizes)

    def name_of(self, node: int) -> str:
        """What a node is called: its class, and of a class, a function or a module its own name."""
        return self.strings[self.names[node]]

    def class_of(self, node: int) -> str:
        """The row that a node is counted in, as DevTools does."""
        kind = self.node_types[self.types[node]]
        return constructor(self.name_of(node)) if kind in ("object", "native") else f"({kind})"

    def references(self, node: int) -> Iterator[Reference]:
        """What a node refers to."""
        return (self.reference(node, edge) for edge in range(self.starts[node], self.starts[node + 1]))

    def reference(self, owner: int, edge: int) -> Reference:
        """One edge of *owner*."""
        kind, name = self.edge_kinds[self.edge_types[edge]], self.edge_names[edge]
        text = f"[{name}]" if kind in ("element", "hidden") else self.strings[name]
        return Reference(owner, kind, text, self.targets[edge])

    def class_places(self) -> tuple[list[str], array[int]]:
        """The classes, and for each node the place of its own among them."""
        known: dict[tuple[int, int], int] = {}
        classes: dict[str, int] = {}
        places = array("I", bytes(4 * len(self)))
        for node, key in enumerate(zip(self.types, self.names, strict=True)):
            place = known.get(key)
            if place is None:
                place = known[key] = classes.setdefault(self.class_of(node), len(classes))
            places[node] = place
        return list(classes), places


def constructor(name: str) -> str:
    """The row of a node that is called *name*: ``<function app.f>`` is one of ``<function>``."""
    if name.startswith("<") and " " in name:
        return name.partition(" ")[0] + ">"
    return name
