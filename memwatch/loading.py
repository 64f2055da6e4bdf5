"""The judge is loaded when growth is suspected for the first time: few processes need it, and all would pay for it.

memwatch's own thread imports nothing, for a thread that is killed inside an import hangs the interpreter's exit. The
main thread may sit in a C function for ever. So a thread of its own imports the judge, and ends. It does so part by
part: a fork and the exit of the process wait for the part that is under way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from . import lazy_imports
from .backend.meters.meters import Meters, Reading
from .backend.quiet import get_ident
from .clock import Clock
from .errors import UnsupportedError, describe_error
from .internal import internal
from .lazy_imports import at_once
from .logs import Log
from .version import REPLACED, is_replaced
from .watch import Candidate, Dismissed, Judge, Leak, make_leak
from .watch.contract import Unjudged
from .watch.cost import LOADED
from .watch.thread import RawThread, is_raw

_PACKAGE = __name__.partition(".")[0]
PARTS = (
    "dataclasses",
    *(() if sys.platform == "linux" else ("psutil",)),
    "objgraph",
    *(f"{_PACKAGE}.{name}" for name in ("heap", "retain", "calltree", "flamegraph.columns", "render", "diagnosis")),
)
"""What the judge needs, in order; it comes last."""

FORK_PATIENCE = 1.0  # seconds that a fork waits: a child must not inherit a module that nobody will finish
EXIT_PATIENCE = 10.0  # the same for the exit, which would not end
_MOST_HEAP = 12 << 20  # bytes: more than that the program has allocated meanwhile; 8 MiB are loaded as a rule
_MOST_RESIDENT = 16 << 20
_MOST_GIVEN_BACK = 1 << 18  # bytes of the heap: as the C library keeps for a thread until that ends, and garbage

_log = Log()


@internal
class _Loading:
    """What all loaders of the process take together: two at the same time must not both count it."""

    def __init__(self) -> None:
        self.under_way = 0
        self._ended = False

    def begin(self, reading: Reading) -> None:
        """One more begins at this *reading*."""
        if self.under_way == 0:
            self._count_from(reading)
        self.under_way += 1

    def end(self, reading: Reading, rates: tuple[float, float]) -> None:
        """One ends: write down what has come since the last reading, but for what the program grows by at *rates*."""
        before, seconds = self._before, Clock.monotonic() - self._begun
        heap, resident = (round(rate * seconds) for rate in rates)
        taken, small = min(max(0, reading.base - before.base - heap), _MOST_HEAP), reading.small - before.small
        LOADED.heap += taken
        LOADED.small += round(taken * min(1.0, max(0, small) / max(1, reading.base - before.base)))
        LOADED.resident += min(max(0, reading.rss - before.rss - resident), _MOST_RESIDENT)
        LOADED.modules += max(0, len(sys.modules) - self._modules)
        self.under_way = max(0, self.under_way - 1)
        self._count_from(reading)
        if self.under_way == 0:
            LOADED.most, self._ended = None, True

    def settle(self) -> bool:
        """What the heap has lost since the last one ended was loading's: a thread gives back at its end what the C
        library had kept for it. Asked once, by memwatch's thread; True if there was such."""
        if not self._ended or self.under_way:
            return False
        self._ended, lost = False, self._before.base - Meters().read(force=True).base
        LOADED.heap -= (lost := min(max(0, lost), _MOST_GIVEN_BACK, LOADED.heap))
        return lost > 0

    def _count_from(self, reading: Reading) -> None:
        self._before, self._begun, self._modules = reading, Clock.monotonic(), len(sys.modules)
        LOADED.most = reading.base, reading.rss


_loading = _Loading()


@internal
class Loader:
    """Imports *parts* once in a process, the last of which is the judge's room. `problem` says why it could not."""

    def __init__(self, parts: tuple[str, ...] = PARTS) -> None:
        self.room: Any = None
        self.problem = ""
        self.judge: LateJudge | None = None  # of the watcher that was made last
        self._parts = parts
        self._thread = RawThread()
        self._rates = (0.0, 0.0)
        self._forks = 0  # under way
        self._callers: set[int] = set()  # threads inside `load`
        self._ended = self._broken = False

    def begin(self, rates: tuple[float, float] = (0.0, 0.0)) -> None:
        """Load in a thread of its own, unless one does or the process forks or ends.

        *rates* are the bytes a second by which base and resident memory of the program grow by themselves.
        """
        if self._may_go_on() and self._thread.join(0.0):
            self._rates = rates
            try:
                self._thread.start(self._run)
            except RuntimeError as error:
                self.problem = f"no thread can be started: {error}"

    def load(self) -> None:
        """Load in the calling thread, unless that is one of memwatch's, or loads already: a signal handler that runs in
        the middle of an import would get half a module. What goes wrong stands in `problem`."""
        if not self._may_go_on() or is_raw() or get_ident() in self._callers:
            return
        self._callers.add(get_ident())
        try:
            self._load()
        except Exception as error:  # also what import hooks of the program raise
            self.problem = _describe(error)
        finally:
            self._callers.discard(get_ident())

    def park(self) -> None:
        """Before a fork: wait for the part that is under way, and begin no other."""
        self._forks += 1
        self._broken = not self._thread.join(FORK_PATIENCE)

    def resume(self, in_child: bool) -> None:
        """After a fork. A child that has inherited a half-imported module must not wait for the rest of it."""
        if in_child:
            lazy_imports.forget_other_threads()
            LOADED.most = None
            _loading.under_way = 0
            self._thread = RawThread()
            if self._broken:
                self.problem = "this process was forked in the middle of an import"
        self._forks = 0 if in_child else max(0, self._forks - 1)
        self._broken = self._broken and in_child

    def end(self) -> None:
        """At the exit: as before a fork, for good."""
        self._ended, is_loading = True, self._thread.ident is not None
        self._thread.join(EXIT_PATIENCE)
        if is_loading:
            _remember_interrupt()

    def _may_go_on(self) -> bool:
        return not (self.room is not None or self._forks or self._ended or self._broken)

    def _run(self) -> None:
        try:
            self._load()
        except BaseException as error:
            self.problem = _describe(error)

    def _load(self) -> None:
        meters = Meters()
        _loading.begin(meters.read(force=True))
        try:
            room = self._import_parts()
        finally:
            _loading.end(meters.read(force=True), self._rates)
        if room is not None:  # only now: the judge is to read no meter before it is known what loading took
            self.room, self.problem = room, ""

    def _import_parts(self) -> Any:
        """The last of the parts; None where a fork or the end of the process came between."""
        room = None
        for part in self._parts:
            if not self._may_go_on():
                return None
            _check_modules()
            with at_once():
                room = import_module(part)
        _check_modules()
        return room


def _remember_interrupt() -> None:
    """A program that Ctrl-C has ended ends by that signal, which shells ask for. The interpreter forgets it when code
    is executed from a string, as an import of dataclasses does, and knows it again when such code raises it."""
    if type(getattr(sys, "last_value", None)) is KeyboardInterrupt and not hasattr(sys, "ps1"):
        with suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")


def _describe(error: BaseException) -> str:
    return str(error) if isinstance(error, UnsupportedError) else describe_error(error)


def _check_modules() -> None:
    """Raises UnsupportedError where what is loaded now would not fit: the program has emptied `sys.modules`, so that
    memwatch would be imported a second time, or memwatch was installed anew."""
    if getattr(sys.modules.get(__name__), "__dict__", None) is not globals():
        raise UnsupportedError("memwatch's modules were taken out of sys.modules")
    if is_replaced():
        raise UnsupportedError(REPLACED)


@internal
class LateJudge:
    """The judge of one watcher, as *make* makes it from its room once that is there. Asked on memwatch's own thread.

    Where the room cannot be loaded this is said once, and a leak goes out with what is known.
    """

    def __init__(self, loader: Loader, make: Callable[[Any], Judge]) -> None:
        self._loader = loader
        self._make = make
        self._judge: Judge | None = None
        self._has_begun = False
        self._has_reported = False
        loader.judge = self

    def growing(self) -> tuple[tuple[str, int, int], ...]:
        """As `Diagnosis.growing`; nothing while no judge is needed."""
        return self._judge.growing() if self._has_begun and self._judge is not None else ()

    def suspected(self, candidate: Candidate) -> bool:
        """False while the judge is being loaded."""
        judge = self._find(candidate.rates)
        if judge is not None:
            self._has_begun = self._begin(judge, candidate)
        return judge is not None or bool(self._loader.problem)

    def followed(self, candidate: Candidate) -> bool:
        """As `Diagnosis.followed`; where the judge was missing until now, the suspicion begins here."""
        judge = self._find(candidate.rates)
        if judge is not None and self._has_begun:
            return judge.followed(candidate)
        if judge is not None:
            self._has_begun = self._begin(judge, candidate)
        return False

    def _begin(self, judge: Judge, candidate: Candidate) -> bool:
        """As `Diagnosis.suspected`, from a reading that takes off what was loaded, and no more."""
        if _loading.settle() and candidate.samples:
            candidate = candidate._replace(samples=(*candidate.samples[:-1], candidate.read()))
        return judge.suspected(candidate)

    def __call__(self, candidate: Candidate) -> Leak | Dismissed:
        """Its decision; without it an early leak has no evidence, and any other goes out as it is."""
        judge = self._find()
        if judge is not None:
            return judge(candidate)
        why = f"it could not be looked into: {self._loader.problem}"
        if candidate.growth.level == "early":
            return Dismissed(why)
        return make_leak(candidate.growth, "unknown", Unjudged(candidate.growth, why))

    def forget(self) -> None:
        """Let go of the evidence."""
        self._has_begun = False
        if self._judge is not None:
            self._judge.forget()

    def _find(self, rates: tuple[float, float] = (0.0, 0.0)) -> Judge | None:
        loader = self._loader
        if self._judge is None and loader.room is not None:
            self._judge = self._make(loader.room)
        elif self._judge is None:
            if loader.problem and not self._has_reported:
                self._has_reported = True
                _log.warning("memwatch cannot look into growth, as its judge cannot be loaded: %s", loader.problem)
            loader.begin(rates)
        return self._judge
