"""Type labels and shallow sizes, read without running a line of the user's code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from struct import Struct
from types import MethodDescriptorType, WrapperDescriptorType
from typing import Any

from ..internal import internal

_HAVE_GC = 1 << 14
_GC_HEADER = sys.getsizeof(()) - ().__sizeof__()
_C_METHODS = frozenset(map(id, (MethodDescriptorType, WrapperDescriptorType)))
_CRASH = frozenset({id(Struct.__dict__["__sizeof__"])})  # on one that was made but not set up, as in its `__init__`
_subclasses = type.__subclasses__  # of `type` itself, which asks no metaclass
# The getters of `type` itself: a metaclass that redefines these names is not asked.
_NAMES = ("__qualname__", "__module__", "__mro__", "__dict__", "__flags__", "__base__")
_qualname, _module, mro_of, namespace_of, flags_of, base_of = (type.__dict__[name].__get__ for name in _NAMES)


def type_label(cls: type) -> str:
    """`module.Qualname`; a builtin type is bare (`dict`). `?` replaces a name that is no str or cannot be read."""
    module, qualname = _text(_module, cls), _text(_qualname, cls)
    return qualname if module == "builtins" else f"{module}.{qualname}"


def _text(read: Callable[[type], Any], cls: type) -> str:
    try:
        found = read(cls)
    except (AttributeError, UnicodeDecodeError):  # the name of a type written in C need not be UTF-8
        return "?"
    return str.__str__(found) if issubclass(type(found), str) else "?"


def every_type() -> list[type]:
    """Every class that there is in this process, builtin ones included."""
    found: dict[int, type] = {id(object): object}
    unseen: list[type] = [object]
    while unseen:
        subclasses: list[type] = _subclasses(unseen.pop())
        for cls in subclasses:
            if id(cls) not in found:
                found[id(cls)] = cls
                unseen.append(cls)
    return list(found.values())


def has_references(cls: type) -> bool:
    """Whether the collector can ask instances of *cls* what they refer to."""
    return bool(flags_of(cls) & _HAVE_GC)


def is_plain(cls: type) -> bool:
    """Whether `cls.__module__` and `cls.__name__` are plain attributes, from which `type_label` is made."""
    if type(cls) is not type or "?" in (_text(_module, cls), _text(_qualname, cls)):
        return False
    if type(_module(cls)) is not str or not cls.__module__:
        return False
    return type_label(cls) == f"{cls.__module__}.{cls.__name__}".removeprefix("builtins.")


def size_reader(cls: type) -> Callable[[Any], int]:
    """The function that returns the shallow bytes of an instance of *cls*, with its collector header. It is
    `sys.getsizeof` if the type's own `__sizeof__` is a C method. Otherwise the nearest C method of a base is used, so
    that no Python code runs."""
    spaces = map(namespace_of, mro_of(cls))
    methods = [space["__sizeof__"] for space in spaces if "__sizeof__" in space]
    if methods and _is_c_method(methods[0]):
        return sys.getsizeof
    measure: Any = next(filter(_is_c_method, methods), object.__sizeof__)
    header = _GC_HEADER if has_references(cls) else 0
    return lambda instance: int(measure(instance)) + header


def _is_c_method(found: object) -> bool:
    return id(type(found)) in _C_METHODS and id(found) not in _CRASH


@internal
class KindTable:
    """The types met during one walk. It holds them, so that no address is taken by another type, until it ends."""

    __slots__ = ("_place_of_label", "_places", "_readers", "_types", "labels", "plain", "referring")

    def __init__(self) -> None:
        self.labels: list[str] = []
        self.plain: set[int] = set()
        self.referring: set[int] = set()
        self._places: dict[int, int] = {}
        self._place_of_label: dict[str, int] = {}
        self._readers: dict[int, Callable[[Any], int]] = {}
        self._types: list[type] = []

    def release(self) -> None:
        """Let go of the types; the labels stay."""
        self._types.clear()

    def ids(self, objects: Sequence[object]) -> list[int]:
        """The address of each object's type; types not met before are entered."""
        type_ids = list(map(id, map(type, objects)))
        unknown = set(type_ids).difference(self._places)
        if unknown:
            met = dict(zip(type_ids, map(type, objects), strict=True))
            for type_id in unknown:
                self._enter(type_id, met[type_id])
        return type_ids

    def is_plain(self, instance: object) -> bool:
        """Whether the type of *instance*, met before, is one that `is_plain` says yes to."""
        return id(type(instance)) in self.plain

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
        return [self._size(instance, type_id) for instance, type_id in zip(objects, type_ids, strict=True)]

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
        if is_plain(cls):
            self.plain.add(type_id)
        if has_references(cls):
            self.referring.add(type_id)
        reader = size_reader(cls)
        if reader is not sys.getsizeof:
            self._readers[type_id] = reader
