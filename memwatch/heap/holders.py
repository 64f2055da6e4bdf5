"""Who holds the objects of one class in a heap snapshot."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from ..formats.heapsnapshot.snapshot import HeapSnapshot
from ..internal import internal
from ..tables import aligned, shorten_start
from ..units import format_bytes
from .analysis import dominators_in, holder_of_most, retained_by_class, way_to, wide_nodes
from .dominators_table import PathStep, placed


@internal
@dataclass(frozen=True, slots=True)
class HolderRow:
    """So many references to objects of the class come from this class under this name; items have "[index]"."""

    what: str
    name: str
    references: int


@internal
@dataclass(frozen=True, slots=True)
class Holders:
    """The objects of a class, and what refers to them; `path` is a shortest way to what alone keeps most of them."""

    what: str
    objects: int
    size_bytes: int
    retained_bytes: int
    rows: tuple[HolderRow, ...]
    keeper: str
    path: tuple[PathStep, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)

    def table(self) -> str:
        """The whole in one line, who keeps most of it, and a line for each row."""
        sizes = f"{format_bytes(self.size_bytes)}, retained {format_bytes(self.retained_bytes)}"
        lines = [("references", "from", "as"), *((f"{it.references:,}", it.what, it.name) for it in self.rows)]
        cells = [(number, shorten_start(what), shorten_start(name)) for number, what, name in lines]
        kept = f"kept by {placed(self.keeper, self.path)}"
        return "\n".join([f"{self.objects:,} {self.what}, {sizes}", kept, *aligned(cells, left=(1, 2))])


def holders_of(snapshot: HeapSnapshot, what: str, top: int = 15) -> Holders | None:
    """Who holds the objects of the class *what*; None if there are none. At most *top* rows."""
    classes, places = snapshot.class_places()
    if what not in classes:
        return None
    place = classes.index(what)
    chosen = bytearray(it == place for it in places)
    above = dominators_in(snapshot)
    counted: Counter[tuple[str, str]] = Counter()
    keepers: Counter[int] = Counter()
    for owner in range(len(snapshot)):
        if chosen[owner]:
            keepers[_keeper(above, chosen, owner)] += 1
        for edge in range(snapshot.starts[owner], snapshot.starts[owner + 1]):
            if chosen[snapshot.targets[edge]]:
                reference = snapshot.reference(owner, edge)
                name = "[index]" if reference.kind == "element" else reference.name
                counted[classes[places[owner]], name] += 1
    rows = [HolderRow(*key, references) for key, references in counted.most_common(top)]
    size = sum(size for size, wanted in zip(snapshot.sizes, chosen, strict=True) if wanted)
    retained = retained_by_class(snapshot, classes, places, chosen).get(what, 0)
    keeper = holder_of_most(wide_nodes(snapshot), above, keepers)
    return Holders(what, sum(chosen), size, retained, tuple(rows), snapshot.name_of(keeper), way_to(snapshot, keeper))


def _keeper(above: Any, chosen: bytearray, node: int) -> int:
    """The nearest dominator of another class."""
    while chosen[node] and above[node] < len(chosen) and above[node] != node:
        node = above[node]
    return node
