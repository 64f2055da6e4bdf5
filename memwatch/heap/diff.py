"""HeapDiff: what grew between two points of a program."""

from __future__ import annotations

import time

from ..backend.census.in_child import count_in_child
from ..backend.census.listed_set import Counted
from ..backend.meters.resident import read_resident
from ..backend.quiet import collect
from ..clock import Clock
from ..errors import AlreadyEndedError, MemwatchError, OptionError
from ..internal import internal
from ..units import format_milliseconds
from .budget import Plan, check_budget, plan_looks
from .change import Diff
from .compare import diff_snapshots
from .snapshot import Snapshot, take_snapshot
from .split import Split, check_split, split_diff


@internal
class HeapDiff:
    """Looks at the heap when it is made and again when it is ended::

        with HeapDiff() as heap_diff:
            handle_requests()
        print(heap_diff.diff)

    deep          False: counts only objects that the collector tracks (no str, bytes or numbers), in a fraction of the
                  time.
    collect       runs a full collection before each look, so that garbage does not count as growth. It raises no
                  `stats`. Its pause is added to that of the look.
    pause_budget  seconds for which the interpreter may be held at once, None for no bound. If a longer pause is
                  expected, the collections are left out first, then all but tracked objects; `diff.missing` says so.
                  The first look decides for both.
    in_child      a forked child takes both looks, and the program pauses for the fork alone. It is meant for large
                  heaps, together with collect=False. Net changes are exact; what came and went is an interval.
    split         "keys" divides the rows of dicts by their keys, as in ``dict{id,name}``. "owner" divides those of
                  builtin containers by what refers to them, as in ``dict of app.Session``. Only new objects are
                  divided.

    Several diffs may overlap. A diff keeps no reference to an object of the program. Raises OptionError for a wrong
    option, MemwatchError if no look fits the pause budget, UnsupportedError if no child can be forked. On free-threaded
    Python MemwatchError too, if a look beside other threads takes more than 1 minute of processor time, or 10 in all.
    """

    __slots__ = ("_before", "_budget", "_diff", "_ended_at", "_plan", "_split")

    def __init__(
        self,
        deep: bool = True,
        collect: bool = True,
        pause_budget: float | None = None,
        in_child: bool = False,
        split: Split | None = None,
    ) -> None:
        self._before: list[Snapshot] = []
        for option, value in (("deep", deep), ("collect", collect), ("in_child", in_child)):
            if type(value) is not bool:
                raise OptionError(f"{option} must be True or False, not a {type(value).__name__}")
        self._split, self._budget = check_split(split), check_budget(pause_budget)
        if in_child and split is not None:
            raise OptionError("a child sends counts alone: with in_child=True split must be None")
        self._diff: Diff | None = None
        self._ended_at: float | None = None
        self._plan = plan_looks(Plan(deep, collect, in_child), self._budget)
        self._before.append(self._look())

    def end(self) -> Diff:
        """Look again and return what changed; once, from any thread. Raises AlreadyEndedError when called again."""
        try:
            before = self._before.pop()  # of many threads one gets it, and no lock can be left behind by a fork
        except IndexError:
            raise AlreadyEndedError(f"this HeapDiff was already ended, {self._since_end():.1f} s ago") from None
        self._ended_at = Clock.monotonic()
        try:
            self._diff = self._compare(before, self._look(before))
        finally:
            before.identity.release()
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

    def __del__(self) -> None:
        for before in self._before:  # it was never ended, and births are still watched for it
            before.identity.release()

    def _look(self, before: Snapshot | None = None) -> Snapshot:
        """The first look, or the one that follows *before*."""
        seconds = _collect() if self._plan.collect else 0.0
        if not self._plan.in_child:
            return take_snapshot(self._plan.deep, births=before is None, since=before, collect_seconds=seconds)
        taken_at = time.time()
        totals, took = count_in_child(self._plan.deep)
        return Snapshot(taken_at, self._plan.deep, Counted(totals, self._plan.deep, took), seconds, read_resident())

    def _compare(self, before: Snapshot, after: Snapshot) -> Diff:
        diff = diff_snapshots(before, after, (*self._plan.missing, *self._overrun(before, after)))
        return diff if self._split is None else split_diff(diff, before, after, self._split)

    def _overrun(self, before: Snapshot, after: Snapshot) -> list[str]:
        """Which pauses were longer than they should have been, after all."""
        longest = [("look", max(before.pause_seconds, after.pause_seconds))]
        longest.append(("collection", max(before.collect_seconds, after.collect_seconds)))
        over = [(what, seconds) for what, seconds in longest if self._budget is not None and seconds > self._budget]
        return [f"the budget was not kept: a {what} paused for {format_milliseconds(took)}" for what, took in over]

    def _since_end(self) -> float:
        return Clock.monotonic() - (self._ended_at or Clock.monotonic())


def _collect() -> float:
    """A collection that raises no event, and the seconds that it took."""
    begun = Clock.perf_counter()
    collect()
    return Clock.perf_counter() - begun
