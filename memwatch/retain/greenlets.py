"""What the functions of suspended greenlets hold, which the collector is not shown: such an object looks held in C.

The frames are asked of the greenlets themselves, which lay them open while they wait.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Set
from types import FrameType, ModuleType
from typing import Any

from .attributes import is_name
from .object_labels import code_label
from .references import frame_locals, live_objects, namespace
from .steps import Edge, EdgeKind, Root, RootKind

_LOOKED_AT = 10_000  # greenlets
_DEEPEST = 64
_IN_VAIN = 1000  # frames that had nothing new


def roots_in_greenlets(wanted: Set[int]) -> dict[int, Root]:
    """The roots of such objects, of the addresses *wanted*, as are variables of a function in a greenlet that waits.

    They are among the latest, so no more frames are asked than it takes: before 3.13 each keeps an empty dict of it.
    """
    found: dict[int, Root] = {}
    in_vain = 0
    for frame in _frames() if wanted else ():
        if len(found) == len(wanted) or in_vain > _IN_VAIN:
            break
        in_vain += 1
        for variable, value in frame_locals(frame).items():
            if id(value) in wanted:
                edge = Edge(EdgeKind.LOCAL, variable) if is_name(variable) else Edge(EdgeKind.KEY, "str key")
                in_vain -= _IN_VAIN * (id(value) not in found)
                found[id(value)] = Root(RootKind.GREENLET, code_label(frame.f_code, frame.f_globals), edge)
    return found


def is_greenlet(obj: Any) -> bool:
    """Whether it is one, or of a class derived from it, as gevent's are."""
    kind = _greenlet_type()
    return kind is not None and issubclass(type(obj), kind)


def _frames() -> Iterator[FrameType]:
    kind = _greenlet_type()
    if kind is None:
        return
    innermost = namespace(kind)["gr_frame"].__get__
    waiting = [obj for obj in live_objects() if issubclass(type(obj), kind)]
    for number in range(min(len(waiting), _LOOKED_AT)):  # from both ends: the youngest generation is listed first
        greenlet = waiting[~(number // 2)] if number % 2 else waiting[number // 2]
        frame = innermost(greenlet)
        for _ in range(_DEEPEST):
            if type(frame) is not FrameType:
                break
            yield frame
            frame = frame.f_back


def _greenlet_type() -> Any:
    """The class, if the program uses it and it is as known here."""
    module = sys.modules.get("greenlet")
    found = namespace(module).get("greenlet") if type(module) is ModuleType else None
    return found if type(found) is type and "gr_frame" in namespace(found) else None
