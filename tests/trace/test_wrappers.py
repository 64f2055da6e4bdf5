"""A decorated function stays the kind of function that it was, and each of its calls is a block."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import types

import pytest

from memwatch import OptionError, trace


def told() -> list[str]:
    """The records as text: what, and in which block."""
    short = {"mark": "", "block-start": " begins", "block-end": " ends"}
    return [
        r.record_name.removesuffix(f"-{r.kind}") + short[r.kind] + (f" by {r.raised}" if r.raised else "")
        for r in trace.export_trace()
    ]


def test_a_function_made_before_init_is_traced_after_it() -> None:
    @trace.trace_block("add")
    def add(one: int, *, two: int) -> int:
        """Adds."""
        trace.trace_memory("inside")
        return one + two

    assert add(1, two=2) == 3
    trace.init()
    assert add(1, two=2) == 3
    assert told() == ["add begins", "inside", "add ends"]
    assert (add.__name__, add.__doc__, list(inspect.signature(add).parameters)) == ("add", "Adds.", ["one", "two"])


def test_a_function_that_raises_or_calls_itself() -> None:
    @trace.trace_block("down")
    def down(left: int) -> None:
        if not left:
            raise LookupError
        down(left - 1)

    trace.init()
    with pytest.raises(LookupError):
        down(1)
    assert told() == ["down begins", "down begins", "down ends by LookupError", "down ends by LookupError"]
    assert [record.depth for record in trace.export_trace()] == [0, 1, 1, 0]


def test_a_method_is_one_still() -> None:
    class Store:
        @trace.trace_block("load")
        def load(self) -> object:
            return self

        @classmethod
        @trace.trace_block("make")
        def make(cls) -> type:
            return cls

        @staticmethod
        @trace.trace_block("static")
        def static() -> int:
            return 4

    trace.init()
    store = Store()
    assert (store.load() is store, Store.make() is Store, Store.static()) == (True, True, 4)
    assert told() == ["load begins", "load ends", "make begins", "make ends", "static begins", "static ends"]


def test_a_partial_and_a_builtin_can_be_decorated() -> None:
    trace.init()
    assert trace.trace_block("p")(functools.partial(max, 3))(5) == 5
    assert trace.trace_block("b")(len)([1]) == 1
    assert told() == ["p begins", "p ends", "b begins", "b ends"]


@pytest.mark.parametrize("wrong", [int, staticmethod(len), classmethod(len), property(len), 3, None])
def test_what_is_no_function_is_refused(wrong) -> None:
    with pytest.raises(OptionError, match="decorates functions"):
        trace.trace_block("x")(wrong)


def test_a_coroutine_function_is_in_its_block_until_it_returns() -> None:
    @trace.trace_block("fetch")
    async def fetch(value: int) -> int:
        await asyncio.sleep(0)
        trace.trace_memory("inside")
        return value

    assert inspect.iscoroutinefunction(fetch)
    waiting = fetch(7)
    trace.init()
    assert asyncio.run(waiting) == 7
    assert told() == ["fetch begins", "inside", "fetch ends"]


def test_a_cancelled_coroutine_says_so() -> None:
    @trace.trace_block("wait")
    async def wait() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    trace.init()
    asyncio.run(main())
    assert told() == ["wait begins", "wait ends by CancelledError"]


@trace.trace_block("steps")
def steps(log: list[object]):
    try:
        try:
            log.append((yield 1))
        except KeyError as error:
            log.append(type(error).__name__)
        trace.trace_memory("inside")
        yield 2
        return "done"
    finally:
        log.append("closed")


def test_a_generator_is_left_while_it_is_suspended() -> None:
    trace.init()
    log: list[object] = []
    generator = steps(log)
    assert inspect.isgeneratorfunction(steps) and told() == []
    assert next(generator) == 1
    with trace.trace_block("caller"):
        assert generator.send("sent") == 2
        trace.trace_memory("between")
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert (stop.value.value, log) == ("done", ["sent", "closed"])
    assert told() == ["steps begins", "caller begins", "inside", "between", "caller ends", "steps ends"]
    assert [record.parent for record in trace.export_trace()] == [None, None, "steps", "caller", None, None]
    trace.trace_memory("after")
    assert trace.export_trace()[-1].parent is None


def test_a_generator_comes_back_into_the_blocks_that_it_was_suspended_in() -> None:
    @trace.trace_block("all")
    def make():
        with trace.trace_block("part"):
            yield
            trace.trace_memory("after")

    trace.init()
    for _ in make():
        trace.trace_memory("caller")
    parents = {record.record_name: record.parent for record in trace.export_trace()}
    assert (parents["caller"], parents["after"]) == (None, "part")


def test_a_generator_that_can_be_awaited_still_can() -> None:
    @trace.trace_block("wait")
    @types.coroutine
    def wait():
        yield
        return 3

    async def main() -> int:
        return await wait()

    trace.init()
    assert asyncio.run(main()) == 3
    assert told() == ["wait begins", "wait ends"]


def test_async_generators_that_the_loop_closes_are_closed_in_order() -> None:
    problems: list[object] = []
    held: list[object] = []

    @trace.trace_block("left")
    async def left():
        try:
            yield
        finally:
            await asyncio.sleep(0)
            trace.trace_memory("closed")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context))
        held.append(left())
        await anext(held[0])
        cycle = [left()]
        await anext(cycle[0])
        cycle.append(cycle)
        del cycle
        gc.collect()
        async for _ in left():
            break
        await asyncio.sleep(0.01)

    trace.init()
    asyncio.run(main())
    assert problems == []
    assert told().count("closed") == told().count("left ends") == 3 and trace.open_blocks() == ()


def test_a_generator_takes_exceptions_and_is_closed() -> None:
    trace.init()
    log: list[object] = []
    thrown, closed, left = steps(log), steps(log), steps(log)
    next(thrown), next(closed), next(left)
    assert thrown.throw(KeyError()) == 2
    with pytest.raises(OSError, match="boom"):
        thrown.throw(OSError("boom"))
    closed.close()
    del left
    gc.collect()
    assert log == ["KeyError", "closed", "closed", "closed"]
    assert told()[3:] == ["inside", "steps ends by OSError", "steps ends", "steps ends"]
    assert trace.open_blocks() == ()


def test_a_generator_that_will_not_be_closed_is_told_so() -> None:
    @trace.trace_block("stubborn")
    def stubborn():
        while True:
            try:
                yield 1
            except GeneratorExit:
                yield 2

    trace.init()
    generator = stubborn()
    next(generator)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        generator.close()


def test_an_exception_thrown_into_a_generator_is_not_kept() -> None:
    trace.init()
    generator = steps([])
    next(generator)
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(OSError, match="x"):
            generator.throw(OSError("x"))
        del generator
        before = [type(found) for found in gc.get_objects() if type(found).__name__ == "generator" and found.gi_frame]
        gc.collect()
        after = [type(found) for found in gc.get_objects() if type(found).__name__ == "generator" and found.gi_frame]
        assert len(after) == len(before)
    finally:
        gc.enable()


def test_an_async_generator_is_left_while_it_is_suspended() -> None:
    log: list[object] = []

    @trace.trace_block("rows")
    async def rows():
        try:
            for number in range(3):
                await asyncio.sleep(0)
                trace.trace_memory(f"row {number}")
                log.append((yield number))
        finally:
            await asyncio.sleep(0)
            log.append("closed")

    async def main() -> None:
        found = rows()
        assert await anext(found) == 0
        trace.trace_memory("between")
        assert await found.asend("sent") == 1
        await found.aclose()
        trace.trace_memory("after")

    trace.init()
    assert inspect.isasyncgenfunction(rows)
    asyncio.run(main())
    assert log == ["sent", "closed"]
    assert told() == ["rows begins", "row 0", "between", "row 1", "rows ends", "after"]
    assert [record.parent for record in trace.export_trace()] == [None, "rows", None, "rows", None, None]


def test_an_async_generator_to_its_end_and_one_that_raises() -> None:
    @trace.trace_block("rows")
    async def rows(fail: bool):
        yield 1
        if fail:
            raise ValueError("no more")

    async def main() -> list[int]:
        with pytest.raises(ValueError, match="no more"):
            [row async for row in rows(True)]
        return [row async for row in rows(False)]

    trace.init()
    assert asyncio.run(main()) == [1]
    assert told() == ["rows begins", "rows ends by ValueError", "rows begins", "rows ends"]
