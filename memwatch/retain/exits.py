"""What only C code holds, and is most likely one of the callbacks that atexit keeps where nobody can look."""

from __future__ import annotations

import atexit
import weakref

from .found import Place
from .path import Root
from .roots import HELD_IN_C

AT_EXIT = "interpreter, exit callbacks (atexit)"
_LEAST = 16  # fewer may be chance
_MOST = 4  # callbacks for each object that is there

_callbacks = atexit._ncallbacks
_before = _callbacks()


def root_of(place: Place) -> Root:
    """The root of *place*: atexit, where nothing but C code holds what is there, and since memwatch is loaded as many
    callbacks came to atexit, but not so many that they have little to do with what is there."""
    alone = place.root.label == HELD_IN_C and len(place.chain) == 1 and type(place.chain[0]) is not weakref.ref
    came = _callbacks() - _before
    return (
        Root(AT_EXIT, place.root.edge)
        if alone and _LEAST <= place.targets <= came <= _MOST * place.targets
        else place.root
    )
