"""Events reach their receivers, and a bad receiver harms nobody."""

import asyncio
import functools
import gc
import logging
import threading
import weakref

import pytest

import memwatch
from memwatch import signals
from memwatch.errors import ReceiverError, UnknownEventError


@pytest.fixture(autouse=True)
def no_watcher():
    """Events are published by hand here."""
    memwatch.stop()
    yield
    for event in signals.EVENTS.values():
        event.receivers.clear()
    signals._connected.clear()


def test_a_signal_receiver_gets_the_watcher_and_the_value_by_the_event_name():
    seen = []

    def receiver(watcher, leak):
        seen.append((watcher, leak))

    memwatch.leak.connect(receiver)
    signals.leak.publish("watcher", "value")
    assert seen == [("watcher", "value")]


def test_signal_receivers_are_weak_unless_asked():
    seen = []

    def connect(weak):
        def receiver(watcher, stats):
            seen.append(weak)

        memwatch.stats.connect(receiver, weak=weak)

    connect(weak=True)
    connect(weak=False)
    gc.collect()
    signals.stats.publish(None, 1)
    assert seen == [False]


def test_on_gives_the_value_alone_and_holds_its_handler():
    class Page:
        def __init__(self):
            self.seen = []

        def send(self, value):
            self.seen.append(value)

    page = Page()
    memwatch.on("leak", page.send)
    reference = weakref.ref(page)
    seen = page.seen
    del page
    gc.collect()
    signals.leak.publish(None, "a")
    assert seen == ["a"] and reference() is not None
    memwatch.off("leak", reference().send)
    signals.leak.publish(None, "b")
    gc.collect()
    assert seen == ["a"] and reference() is None


def test_on_as_a_decorator_leaves_the_function_as_it_is():
    @memwatch.on("suspect")
    def handler(value):
        return value

    assert handler(3) == 3


def test_once_is_once_also_when_the_handler_publishes():
    seen = []

    @memwatch.once("stats")
    def handler(value):
        seen.append(value)
        signals.stats.publish(None, value + 1)

    signals.stats.publish(None, 1)
    signals.stats.publish(None, 9)
    assert seen == [1]


def test_print_is_a_handler(capsys):
    memwatch.on("leak", print)
    signals.leak.publish(None, "the leak")
    assert capsys.readouterr().out == "the leak\n"


@pytest.mark.parametrize("name", ["leaks", "", None, 3, ["leak"]])
def test_an_unknown_event_is_named_with_those_that_exist(name):
    for subscribe in (memwatch.on, memwatch.once, memwatch.off):
        with pytest.raises(UnknownEventError, match="'stats', 'suspect', 'leak', 'recovered'"):
            subscribe(name, print)


def test_what_cannot_be_called_is_refused():
    with pytest.raises(ReceiverError, match="callable; got an instance of int"):
        memwatch.on("leak", 3)
    with pytest.raises(ReceiverError):
        memwatch.leak.connect("receiver")


def test_a_receiver_that_raises_is_logged_once_and_the_others_still_get_the_event(caplog):
    seen = []
    memwatch.on("leak", lambda value: 1 / 0)
    memwatch.on("leak", seen.append)

    @memwatch.on("leak")
    def exits(value):
        raise SystemExit(3)

    with caplog.at_level(logging.ERROR, "memwatch"):
        for value in range(5):
            signals.leak.publish(None, value)
    assert seen == [0, 1, 2, 3, 4]
    assert {record.exc_info[0] for record in caplog.records} == {ZeroDivisionError, SystemExit}
    assert len(caplog.records) == 2


def test_a_coroutine_receiver_runs_on_the_loop_it_was_connected_on():
    async def main():
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        seen = []

        @memwatch.on("leak")
        async def handler(value):
            seen.append((value, asyncio.get_running_loop() is loop))
            done.set()

        await loop.run_in_executor(None, signals.leak.publish, None, "leak")
        await asyncio.wait_for(done.wait(), 10)
        return seen

    assert asyncio.run(main()) == [("leak", True)]


def test_a_coroutine_receiver_that_raises_is_logged(caplog):
    async def main():
        @memwatch.on("leak")
        async def handler(value):
            raise LookupError("in the loop")

        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, signals.leak.publish, None, "leak")
        while not caplog.records:
            await asyncio.sleep(0)

    with caplog.at_level(logging.ERROR, "memwatch"):
        asyncio.run(main())
    assert "in the loop" in caplog.text


def test_a_coroutine_receiver_without_a_loop_is_refused_at_once():
    async def handler(value):
        pass

    with pytest.raises(ReceiverError, match="while the event loop"):
        memwatch.on("leak", handler)


def test_a_coroutine_receiver_whose_loop_has_ended_is_dropped_with_one_word(caplog):
    async def handler(value):
        pass

    async def main():
        memwatch.on("leak", handler)

    asyncio.run(main())
    with caplog.at_level(logging.ERROR, "memwatch"):
        signals.leak.publish(None, 1)
        signals.leak.publish(None, 2)
    assert len(caplog.records) == 1 and "is gone" in caplog.text


def test_whatever_makes_a_coroutine_runs_on_the_loop():
    seen = []

    class Pager:
        async def __call__(self, value):
            seen.append("object")

    async def handler(name, value):
        seen.append(name)

    async def main():
        memwatch.on("leak", Pager())
        memwatch.on("leak", Pager().__call__)
        memwatch.on("leak", functools.partial(handler, "partial"))
        memwatch.on("leak", functools.partial(Pager()))
        memwatch.on("leak", lambda value: handler("lambda", value))
        await asyncio.get_running_loop().run_in_executor(None, signals.leak.publish, None, "leak")
        while len(seen) < 5:
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(main(), 10))
    assert sorted(seen) == ["lambda", "object", "object", "object", "partial"]


def test_an_object_with_an_async_call_is_refused_without_a_loop():
    class Pager:
        async def __call__(self, value):
            pass

    for receiver in (Pager(), functools.partial(Pager())):
        with pytest.raises(ReceiverError, match="while the event loop"):
            memwatch.on("leak", receiver)


def test_a_coroutine_nobody_can_run_is_said_once(caplog):
    async def handler(value):
        pass

    memwatch.on("leak", lambda value: handler(value))
    with caplog.at_level(logging.ERROR, "memwatch"):
        signals.leak.publish(None, 1)
        signals.leak.publish(None, 2)
    assert len(caplog.records) == 1 and "no event loop was running" in caplog.text


def test_a_logging_handler_that_raises_as_well_ends_nothing():
    class Broken(logging.Handler):
        def emit(self, record):
            raise OSError("no room left")

    broken, seen = Broken(), []
    logging.getLogger("memwatch").addHandler(broken)
    try:
        memwatch.on("leak", lambda value: 1 / 0)
        memwatch.on("leak", seen.append)
        signals.leak.publish(None, 1)
    finally:
        logging.getLogger("memwatch").removeHandler(broken)
    assert seen == [1]


def test_off_asks_no_object_of_the_program_whether_it_is_equal():
    class Touchy:
        def __call__(self, value):
            seen.append(value)

        def __eq__(self, other):
            raise AssertionError("was asked")

    seen, touchy = [], Touchy()
    memwatch.on("leak", touchy)
    memwatch.off("leak", print)
    memwatch.off("leak", touchy)
    signals.leak.publish(None, 1)
    assert seen == []


def test_connecting_disconnecting_and_dying_while_others_publish():
    errors, done = [], threading.Event()

    def churn():
        while not done.is_set():

            def receiver(watcher, stats):
                pass

            memwatch.stats.connect(receiver)
            handler = memwatch.on("stats", lambda stats: None)
            memwatch.off("stats", handler)

    def leaves(value):
        memwatch.off("stats", leaves)

    threads = [threading.Thread(target=churn) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(2000):
            memwatch.on("stats", leaves)
            signals.stats.publish(None, number)
    except RuntimeError as error:
        errors.append(error)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    gc.collect()
    assert (errors, len(signals.stats.receivers), signals._connected) == ([], 0, [])
