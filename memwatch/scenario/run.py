"""check(): runs a function in rounds until one does not grow, and says what grew in all of them.

The first round is warm-up: imports, caches and lazily made objects. Every further round is compared with the one
before by a full collection and a census of all objects, untracked ones included. Whatever does not grow ends the
check, so healthy code costs two rounds. Who holds the growth is looked for only after the last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any, overload

from ..backend.meters.meters import Meters
from ..backend.quiet import collect
from ..checks import check_whole
from ..errors import LeakFound, OptionError
from ..heap import Census, HeapDiff, Snapshot, take_census, take_snapshot
from ..internal import internal
from ..retain import Holding
from .allocated import LastRound
from .blame import blame, keepers
from .calls import Caller, place_of_function
from .excused import Records
from .growth import Reading, Round, growing, measure_round, native_growth, was_unsettled
from .result import CheckResult, GrowthRow


def check(
    fn: Callable[[], object],
    loops: int = 2,
    max_rounds: int = 5,
    *,
    ignore: Sequence[object] = (),
    max_growth: int = 0,
) -> CheckResult:
    """Run *fn* in rounds and raise LeakFound, an AssertionError, if memory grows in every one of them::

        def test_handler_keeps_nothing():
            memwatch.check(lambda: handle(request()))

    *fn* takes no arguments. A coroutine function runs in an event loop of the check's own. The first two rounds call
    *fn* *loops* times, and each further round twice as often as the one before, up to *max_rounds*. The first round is
    a warm-up. With the defaults healthy code is called 4 times and leaking code 32 times.

    A leak is one of three: a type of which each round leaves as many objects as it had calls, a type whose objects grow
    in place, or native memory that grows by 512 bytes a call. Bytes have to keep up with the calls: a round that brings
    less than two fifths of what the first counted one brought for each call is no leak's. Objects that fill a bounded
    cache, or that only *ignore* holds, are no leak. Neither is growth of up to *max_growth* bytes a call, measured in
    the last round.

    Returns what was found otherwise. Exceptions of *fn* pass through. Raises OptionError if an option is out of range,
    and UnsupportedError if *fn* needs an event loop and one is running in this thread.
    """
    __tracebackhide__ = True
    return check_with_fixtures(fn, {}, loops, max_rounds, ignore=ignore, max_growth=max_growth)


def check_with_fixtures(
    fn: Callable[[], object],
    fixtures: Mapping[str, object],
    loops: int = 2,
    max_rounds: int = 5,
    *,
    ignore: Sequence[object] = (),
    max_growth: int = 0,
) -> CheckResult:
    """`check`, which tells which of *fixtures*, by name, keeps what a test leaves behind."""
    __tracebackhide__ = True
    _require(fn, loops, max_rounds, max_growth)
    scenario = _Scenario(fn, loops, max_rounds, max_growth)
    try:
        result = _in_sight(fn, lambda: scenario.examine(ignore, fixtures))
    finally:
        scenario.close()
    if result.leaks:
        raise LeakFound(str(result), result)
    return result


def given(fn: Callable[[], object], examine: Callable[[], CheckResult]) -> CheckResult:
    """What *examine* answers, while a frame holds *fn*."""
    __tracebackhide__ = True
    return examine()


_in_sight: Callable[[Callable[[], object], Callable[[], CheckResult]], CheckResult]
_in_sight = FunctionType(given.__code__, {"__name__": "check"})
"""The same in a frame that does not pass for memwatch's: what is kept by a function that nobody else holds is found."""


def _require(fn: object, loops: object, max_rounds: object, max_growth: object) -> None:
    __tracebackhide__ = True
    if not callable(fn):
        raise OptionError(f"fn must be a function without arguments, not a {type(fn).__name__}")
    check_whole("loops", loops, 1)
    check_whole("max_rounds", max_rounds, 2)
    check_whole("max_growth", max_growth, 0)


def _collect() -> None:
    """Collections untrack tuples level by level, as the constants of a code object, and what C code alone holds is seen
    while it is tracked: hence two."""
    collect()
    collect()


@internal
class _Scenario:
    """The rounds of one check. What it keeps lies in its fields, where no census counts it."""

    __slots__ = (
        *("_allowed", "_caller", "_census", "_checked", "_last", "_loops", "_measured", "_meters", "_rounds", "_run"),
        *("_settled", "_snapshot"),
    )

    def __init__(self, fn: Callable[[], object], loops: int, max_rounds: int, max_growth: int) -> None:
        self._caller, self._checked = Caller(fn), place_of_function(fn)
        self._loops, self._measured, self._allowed = loops, max_rounds - 1, max_growth
        self._meters = Meters()
        self._last = LastRound()
        self._rounds: list[Round] = []
        self._run = 0
        self._settled = False
        self._census: Census | None = None
        self._snapshot: Snapshot | None = None

    def close(self) -> None:
        """End what the calls ran in, and what is watched."""
        self._caller.close()
        if self._snapshot is not None:
            self._snapshot.identity.release()

    def examine(self, ignore: Sequence[object], fixtures: Mapping[str, object]) -> CheckResult:
        """Run rounds until one does not grow, or there were enough of them to judge."""
        __tracebackhide__ = True
        self._warm_up()
        while len(self._rounds) < self._measured:
            self._run_round()
            if not (growing(self._rounds) or native_growth(self._rounds) or self._warms_up_again()):
                return self._result()
        return self._judge(ignore, fixtures)

    def _warm_up(self) -> None:
        """The calls that are not counted; what a round will read is read once as well, so that nothing is new then."""
        __tracebackhide__ = True
        self._caller.call(self._loops)
        self._run = 1
        self._read()
        _collect()
        self._census = take_census()

    def _run_round(self) -> None:
        """Twice the calls of the round before; the last one's new objects will be told from those of a snapshot."""
        __tracebackhide__ = True
        calls = self._loops << len(self._rounds)
        is_last = len(self._rounds) == self._measured - 1
        if is_last:
            self._last.start()  # what it needs itself is there before the two looks
            self._snapshot, self._census = take_snapshot(births=True), take_census()
        start = self._read()
        try:
            self._caller.call(calls)
        finally:
            self._run += 1
            _collect()
            end = self._read()
            if is_last:
                self._last.stop()
        before, self._census = self._census, take_census()
        if before is not None:
            self._rounds.append(measure_round(calls, before, self._census, start, end))

    def _read(self) -> Reading:
        return Reading(self._meters.read(force=True).native, Records().stream_bytes())

    def _warms_up_again(self) -> bool:
        """Make the first measured round one of warm-up, once, if what the first left was freed in it."""
        if self._settled or len(self._rounds) > 1 or not was_unsettled(self._rounds[0]):
            return False
        self._settled = True
        self._rounds.clear()
        return True

    def _judge(self, ignore: Sequence[object], fixtures: Mapping[str, object]) -> CheckResult:
        """What grew in all rounds, less what is excused or allowed."""
        rows, allowed = growing(self._rounds), self._allowed * self._rounds[-1].calls
        if not rows or self._snapshot is None:
            native = native_growth(self._rounds)
            return self._result(native=native if sum(native[-1:]) > allowed else ())
        ignored = [*Records().containers, *ignore]
        rows, holdings = blame(rows, self._rounds[-1].calls, self._snapshot, ignored)
        if sum(row.size_bytes[-1] for row in rows) <= allowed:
            return self._result()
        return self._result(rows, holdings, fixtures=fixtures)

    def _result(
        self,
        rows: tuple[GrowthRow, ...] = (),
        holdings: tuple[Holding, ...] = (),
        native: tuple[int, ...] = (),
        fixtures: Mapping[str, object] | None = None,
    ) -> CheckResult:
        return CheckResult(
            rounds=self._run,
            calls=tuple(found.calls for found in self._rounds),
            rows=rows,
            holdings=holdings,
            native=native,
            checked=self._checked,
            allocated_at=tuple(self._last.line_of({held.frontier_type, *held.type_counts}) for held in holdings),
            kept_by=keepers(fixtures or {}, holdings),
        )


@internal
class HeapDiffFixture:
    """The fixture `heap_diff`: call it with a function to check it, or alone for a diff of a block."""

    def __init__(self, fixtures: Callable[[], Mapping[str, object]] = dict) -> None:
        self._fixtures = fixtures

    @overload
    def __call__(self) -> HeapDiff: ...

    @overload
    def __call__(
        self,
        fn: Callable[[], object],
        loops: int = 2,
        max_rounds: int = 5,
        *,
        ignore: Sequence[object] = (),
        max_growth: int = 0,
    ) -> CheckResult: ...

    def __call__(self, fn: Callable[[], object] | None = None, *args: Any, **options: Any) -> HeapDiff | CheckResult:
        """`memwatch.check` with these arguments; a new HeapDiff, to be used with `with`, where there are none."""
        __tracebackhide__ = True
        if fn is None:
            return HeapDiff(*args, **options)
        return check_with_fixtures(fn, self._fixtures(), *args, **options)
