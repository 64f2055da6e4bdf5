"""The second way to a holder: backwards from one object, by objgraph, within narrow bounds.

Each link takes a look through the whole heap. The walk from the roots finds all that this finds, unless the program
moved the object while the walk ran: this is for that case.
"""

from __future__ import annotations

from itertools import count
from types import ModuleType
from typing import Any

import objgraph

from ..clock import Clock
from .edges import path_along
from .object_labels import module_name
from .path import RetainingPath
from .steps import Root, RootKind

_DEPTH = 8
_MOST_LOOKS = 50
_SECONDS = 2.0  # of processor time


class _Enough(Exception):
    """The bounds are reached."""


def find_path_backwards(obj: object) -> RetainingPath | None:
    """A path from a module to *obj*; None if none was found within the bounds."""
    deadline, looks = Clock.thread_time() + _SECONDS, count()

    def is_root(candidate: object) -> bool:
        if next(looks) >= _MOST_LOOKS or Clock.thread_time() > deadline:
            raise _Enough
        return type(candidate) is ModuleType

    try:
        chain: list[Any] = objgraph.find_backref_chain(obj, is_root, max_depth=_DEPTH)
    except _Enough:
        return None
    if len(chain) == 1:
        return None
    return path_along(chain, Root(RootKind.MODULE, module_name(chain[0])))
