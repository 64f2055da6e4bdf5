"""What a search found, by either backend: the place where new objects hang, with a chain of objects that leads
there."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..internal import internal
from .edges import path_along
from .path import RetainingPath
from .steps import Root, RootKind

if TYPE_CHECKING:
    from ..backend._native import SearchRequest

NEW_UNKNOWN, NEW_WANTED, NEW_OF_TYPES = range(3)
"""What a search takes for new: what is not given, what is given, or what is of the types given."""


@internal
@dataclass(slots=True)
class HoldingSite:
    """New objects of one type that are held at one place, or at similar places.

    `chain` leads from the root to the latest of the topmost ones, of which there are `targets`. `items`, `size` in
    bytes and `types` by label count all new objects below, the topmost included. It holds the objects of the chain
    until it is released.
    """

    root: Root
    chain: list[Any]
    targets: int = 1
    items: int = 1
    size: int = 0
    types: Counter[str] = field(default_factory=Counter)

    @property
    def rank(self) -> tuple[int, int]:
        """The order of paths: from modules, from the main thread, from other threads, then the rest; short ones
        first."""
        root = self.root
        if root.kind is RootKind.MODULE:
            return 0, len(self.chain)
        if root.kind in (RootKind.FUNCTION, RootKind.THREAD):
            return 1 if root.main else 2, len(self.chain)
        return 3, len(self.chain)

    def release(self) -> None:
        """Let go of the objects."""
        self.chain.clear()

    def path(self, alone: bool = True, show_keys: bool = False) -> RetainingPath:
        """The path along the chain; *alone* and *show_keys* as `edges.path_along` says."""
        return path_along(self.chain, self.root, alone, show_keys)


@internal
@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for, and how.

    `mode` says what is new, with the addresses or types in `given`. At most `named` places are returned, the largest
    first; with `branches` also other ways to the first one. `grown` has the addresses of what grew in place. What only
    `ignore` holds is left out. `should_cancel` is called now and then. `in_slices` keeps the search in Python. `near`
    limits the search to what is near to `roots`, modules by name, or near to running functions if there are none: it
    ends after so many references, or `max_objects` objects.
    """

    mode: int
    given: array[int]
    named: int = 1
    branches: int = 0
    grown: Iterable[int] | None = None
    ignore: Sequence[Any] = ()
    should_cancel: Callable[[], bool] | None = None
    max_objects: int | None = None
    in_slices: bool = False
    roots: Sequence[tuple[str, Any]] | None = None
    near: int = 0


@internal
@dataclass(frozen=True, slots=True)
class Question:
    """A search for the extension to make, here or in a forked child: the `request`, and the modules' `names`."""

    request: SearchRequest
    names: tuple[str, ...]

    @property
    def parts(self) -> list[object]:
        """What a census leaves out of it, since it belongs to memwatch."""
        return [self.request, self.names, *(it for it in self.request.values() if type(it) is list)]
