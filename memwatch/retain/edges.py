"""From a chain of objects to the steps of a path: each reference gets the name that a reader would look for.

What only carries names is passed over: the dict of a module, class or instance, the tuple and cell of a closure, the
tree inside a context. Of a dict's key its type is shown, unless it is a name from source code or a small number, or the
program has asked to show all keys; an index never.
"""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from typing import Any, NamedTuple

from ..backend.census.referents import FrozenDict
from ..backend.type_labels import has_references, type_label
from ..units import printable
from .attributes import (
    attribute_of,
    dict_items,
    is_instance_dict,
    key_of_successor,
    name_text,
    text_key_of,
    variable_of,
)
from .links import link_to
from .object_labels import describe, key_text, length, shown_key
from .path import Link, Root
from .references import LruCacheWrapper, frame_locals, namespace

UNNAMED = "[reference]"
KEY = "[key]"
ITEM = "[]"
"""The name of every item in a fingerprint."""

NAMESPACE = "[namespace]"
"""As a root's edge: its first object is the dict of a class body's names, or of what exec() runs."""

_LARGE = 10
_MOST_STEPS = 200


class _NoKey:
    """Stands for the key of a reference that has none."""


class Step(NamedTuple):
    """One reference: its name, the name without what differs between processes, how many objects of the chain it
    passes, and the key of a dict's item, which may be data."""

    name: str
    wiped: str
    passed: int = 1
    key: Any = _NoKey

    @property
    def is_item(self) -> bool:
        """Whether it leads to one of many."""
        return self.name.startswith("[")

    def text(self, show_keys: bool) -> str:
        """The name, or with *show_keys* the key as it is."""
        return shown_key(self.key) if show_keys and self.key is not _NoKey else self.name


_Namer = Callable[[Sequence[Any], int], Step]


class Steps(NamedTuple):
    """The steps of a path, the same for its fingerprint, the number of the first that is suspect, and the same as
    links."""

    shown: tuple[str, ...]
    wiped: tuple[str, ...]
    suspect: int
    links: tuple[Link, ...]


def steps_of(chain: Sequence[Any], root: Root, alone: bool = True, show_keys: bool = False) -> Steps:
    """The steps of a path along *chain*, which begins at *root*.

    A step is the reference's name and what it leads to; of the last one, if it is an item, the name alone, unless it
    is the one that grew: a large container, and *alone* there. Of a chain that is very long the middle is left out.
    *show_keys* shows every key of a dict, cut at 40 characters.
    """
    inside = alone and is_large(chain[-1])
    shown, wiped, links = [root.label], [root.label], [Link(root.label)]
    place, suspect = _begin(chain, root, shown, wiped, links), 1
    while place < len(chain) - 1:
        step = _step(chain, place)
        place += step.passed
        target = chain[place]
        bare = step.is_item and place == len(chain) - 1 and not inside
        name = step.text(show_keys)
        shown.append(name if bare else f"{name}: {describe(target)}")
        wiped.append(ITEM if bare else f"{step.wiped}: {type_label(type(target))}")
        links.append(link_to(step.wiped, target, place == len(chain) - 1))
        if place < len(chain) - 1 and _lives_on(target) and suspect == len(shown) - 1:
            suspect = len(shown)
        place = _pass_middle(place, len(chain), shown, wiped, links)
    if inside and (place or root.edge):  # as if it had been there before, and its items were found
        wiped.append(ITEM)
        links.append(Link(ITEM))
    return Steps(tuple(shown), tuple(wiped), min(suspect, len(shown) - 1), tuple(links))


def _begin(chain: Sequence[Any], root: Root, shown: list[str], wiped: list[str], links: list[Link]) -> int:
    """The step from the root to the first object; gives the place in *chain* that is reached."""
    if root.edge is None:
        return 0
    place, edge = 0, root.edge
    if edge == NAMESPACE:
        place = min(1, len(chain) - 1)
        edge = f"local {printable(variable_of(chain[0], chain[place]))}"
    prefix = f"{edge}: " if edge else ""
    shown.append(prefix + describe(chain[place]))
    wiped.append(prefix + printable(type_label(type(chain[place]))))
    links.append(link_to(edge, chain[place], place == len(chain) - 1))
    return place


def _pass_middle(place: int, end: int, shown: list[str], wiped: list[str], links: list[Link]) -> int:
    """Where to go on: here, or nearer to the end if a long way is still to go and enough of it was told."""
    if len(shown) != _MOST_STEPS // 2 or end - place <= _MOST_STEPS:
        return place
    there = end - 1 - _MOST_STEPS // 2
    shown.append(f"[{there - place:,} more]")
    wiped.append("[more]")
    links.append(Link("[more]"))
    return there


def _lives_on(obj: Any) -> bool:
    """Whether *obj* is there for the program's life by its nature: what it holds is suspect, and not it."""
    return issubclass(type(obj), (types.ModuleType, type)) or type(obj) is types.FunctionType


def is_large(obj: Any) -> bool:
    """Whether *obj* is a container that holds many."""
    return (length(obj) or 0) >= _LARGE


def holder_of(chain: Sequence[Any]) -> Any:
    """The container that the last object of *chain* was put into; an lru_cache stands for the dict inside it."""
    if len(chain) == 1:
        return chain[0]
    holder = chain[-2]
    if len(chain) > 2 and type(chain[-3]) is LruCacheWrapper:
        return chain[-3]
    return holder


def _step(chain: Sequence[Any], place: int) -> Step:
    kind = type(chain[place])
    for base, name in _BY_BASE:
        if issubclass(kind, base):
            return name(chain, place)
    return _attribute(chain, place)


def _named(name: str) -> Step:
    return Step(name, name)


def _item(shown: str) -> Step:
    return Step(shown, ITEM)


def _dict_item(chain: Sequence[Any], place: int) -> Step:
    parent, child = chain[place], chain[place + 1]
    items = dict_items(parent)
    for key, value in items:
        if value is child:
            return Step(key_text(key), ITEM, key=key)
    if any(key is child for key, _ in items):
        return _item(KEY)
    return _attribute(chain, place)


def _iterated(iterate: Callable[[Any], Iterable[Any]], shown: str) -> _Namer:
    def name(chain: Sequence[Any], place: int) -> Step:
        parent, child = chain[place], chain[place + 1]
        try:
            found = any(item is child for item in iterate(parent))
        except RuntimeError:  # another thread changed it meanwhile
            found = True
        return _item(shown) if found else _attribute(chain, place)

    return name


def _index(chain: Sequence[Any], place: int) -> Step:
    """The step to an item of a list or tuple, which is not iterated: a place that C code has not filled yet, or never
    will, ends the process when it is read."""
    parent, child = chain[place], chain[place + 1]
    if type(parent) in (list, tuple):
        return _item("[index]")
    has_other = child is type(parent) or attribute_of(parent, child) is not None or is_instance_dict(parent, child)
    return _attribute(chain, place) if has_other else _item("[index]")


def _module_variable(chain: Sequence[Any], place: int) -> Step:
    names = namespace(chain[place])
    if chain[place + 1] is not names:
        return _item("[module state]")
    return _variable(names, chain, place)


def _class_attribute(chain: Sequence[Any], place: int) -> Step:
    child = chain[place + 1]
    if type(child) is not dict:
        return _item("[base]" if type(child) is tuple or issubclass(type(child), type) else UNNAMED)
    return _variable(child, chain, place)


def _variable(names: Any, chain: Sequence[Any], place: int) -> Step:
    """The step over a dict of names, to the variable that comes after it in *chain*."""
    if place + 2 >= len(chain):
        return _named(".__dict__")
    key = text_key_of(names, chain[place + 2]) or key_of_successor(names, chain[place + 2])
    if key is None:
        return Step(KEY, ITEM, 2)
    name = name_text(key)
    if name.startswith("["):
        return Step(name, ITEM, 2, key)
    return Step(*_twice("." + printable(name)), 2)


def _twice(text: str) -> tuple[str, str]:
    return text, text


def _function_part(chain: Sequence[Any], place: int) -> Step:
    function, child = chain[place], chain[place + 1]
    closure = function.__closure__
    if closure is None or child is not closure or place + 2 >= len(chain):
        return _attribute(chain, place)
    cell = chain[place + 2]
    names = function.__code__.co_freevars
    name = next((name for name, held in zip(names, closure, strict=False) if held is cell), "?")
    return Step(*_twice(f"cell {printable(name)}"), min(3, len(chain) - 1 - place))


def _local(frame_of: Callable[[Any], Any]) -> _Namer:
    def name(chain: Sequence[Any], place: int) -> Step:
        parent, child = chain[place], chain[place + 1]
        frame = frame_of(parent)
        if frame is None:
            return _attribute(chain, place)
        inner = chain[place + 2] if type(child) is types.CellType and place + 2 < len(chain) else child
        for variable, value in frame_locals(frame).items():
            if value is child or value is inner:
                return Step(*_twice(f"local {printable(name_text(variable))}"), 1 if value is child else 2)
        if child is frame:
            return _named("frame")
        return _attribute(chain, place)

    return name


def _cached(chain: Sequence[Any], place: int) -> Step:
    child = chain[place + 1]
    if is_instance_dict(chain[place], child):
        return _variable(child, chain, place)
    return _named("cache") if type(child) is dict else _item("[cached]")


def _context_variable(chain: Sequence[Any], place: int) -> Step:
    """The step from a context through the tree that it is made of; to a part of that tree, which is made anew when a
    variable is set, it says no more than what it is."""
    end = place + 1
    while end < len(chain) - 1 and type_label(type(chain[end])).startswith("hamt"):
        end += 1
    for variable, value in Context.items(chain[place]):
        if value is chain[end]:
            return Step(*_twice(f"context variable {printable(variable.name)}"), end - place)
    return Step("[context variable]", ITEM, end - place)


def _attribute(chain: Sequence[Any], place: int) -> Step:
    """The step to a field of any other object: a slot, an instance attribute, or one of a C type's known fields."""
    parent, child = chain[place], chain[place + 1]
    name = attribute_of(parent, child)
    if name is not None:
        return _item(name) if name.startswith("[") else _named("." + printable(name))
    if is_instance_dict(parent, child):
        return _variable(child, chain, place)
    return _item(UNNAMED if has_references(type(parent)) else "[item]")


def _constant(chain: Sequence[Any], place: int) -> Step:
    parent, child = chain[place], chain[place + 1]
    return _named(".co_consts") if child is parent.co_consts else _item("[constant]")


def _frame_of(kind: type, field: str) -> _Namer:
    return _local(vars(kind)[field].__get__)


_BY_BASE: tuple[tuple[type, _Namer], ...] = (
    (dict, _dict_item),
    (FrozenDict, _dict_item),
    (list, _index),
    (tuple, _index),
    (set, _iterated(set.__iter__, "[item]")),
    (frozenset, _iterated(frozenset.__iter__, "[item]")),
    (deque, _iterated(deque.__iter__, "[index]")),
    (types.ModuleType, _module_variable),
    (type, _class_attribute),
    (types.FunctionType, _function_part),
    (types.FrameType, _local(lambda frame: frame)),
    (types.GeneratorType, _frame_of(types.GeneratorType, "gi_frame")),
    (types.CoroutineType, _frame_of(types.CoroutineType, "cr_frame")),
    (types.AsyncGeneratorType, _frame_of(types.AsyncGeneratorType, "ag_frame")),
    (types.CodeType, _constant),
    (LruCacheWrapper, _cached),
    (Context, _context_variable),
)
