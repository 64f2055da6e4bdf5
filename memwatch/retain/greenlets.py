"""What do the functions of suspended greenlets hold?

Before Python 3.15 greenlet does not show it to the collector: such an object looks held in C. From then on it is one of
many references of the greenlet. In both cases the frames of waiting greenlets are asked, and the object is named by its
variable.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterator, Sequence, Set
from types import FrameType, ModuleType
from typing import Any

from ..backend.census.referents import shown_by
from ..backend.type_labels import has_references, type_label
from .attributes import is_name
from .object_labels import code_label
from .references import frame_locals, live_objects, namespace
from .steps import Edge, EdgeKind, Root, RootKind

_LOOKED_AT = 10_000  # greenlets
_DEEPEST = 64
_IN_VAIN = 1000  # frames that had nothing new


def roots_in_greenlets(wanted: Set[int]) -> dict[int, Root]:
    """The roots of those objects at the addresses *wanted* that are variables of a function in a waiting greenlet. They
    are among the latest, so no more frames are read than needed: before 3.13 each one read keeps an empty dict."""
    found: dict[int, Root] = {}
    in_vain = 0
    for frame in _frames() if wanted else ():
        if len(found) == len(wanted) or in_vain > _IN_VAIN:
            break
        in_vain += 1
        for variable, value in frame_locals(frame).items():
            if id(value) in wanted:
                in_vain -= _IN_VAIN * (id(value) not in found)
                found[id(value)] = _root(frame, variable)
    return found


def inside_greenlet(chain: Sequence[Any], types: Container[str]) -> tuple[Root, Sequence[Any]] | None:
    """*chain* from the variable of a waiting greenlet on, if it passes the greenlet; and that variable as the root.

    If the chain ends at the greenlet, it is a variable of one of the outermost functions that holds one of the *types*.
    None where the collector is not shown what such functions hold.
    """
    place = next((n for n in reversed(range(len(chain))) if is_greenlet(chain[n])), None)
    if place is None:
        return None
    for frame, name, value in _shown_variables(chain[place]):
        if place == len(chain) - 1 and type_label(type(value)) in types:
            return _root(frame, name), [value]
        if place < len(chain) - 1 and value is chain[place + 1]:
            return _root(frame, name), chain[place + 1 :]
    return None


def _shown_variables(greenlet: Any) -> Iterator[tuple[FrameType, str, Any]]:
    """The variables of each function from the outermost on, first those that refer to other objects."""
    shown = set(map(id, shown_by(greenlet)))
    frames = list(_frames_of(greenlet))
    for frame in reversed(frames if frames and id(frames[0]) in shown else ()):
        variables = [(name, it) for name, it in frame_locals(frame).items() if id(it) in shown and not is_greenlet(it)]
        for name, value in sorted(variables, key=lambda it: not has_references(type(it[1]))):
            yield frame, name, value


def is_greenlet(obj: Any) -> bool:
    """Whether *obj* is a greenlet, or of a class derived from it, as those of gevent are."""
    kind = _greenlet_type()
    return kind is not None and issubclass(type(obj), kind)


def _frames() -> Iterator[FrameType]:
    kind = _greenlet_type()
    if kind is None:
        return
    waiting = [obj for obj in live_objects() if issubclass(type(obj), kind)]
    for number in range(min(len(waiting), _LOOKED_AT)):  # from both ends: the youngest generation is listed first
        yield from _frames_of(waiting[~(number // 2)] if number % 2 else waiting[number // 2])


def _frames_of(greenlet: Any) -> Iterator[FrameType]:
    """The frames of a greenlet, the innermost first."""
    frame = namespace(_greenlet_type())["gr_frame"].__get__(greenlet)
    for _ in range(_DEEPEST):
        if type(frame) is not FrameType:
            break
        yield frame
        frame = frame.f_back


def _root(frame: FrameType, variable: str) -> Root:
    edge = Edge(EdgeKind.LOCAL, variable) if is_name(variable) else Edge(EdgeKind.KEY, "str key")
    return Root(RootKind.GREENLET, code_label(frame.f_code, frame.f_globals), edge)


def _greenlet_type() -> Any:
    """The class, if the program uses it and its layout is known."""
    module = sys.modules.get("greenlet")
    found = namespace(module).get("greenlet") if type(module) is ModuleType else None
    return found if type(found) is type and "gr_frame" in namespace(found) else None
