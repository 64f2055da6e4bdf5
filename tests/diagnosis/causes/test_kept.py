"""Causes that are told by what is kept."""

from __future__ import annotations

import asyncio
import concurrent.futures
import re
import threading
import traceback
import weakref
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest

import memwatch
from memwatch.diagnosis.causes import words_for

from .case import Case, Data, rows, verify_twins

LIST: list[Any] = []
TASKS: set[asyncio.Task[Data]] = set()
POOL = concurrent.futures.ThreadPoolExecutor(1)
LARGE = "0123456789 " * 2000
LISTENERS: list[Callable[[], None]] = []
WEAK_LISTENERS: weakref.WeakSet[Any] = weakref.WeakSet()
Order = type("Order", (), {})


class View:
    """Something that listens for as long as it is open."""

    def __init__(self) -> None:
        self.data = Data()

    def refresh(self) -> None: ...


class Node:
    """Refers to the one before."""

    def __init__(self, before: Node | None) -> None:
        self.before, self.data = before, Data()


def fail(data: Data) -> None:
    raise ValueError(len(data.rows))


def keep_error() -> None:
    try:
        fail(Data())
    except ValueError as error:
        LIST.append(error)


def keep_bare_error() -> None:
    LIST[:] = [ValueError("no traceback")]


def keep_error_text() -> None:
    try:
        fail(Data(64_000))
    except ValueError as error:
        LIST.append("".join(traceback.format_exception(error)))


def keep_traceback(clear: bool = False) -> None:
    try:
        fail(Data(64_000))
    except ValueError as error:
        LIST.append("".join(traceback.format_tb(error.__traceback__)) if clear else error.__traceback__)


async def work() -> Data:
    return Data()


async def keep_task(discard: bool = False) -> None:
    task = asyncio.create_task(work())
    TASKS.add(task)
    if discard:
        task.add_done_callback(TASKS.discard)
    await task


async def run_task() -> None:
    await asyncio.create_task(work())


def submit() -> None:
    LIST.append(POOL.submit(Data))


def submit_and_drop() -> None:
    waiting = {POOL.submit(Data) for _ in range(2)}
    for future in concurrent.futures.as_completed(waiting):
        future.result()


def produce() -> Generator[int, None, None]:
    data = Data()
    yield len(data.rows)
    yield 0


def begin(close: bool = False) -> None:
    generator = produce()
    next(generator)
    if close:
        generator.close()
    else:
        LIST.append(generator)


def begin_coroutine() -> None:
    LIST.append(_waiting(Data()))


async def _waiting(data: Data) -> None:
    await asyncio.sleep(len(data.rows))


def close_coroutine() -> None:
    _waiting(Data()).close()


def drop_coroutines() -> None:
    while LIST and type(LIST[-1]) is type(_COROUTINE):
        LIST.pop().close()
    clear()


_COROUTINE: Coroutine[Any, Any, None] = _waiting(Data(1))
_COROUTINE.close()


def start_thread() -> None:
    thread = threading.Thread(target=Data)
    thread.data = Data()  # type: ignore[attr-defined]
    thread.start()
    thread.join()
    LIST.append(thread)


def start_thread_and_let_go() -> None:
    start_thread()
    LIST[:] = [thread for thread in LIST if thread.is_alive()]


def link() -> None:
    LIST[:] = [Node(LIST[0] if LIST else None)]


def link_and_cut() -> None:
    link()
    LIST[0].before = None


def lengthen(cut: bool = False) -> None:
    """A chain from the first to the last, as a translation has fallbacks."""
    if not LIST:
        LIST[:] = [first := Node(None), first]
    LIST[1].before = Node(None)
    LIST[1] = LIST[1].before
    if cut:
        LIST[0] = LIST[1]


def wrap(before: Any) -> None:
    """A handler around that of before, as a decorator that is put on again and again makes it."""
    data = Data()

    def handler() -> Any:
        return data, before

    LIST[:] = [handler]


def listen_until_closed() -> None:
    view = View()
    LISTENERS.append(view.refresh)
    LISTENERS.remove(view.refresh)


def clear() -> None:
    for container in (LIST, TASKS, LISTENERS, WEAK_LISTENERS):
        container.clear()


CASES = (
    Case(
        "kept-errors",
        "errors that are kept with their tracebacks",
        leak=keep_error,
        twin=keep_bare_error,
        fixed=keep_error_text,
        done=clear,
    ),
    Case(
        "kept-frames",
        "frames or tracebacks that are kept",
        leak=keep_traceback,
        twin=lambda: (keep_traceback(), clear()),
        fixed=lambda: keep_traceback(clear=True),
        done=clear,
    ),
    Case(
        "kept-tasks",
        "asyncio tasks that are kept",
        leak=keep_task,
        twin=run_task,
        fixed=lambda: keep_task(discard=True),
        done=clear,
    ),
    Case(
        "kept-futures",
        "futures that are kept after they are done",
        leak=submit,
        twin=lambda: POOL.submit(Data).result(),
        fixed=submit_and_drop,
        done=clear,
    ),
    Case(
        "suspended-generators",
        "generators that have begun and never end",
        leak=begin,
        twin=lambda: list(produce()),
        fixed=lambda: begin(close=True),
        done=clear,
    ),
    Case(
        "suspended-coroutines",
        "coroutines that never end, or are never awaited",
        leak=begin_coroutine,
        twin=lambda: asyncio.sleep(0),
        fixed=close_coroutine,
        done=drop_coroutines,
    ),
    Case(
        "kept-threads",
        "thread objects that are kept",
        leak=start_thread,
        twin=lambda: (start_thread(), LIST.clear()),
        fixed=start_thread_and_let_go,
        done=clear,
    ),
    Case(
        "small-views",
        "small views of large buffers",
        leak=lambda: LIST.append(memoryview(bytes(16_000))[:4]),
        twin=lambda: memoryview(bytes(16_000))[:4],
        fixed=lambda: LIST.append(bytes(memoryview(bytes(16_000))[:4])),
        done=clear,
    ),
    Case(
        "kept-matches",
        "matches of regular expressions that are kept",
        leak=lambda: LIST.append(re.search("9", LARGE + str(len(LIST)))),
        twin=lambda: re.search("9", LARGE + str(len(LIST))),
        fixed=lambda: LIST.append(re.search("9", LARGE + str(len(LIST))).group()),
        done=clear,
    ),
    Case(
        "dynamic-classes",
        "classes that are made at run time",
        leak=lambda: LIST.append(type("Order", (), {"data": Data()})),
        twin=lambda: type("Order", (), {"data": Data()}),
        fixed=lambda: LIST.append(Order),
        done=clear,
    ),
    Case(
        "linked-objects",
        "a chain of objects that only grows",
        leak=link,
        twin=lambda: LIST.__setitem__(slice(None), [Node(Node(None))]),
        fixed=link_and_cut,
        done=clear,
        loops=10,
    ),
    Case(
        "wrapped-again",
        "a function that is wrapped again and again",
        leak=lambda: wrap(LIST[0] if LIST else None),
        twin=lambda: wrap(None),
        fixed=lambda: wrap(None),
        done=clear,
        loops=10,
    ),
    Case(
        "linked-objects",
        "a chain of objects that only grows",
        leak=lengthen,
        twin=lambda: Node(Node(None)),
        fixed=lambda: lengthen(cut=True),
        done=clear,
        loops=10,
    ),
    Case(
        "listeners",
        "listeners that are added and not removed again",
        leak=lambda: LISTENERS.append(View().refresh),
        twin=listen_until_closed,
        fixed=lambda: WEAK_LISTENERS.add(View()),
        done=clear,
    ),
)


@pytest.mark.parametrize("case", rows(CASES))
def test_what_is_kept_is_told(case: Case) -> None:
    case.verify()


def test_their_innocent_twins_are_silent() -> None:
    verify_twins(CASES)


def test_what_the_interpreter_notes_of_classes_is_told_as_such() -> None:
    with pytest.raises(memwatch.LeakFound) as caught:
        memwatch.check(lambda: LIST.append(type("Order", (Data,), {})), loops=8, max_rounds=2)
    told = [words_for(holding).name for holding in caught.value.result.holdings]
    del caught
    clear()
    assert told == ["dynamic-classes", "dynamic-class-records"]


def test_small_views_of_large_arrays_are_told() -> None:
    numpy = pytest.importorskip("numpy")
    case = Case(
        "small-views",
        "small views of large buffers",
        leak=lambda: LIST.append(numpy.zeros(2000)[:4]),
        twin=lambda: numpy.zeros(2000)[:4],
        fixed=lambda: LIST.append(numpy.zeros(2000)[:4].copy()),
        done=clear,
    )
    case.verify()
    verify_twins([case])
