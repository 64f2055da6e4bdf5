"""From a chain of objects to the steps of a path: each reference gets the name that a reader would look for.

Objects that only carry names are passed over: the dict of a module, class or instance, the tuple and cell of a closure,
the tree inside a context. A dict key is shown by its type, unless it is a name from source code or a small number, or
the program has asked to show all keys. An index is never shown.
"""

from __future__ import annotations

import threading
import types
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from typing import Any, NamedTuple

from ..backend.census.referents import CODE_PARTS, FrozenDict
from ..backend.stopped import StoppedFrame
from ..backend.type_labels import has_references, type_label
from ..internal import internal
from ..kinds import Kinds
from ..units import printable
from .attributes import (
    attribute_of,
    instance_key_of,
    is_instance_dict,
    is_key_of,
    is_name,
    key_of_item,
    key_of_successor,
    slot_of,
    successor_in_slot,
    text_key_of,
)
from .links import step_to
from .matchers import why_known
from .object_labels import length
from .path import RetainingPath, with_fingerprint
from .redaction import key_text, shown_key
from .references import LruCacheWrapper, frame_locals, modules, namespace
from .steps import Edge, EdgeKind, Root, RootKind, Step

NAMESPACE = Edge(EdgeKind.FIELD, "namespace")
"""As a root's edge: its first object is the dict of a class body's names, or of what exec() runs."""

_SEQUENCES = Kinds(list, tuple)
_LARGE = 10
_MOST_STEPS = 200


@internal
class _NoKey:
    """The key of a reference that has none."""


@internal
class _Passed(NamedTuple):
    """One reference: how many objects of the chain it passes, and the key of a dict item, which may be data."""

    edge: Edge
    objects: int = 1
    key: Any = _NoKey

    def shown(self, show_keys: bool) -> Edge:
        """The reference; with *show_keys* its key as it is."""
        is_hidden = not show_keys or self.key is _NoKey
        return self.edge if is_hidden else Edge(self.edge.kind, shown_key(self.key))


_Namer = Callable[[Sequence[Any], int], _Passed]


def path_along(chain: Sequence[Any], root: Root, alone: bool = True, show_keys: bool = False) -> RetainingPath:
    """The path along *chain*, which begins at *root*.

    A step is a reference and what it leads to. If the last one is an item, it is the reference alone, unless it leads
    to what grew: a large container, *alone* at its place. The middle of a very long chain is left out. *show_keys*
    shows every dict key, cut at 40 characters.
    """
    chain, root = _by_variable(chain, root)
    inside = alone and is_large(chain[-1])
    steps: list[Step] = []
    place, suspect = _begin(chain, root, steps), 1
    while place < len(chain) - 1:
        passed = _pass(chain, place)
        place += passed.objects
        last = place == len(chain) - 1
        edge = passed.shown(show_keys)
        steps.append(step_to(edge, chain[place], last, edge.is_item and last and not inside))
        if not last and _lives_on(chain[place]) and suspect == len(steps):
            suspect = len(steps) + 1
        place = _pass_middle(place, len(chain), steps)
    into_items = bool(inside and (place or root.edge))  # as if it had been there before, and its items were found
    found = RetainingPath(
        root,
        tuple(steps),
        suspect=min(suspect, len(steps)),
        known=why_known(root, steps),
        into_items=into_items,
    )
    return with_fingerprint(found)


def _by_variable(chain: Sequence[Any], root: Root) -> tuple[Sequence[Any], Root]:
    """The chain and its root. If it begins in the state of a module written in C, and a variable of a module refers to
    the same, it begins at that variable instead."""
    if len(chain) < 2 or type(chain[0]) is not types.ModuleType or chain[1] is namespace(chain[0]):
        return chain, root
    for name, module in sorted(modules(), key=lambda it: it[0].startswith("_")):
        names = namespace(module) if type(module) is types.ModuleType else {}
        key = text_key_of(names, chain[1])
        if key is not None and is_name(key):
            return [module, names, *chain[1:]], Root(RootKind.MODULE, name)
    return chain, root


def _begin(chain: Sequence[Any], root: Root, steps: list[Step]) -> int:
    """The step from the root to the first object; returns the place in *chain* that is reached."""
    if root.edge is None:
        return 0
    place, edge = 0, root.edge
    if edge == NAMESPACE:
        place = min(1, len(chain) - 1)
        name = text_key_of(chain[0], chain[place])
        edge = Edge(EdgeKind.LOCAL, name if name is not None and is_name(name) else "?")
    steps.append(step_to(edge, chain[place], place == len(chain) - 1))
    return place


def _pass_middle(place: int, end: int, steps: list[Step]) -> int:
    """Where to go on: here, or near the end if the rest is long and enough was shown."""
    if len(steps) != _MOST_STEPS // 2 or end - place <= _MOST_STEPS:
        return place
    there = end - 1 - _MOST_STEPS // 2
    steps.append(Step(Edge(EdgeKind.GAP, f"{there - place:,} more"), bare=True))
    return there


def _lives_on(obj: Any) -> bool:
    """Whether *obj* by its nature lives as long as the program: what it holds is suspect, not *obj* itself."""
    return issubclass(type(obj), (types.ModuleType, type)) or type(obj) is types.FunctionType


def is_large(obj: Any) -> bool:
    """Whether *obj* is a container with many items."""
    return (length(obj) or 0) >= _LARGE


def holder_of(chain: Sequence[Any]) -> Any:
    """The container that the last object of *chain* was put into; an lru_cache stands for its inner dict."""
    if len(chain) == 1:
        return chain[0]
    holder = chain[-2]
    if len(chain) > 2 and type(chain[-3]) is LruCacheWrapper:
        return chain[-3]
    return holder


def _pass(chain: Sequence[Any], place: int) -> _Passed:
    kind = type(chain[place])
    for base, name in _BY_BASE:
        if issubclass(kind, base):
            return name(chain, place)
    return _attribute(chain, place)


def _field(name: str) -> _Passed:
    return _Passed(Edge(EdgeKind.FIELD, name))


def _unknown(word: str, objects: int = 1) -> _Passed:
    return _Passed(Edge(EdgeKind.UNKNOWN, word), objects)


def _dict_item(chain: Sequence[Any], place: int) -> _Passed:
    parent, child = chain[place], chain[place + 1]
    found = key_of_item(parent, child)
    if found is not None:
        return _Passed(Edge(EdgeKind.KEY, key_text(found[0])), key=found[0])
    if is_key_of(parent, child):
        return _Passed(Edge(EdgeKind.IS_KEY, "key"))
    return _attribute(chain, place)


def _iterated(iterate: Callable[[Any], Iterable[Any]], item: Edge) -> _Namer:
    def name(chain: Sequence[Any], place: int) -> _Passed:
        parent, child = chain[place], chain[place + 1]
        try:
            found = any(held is child for held in iterate(parent))
        except RuntimeError:  # another thread changed it meanwhile
            found = True
        return _Passed(item) if found else _attribute(chain, place)

    return name


def _index(chain: Sequence[Any], place: int) -> _Passed:
    """The step to an item of a list or tuple. It is not iterated: to read a place that C code has not filled ends the
    process."""
    parent, child = chain[place], chain[place + 1]
    if type(parent) in _SEQUENCES:
        return _Passed(_INDEX)
    has_other = child is type(parent) or attribute_of(parent, child) is not None or is_instance_dict(parent, child)
    return _attribute(chain, place) if has_other else _Passed(_INDEX)


def _module_variable(chain: Sequence[Any], place: int) -> _Passed:
    names = namespace(chain[place])
    if chain[place + 1] is not names:
        return _unknown("module state")
    return _variable(names, chain, place)


def _class_attribute(chain: Sequence[Any], place: int) -> _Passed:
    child = chain[place + 1]
    if type(child) is not dict:
        return _unknown("base" if type(child) is tuple or issubclass(type(child), type) else "reference")
    return _variable(child, chain, place)


def _variable(names: Any, chain: Sequence[Any], place: int) -> _Passed:
    """The step over a dict of names, to the variable that comes after it in *chain*."""
    if place + 2 >= len(chain):
        return _Passed(Edge(EdgeKind.ATTRIBUTE, "__dict__"))
    key = text_key_of(names, chain[place + 2]) or key_of_successor(names, chain[place + 2])
    return _Passed(Edge(EdgeKind.IS_KEY, "key"), 2) if key is None else _named(key, 2)


def _named(key: str, objects: int = 1) -> _Passed:
    """The step to the attribute under *key*, which may be data."""
    if is_name(key):
        return _Passed(Edge(EdgeKind.ATTRIBUTE, key), objects)
    return _Passed(Edge(EdgeKind.KEY, "str key"), objects, key)


def _function_part(chain: Sequence[Any], place: int) -> _Passed:
    function, child = chain[place], chain[place + 1]
    closure = function.__closure__
    if closure is None or child is not closure or place + 2 >= len(chain):
        return _attribute(chain, place)
    cell = chain[place + 2]
    names = function.__code__.co_freevars
    name = next((name for name, held in zip(names, closure, strict=False) if held is cell), "?")
    return _Passed(Edge(EdgeKind.CELL, printable(name)), min(3, len(chain) - 1 - place))


def _local(frame_of: Callable[[Any], Any]) -> _Namer:
    def name(chain: Sequence[Any], place: int) -> _Passed:
        parent, child = chain[place], chain[place + 1]
        frame = frame_of(parent)
        if frame is None:
            return _attribute(chain, place)
        inner = chain[place + 2] if type(child) is types.CellType and place + 2 < len(chain) else child
        for variable, value in frame_locals(frame).items():
            if value is child or value is inner:
                edge = Edge(EdgeKind.LOCAL, variable) if is_name(variable) else Edge(EdgeKind.KEY, "str key")
                return _Passed(edge, 1 if value is child else 2)
        if child is frame:
            return _field("frame")
        return _attribute(chain, place)

    return name


def _cached(chain: Sequence[Any], place: int) -> _Passed:
    child = chain[place + 1]
    if is_instance_dict(chain[place], child):
        return _variable(child, chain, place)
    return _field("cache") if type(child) is dict else _unknown("cached")


def _context_variable(chain: Sequence[Any], place: int) -> _Passed:
    """The step from a context through the tree that it is made of. A step to a part of that tree, which is made anew
    when a variable is set, shows the type alone."""
    end = place + 1
    while end < len(chain) - 1 and type_label(type(chain[end])).startswith("hamt"):
        end += 1
    for variable, value in Context.items(chain[place]):
        if value is chain[end]:
            return _Passed(Edge(EdgeKind.CONTEXT_VARIABLE, printable(variable.name)), end - place)
    return _unknown("context variable", end - place)


def _thread_local(chain: Sequence[Any], place: int) -> _Passed:
    """The step from a threading.local over the dict of its threads, and that of one thread's attributes."""
    names = chain[place + 2] if place + 3 < len(chain) else None
    if type(chain[place + 1]) is not dict or type(names) is not dict:
        return _attribute(chain, place)
    variable = _variable(names, chain, place + 1)
    return variable._replace(objects=variable.objects + 1)


def _attribute(chain: Sequence[Any], place: int) -> _Passed:
    """The step to a field of any other object: a slot, an instance attribute, or one of a C type's known fields."""
    parent, child = chain[place], chain[place + 1]
    slot = slot_of(parent, child)
    if slot == "__dict__" and type(child) is dict:
        return _variable(child, chain, place)
    if slot is not None:
        return _Passed(Edge(EdgeKind.SLOT, slot))
    key = instance_key_of(parent, child)
    if key is not None:
        return _named(key)
    if is_instance_dict(parent, child):
        return _variable(child, chain, place)
    if (slot := successor_in_slot(parent, child)) is not None:
        return _Passed(Edge(EdgeKind.SLOT, slot))
    return _unknown("reference") if has_references(type(parent)) else _Passed(_ITEM)


def _constant(chain: Sequence[Any], place: int) -> _Passed:
    parent, child = chain[place], chain[place + 1]
    name = next((part for part in CODE_PARTS if getattr(parent, part) is child), None)
    return _Passed(Edge(EdgeKind.SLOT, name)) if name else _unknown("part of the code")


def _frame_of(kind: type, field: str) -> _Namer:
    return _local(vars(kind)[field].__get__)


_INDEX, _ITEM = Edge(EdgeKind.INDEX, "index"), Edge(EdgeKind.ITEM, "item")
_BY_BASE: tuple[tuple[type, _Namer], ...] = (
    (dict, _dict_item),
    (FrozenDict, _dict_item),
    (list, _index),
    (tuple, _index),
    (set, _iterated(set.__iter__, _ITEM)),
    (frozenset, _iterated(frozenset.__iter__, _ITEM)),
    (deque, _iterated(deque.__iter__, _INDEX)),
    (types.MappingProxyType, lambda chain, place: _field("mapping")),
    (types.ModuleType, _module_variable),
    (type, _class_attribute),
    (types.FunctionType, _function_part),
    (types.FrameType, _local(lambda frame: frame)),
    (StoppedFrame, _local(lambda frame: frame)),
    (types.GeneratorType, _frame_of(types.GeneratorType, "gi_frame")),
    (types.CoroutineType, _frame_of(types.CoroutineType, "cr_frame")),
    (types.AsyncGeneratorType, _frame_of(types.AsyncGeneratorType, "ag_frame")),
    (types.CodeType, _constant),
    (LruCacheWrapper, _cached),
    (Context, _context_variable),
    (threading.local, _thread_local),
)
