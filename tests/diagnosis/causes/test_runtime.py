"""Causes in Python itself and its standard library."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import io
import itertools
import logging
import queue
import sys
import threading
import warnings
import weakref
from typing import Any

import pytest

import memwatch
from memwatch.diagnosis.causes import words_for

from .case import Case, Data, rows, verify_twins

NUMBERS = itertools.count(1000)
LOG = logging.getLogger("causes")
HANDLER = logging.NullHandler()
LOCAL = threading.local()
STATE: contextvars.ContextVar[tuple[Any, ...]] = contextvars.ContextVar("STATE", default=())
ENDLESS: queue.Queue[Data] = queue.Queue()
SIMPLE: queue.SimpleQueue[Data] = queue.SimpleQueue()
BOUNDED: queue.Queue[Data] = queue.Queue(maxsize=2)
DUE = threading.Event()
FREE = threading.BoundedSemaphore(2)
ALIVE: weakref.WeakSet[Any] = weakref.WeakSet()
LISTED: list[Any] = []
BY_KEY: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


class Service:
    """Its methods keep, or do not."""

    def __init__(self) -> None:
        self.data = Data()
        self.known: dict[int, Data] = {}

    @functools.cache  # noqa: B019 - that is the mistake
    def load(self, number: int) -> Data:
        return Data()

    @functools.lru_cache(maxsize=2)  # noqa: B019
    def load_bounded(self, number: int) -> Data:
        return Data()

    def load_into_itself(self, number: int) -> Data:
        return self.known.setdefault(number, Data())

    def close(self) -> None:
        self.data = Data(0)


SERVICE = Service()


@functools.cache
def load(number: int) -> Data:
    return Data()


@functools.lru_cache(maxsize=2)
def load_bounded(number: int) -> Data:
    return Data()


def log_by_new_name() -> None:
    logger = logging.getLogger(f"causes.request.{next(NUMBERS)}")
    logger.data = Data()  # type: ignore[attr-defined]


def log_by_one_name() -> None:
    logging.LoggerAdapter(LOG, {"request": next(NUMBERS), "data": Data()}).debug("served")


def add_handler(remove: bool = False) -> None:
    handler = logging.NullHandler()
    handler.data = Data()  # type: ignore[attr-defined]
    LOG.addHandler(handler)
    if remove:
        LOG.removeHandler(handler)
        handler.close()


def forget_logs() -> None:
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("causes.request")]:
        del logging.root.manager.loggerDict[name]
    LOG.handlers.clear()


def remember_in_thread(forget: bool = False) -> None:
    try:
        LOCAL.__dict__.setdefault("seen", []).append(Data())
    finally:
        if forget:
            del LOCAL.seen


def set_state(reset: bool = False) -> None:
    token = STATE.set((*STATE.get(), Data()))
    if reset:
        STATE.reset(token)


def put_bounded() -> None:
    try:
        BOUNDED.put_nowait(Data())
    except queue.Full:
        BOUNDED.get()


def drain(full: Any) -> None:
    while not full.empty():
        full.get()


def finalize(self_holding: bool) -> None:
    service = Service()
    weakref.finalize(service, service.close if self_holding else print, end="").atexit = False


def finalize_listed() -> None:
    LISTED.append(Service())
    weakref.finalize(LISTED[-1], print, end="").atexit = False


def forget_finalizers() -> None:
    LISTED.clear()
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        if type((finalizer.peek() or [None])[0]) is Service:
            finalizer.detach()


def start_thread(tell: bool = False) -> None:
    wanted = threading.Event() if tell else DUE
    thread = threading.Thread(target=wanted.wait, args=(10,), daemon=True)
    thread.data = Data()  # type: ignore[attr-defined]
    thread.start()
    if tell:
        wanted.set()
        thread.join()


def start_timer(cancel: bool = False) -> None:
    timer = threading.Timer(1000, int)
    timer.data = Data()  # type: ignore[attr-defined]
    timer.daemon = True
    timer.start()
    TIMERS.append(weakref.ref(timer))
    if cancel:
        cancel_timers()


TIMERS: list[weakref.ref[threading.Timer]] = []


def cancel_timers() -> None:
    while TIMERS:
        timer = TIMERS.pop()()
        if timer is not None:
            timer.cancel()
            timer.join()


def end_threads() -> None:
    DUE.set()
    for thread in threading.enumerate():
        if hasattr(thread, "data"):
            thread.join()
    DUE.clear()


class Backlog:
    """A pool whose only thread waits."""

    pool = concurrent.futures.ThreadPoolExecutor(1)
    go_on = threading.Event()

    @classmethod
    def submit(cls, bounded: bool = False) -> None:
        if bounded and not FREE.acquire(blocking=False):
            return
        future = cls.pool.submit(cls.work, Data())
        if bounded:
            future.add_done_callback(lambda done: FREE.release())

    @classmethod
    def submit_and_wait(cls) -> None:
        cls.pool.submit(Data).result()

    @classmethod
    def work(cls, data: Data) -> None:
        cls.go_on.wait(10)

    @classmethod
    def finish(cls) -> None:
        cls.go_on.set()
        cls.pool.submit(int).result()
        cls.go_on.clear()


async def call_later(cancel: bool = False) -> None:
    timer = asyncio.get_running_loop().call_later(1000, len, Data().rows)
    if cancel:
        timer.cancel()


class Waiting:
    """A future that many wait for."""

    def __init__(self) -> None:
        self.done: asyncio.Future[None] | None = None

    async def wait(self, remove: bool = False) -> None:
        if self.done is None:
            self.done = asyncio.get_running_loop().create_future()
            self.done.add_done_callback(print)
        callback = functools.partial(print, Data())
        self.done.add_done_callback(callback)
        if remove:
            self.done.remove_done_callback(callback)

    def forget(self) -> None:
        self.done = None


WAITING = Waiting()


def warn(text: str) -> None:
    warnings.warn_explicit(text, UserWarning, __file__, 1, registry=SHOWN.__warningregistry__)


class Shown:
    """Stands for a module: its warnings are noted."""

    def __init__(self) -> None:
        self.__warningregistry__: dict[Any, Any] = {}


SHOWN = Shown()

CASES = (
    Case(
        "function-cache",
        "every new argument of tests.diagnosis.causes.test_runtime.load stays",
        leak=lambda: load(next(NUMBERS)),
        twin=lambda: load_bounded(next(NUMBERS)),
        fixed=lambda: load_bounded(next(NUMBERS)),
        done=load.cache_clear,
    ),
    Case(
        "cached-method",
        "on the method tests.diagnosis.causes.test_runtime.Service.load: it keeps every argument, and self is one",
        leak=lambda: Service().load(1),
        twin=lambda: SERVICE.load(1),
        fixed=lambda: Service().load_into_itself(1),
        done=Service.load.cache_clear,
    ),
    Case(
        "logger-per-name",
        "loggers with ever new names",
        leak=log_by_new_name,
        twin=lambda: logging.getLogger("causes").debug("served"),
        fixed=log_by_one_name,
        done=forget_logs,
    ),
    Case(
        "logging-handlers",
        "a handler or a filter is added",
        leak=add_handler,
        twin=lambda: LOG.addHandler(HANDLER),
        fixed=lambda: add_handler(remove=True),
        done=forget_logs,
    ),
    Case(
        "thread-local",
        "the data of a thread in a threading.local",
        leak=remember_in_thread,
        twin=lambda: setattr(LOCAL, "last", Data()),
        fixed=lambda: remember_in_thread(forget=True),
        done=lambda: LOCAL.__dict__.clear(),
    ),
    Case(
        "unbounded-queue",
        "a queue without a bound",
        leak=lambda: ENDLESS.put(Data()),
        twin=lambda: (ENDLESS.put(Data()), ENDLESS.get()),
        fixed=put_bounded,
        done=lambda: (drain(ENDLESS), drain(BOUNDED)),
    ),
    Case(
        "unbounded-queue",
        "a queue without a bound",
        leak=lambda: SIMPLE.put(Data()),
        twin=lambda: (SIMPLE.put(Data()), SIMPLE.get()),
        fixed=put_bounded,
        done=lambda: (drain(SIMPLE), drain(BOUNDED)),
    ),
    Case(
        "finalizer-holds-object",
        "weakref.finalize holds the object that it waits for",
        leak=lambda: finalize(self_holding=True),
        twin=lambda: finalize(self_holding=False),
        fixed=lambda: finalize(self_holding=False),
        done=forget_finalizers,
    ),
    Case(
        "threads-alive",
        "threads that do not end",
        leak=start_thread,
        twin=lambda: start_thread(tell=True),
        fixed=lambda: start_thread(tell=True),
        done=end_threads,
    ),
    Case(
        "timer-threads",
        "threading.Timer objects that are not due",
        leak=start_timer,
        twin=lambda: start_timer(cancel=True),
        fixed=lambda: start_timer(cancel=True),
        done=cancel_timers,
    ),
    Case(
        "weak-dict-holds-members",
        "a weak dictionary that holds its own members",
        leak=lambda: BY_KEY.__setitem__(key := Service(), {"service": key}),
        twin=lambda: BY_KEY.__setitem__(key := Service(), {"service": weakref.ref(key)}),
        fixed=lambda: BY_KEY.__setitem__(key := Service(), {"service": weakref.ref(key)}),
        done=lambda: BY_KEY.clear(),
    ),
    Case(
        "executor-backlog",
        "work that waits in an executor",
        leak=Backlog.submit,
        twin=Backlog.submit_and_wait,
        fixed=lambda: Backlog.submit(bounded=True),
        done=Backlog.finish,
    ),
    Case(
        "event-loop-timers",
        "timers that wait in the event loop",
        leak=call_later,
        twin=lambda: asyncio.sleep(0.0001),
        fixed=lambda: call_later(cancel=True),
    ),
    Case(
        "event-loop-waiters",
        "callbacks of a future or an event that is not done",
        leak=WAITING.wait,
        twin=lambda: WAITING.wait(remove=True),
        fixed=lambda: WAITING.wait(remove=True),
        done=WAITING.forget,
    ),
)


@pytest.mark.parametrize("case", rows(CASES))
def test_what_the_runtime_keeps_is_told(case: Case) -> None:
    case.verify()


def test_their_innocent_twins_are_silent() -> None:
    verify_twins(CASES)


def test_finalizers_of_objects_that_somebody_else_holds_are_not_blamed() -> None:
    with pytest.raises(memwatch.LeakFound) as caught:
        memwatch.check(finalize_listed, max_rounds=2)
    told = [words_for(holding).name for holding in caught.value.result.holdings]
    del caught
    forget_finalizers()
    assert told[0] == "module-variable" and "finalizer-holds-object" not in told


@pytest.mark.filterwarnings("default")
def test_the_texts_of_warnings_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warnings, "showwarning", lambda *arguments, **options: None)
    case = Case(
        "warning-texts",
        "warnings whose texts differ",
        leak=lambda: warn(f"{next(NUMBERS)}{'x' * 2000}"),
        twin=lambda: warn("always the same"),
        fixed=lambda: warn("always the same"),
        done=SHOWN.__warningregistry__.clear,
    )
    case.verify()
    verify_twins([case])


@pytest.mark.skipif(memwatch.backend.name == "pure", reason="a thread's context can be reached from C alone")
def test_the_value_of_a_context_variable_is_told() -> None:
    case = Case(
        "context-variable",
        "the value of a ContextVar that grows",
        leak=set_state,
        twin=lambda: STATE.set((Data(),)),
        fixed=lambda: set_state(reset=True),
        done=lambda: STATE.set(()),
    )
    case.verify()
    verify_twins([case])


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from 3.12 on there is one buffer and no list")
def test_a_text_stream_keeps_what_was_written_in_a_list() -> None:
    written = io.StringIO()

    def empty() -> None:
        written.seek(0)
        written.truncate()

    def write(text: str = "x" * 4000) -> None:
        written.write(f"{next(NUMBERS)} {text}")

    case = Case(
        "text-stream",
        "most likely an io.StringIO",
        leak=write,
        twin=lambda: io.StringIO().write("x" * 4000),
        fixed=lambda: (write(), empty()),
        done=empty,
    )
    case.verify()
    verify_twins([case])
