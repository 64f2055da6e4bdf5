"""HeapDiff: what grew between two points of a program."""

from __future__ import annotations

import time

from ..backend.guard import collect, own
from ..errors import AlreadyEndedError, MemwatchError, OptionError
from .change import Diff
from .compare import diff_snapshots
from .snapshot import Snapshot, take_snapshot


@own
class HeapDiff:
    """Looks at the heap when it is made and again when it is ended::

        with HeapDiff() as heap_diff:
            handle_requests()
        print(heap_diff.diff)

    With *deep* off only objects that the collector tracks are looked at (no str, bytes or numbers), in a fraction of
    the time. *collect* runs a full collection before each look, so that garbage does not count as growth; it raises
    no `stats`. Several diffs may overlap. No reference to an object of the program is kept in between.
    Raises OptionError where an option is not a bool.
    """

    __slots__ = ("_before", "_collect", "_deep", "_diff", "_ended_at")

    def __init__(self, deep: bool = True, collect: bool = True) -> None:
        for option, value in (("deep", deep), ("collect", collect)):
            if type(value) is not bool:
                raise OptionError(f"{option} must be True or False, not a {type(value).__name__}")
        self._deep, self._collect = deep, collect
        self._diff: Diff | None = None
        self._ended_at: float | None = None
        self._before: list[Snapshot] = []
        self._before.append(self._look())

    def end(self) -> Diff:
        """Look again and give what changed; once, from any thread. Raises AlreadyEndedError when called again."""
        try:
            before = self._before.pop()  # of many threads one gets it, and no lock can be left behind by a fork
        except IndexError:
            raise AlreadyEndedError(f"this HeapDiff was already ended, {self._since_end():.1f} s ago") from None
        self._ended_at = time.monotonic()
        self._diff = diff_snapshots(before, self._look())
        return self._diff

    @property
    def diff(self) -> Diff:
        """What changed. Raises MemwatchError before the end."""
        if self._diff is None:
            raise MemwatchError("this HeapDiff has not been ended yet: leave its with block, or call end()")
        return self._diff

    def __enter__(self) -> HeapDiff:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if self._ended_at is None:
            self.end()

    def _look(self) -> Snapshot:
        if self._collect:
            collect()
        return take_snapshot(self._deep)

    def _since_end(self) -> float:
        return time.monotonic() - (self._ended_at or time.monotonic())
