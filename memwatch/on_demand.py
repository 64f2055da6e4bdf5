"""What memwatch thinks now: a report that nobody has to wait for a verdict for.

    print(memwatch.report_now(seconds=30))          # blocks for 30 s
    memwatch.report_on_signal(signal.SIGUSR2)       # kill -USR2 PID, and the report is logged 30 s later

A look at the heap, and a second one after some seconds: the report tells what has grown in between, which lines have
allocated it, and who holds it. One such question is answered at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from . import default
from .backend.forks import on_fork
from .backend.meters.meters import Meters
from .backend.process import is_main_interpreter
from .checks import check_number
from .errors import AlreadyStartedError, MemwatchError, NotStartedError, OptionError, UnsupportedError, describe_error
from .internal import internal
from .logs import Log
from .watch import Candidate, Growth, Watcher
from .watch.patience import Patience
from .watch.question_ledger import QuestionLedger
from .watch.reading import read_sample
from .watch.thread import is_raw

if TYPE_CHECKING:
    from .diagnosis.report import Report

LEAST, MOST = 0.1, 86400.0
"""Seconds between the looks."""

_POLL = 0.02  # seconds
_NO_GROWTH = Growth("suspect", "asked", "base", 0.0, 0.0, 0.0, 0, 0, 2, "looks")
_log = Log()


class _State:
    current: Question | None = None
    hooked: bool = False


def report_now(seconds: float = 30.0) -> Report:
    """Report what grows in this process now: look at the heap twice, *seconds* apart (0.1 to 86400).

    The report is like that of a leak, with `asked` true. Its verdict is "nothing" if nothing has grown. No watcher is
    needed. If one runs, its thread looks, within its `pause_budget`, and the caller sleeps by `time.sleep`. In an event
    loop call it by `asyncio.to_thread`.

    Raises OptionError for wrong seconds, AlreadyStartedError while another one looks, NotStartedError if the watcher is
    stopped meanwhile, and UnsupportedError in a receiver, in a subinterpreter, or if the judge cannot be loaded.
    """
    if is_raw():
        raise UnsupportedError("report_now waits, and a receiver of memwatch must not: call it in a thread of your own")
    question = prepare(seconds)
    try:
        return question.run() if question.watcher is None else _wait_for(question, question.watcher)
    finally:
        question.close()


def report_on_signal(
    signum: int, seconds: float = 30.0, handler: Callable[[Report], object] | None = None
) -> Callable[[int, FrameType | None], None]:
    """Make a report, as `report_now` does, when the signal *signum* comes (as ``signal.SIGUSR2``). Main thread only.

    The report is logged at the level WARNING, or passed to *handler* on memwatch's own thread. The program goes on: the
    signal starts the first look, and the report comes *seconds* later. A signal that comes meanwhile is ignored. The
    watcher starts if none runs. Returns the signal handler, which does not call the one before it. Raises OptionError
    for a wrong signal or wrong seconds.
    """
    import signal

    check_seconds(seconds)
    if default.watcher() is None:
        default.start_for_program()

    def ask(_signum: int, _frame: FrameType | None) -> None:
        try:
            prepare(seconds).begin_alone(handler or _log_report)
        except MemwatchError as error:
            _log.warning("memwatch makes no report: %s", error)

    default.prepare()
    try:
        signal.signal(signum, ask)
    except (TypeError, ValueError, OSError) as error:
        raise OptionError(f"signal {signum!r} cannot bring a report: {error}") from None
    return ask


def prepare(seconds: float) -> Question:
    """The next question, to be closed by whoever asks. Raises what `report_now` does."""
    check_seconds(seconds)
    if not is_main_interpreter():
        raise UnsupportedError("memwatch looks from the main interpreter only; this is a subinterpreter")
    room = _load_room()
    current = _State.current
    if current is not None and not current.is_over:
        raise AlreadyStartedError("another report of this process is under way: one is made at a time")
    if not _State.hooked:
        _State.hooked = True
        on_fork("question", in_child=_forget)
    _State.current = question = Question(room, seconds, default.watcher())
    return question


@internal
class Question:
    """Two looks, *seconds* apart, by *watcher*'s thread or, where there is none, by the caller's.

    `report` is the answer once there is one, `problem` why there is none.
    """

    def __init__(self, room: Any, seconds: float, watcher: Watcher | None) -> None:
        options = default.current_options()
        self.seconds = seconds
        self.watcher = watcher
        self.report: Report | None = None
        self.problem = ""
        self.is_over = self._is_closed = False
        self._inquiry = room.Inquiry(options.pause_budget, options.profile, options.native, options.show_keys)
        self._ledger: QuestionLedger | None = None
        self._meters = Meters()
        self._tell: Callable[[Question], object] | None = None

    def run(self) -> Report:
        """Look here and now, and again."""
        self._inquiry.begin(self._candidate())
        time.sleep(self.seconds)
        report: Report = self._inquiry.answer(self._candidate())
        return report

    def begin(self, tell: Callable[[Question], object] | None = None) -> None:
        """Have the watcher look, and *tell* when it is over, on its thread."""
        self._tell = tell
        if self.watcher is not None:
            self.watcher.call_later(0.0, self._look)

    def begin_alone(self, handler: Callable[[Report], object]) -> None:
        """The same for the answer alone; what goes wrong is logged."""

        def tell(question: Question) -> None:
            if question.report is not None:
                handler(question.report)
            else:
                _log.warning("memwatch makes no report: %s", question.problem)

        self.begin(tell)

    def close(self) -> None:
        """It is over: let go of the evidence."""
        closed, self._is_closed = self._is_closed, True
        if not closed:
            self._inquiry.close()
            if self._ledger is not None:
                self._ledger.close()
        self.is_over = True
        if _State.current is self:
            _State.current = None

    def _look(self) -> None:
        if self.watcher is not None and self._try(lambda: self._inquiry.begin(self._candidate())):
            self.watcher.call_later(self.seconds, self._look_again)

    def _look_again(self) -> None:
        def answer() -> None:
            self.report = self._inquiry.answer(self._candidate())

        if self._try(answer):
            self._end()

    def _try(self, act: Callable[[], object]) -> bool:
        """Whether it went well and shall go on."""
        if self._is_closed:
            return False
        try:
            act()
        except Exception as error:
            self.problem = describe_error(error)
            self._end()
            return False
        return True

    def _end(self) -> None:
        self.close()
        if self._tell is not None:
            self._tell(self)

    def _candidate(self) -> Candidate:
        """What the inquiry needs, with a ledger and patience of its own."""
        patience, watcher = Patience(), self.watcher
        patience.begin(last=False)
        if watcher is not None:
            found = watcher.candidate(_NO_GROWTH)
            self._ledger = self._ledger or QuestionLedger(found.ledger)
            should_cancel = lambda: patience.is_over() or not watcher.running  # noqa: E731
            return found._replace(ledger=self._ledger, should_cancel=should_cancel)
        ledger = self._ledger = self._ledger or QuestionLedger(None)
        read = lambda: read_sample(self._meters, "tick", 0.0, ledger, force=True)  # noqa: E731
        return Candidate(_NO_GROWTH, (), read, patience.is_over, ledger)


def _wait_for(question: Question, watcher: Watcher) -> Report:
    question.begin()
    while not question.is_over:
        if not watcher.running:
            raise NotStartedError("the watcher was stopped before the report was made")
        watcher.wake()
        time.sleep(_POLL)
    if question.report is None:
        raise UnsupportedError(f"the report could not be made: {question.problem}")
    return question.report


def _load_room() -> Any:
    loader = default.loader()
    loader.load()
    if loader.room is None:
        raise UnsupportedError(f"memwatch cannot look into the heap: {loader.problem or 'it is being loaded'}")
    return loader.room


def check_seconds(seconds: float) -> None:
    """Raise OptionError unless so many may lie between two looks."""
    check_number("seconds", seconds, LEAST, MOST)


def _log_report(report: Report) -> None:
    _log.warning("%s", report, extra={"memwatch_report": report.to_dict()})


def _forget() -> None:
    """In a forked child: what its parent was asked is no question to it."""
    if _State.current is not None:
        _State.current.close()
