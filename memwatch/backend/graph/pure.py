"""The heap as a graph, in Python: the reference for the one in C, and what the pure backend has.

It holds every object while it works, in about 300 bytes for each, and other threads run meanwhile: what they change is
seen as it was before or after. Names are known of items, slots, and of what a type's fields are; the attributes that an
instance keeps in itself, and the variables of running functions, cannot be read from Python without making dicts of
them: the first are called "reference", what only the second hold is under "(Held in C)".
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator
from types import CellType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any

from ...internal import internal
from ..census.dict_keys import is_interned
from ..census.pure import DeepWalk
from ..census.referents import DICTS, kind_of_dict, shown_by
from ..quiet import quiet
from ..type_labels import mro_of, namespace_of, type_label
from .contract import Wish
from .roots import named_roots

IN_CHILD = False

_CONTEXT, _ELEMENT, _PROPERTY, _INTERNAL = 0, 1, 2, 3
_OBJECT, _SYNTHETIC = 3, 9
_GROUPS = ("(Modules)", "(Interpreter)", "(Held in C)")
_PIECE_SHIFT, _MASK = 20, 0xFFFF
_pieces: dict[tuple[int, int, int], int] = {}

Edge = tuple[int, int, int]
"""A type, a name or number, and the address of the target."""


@internal
class Graph:
    """The rows of a heap snapshot: what `formats.heapsnapshot.writer` takes. The objects are held until `release`."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._numbers: dict[str, int] = {}
        self.strings: list[str] = []
        self.objects: list[Any] = []
        self.sizes: array[int] = array("Q")
        self._places: dict[int, int] = {}
        self._edges: list[list[Edge]] = []
        self._groups: list[list[Edge]] = [[] for _ in _GROUPS]
        self._members: dict[int, list[tuple[str, Any]]] = {}

    def __enter__(self) -> Graph:
        with quiet, DeepWalk((), None) as walk:
            self._table = walk.table
            walk.run(True, self._visit, lambda *_: None)
            self._places = {id(obj): place for place, obj in enumerate(self.objects)}
            for obj in self.objects:
                self._edges.append([edge for edge in self._edges_of(obj) if edge[2] in self._places])
        self._hold_roots()
        return self

    def __exit__(self, *_: object) -> None:
        self.objects.clear()

    def _visit(self, _: list[int], objects: list[object], type_ids: list[int]) -> None:
        self.objects.extend(objects)
        self.sizes.fromlist(self._table.sizes(objects, type_ids))

    def _string(self, text: str) -> int:
        place = self._numbers.setdefault(text, len(self.strings))
        if place == len(self.strings):
            self.strings.append(text)
        return place

    # ---- edges ----

    def _edges_of(self, obj: Any) -> Iterator[Edge]:
        if issubclass(type(obj), DICTS):
            yield from self._items(obj)
            return
        named = {id(value): name for name, value in self._fields(obj)}
        is_sequence = issubclass(type(obj), (list, tuple, set, frozenset, deque))
        number = 0
        for held in shown_by(obj):
            if held is type(obj):
                yield _INTERNAL, self._string("__class__"), id(held)
            elif id(held) in named:
                yield _PROPERTY, self._string(named[id(held)]), id(held)
            elif is_sequence:
                yield _ELEMENT, number, id(held)
                number += 1
            else:
                yield _INTERNAL, self._string("reference"), id(held)

    def _fields(self, obj: Any) -> Iterator[tuple[str, Any]]:
        """What the fields of the object's type hold."""
        members = self._members.get(id(type(obj)))
        if members is None:
            members = self._members[id(type(obj))] = _members(type(obj))
        for name, descriptor in members:
            try:
                yield name, descriptor.__get__(obj)
            except (AttributeError, ValueError, TypeError):  # an empty slot
                continue
        if type(obj) is CellType:
            yield from _contents(obj)
        elif type(obj) is FunctionType:
            yield "__code__", obj.__code__
        elif issubclass(type(obj), ModuleType):
            yield "__dict__", vars(ModuleType)["__dict__"].__get__(obj)

    def _items(self, names: Any) -> Iterator[Edge]:
        for key, value in list(kind_of_dict(names).items(names)):
            yield _INTERNAL, self._string("(key)"), id(key)
            kind, name = self._key(key)
            yield kind, name, id(value)

    def _key(self, key: Any) -> tuple[int, int]:
        if type(key) is str and (self._wish.show_keys or is_interned(key)):
            return _PROPERTY, self._string(key[:40])
        if type(key) is int and 0 <= key < 1000:
            return _ELEMENT, key
        return _PROPERTY, self._string(f"[{type_label(type(key))} key]")

    # ---- roots ----

    def _hold_roots(self) -> None:
        reached: set[int] = set()
        for group, pairs in enumerate(named_roots()):
            for name, obj in pairs:
                if id(obj) in self._places:
                    self._groups[group].append((_PROPERTY, self._string(name), id(obj)))
                    self._reach(id(obj), reached)
        left = [address for address in self._places if address not in reached]
        below = {edge[2] for address in left for edge in self._edges[self._places[address]]}
        for address in sorted(left, key=below.__contains__):
            if address not in reached:
                self._groups[2].append((_ELEMENT, len(self._groups[2]), address))
                self._reach(address, reached)

    def _reach(self, address: int, reached: set[int]) -> None:
        waiting = [address]
        while waiting:
            address = waiting.pop()
            if address not in reached:
                reached.add(address)
                waiting.extend(edge[2] for edge in self._edges[self._places[address]])

    def place_of(self, obj: Any) -> int | None:
        """The node that *obj* is."""
        place = self._places.get(id(obj))
        return None if place is None else 2 + len(_GROUPS) + place

    # ---- rows ----

    @property
    def counts(self) -> tuple[int, int]:
        """How many nodes and edges there are."""
        edges = 1 + len(_GROUPS) + sum(map(len, self._groups)) + sum(map(len, self._edges))
        return 2 + len(_GROUPS) + len(self.objects), edges

    def nodes(self) -> Iterator[tuple[int, ...]]:
        """The groups, and then the objects."""
        yield _SYNTHETIC, self._string(""), 1, 0, 1
        yield _SYNTHETIC, self._string("(GC roots)"), 2, 0, len(_GROUPS)
        for place, name in enumerate(_GROUPS):
            yield _SYNTHETIC, self._string(name), 3 + place, 0, len(self._groups[place])
        for obj, size, edges in zip(self.objects, self.sizes, self._edges, strict=True):
            yield _OBJECT, self._string(_node_name(obj)), _number(obj), size, len(edges)

    def edges(self) -> Iterator[tuple[int, ...]]:
        """The edges of each in the same order, with the place of the target."""
        yield _ELEMENT, 0, 1
        for place in range(len(_GROUPS)):
            yield _ELEMENT, place, 2 + place
        for edges in (*self._groups, *self._edges):
            for kind, name, address in edges:
                yield kind, name, 2 + len(_GROUPS) + self._places[address]


def _members(kind: type) -> list[tuple[str, Any]]:
    """The names of the fields that the type gives its instances, and the C descriptors that read them."""
    items = [item for cls in mro_of(kind) for item in list(namespace_of(cls).items())]
    return [(str(name), it) for name, it in items if type(it) is MemberDescriptorType]


def _contents(cell: CellType) -> Iterator[tuple[str, Any]]:
    try:
        yield "cell_contents", cell.cell_contents
    except ValueError:
        return


def _node_name(obj: Any) -> str:
    if issubclass(type(obj), type):
        return f"<class {type_label(obj)}>"
    if type(obj) is FunctionType:
        module = vars(FunctionType)["__module__"].__get__(obj)
        return f"<function {module if type(module) is str else '?'}.{obj.__qualname__}>"
    if issubclass(type(obj), ModuleType):
        name = dict.get(vars(ModuleType)["__dict__"].__get__(obj), "__name__")
        return f"<module {name if type(name) is str else '?'}>"
    return type_label(type(obj))


def _number(obj: Any) -> int:
    """The same number for the same object in all snapshots of a process, as `native/core/ids.h` says."""
    address, kind = id(obj), id(type(obj))
    piece = (address >> _PIECE_SHIFT, address >> 3 & 1, kind >> 4 & 3)
    number = _pieces.setdefault(piece, len(_pieces) + 1)
    return (number & _MASK) << 16 | address >> 4 & _MASK
