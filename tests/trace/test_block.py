"""A block has a start and an end whatever happens in it, and knows in which block, thread and task it lies."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest

from memwatch import trace
from memwatch.trace import tracer


def drawn() -> str:
    """The records as text, indented by depth: name, and the block around each."""
    return "\n".join("  " * r.depth + f"{r.record_name} in {r.parent}" for r in trace.export_trace())


def lines(text: str) -> str:
    return "\n".join(line[4:] for line in text.strip("\n").splitlines() if line.strip())


def test_blocks_nest() -> None:
    trace.init()
    trace.trace_memory("0")
    with trace.trace_block("outer"):
        trace.trace_memory("1")
        with trace.trace_block("inner"):
            trace.trace_memory("2")
        trace.trace_memory("3")
    trace.trace_memory("4")
    assert drawn() == lines("""
    0 in None
    outer-block-start in None
      1 in outer
      inner-block-start in outer
        2 in inner
      inner-block-end in outer
      3 in outer
    outer-block-end in None
    4 in None
    """)
    kinds = [record.kind for record in trace.export_trace()]
    assert kinds.count("mark") == 5 and kinds.count("block-start") == kinds.count("block-end") == 2
    blocks = {record.record_name: record.block for record in trace.export_trace()}
    assert blocks["outer-block-start"] == blocks["outer-block-end"] != blocks["inner-block-start"]
    inner = trace.export_trace()[5]
    assert inner.parent_block == blocks["outer-block-start"]


def test_the_end_tells_what_stayed_and_how_long_it_took() -> None:
    trace.init(unit="KiB")
    with trace.trace_block("load"):
        held = bytearray(8 << 20)
    start, end = trace.export_trace()
    assert 7.9 * 1024 < end.growth < 9 * 1024
    assert end.growth == pytest.approx(end.heap_used - start.heap_used, abs=4)
    assert 0 < end.duration < 60
    assert (start.growth, start.duration, start.raised, end.raised) == (None, None, None, None)
    del held


def test_an_empty_block_leaves_next_to_nothing() -> None:
    trace.init()
    for _ in range(200):
        with trace.trace_block("empty"):
            pass
    growths = sorted(record.growth for record in trace.export_trace() if record.kind == "block-end")
    assert abs(growths[100]) < 1000 or trace.export_trace()[0].external is None


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError()])
def test_a_block_that_raises_has_its_end_and_the_exception_passes(error) -> None:
    trace.init()
    with pytest.raises(type(error)) as caught, trace.trace_block("bad"):
        raise error
    assert caught.value is error
    start, end = trace.export_trace()
    assert (end.record_name, end.raised, start.raised) == ("bad-block-end", type(error).__name__, None)
    assert tracer.enclosing() is None


def test_one_block_may_be_used_again_and_inside_itself() -> None:
    trace.init()
    block = trace.trace_block("again")
    with block, block, block:
        pass
    with block:
        pass
    assert drawn() == lines("""
    again-block-start in None
      again-block-start in again
        again-block-start in again
        again-block-end in again
      again-block-end in again
    again-block-end in None
    again-block-start in None
    again-block-end in None
    """)
    assert trace.open_blocks() == ()


def test_one_block_in_many_threads_at_once() -> None:
    trace.init()
    block, all_in = trace.trace_block("shared"), threading.Barrier(4)

    def work(number: int) -> None:
        with trace.trace_block(f"thread {number}"), block:
            all_in.wait(10)
            trace.trace_memory("inside")

    threads = [threading.Thread(target=work, args=(number,), name=f"t{number}") for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = trace.export_trace()
    for number in range(4):
        mine = [record for record in records if record.thread == f"t{number}"]
        assert [(record.record_name, record.depth) for record in mine] == [
            (f"thread {number}-block-start", 0),
            ("shared-block-start", 1),
            ("inside", 2),
            ("shared-block-end", 1),
            (f"thread {number}-block-end", 0),
        ]
        assert mine[1].block == mine[3].block


def test_tasks_nest_apart_below_the_block_that_they_were_created_in() -> None:
    trace.init()

    async def work(name: str, turn: asyncio.Event, other: asyncio.Event) -> None:
        with trace.trace_block(name):
            other.set()
            await turn.wait()
            trace.trace_memory(f"in {name}")

    async def main() -> None:
        one, two = asyncio.Event(), asyncio.Event()
        with trace.trace_block("main"):
            await asyncio.gather(
                asyncio.create_task(work("one", one, two), name="task one"),
                asyncio.create_task(work("two", two, one), name="task two"),
            )

    asyncio.run(main())
    found = {record.record_name: record for record in trace.export_trace()}
    assert (found["in one"].parent, found["in two"].parent) == ("one", "two")
    assert (found["one-block-start"].parent, found["two-block-end"].parent) == ("main", "main")
    assert (found["in one"].task, found["in two"].task) == ("task one", "task two")
    assert trace.open_blocks() == ()


def test_a_task_that_outlives_its_block_goes_on_well() -> None:
    trace.init()

    async def late(ready: asyncio.Event) -> None:
        await ready.wait()
        with trace.trace_block("late"):
            pass

    async def main() -> None:
        ready = asyncio.Event()
        with trace.trace_block("gone"):
            task = asyncio.create_task(late(ready))
        ready.set()
        await task

    asyncio.run(main())
    assert {r.record_name: r.parent for r in trace.export_trace()}["late-block-start"] is None


def test_tasks_that_start_one_another_do_not_hold_each_other_s_blocks() -> None:
    trace.init()

    async def step(left: int) -> None:
        with trace.trace_block("step"):
            following = asyncio.create_task(step(left - 1)) if left else None
            await asyncio.sleep(0)
        if following:
            await following

    asyncio.run(step(200))
    assert trace.open_blocks() == ()
    gc.collect()
    assert sum(type(found) is tracer.OpenBlock for found in gc.get_objects()) < 20


def test_a_block_never_ended_is_told_and_the_next_does_not_lie_in_it() -> None:
    trace.init()
    trace.trace_block("lost").__enter__()
    with trace.trace_block("fine"):
        pass
    assert [record.record_name for record in trace.open_blocks()] == ["lost-block-start"]
    assert {record.record_name: record.depth for record in trace.export_trace()}["fine-block-start"] == 0


def test_blocks_never_ended_do_not_pile_up() -> None:
    trace.init(capacity=10)
    for _ in range(3000):
        trace.trace_block("lost").__enter__()
    assert trace.export_trace()[-1].depth == 0
    gc.collect()
    assert sum(type(found) is tracer.OpenBlock for found in gc.get_objects()) < 10


def test_blocks_ended_in_the_wrong_order_leave_no_one_inside() -> None:
    trace.init()
    one, two = trace.trace_block("one"), trace.trace_block("two")
    one.__enter__()
    two.__enter__()
    one.__exit__(None, None, None)
    trace.trace_memory("x")
    two.__exit__(None, None, None)
    trace.trace_memory("y")
    found = {record.record_name: record.parent for record in trace.export_trace()}
    assert (found["x"], found["y"], found["two-block-end"]) == ("two", None, "one")
    assert trace.open_blocks() == ()


def test_a_block_ended_in_another_context_has_its_end() -> None:
    trace.init()
    block = trace.trace_block("elsewhere")
    contextvars.copy_context().run(block.__enter__)
    block.__exit__(None, None, None)
    block.__exit__(None, None, None)  # one too many is nothing
    assert [record.kind for record in trace.export_trace()] == ["block-start", "block-end"]


def test_a_block_entered_before_init_or_in_an_earlier_trace_has_no_end() -> None:
    with trace.trace_block("before"):
        trace.init()
        trace.trace_memory("one")
        with trace.trace_block("first"):
            trace.init()
            trace.trace_memory("two")
    trace.trace_memory("three")
    assert drawn() == "two in None\nthree in None"


def test_a_new_trace_while_one_block_is_used_twice_ends_what_lies_in_it() -> None:
    block = trace.trace_block("shared")
    trace.init()
    with block:
        trace.init()
        with trace.trace_block("other"):
            pass
        context = contextvars.copy_context()
        context.run(block.__enter__)  # as in another thread
    assert drawn().splitlines()[2:] == ["shared-block-start in None"]
    context.run(block.__exit__, None, None, None)
    assert drawn().splitlines()[3:] == ["shared-block-end in None"]


def test_a_block_that_ctrl_c_ends_as_it_begins_is_not_around_what_follows() -> None:
    block = trace.trace_block("kept")

    @trace.add_exporter
    def interrupt(record: trace.Record) -> None:
        raise KeyboardInterrupt

    trace.init()
    with pytest.raises(KeyboardInterrupt), block:
        pass
    trace.remove_exporter(interrupt)
    trace.trace_memory("later")
    assert drawn().splitlines()[-1] == "later in None"


def test_blocks_and_marks_inside_collections_do_not_crash_the_interpreter() -> None:
    program = """
import gc
from memwatch import trace
trace.init()
def call(phase, info):
    with trace.trace_block("inside"):
        trace.trace_memory(phase)
gc.callbacks.append(call)
gc.set_threshold(3)
for _ in range(3000):
    with trace.trace_block("outside"):
        held = [[] for _ in range(3)]
gc.callbacks.clear()
trace.trace_memory("last")
print(trace.export_trace()[-1].parent)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, "None\n"), ended.stderr


def test_a_block_whose_trace_is_stopped_has_no_end_and_is_told() -> None:
    trace.init()
    with trace.trace_block("cut"):
        trace.stop()
    assert [record.record_name for record in trace.open_blocks()] == ["cut-block-start"]


def test_very_many_nested_blocks() -> None:
    trace.init()
    with ExitStack() as stack:
        for _ in range(3000):
            stack.enter_context(trace.trace_block("deep"))
        assert trace.trace_memory("bottom").depth == 3000
    assert tracer.enclosing() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_inside_a_block() -> None:
    trace.init(capacity=50)
    trace.trace_memory("parent's")
    reader, writer = os.pipe()
    with trace.trace_block("outer"), trace.trace_block("forked"):
        child = os.fork()
        if child == 0:
            trace.trace_memory("child's")
    if child == 0:
        try:
            told = [f"{r.number} {r.record_name} {r.parent} {r.depth} {r.trace_key}" for r in trace.export_trace()]
            told.append(f"{trace.open_blocks()} {trace.export_trace()[-1].growth is not None}")
            told.append(str(tracer.latest().pid == os.getpid() and len(list(trace.call_tree().root.children)) <= 1))
            os.write(writer, "\n".join(told).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, encoding="utf-8") as pipe:
        told = pipe.read().splitlines()
    os.waitpid(child, 0)
    key = told[0].split()[-1]
    assert told == [
        f"1 child's forked 2 {key}",
        f"2 forked-block-end outer 1 {key}",
        f"3 outer-block-end None 0 {key}",
        "() True",
        "True",
    ]
    records = trace.export_trace()
    assert [record.number for record in records] == [1, 2, 3, 4, 5]
    assert {record.trace_key for record in records}.isdisjoint({key}) and len(key) == 16
