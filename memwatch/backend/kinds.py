"""Type labels and shallow sizes, read without running a line of the user's code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from types import MethodDescriptorType, WrapperDescriptorType
from typing import Any

_HAVE_GC = 1 << 14
_GC_HEADER = sys.getsizeof(()) - ().__sizeof__()
_C_DESCRIPTORS = (MethodDescriptorType, WrapperDescriptorType)
# The getters of `type` itself: a metaclass that redefines these names is not asked.
_qualname, _module, _mro, _namespace, _flags = (
    type.__dict__[name].__get__ for name in ("__qualname__", "__module__", "__mro__", "__dict__", "__flags__")
)


def type_label(cls: type) -> str:
    """`module.Qualname`; a builtin type is bare (`dict`), one whose module is not a str reads `?.Qualname`."""
    qualname = str.__str__(_qualname(cls))
    try:
        module = _module(cls)
    except AttributeError:
        module = None
    if not issubclass(type(module), str):
        return f"?.{qualname}"
    module = str.__str__(module)
    return qualname if module == "builtins" else f"{module}.{qualname}"


def has_references(cls: type) -> bool:
    """Whether the collector can ask instances of *cls* what they refer to."""
    return bool(_flags(cls) & _HAVE_GC)


def size_reader(cls: type) -> Callable[[Any], int]:
    """What gives the shallow bytes of an instance of *cls*, its collector header included.

    `sys.getsizeof` where the type's own `__sizeof__` is a C one. A `__sizeof__` written in Python (or anything else
    than a C method) is passed over for the nearest C one among the bases; `object` has one always.
    """
    for base in _mro(cls):
        found = _namespace(base).get("__sizeof__")
        if isinstance(found, _C_DESCRIPTORS):
            break
        if found is not None:
            return _reader_past_python(cls)
    return sys.getsizeof


def _reader_past_python(cls: type) -> Callable[[Any], int]:
    candidates = (_namespace(base).get("__sizeof__") for base in _mro(cls))
    descriptor: Any = next(found for found in candidates if isinstance(found, _C_DESCRIPTORS))
    header = _GC_HEADER if has_references(cls) else 0
    return lambda instance: int(descriptor(instance)) + header


class KindTable:
    """The types met during one walk. It holds them, so that no address is taken by another type, until the walk ends."""

    __slots__ = ("labels", "with_references", "_places", "_place_of_label", "_readers", "_types")

    def __init__(self) -> None:
        self.labels: list[str] = []
        self.with_references: set[int] = set()
        self._places: dict[int, int] = {}
        self._place_of_label: dict[str, int] = {}
        self._readers: dict[int, Callable[[Any], int]] = {}
        self._types: list[type] = []

    def ids(self, objects: Sequence[object]) -> list[int]:
        """The address of each object's type; types not met before are entered."""
        type_ids = list(map(id, map(type, objects)))
        unknown = set(type_ids).difference(self._places)
        if unknown:
            met = dict(zip(type_ids, map(type, objects)))
            for type_id in unknown:
                self._enter(type_id, met[type_id])
        return type_ids

    def places(self, type_ids: Iterable[int]) -> list[int]:
        """For each type, the place of its label in `labels`."""
        return list(map(self._places.__getitem__, type_ids))

    def sizes(self, objects: Sequence[object], type_ids: Sequence[int]) -> list[int]:
        """The shallow bytes of each object; 0 for one that refuses to tell."""
        if self._readers.keys().isdisjoint(type_ids):
            try:
                return list(map(sys.getsizeof, objects))
            except Exception:  # one C type's failing __sizeof__ must not cost the sizes of the others
                pass
        return [self._size(instance, type_id) for instance, type_id in zip(objects, type_ids)]

    def _size(self, instance: object, type_id: int) -> int:
        try:
            return self._readers.get(type_id, sys.getsizeof)(instance)
        except Exception:
            return 0

    def _enter(self, type_id: int, cls: type) -> None:
        label = type_label(cls)
        place = self._place_of_label.setdefault(label, len(self.labels))
        if place == len(self.labels):
            self.labels.append(label)
        self._places[type_id] = place
        self._types.append(cls)
        if has_references(cls):
            self.with_references.add(type_id)
        reader = size_reader(cls)
        if reader is not sys.getsizeof:
            self._readers[type_id] = reader
