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

_LOOKED_AT = 10_000  # greenlets; the collector lists the youngest generation first
_DEEPEST = 64


def roots_in_greenlets(wanted: Set[int]) -> dict[int, Root]:
    """The roots of such objects, of the addresses *wanted*, as are variables of a function in a greenlet that waits."""
    found: dict[int, Root] = {}
    for frame in _frames() if wanted else ():
        for variable, value in frame_locals(frame).items():
            if id(value) in wanted:
                edge = Edge(EdgeKind.LOCAL, variable) if is_name(variable) else Edge(EdgeKind.KEY, "str key")
                found[id(value)] = Root(RootKind.GREENLET, code_label(frame.f_code, frame.f_globals), edge)
    return found


def _frames() -> Iterator[FrameType]:
    kind = _greenlet_type()
    if kind is None:
        return
    innermost = namespace(kind)["gr_frame"].__get__
    waiting = [obj for obj in live_objects() if issubclass(type(obj), kind)]
    for greenlet in waiting[:_LOOKED_AT]:
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
