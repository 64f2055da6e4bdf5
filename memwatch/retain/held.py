"""Who holds the objects of a type, and how many of them? A tree from the roots down, with one example for each place.

An example is described without its values: by its size, the names of its fields and the types of what they hold. It has
no addresses and no text of the program.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..backend.quiet import quiet
from ..backend.type_labels import size_reader, type_label
from ..internal import internal
from ..units import short_name
from .attributes import fields_of
from .found import NEW_OF_TYPES, NEW_WANTED, HoldingSite, Query
from .holder_names import root_text
from .object_labels import length
from .references import contents
from .retaining_paths import addresses_of, types_called
from .search import IN_C, Search

_MOST_PLACES = 64
_MOST_EXAMPLES = 20
_MOST_FIELDS = 40
_EACH = "[each]"  # where many hang in one container
_LOOKED_AT = 1000  # items of a container, of which the types are known


@internal
@dataclass(slots=True)
class Node:
    """A root, or a reference (`name`) and what it leads to (`what`), with the number of objects below."""

    name: str
    what: str
    objects: int = 0
    size_bytes: int = 0
    below: dict[tuple[str, str], Node] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, the node with most objects first."""
        ordered = sorted(self.below.values(), key=lambda node: (-node.objects, node.name))
        head = {"name": self.name, "what": self.what, "objects": self.objects, "bytes": self.size_bytes}
        return {**head, "below": [node.to_dict() for node in ordered]}


@internal
@dataclass(frozen=True, slots=True)
class Holders:
    """The holders of the objects of type `what`. `examples` has the latest object of each place, the fullest place
    first.

    `places_left_out` is True if there may be more places than were looked at.
    """

    what: str
    tree: Node
    examples: tuple[dict[str, Any], ...]
    places_left_out: bool

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, as JSON takes them; sizes are shallow bytes."""
        tree = self.tree
        about = {"type": self.what, "objects": tree.objects, "bytes": tree.size_bytes}
        examples = {"examples": list(self.examples), "places_left_out": self.places_left_out}
        return {**about, "tree": tree.to_dict()["below"], **examples}


def find_holders(label: str) -> Holders:
    """The holders of the objects of type *label*, as ``"app.Order"``. Raises OptionError if there is no such type, and
    `Cancelled` while the collector is at work."""
    kinds = types_called(label)
    if IN_C:
        mode, given = NEW_OF_TYPES, array("Q", map(id, kinds))
    else:
        mode, given = NEW_WANTED, addresses_of(label)
    with quiet, Search(Query(mode, given, _MOST_PLACES, ignore=[kinds])) as places:
        tree = Node("", "")
        for place in places:
            _enter(tree, place)
        fullest = sorted(places, key=lambda place: -place.items)[:_MOST_EXAMPLES]
        examples = tuple(_example(place) for place in fullest if place.chain)
        return Holders(label, tree, examples, len(places) >= _MOST_PLACES)


def _enter(tree: Node, place: HoldingSite) -> None:
    """Count a place's objects at each step of its path."""
    path = place.path(alone=False)
    node, pairs = tree, [("", ""), ("", root_text(path.root)), *path.pairs]
    if place.targets > 1 and path.steps and path.steps[-1].edge.is_item:
        pairs[-1] = _EACH, pairs[-1][1]
    for name, what in pairs:
        if name or what:
            node = node.below.setdefault((name, what), Node(name, what))
        node.objects += place.items
        node.size_bytes += place.size


def _example(place: HoldingSite) -> dict[str, Any]:
    """One object without its values."""
    found = place.chain[-1]
    fields = [
        {"name": short_name(name), "type": _label(value), "items": length(value), "bytes": _size(value)}
        for name, value in fields_of(found)[:_MOST_FIELDS]
    ]
    items = [] if fields else Counter(map(_label, contents(found)[:_LOOKED_AT])).most_common(5)
    path = place.path(alone=False)
    about = {"path": path.text, "objects": place.items, "bytes": _size(found), "items": length(found)}
    return {**about, "fields": fields, "holds": [{"type": kind, "count": count} for kind, count in items]}


def _label(value: object) -> str:
    return short_name(type_label(type(value)))


def _size(value: object) -> int | None:
    try:
        return int(size_reader(type(value))(value))
    except Exception:  # a C type whose __sizeof__ fails
        return None
