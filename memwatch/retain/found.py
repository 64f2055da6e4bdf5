"""What a walk found, by either backend: the place where new objects hang, with a chain of objects that leads there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..internal import internal
from .edges import steps_of
from .matchers import why_known
from .path import RetainingPath, Root, make_path

NEW_UNKNOWN, NEW_WANTED, NEW_OF_TYPES = range(3)
"""What a search takes for new: what is not given, what is given, or what is of the types given."""


@internal
@dataclass(slots=True)
class Place:
    """New objects of one type, held at one place or at places alike.

    `chain` leads from the root to the latest of the topmost ones, which are `targets` in number; `items`, `size` in
    bytes and `types` by label are over all new objects below, themselves included. To be released in the end: it holds
    the chain's objects.
    """

    root: Root
    chain: list[Any]
    targets: int = 1
    items: int = 1
    size: int = 0
    types: Counter[str] = field(default_factory=Counter)

    @property
    def rank(self) -> tuple[int, int]:
        """Paths are told in this order: from modules, then variables of running functions, then the rest; short ones
        first."""
        kinds = ("module ", "main thread", "another thread")
        found = next((number for number, kind in enumerate(kinds) if self.root.label.startswith(kind)), len(kinds))
        return found, len(self.chain)

    def release(self) -> None:
        """Let go of the objects."""
        self.chain.clear()

    def path(self, alone: bool = True, show_keys: bool = False) -> RetainingPath:
        """The path along the chain; *alone* and *show_keys* as `edges.steps_of` says."""
        steps = steps_of(self.chain, self.root, alone, show_keys)
        return make_path(steps.shown, steps.wiped, steps.suspect, why_known(steps.shown))
