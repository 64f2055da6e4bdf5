"""The steps of a retaining path as values: where it begins, how each object is held, and what it is.

Who looks for patterns in a path compares these values; `holder_names` alone makes text of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..internal import internal


class EdgeKind(Enum):
    """How one object refers to another."""

    ATTRIBUTE = "attribute"  # of an instance or a class, or a variable of a module
    SLOT = "slot"  # a field that the type itself has: of `__slots__`, or of C code
    CELL = "cell"  # a variable of an outer function
    LOCAL = "local"  # a variable of a running function
    CONTEXT_VARIABLE = "context variable"
    FIELD = "field"  # of an object of the interpreter's own; without a name where there is no word for it
    KEY = "key"  # what a dict has under a key
    IS_KEY = "is key"  # a key of a dict
    INDEX = "index"  # an item of a sequence
    ITEM = "item"  # an item of anything else, or whichever item
    UNKNOWN = "unknown"  # no name is known
    GAP = "gap"  # so many steps are left out


ITEMS = frozenset((EdgeKind.KEY, EdgeKind.IS_KEY, EdgeKind.INDEX, EdgeKind.ITEM, EdgeKind.UNKNOWN))
"""What leads to one of many: its name, if it has one, differs between processes."""

ATTRIBUTES = frozenset((EdgeKind.ATTRIBUTE, EdgeKind.SLOT))
"""What source code writes behind a dot."""


SMALL_VIEW = "small view"
"""A view of a buffer that is at least twice as large as what the view shows."""

CALLABLE = "callable object"
"""An instance whose class has a method ``__call__``; shown at a path's end alone."""

CHAINED = "chain"
"""An object that refers to one of its own type, and that to the next, many times over; shown at a path's end alone."""

WRAPPED = "wrapped again"
"""A function in such a chain."""

IN_OWN_ARRAY = "in an array of its own"
"""An object that leads to itself over a numpy array, into which no collector looks; shown at a path's end alone."""


@internal
@dataclass(frozen=True, slots=True)
class Edge:
    """One reference. `name` is what stands in source code; of one of `ITEMS` what is shown in brackets."""

    kind: EdgeKind
    name: str = ""

    @property
    def is_item(self) -> bool:
        """Whether it leads to one of many."""
        return self.kind in ITEMS

    @property
    def normalized(self) -> Edge:
        """The reference without what differs between processes."""
        if self.kind is EdgeKind.GAP:
            return _SOME
        return WHICHEVER if self.is_item else self


WHICHEVER = Edge(EdgeKind.ITEM)
DIRECT = Edge(EdgeKind.FIELD)
"""A reference that there is no word for, from a root."""

_SOME = Edge(EdgeKind.GAP, "more")


@internal
@dataclass(frozen=True, slots=True)
class Step:
    """A reference, and what it leads to.

    `type` is the label of the object's type, `traits` those of that type's bases, and whatever `links` tells of it;
    `name` is what a class, a function or a cache is called, else "". `items` is the length of a builtin container or of
    its subclass. `bare` is one of many that is shown by its reference alone.
    """

    edge: Edge
    type: str = ""
    name: str = ""
    items: int | None = None
    traits: tuple[str, ...] = ()
    bare: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The type, its bases, and whatever else is known of it."""
        return (self.type, *self.traits) if self.type else ()

    @property
    def normalized(self) -> Step:
        """The step without what differs between processes."""
        return ANY_ITEM if self.bare and self.edge.is_item else Step(self.edge.normalized, self.type)


ANY_ITEM = Step(WHICHEVER, bare=True)


class RootKind(Enum):
    """Where a path can begin."""

    MODULE = "module"
    FUNCTION = "function"  # one that runs
    GREENLET = "greenlet"  # a function in one that waits
    THREAD = "thread"  # what the interpreter keeps of a thread
    INTERPRETER = "interpreter"  # what it keeps of the process
    HELD_IN_C = "held in C"  # what no Python object refers to
    CYCLE = "cycle"  # the same, but for what it leads to itself
    MEMWATCH = "memwatch"  # what only memwatch holds


UNREACHED = frozenset((RootKind.HELD_IN_C, RootKind.CYCLE))
"""Roots that the program itself cannot reach."""


@internal
@dataclass(frozen=True, slots=True)
class Root:
    """Where a path begins: a module called `name`, a running function, or a part of the interpreter's state.

    `main` is whether the function or state is that of the main thread. `edge` is the reference to the first object of
    the chain, None where that object is the root itself.
    """

    kind: RootKind
    name: str = ""
    edge: Edge | None = None
    main: bool = False
