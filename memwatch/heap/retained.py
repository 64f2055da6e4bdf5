"""What keeps how much alive: retained sizes, and the points of the heap where much hangs.

    >>> print(memwatch.heap.dominators(top=3))

An object retains what its end would free: itself, and all that can be reached through it alone.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Literal

from .. import backend
from ..checks import check_whole
from ..errors import OptionError, UnsupportedError
from ..formats.heapsnapshot.layout import EDGE_TYPES
from .analysis import analyse, retained_bytes, taken_in_python
from .dominators_table import Dominators, PathStep, from_answer

_graph: Any = import_module("..backend.graph." + ("exact" if backend.name == "native" else "pure"), __package__)

InChild = bool | Literal["auto"]


def retained_size(obj: Any, *, in_child: InChild = "auto") -> int:
    """Return how many bytes the end of *obj* would free: its own, and those of all that only *obj* keeps alive.

    The whole heap is looked at, on Linux by a forked child; *in_child* is as in `write_heap_snapshot`. The result is 0
    for an object that the look does not see or that every program shares. Raises UnsupportedError, OptionError, and
    MemwatchError while the collector is at work.
    """
    child = choose_child(in_child)
    if backend.name == "native":
        return int(_graph.retained(0, id(obj), child)["wanted"][0])
    snapshot, place = taken_in_python(obj)
    return 0 if place is None else retained_bytes(snapshot)[place]


def dominators(top: int = 20, *, in_child: InChild = "auto") -> Dominators:
    """Where much hangs: at most *top* points of the heap, with the way to each and what it retains by class.

    Looks and raises as `retained_size` does.
    """
    check_whole("top", top, 1)
    child = choose_child(in_child)
    if backend.name != "native":
        return analyse(taken_in_python(None)[0], top)
    answer = _graph.retained(top, 0, child)
    return from_answer(
        answer, lambda point: [_step(*it) for it in point["way"]], lambda point: str(point["name"]), str, top
    )


def _step(kind: int, name: str | int, what: str) -> PathStep:
    return PathStep(EDGE_TYPES[kind], f"[{name}]" if isinstance(name, int) else name, what)


def choose_child(in_child: Any) -> bool:
    """Whether a forked child looks; raises OptionError and UnsupportedError."""
    if in_child != "auto" and type(in_child) is not bool:
        raise OptionError('in_child must be True, False or "auto"')
    child: bool = _graph.IN_CHILD if in_child == "auto" else in_child
    if child and not _graph.IN_CHILD:
        raise UnsupportedError(
            f"in_child=True needs Linux and the C extension; this is {sys.platform}, backend {backend.name}: "
            f"{backend.reason}"
        )
    return child
