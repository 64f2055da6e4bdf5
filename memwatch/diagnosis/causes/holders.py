"""The containers: what each is called, and how one that only grows is emptied or bounded."""

from __future__ import annotations

from dataclasses import dataclass

from ...internal import internal
from .cause import Cause


@internal
@dataclass(frozen=True, slots=True)
class Holder:
    """A kind of container: a word for it, what to do where it only grows, and what else where its keys, or its items,
    are objects that can be held weakly: texts, numbers and containers of Python cannot."""

    word: str
    drop: str
    weak_keys: str = ""
    weak_items: str = ""


HOLDERS = {
    "list": Holder("list", "drop items when they are done with, or bound it: collections.deque(maxlen=100)"),
    "dict": Holder(
        "dict",
        "delete keys when they are done with, or bound it: an LRU cache",
        ", or weakref.WeakKeyDictionary",
        ", or weakref.WeakValueDictionary",
    ),
    "set": Holder(
        "set",
        "discard members when they are done with",
        ", or hold them weakly: weakref.WeakSet",
        ", or hold them weakly: weakref.WeakSet",
    ),
    "collections.deque": Holder("deque", "check that what empties it runs, or bound it: collections.deque(maxlen=100)"),
    "collections.OrderedDict": Holder(
        "OrderedDict", "pop the oldest item when it has grown enough: popitem(last=False)"
    ),
    "collections.defaultdict": Holder(
        "defaultdict", "delete keys when they are done with, and look up by .get(): looking one up makes it"
    ),
    "collections.Counter": Holder("Counter", "delete keys when they are done with, or count what has few values"),
}

GENERAL = Cause("growing-container", "a {holder} that only grows", "{drop}", counted=True, many=True, for_owner=True)
"""Where no more is known than the kind of container."""

ATTRIBUTES = Cause(
    "growing-attributes",
    "one object, or a module, that gets more and more attributes",
    "delete each when it is no longer needed, delattr(obj, name) or globals().pop(name); or keep the values in a dict, "
    "and delete its keys",
    counted=True,
    for_owner=True,
)

FAR_BOUND = Cause(
    "far-bound",
    "a {holder} whose bound is out of reach",
    "lower the bound to what there is memory for",
)
"""Where a container does have a bound, and grows all the same."""

NEAR_BOUND = Cause(
    "near-bound",
    "a {holder} that fills up to its bound",
    "it grows no further when it is full; lower the bound if that is too much, and look at what else has grown",
)
"""Where it has one, and more than half of that is used."""

REPLACED = Cause(
    "replaced-by-larger",
    "one object that is made anew again and again, each time with more in it than before",
    "keep only what is needed when it is made anew: leave out its oldest part, or write that out first",
    for_owner=True,
)
"""Where one object came that holds all of the others, and no container of Python's grew: a copy with one item more."""

CYCLE_IN_C = Cause(
    "cycle-through-c",
    "objects that hold themselves through {name}, which the collector cannot look into: most likely a cycle that is "
    "never collected",
    "look for a newer release of the library that makes it; or break the cycle when the object is done with: close it, "
    "or delete the attribute that holds {name}",
)
"""Where C code holds a method of an object, and that object holds one of C code's that may be who does."""

UNREACHED = Cause(
    "not-reachable",
    "objects that the program cannot reach any more: held by C code, or a cycle that cannot be collected",
    "look for a newer release of the extension that was called",
)
"""Where the path begins at no root that a program knows."""
