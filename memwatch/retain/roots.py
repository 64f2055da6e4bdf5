"""The order in which the roots are walked, so that a path begins where a reader would look first.

    modules          all at once, the program's own before libraries: module state and class attributes
    running frames   what only the variables of functions hold
    libraries        what they are known to keep
    memwatch         walked without counting: what only memwatch holds is no leak
    no reference     the interpreter's fork callbacks, what C code holds, and cycles that nothing holds

Each kind is walked to its end before the next: what a module holds is never shown as a variable's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any

from ..backend.census.exclude import find_internal, parts_of
from ..backend.forks import rest
from ..backend.process import Frame
from ..backend.type_labels import type_label
from .matchers import Reference, ignored_modules, late_references
from .object_labels import code_label
from .pages import ALIVE, VISITED
from .references import (
    contents_of_each,
    fork_lists,
    frame_locals,
    frames,
    is_own_frame,
    is_tracked,
    live_objects,
    namespace,
    own_modules,
    root_modules,
)
from .steps import DIRECT, Edge, EdgeKind, Root, RootKind
from .walk import Walk

HELD_IN_C = Root(RootKind.HELD_IN_C, edge=DIRECT)
HELD_BY_NOTHING = Root(RootKind.CYCLE, edge=DIRECT)
_SLICE = 2000


def walk_all(walk: Walk, ignore: Sequence[Any]) -> None:
    """Walk from every root there is. What *ignore* holds, and nothing else does, is not counted."""
    own = _hide_own(walk, ignore)
    late = late_references()
    walk.held.append(late)
    walk.pages.mark([id(reference.value) for reference in late], VISITED)
    for name, module in root_modules():
        walk.add_roots(Root(RootKind.MODULE, name), [module])
    walk.run()
    own.extend(_walk_frames(walk))
    walk.run_deferred()
    _walk_late(walk, late)
    walk.follow_silently(own)
    if not walk.done:
        _walk_unreached(walk)


def _walk_late(walk: Walk, late: list[Reference]) -> None:
    """Walk from what libraries are known to keep: it counts only what nothing else holds."""
    for reference in late:
        page, slot = walk.pages.page(id(reference.value)), id(reference.value) >> 4 & 4095
        page[slot] &= ~VISITED
        variable = Edge(EdgeKind.ATTRIBUTE, reference.variable)
        walk.add_roots(Root(RootKind.MODULE, reference.module, variable), [reference.value])
    walk.run()


def _hide_own(walk: Walk, ignore: Sequence[Any]) -> list[Any]:
    """Mark memwatch's objects and *ignore* as visited, and every object as there from the beginning."""
    own: list[Any] = []
    for batch in _batches(walk, live_objects()):
        own.extend(find_internal(batch))
        walk.pages.mark(map(id, batch), ALIVE)
    walk.pages.mark(parts_of(own), VISITED)
    own.extend(own_modules())
    own.extend(ignored_modules())
    own.extend([namespace(module) for module in own if type(module) is ModuleType])
    own.extend(ignore)
    walk.pages.mark(map(id, own), VISITED)
    walk.pages.mark([id(ignore), id(own)], VISITED)
    walk.assume_known([()])
    return own


def _batches(walk: Walk, objects: list[Any]) -> Iterator[list[Any]]:
    """The *objects* a slice at a time, always in the same list; in between other threads may fork. Empties them."""
    batch: list[Any] = []
    walk.held += [objects, batch]
    for start in range(0, len(objects), _SLICE):
        rest(walk)
        batch[:] = objects[start : start + _SLICE]
        yield batch
    objects.clear()
    batch.clear()


def _walk_frames(walk: Walk) -> list[Frame]:
    """Walk what running functions hold; gives memwatch's own frames, which are left out."""
    running = frames()
    walk.held.append(running)
    own = [frame for _, frame in running if is_own_frame(frame)]
    walk.pages.mark(map(id, own), VISITED)
    while running:
        _add_frame(walk, *running.pop(0))
    walk.run()
    return own


def _add_frame(walk: Walk, is_main: bool, frame: Frame) -> None:
    untracked = [value for value in frame_locals(frame).values() if not is_tracked(value)]
    walk.assume_known([frame, *untracked])
    name = code_label(frame.f_code, frame.f_globals)
    walk.add_roots(Root(RootKind.FUNCTION, name, main=is_main), [frame])


def _walk_unreached(walk: Walk) -> None:
    left: list[Any] = []
    walk.held.append(left)
    for batch in _batches(walk, live_objects()):
        left.extend(obj for obj in batch if walk.pages.flags(id(obj)) & (ALIVE | VISITED) == ALIVE)
    known = fork_lists(left)
    walk.held.append(known)
    for name, obj in known:
        walk.add_roots(Root(RootKind.INTERPRETER, name), [obj])
    obj = None
    walk.run()
    left[:] = list(_not_visited(walk, left))
    walk.add_roots(HELD_IN_C, _topmost(left))
    walk.run()
    left[:] = sorted(_not_visited(walk, left), key=_is_builtin)[::-1]
    walk.run_each(HELD_BY_NOTHING, left)


def _not_visited(walk: Walk, objects: Iterable[Any]) -> Iterator[Any]:
    return (obj for obj in objects if not walk.pages.flags(id(obj)) & VISITED)


def _topmost(objects: Sequence[Any]) -> list[Any]:
    """Those of *objects* to which no other of them refers, directly or through a tuple."""
    below: set[int] = set()
    level = objects
    while level:
        tuples: dict[int, Any] = {}
        for obj, found in zip(level, contents_of_each(level), strict=True):
            held = [it for it in found if it is not obj]
            tuples.update((id(it), it) for it in held if type(it) is tuple and id(it) not in below)
            below.update(map(id, held))
        level = list(tuples.values())
    return [obj for obj in objects if id(obj) not in below]


def _is_builtin(obj: Any) -> tuple[bool, bool]:
    """Objects of the program's classes come first, then classes: a cycle is shown from where a reader knows it."""
    return "." not in type_label(type(obj)), not issubclass(type(obj), type)
