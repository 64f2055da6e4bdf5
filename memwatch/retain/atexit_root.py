"""Which objects does atexit keep? Only C code holds its callbacks, and no function lists them.

From Python 3.14 on they lie in a list of tuples (function, arguments, keywords), which is recognised by its form.
Before, they lie in memory that nobody can read: what they hold is estimated from the number of new callbacks.
"""

from __future__ import annotations

import atexit
import sys
import weakref
from typing import Any

from .found import HoldingSite
from .references import contents
from .steps import Root, RootKind

AT_EXIT = "exit callbacks (atexit)"
_LEAST = 16  # fewer may be chance
_MOST = 4  # callbacks for each object that is there

_callbacks = atexit._ncallbacks
_before = _callbacks()


def root_of(place: HoldingSite, alike: int) -> Root:
    """The root of *place*: atexit, if it holds what is there. C code holds *alike* objects of that type, here and at
    other places."""
    if place.root.kind is not RootKind.HELD_IN_C:
        return place.root
    by_exit = _is_list(place.chain[0]) if sys.version_info >= (3, 14) else _come_with_callbacks(place, alike)
    return Root(RootKind.INTERPRETER, AT_EXIT, place.root.edge) if by_exit else place.root


def _is_list(held: Any) -> bool:
    """Whether *held*, which only C code holds, is the list of callbacks: it has their number, and its items are such
    tuples. The items are not read by index, since C code may not have filled all places yet."""
    if type(held) is not list or not 0 < len(held) == _callbacks():
        return False
    items = contents(held)
    return len(items) == len(held) and all(type(item) is tuple and len(item) == 3 for item in items)


def _come_with_callbacks(place: HoldingSite, alike: int) -> bool:
    """Whether nothing but C code holds what is there, and about as many callbacks were registered since memwatch was
    loaded."""
    alone = len(place.chain) == 1 and type(place.chain[0]) is not weakref.ref
    return alone and _LEAST <= alike <= _callbacks() - _before <= _MOST * alike
