"""The path of a sample is the one that the interpreter would tell: whatever kind of code allocates."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import pytest

from memwatch.backend import _native

HERE = __file__
KEPT: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> Iterator[None]:
    yield
    KEPT.clear()


def fill(count: int) -> None:
    for _ in range(count):
        KEPT.append(bytes(500))


def line_of(function: Callable[..., Any], after: int) -> int:
    return function.__code__.co_firstlineno + after


def test_function_file_line_and_column(start: Any, live: Any) -> None:
    start()
    fill(200)
    paths = {row.path[:2] for row in live("fill") if row.size == 533}
    caller = line_of(test_function_file_line_and_column, 2)
    assert paths == {
        (
            ("fill", HERE, line_of(fill, 2), 21),
            ("test_function_file_line_and_column", HERE, caller, 5),
        )
    }


def test_a_path_is_what_the_interpreter_says(start: Any, live: Any) -> None:
    start()
    frame, wanted = sys._getframe(), []
    while frame is not None:
        wanted.append((frame.f_code.co_qualname, frame.f_code.co_filename))
        frame = frame.f_back  # type: ignore[assignment]
    fill(100)
    assert {tuple(part[:2] for part in row.path[1:]) for row in live("fill")} == {tuple(wanted[:63])}


def test_a_line_that_goes_on_is_that_of_the_call(start: Any, live: Any) -> None:
    start()
    KEPT.append(
        [
            bytes(900)
            for _ in range(200)
        ]
    )  # fmt: skip
    rows = [row for row in live() if row.size == 933]
    first = line_of(test_a_line_that_goes_on_is_that_of_the_call, 4)
    assert {row.path[0][1:] for row in rows} == {(HERE, first, 13)}


@pytest.mark.parametrize("kind", ["lambda", "comprehension", "generator", "method", "class body", "finalizer", "key"])
def test_kinds_of_code(start: Any, live: Any, kind: str) -> None:
    start(64.0)
    if kind == "lambda":
        grow = lambda: KEPT.append(bytes(500))  # noqa: E731
        grow()
        wanted = "test_kinds_of_code.<locals>.<lambda>"
    elif kind == "comprehension":
        KEPT.append({bytes([number]) * 500 for number in range(9)})
        wanted = "test_kinds_of_code"
    elif kind == "generator":
        KEPT.extend(bytes(500) for _ in range(9))
        wanted = "test_kinds_of_code.<locals>.<genexpr>"
    elif kind == "method":
        Worker().work()
        wanted = "Worker.work"
    elif kind == "class body":

        class Inner:
            data = bytes(500)

        KEPT.append(Inner)
        wanted = "test_kinds_of_code.<locals>.Inner"
    elif kind == "finalizer":
        worker: Any = Dying()
        del worker
        wanted = "Dying.__del__"
    else:
        KEPT.append(sorted(range(9), key=lambda number: KEPT.append(bytes(500)) or number))
        wanted = "test_kinds_of_code.<locals>.<lambda>"
    assert [row for row in live(wanted) if row.size == 533]


class Worker:
    def work(self) -> None:
        KEPT.append(bytes(500))


class Dying:
    def __del__(self) -> None:
        KEPT.append(bytes(500))


def test_a_suspended_generator_allocates_for_whoever_resumes_it(start: Any, live: Any) -> None:
    def suspended() -> Iterator[bytes]:
        while True:
            yield bytes(500)

    def first(generator: Iterator[bytes]) -> bytes:
        return next(generator)

    def second(generator: Iterator[bytes]) -> bytes:
        return next(generator)

    start(64.0)
    generator = suspended()
    KEPT.extend([first(generator), second(generator)])
    name = "test_a_suspended_generator_allocates_for_whoever_resumes_it.<locals>."
    found = {tuple(row.functions[:2]) for row in live(f"{name}suspended") if row.size == 533}
    assert found == {(f"{name}suspended", f"{name}first"), (f"{name}suspended", f"{name}second")}


def test_a_coroutine_has_its_whole_await_chain(start: Any, live: Any) -> None:
    async def leaf() -> None:
        await asyncio.sleep(0)
        fill(50)

    async def chain(depth: int) -> None:
        await (chain(depth - 1) if depth else leaf())

    async def root() -> None:
        await asyncio.gather(chain(3), asyncio.create_task(leaf()))

    start(512.0)
    asyncio.run(root())
    name = "test_a_coroutine_has_its_whole_await_chain.<locals>."
    paths = {tuple(row.functions[: row.functions.index("Handle._run")]) for row in live("fill")}
    assert paths == {("fill", f"{name}leaf"), ("fill", f"{name}leaf", *[f"{name}chain"] * 4)}


def test_code_that_is_made_and_thrown_away(start: Any, live: Any) -> None:
    start(512.0)
    for number in range(50):
        space: dict[str, Any] = {"kept": KEPT}
        source = f"{chr(10) * number}def made{number}():\n    kept.append(bytes(5000))\nmade{number}()"
        exec(compile(source, "<made>", "exec"), space)
        space.clear()
        gc.collect(0)
    rows = [row for row in live() if row.size == 5033]
    assert len(rows) > 40
    for row in rows:
        number = int(row.path[0][0].removeprefix("made"))
        assert row.path[0][1:3] == ("<made>", number + 2) and row.path[1][:3] == ("<module>", "<made>", number + 3)


@pytest.mark.skipif(
    "asan" in os.environ.get("LD_PRELOAD", ""), reason="a sanitizer keeps addresses from being used again"
)
def test_code_at_the_address_of_code_that_has_died_is_not_taken_for_it(start: Any, live: Any) -> None:
    """Each is as long as the one before, has its line and comes after it has gone: only the names differ."""
    start(64.0)
    addresses = set()
    for number in range(1000, 1300):
        space: dict[str, Any] = {"kept": KEPT}
        source = f"def f{number}():\n def made():\n  kept.append(bytes({10 * number}))\n return made"
        exec(compile(source, "<made>", "exec"), space)
        made = space[f"f{number}"]()
        made()
        addresses.add(id(made.__code__))
        del made
        space.clear()
    assert len(addresses) < 290, "some are used again"
    found = {(row.size - 33) // 10: row.path[0][0] for row in live() if row.size > 10000 and row.size % 2}
    assert found == {number: f"f{number}.<locals>.made" for number in range(1000, 1300)}


def test_names_of_any_script(start: Any, live: Any) -> None:
    names = ["plain", "größe", "число", "変数", "𝔵"]
    start(64.0)
    for name in names:
        source = f"def {name}(kept):\n    kept.append(bytes(500))\n{name}(kept)"
        exec(compile(source, f"ü\udc80/{name}", "exec"), {"kept": KEPT})
    found = {row.path[0][:2] for row in live() if row.size == 533 and row.path[0][1].startswith("ü")}
    assert found == {(compile(name, "", "eval").co_names[0], f"ü\udc80/{name}") for name in names}


def test_threads_are_told_apart(start: Any, live: Any) -> None:
    start()
    threads = [threading.Thread(target=fill, args=(100,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fill(100)
    assert {row.thread for row in live("fill")} == {
        threading.get_native_id(),
        *(thread.native_id for thread in threads),
    }


def test_a_deep_path_is_cut_where_asked(start: Any, live: Any) -> None:
    def descend(depth: int) -> None:
        if depth:
            descend(depth - 1)
        else:
            fill(50)

    start(512.0, 7)
    descend(100)
    assert {len(row.path) for row in live("fill")} == {7}
    _native.sampling_stop()
    KEPT.clear()
    start(512.0, 256)
    descend(400)
    assert {len(row.path) for row in live("fill")} == {256}


def test_an_instruction_that_was_made_special_is_on_its_line(start: Any, live: Any) -> None:
    def loop() -> None:
        for number in range(3000):
            text = str(number)
            KEPT.append(text * 100)

    start(4096.0)
    loop()
    name = "test_an_instruction_that_was_made_special_is_on_its_line.<locals>.loop"
    lines = {row.path[0][2] for row in live(name) if row.size > 100}
    assert lines == {line_of(loop, 3)}


def functions(count: int) -> list[Callable[[int], bytes]]:
    """As many functions, each with code of its own."""

    def allocate(size: int) -> bytes:
        return bytes(size)

    code = allocate.__code__
    return [FunctionType(code.replace(co_firstlineno=number + 1), globals()) for number in range(count)]


def test_a_hundred_thousand_paths_do_not_overflow_when_they_pass(start: Any) -> None:
    start(64.0)
    for _ in range(50):
        for function in functions(2000):
            function(3000)
    stats = _native.sampling_stats()
    assert stats["taken"] > 100_000 and stats["overflow"] == 0 and stats["stacks"] <= 4096


def innermost(make: Callable[[int], bytes]) -> bytes:
    return make(3000)


def test_a_path_that_is_new_when_old_ones_are_let_go_keeps_the_places_that_they_share(start: Any, live: Any) -> None:
    code = (lambda make: innermost(make)).__code__
    start(64.0)
    stacks, turns = 0, 0
    for number in range(6000):
        KEPT.clear()
        KEPT.append(FunctionType(code.replace(co_firstlineno=number + 1), globals())(bytes))
        before, stacks = stacks, _native.sampling_stats()["stacks"]
        if stacks < before:
            turns += 1
            kept = [row.functions[:2] for row in live() if 3000 < row.size < 3100]
            assert kept == [["innermost", code.co_qualname]]
    assert turns


def test_more_live_paths_than_there_is_room_for_are_counted(start: Any, live: Any) -> None:
    many = functions(34_000)
    start(16.0, 4, 65536)
    KEPT.extend([function(600) for function in many])
    stats = _native.sampling_stats()
    rows = [row for row in live() if not row.known]
    assert 1000 < stats["overflow"] <= len(rows) and stats["stacks"] <= 32768
    del rows
    KEPT.clear()
    assert _native.sampling_stats()["overflow"] < stats["overflow"] / 2
