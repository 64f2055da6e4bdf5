"""Builtin containers divided by their keys, or by what refers to them, since "dict +40,000" helps nobody.

All tracked objects are visited in slices, between which other threads run, and what they refer to is looked up among
the wanted addresses. What only C code or a running function refers to has no owner, and is left out. Sizes are those of
sys.getsizeof, which for these types says what the allocator gave, except for the `__dict__` of an instance.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from sys import getsizeof
from types import ModuleType
from typing import Any, Literal

from ...internal import internal
from ..quiet import quiet
from ..type_labels import KindTable
from .contract import ObjectSet, ShouldCancel
from .dict_keys import key_signature
from .referents import referents_of
from .tracked_walk import TrackedWalk

Split = Literal["keys", "owner"]
SPLITS: tuple[Split, ...] = ("keys", "owner")

_LABELS = {id(cls): cls.__qualname__ for cls in (dict, list, tuple, set, frozenset)}
SPLIT_LABELS: Mapping[Split, tuple[str, ...]] = {"keys": ("dict",), "owner": tuple(_LABELS.values())}

_COLLECTIONS = (*_LABELS.values(), "collections.deque", "collections.OrderedDict", "collections.defaultdict")
_PLAIN_OWNERS = ("module", "type", "function", "cell", "method")

Parts = Mapping[str, Mapping[str, tuple[int, int]]]


def split_containers(split: Split, addresses: array[int], identity: ObjectSet, should_cancel: ShouldCancel) -> Parts:
    """By type label and then by what it is split into: how many containers of *identity*, and their bytes together.

    Only of those whose address is in *addresses*, which is sorted. What is not known is left out.
    """
    with quiet, _Walk(addresses, identity, should_cancel) as walk:
        if split == "keys":
            walk.tell_keys()
        else:
            walk.tell_owners()
        return walk.parts()


@internal
class _Walk(TrackedWalk):
    """One pass, or two; for each address columns of numbers: its size once it was met, its part, and who holds it."""

    __slots__ = ("_addresses", "_holders", "_identity", "_names", "_parts", "_sizes", "_table")

    def __init__(self, addresses: array[int], identity: ObjectSet, should_cancel: ShouldCancel) -> None:
        self._addresses, self._identity = addresses, identity
        self._sizes = array("Q", bytes(8 * len(addresses)))
        self._parts = array("I", bytes(4 * len(addresses)))
        self._holders = array("Q")
        self._names: list[str] = ["", ""]  # two for each part: the label and what the part is called; 0 is none
        self._table = KindTable()
        super().__init__((), should_cancel)

    def release(self) -> None:
        """Drop every reference that the walk holds."""
        super().release()
        self._table.release()

    def parts(self) -> Parts:
        """The columns added up."""
        found: dict[str, dict[str, tuple[int, int]]] = {}
        for part, size in zip(self._parts, self._sizes, strict=True):
            if part:
                label, what = self._names[2 * part : 2 * part + 2]
                row = found.setdefault(label, {})
                count, size_before = row.get(what, (0, 0))
                row[what] = count + 1, size_before + size
        return found

    def tell_keys(self) -> None:
        """Name the dicts after their keys."""
        known: dict[str, int] = {}
        for batch in self.drain():
            self._enter_shapes(batch, known)

    def _enter_shapes(self, batch: Sequence[Any], known: dict[str, int]) -> None:
        for obj in (*batch, *_reach(batch)):
            if type(obj) is dict:
                row = self._row(obj)
                if row is not None and not self._parts[row]:
                    shape = key_signature(obj)
                    if shape is not None:
                        self._parts[row] = self._part("dict", f"dict{shape}", known)

    def tell_owners(self) -> None:
        """Name the containers after the type that refers to them: of several a class of the program before builtins."""
        self._holders = array("Q", bytes(8 * len(self._addresses)))
        known: dict[str, int] = {}
        hidden = self.hidden()
        for batch in self.slices():
            self._enter_owners(batch, hidden, known)
        wanted = set(self._holders)
        namespaces: dict[int, str] = {}
        for batch in self.drain():
            if not wanted.isdisjoint(map(id, referents_of(batch))):
                _enter_namespaces(batch, wanted, self._labels(batch), namespaces)
        for row, holder in enumerate(self._holders):
            if holder in namespaces:
                label = self._names[2 * self._parts[row]]
                self._parts[row] = self._part(label, f"{label} of {namespaces[holder]}", known)

    def _enter_owners(self, batch: Sequence[Any], hidden: set[int], known: dict[str, int]) -> None:
        if not any(id(type(target)) in _LABELS and self._row(target) is not None for target in _reach(batch)):
            return
        for obj, label in zip(batch, self._labels(batch), strict=True):
            if id(obj) not in hidden:
                held = referents_of((obj,))
                self._enter_held(obj, label, held, known)
                for pair in held:
                    if type(pair) is tuple:
                        self._enter_held(pair, "tuple", referents_of((pair,)), known)

    def _enter_held(self, owner: Any, owner_label: str, held: Sequence[Any], known: dict[str, int]) -> None:
        for target in held:
            row = self._row(target) if id(type(target)) in _LABELS else None
            if row is not None:
                label = _LABELS[id(type(target))]
                preposition = "in" if owner_label in _COLLECTIONS else "of"
                part = self._part(label, f"{label} {preposition} {owner_label}", known)
                if not self._parts[row] or self._rank(part) < self._rank(self._parts[row]):
                    self._parts[row] = part
                    self._holders[row] = id(owner) if type(owner) is dict else 0

    def _rank(self, part: int) -> tuple[int, str]:
        """Owners that say most come first; the name decides among equals, so that the result does not depend on the
        order."""
        what = self._names[2 * part + 1]
        owner = what.split(" ", 2)[2]
        if owner in _COLLECTIONS:
            return 2, what
        return (0 if "." in owner else 1 if owner in _PLAIN_OWNERS else 3), what

    def _row(self, container: Any) -> int | None:
        """The container's place in the columns, where its size is entered; None if it is not wanted."""
        address = id(container)
        row = bisect_left(self._addresses, address)
        if row == len(self._addresses) or self._addresses[row] != address:
            return None
        if not self._sizes[row]:
            if not self._identity.contains(address, _LABELS[id(type(container))]):
                return None
            self._sizes[row] = getsizeof(container)
        return row

    def _part(self, label: str, what: str, known: dict[str, int]) -> int:
        number = known.get(what)
        if number is None:
            number = known[what] = len(self._names) // 2
            self._names += (label, what)
        return number

    def _labels(self, batch: Sequence[Any]) -> Iterator[str]:
        """The type label of each object."""
        return map(self._table.labels.__getitem__, self._table.places(self._table.ids(batch)))


def _reach(batch: Sequence[Any]) -> list[Any]:
    """What *batch* refers to itself, and through a tuple: one with a single owner is not listed as tracked."""
    found = referents_of(batch)
    return found + referents_of([it for it in found if type(it) is tuple])


def _enter_namespaces(
    batch: Sequence[Any], wanted: set[int], labels: Iterator[str], namespaces: dict[int, str]
) -> None:
    for obj, label in zip(batch, labels, strict=True):
        for held in referents_of((obj,)):
            if id(held) in wanted and type(held) is dict and _is_namespace(obj, held):
                namespaces[id(held)] = label


def _is_namespace(obj: Any, names: dict[Any, Any]) -> bool:
    """Whether *names* is the `__dict__` of a module, a class or an instance, as far as their references tell.

    An instance refers to its dict alone (and its type), or to the values in it as well.
    """
    if type(obj) is ModuleType or issubclass(type(obj), type):
        return True
    if id(type(obj)) in _LABELS or not type.__dict__["__dictoffset__"].__get__(type(obj)):
        return False
    others = {id(it) for it in referents_of((obj,)) if it is not names and it is not type(obj)}
    try:
        return not others or others.issuperset(map(id, dict.values(names)))
    except RuntimeError:  # it changed meanwhile
        return False
