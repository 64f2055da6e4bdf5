"""What evidence may cost: no single hold of the interpreter above the pause budget, two per cent of the time in all."""

from __future__ import annotations

from typing import Literal

from ..backend.guard import own

Depth = Literal["deep", "tracked", "none"]

WALK_SHARE = 0.02
_LEAST_WALL = 60.0  # seconds: a program's first walks may take what a minute's would, or a short one gets no names
_TRACKED_SHARE = 1 / 3  # of a heap's objects are seen by the collector, as a rule
_COLLECT_SECONDS = 2e-7  # a block, in a full collection of a heap that was not measured yet
_WALK_SECONDS = 1.5e-6  # an object, in a walk in Python
_LIST_SECONDS = 4e-8  # a tracked object, in one call of gc.get_objects(), which cannot be interrupted


@own
class Budget:
    """Decides from the number of blocks, before anything is done; rates are corrected by what was measured.

    *pause_budget* is in seconds.
    """

    def __init__(self, pause_budget: float) -> None:
        self.pause_budget = pause_budget
        self._collect_seconds = _COLLECT_SECONDS
        self._walk_seconds = _WALK_SECONDS

    def may_collect(self, blocks: int) -> bool:
        """Whether a full collection is expected to hold the interpreter for no longer than the pause budget."""
        return blocks * self._collect_seconds <= self.pause_budget

    def collected(self, blocks: int, seconds: float) -> None:
        """A full collection took so long."""
        self._collect_seconds = seconds / max(blocks, 1)

    def walk_depth(self, blocks: int, spent: float, wall: float, walks_to_come: int) -> Depth:
        """How deep the next walk may go.

        *spent* seconds went into walks, *wall* is the time that the share is of, a minute at least; *walks_to_come*
        (this one included) have to share what is left.
        """
        if blocks * _TRACKED_SHARE * _LIST_SECONDS > self.pause_budget:
            return "none"
        left = (WALK_SHARE * max(wall, _LEAST_WALL) - spent) / walks_to_come
        expected = blocks * self._walk_seconds
        if expected <= left:
            return "deep"
        return "tracked" if expected * _TRACKED_SHARE <= left else "none"

    def walked(self, objects: int, seconds: float) -> None:
        """A walk over so many objects took so long."""
        if objects > 1000:
            self._walk_seconds = seconds / objects
