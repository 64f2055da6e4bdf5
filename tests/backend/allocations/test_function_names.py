"""Which function and column a file and a line mean, checked on blocks of sizes that occur nowhere else."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import linecache
import os
import sys
import textwrap
import threading
import tracemalloc
import types
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from memwatch.backend.allocations import function_names
from memwatch.backend.allocations import source_code as sources
from memwatch.backend.allocations.function_names import Naming
from memwatch.backend.allocations.tracing import Tracing
from memwatch.frames import Frame

SPECIMEN = """
import functools
held = []
def keep(size):
    held.append(bytes(size))
def plain():
    held.append(bytes(700_001))
def generator():
    held.append(bytes(700_002))
    yield
async def coroutine():
    held.append(bytes(700_003))
short = lambda: held.append(bytes(700_004))
def comprehension():
    held.extend([bytes(size) for size in (700_005,)])
def expression():
    held.extend(bytes(size)
                for size in (700_006,))
def traced(function):
    @functools.wraps(function)
    def wrapper():
        held.append(bytes(700_007))
        return function()
    return wrapper
@traced
def decorated():
    held.append(bytes(700_008))
class Outer:
    body = bytes(700_009)
    class Inner:
        def method(self):
            held.append(bytes(700_010))
        def one_line(self): held.append(bytes(700_011))
        @property
        def value(self):
            held.append(bytes(700_012))
        @staticmethod
        def static(): return held.append(bytes(700_013))
def recursive(depth):
    if depth:
        recursive(depth - 1)
    else:
        held.append(bytes(700_014))
def with_key():
    return sorted([2, 1], key=lambda number: held.append(bytes(700_015)) or number)
def outside():
    def nested():
        held.append(bytes(700_016))
    nested()
def makes_a_callback():
    call_me = lambda: held.append(bytes(700_017))
    return call_me
def calls_it():
    call_me = makes_a_callback()
    call_me()
"äöü"; held.append(bytes(700_018))
def several(): held.append(bytes(700_019)); return (lambda: held.append(bytes(700_020)))()
"""

EXPECTED = {
    700_001: "plain",
    700_002: "generator",
    700_003: "coroutine",
    700_004: "<lambda>",
    700_005: "comprehension" if sys.version_info >= (3, 12) else "comprehension.<locals>.<listcomp>",
    700_006: "expression.<locals>.<genexpr>",
    700_007: "traced.<locals>.wrapper",
    700_008: "decorated",
    700_009: "Outer",
    700_010: "Outer.Inner.method",
    700_011: "Outer.Inner.one_line",
    700_012: "Outer.Inner.value",
    700_013: "Outer.Inner.static",
    700_014: "recursive",
    700_015: "with_key.<locals>.<lambda>",
    700_016: "outside.<locals>.nested",
    700_017: "makes_a_callback.<locals>.<lambda>",
    700_018: "<module>",
    700_019: "several",
    700_020: "several.<locals>.<lambda>",
}


def use(module: Any) -> None:
    for name in ("plain", "short", "comprehension", "expression", "decorated", "with_key", "outside", "calls_it"):
        getattr(module, name)()
    module.several()
    next(module.generator())
    asyncio.run(module.coroutine())
    inner = module.Outer.Inner()
    inner.method(), inner.one_line(), inner.value, inner.static()
    module.recursive(5)


@pytest.fixture
def tracing() -> Iterator[Tracing]:
    assert not tracemalloc.is_tracing(), "these tests need tracemalloc for themselves"
    made = Tracing()
    made.start(1, 12)  # deeper, and the test runner's own files would be read for every test
    yield made
    made.stop()


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    def load(text: str, name: str = "specimen") -> Any:
        path = tmp_path / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


def paths(tracing: Tracing) -> dict[int, tuple[Frame, ...]]:
    """The path of every block whose content has one of the sizes that the specimens use."""
    around = sys.getsizeof(b"")
    read = tracing.read()
    return {size - around: live.places for live in read.stacks for size, _ in live.sizes if 700_000 < size < 710_000}


def functions(tracing: Tracing) -> dict[int, str]:
    return {size: places[-1].function for size, places in paths(tracing).items()}


def test_every_kind_of_code_has_its_name(tracing: Tracing, load: Callable[[str], Any]) -> None:
    use(load(SPECIMEN))
    assert functions(tracing) == EXPECTED


def test_names_are_the_same_from_a_compiled_file(
    tracing: Tracing, load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    module = load(SPECIMEN)
    assert os.path.exists(importlib.util.cache_from_source(module.__file__))
    compiling = sources._compile
    monkeypatch.setattr(sources, "_compile", lambda text: compiling(text) if text != SPECIMEN else pytest.fail("again"))
    use(module)
    assert functions(tracing) == EXPECTED


def test_without_a_caller_a_one_line_method_is_no_class_body(load: Callable[[str], Any]) -> None:
    module = load(SPECIMEN)
    line = SPECIMEN.splitlines().index("        def one_line(self): held.append(bytes(700_011))") + 1
    assert Naming().name([((module.__file__, line),)])[0][0][0].function == "Outer.Inner.one_line"


def test_a_path_is_named_as_a_whole(tracing: Tracing, load: Callable[[str], Any]) -> None:
    use(load(SPECIMEN))
    found = paths(tracing)
    ends = {size: [place.function for place in found[size][-6:]] for size in (700_008, 700_014, 700_015, 700_017)}
    assert ends[700_008][-2:] == ["traced.<locals>.wrapper", "decorated"]
    assert ends[700_014] == ["recursive"] * 6
    assert ends[700_015][-2:] == ["with_key", "with_key.<locals>.<lambda>"]
    assert ends[700_017][-2:] == ["calls_it", "makes_a_callback.<locals>.<lambda>"]


def test_columns_count_characters_from_one_and_first_lines_are_the_definitions(
    tracing: Tracing, load: Callable[[str], Any]
) -> None:
    use(load(SPECIMEN))
    found = {size: places[-1] for size, places in paths(tracing).items()}
    text = SPECIMEN.splitlines()
    assert found[700_001].column == 5 == text[found[700_001].line - 1].index("held") + 1
    assert text[found[700_001].first_line - 1] == "def plain():"
    assert text[found[700_008].first_line - 1] == "@traced"
    assert text[found[700_020].line - 1][found[700_020].column - 1 :].startswith("held.append(bytes(700_020))")
    module_lines = [place for place in found.values() if place.function == "<module>"]
    assert [place.column for place in module_lines] == [len('"äöü"; ') + 1]


def test_code_without_a_source_is_known_by_the_functions_that_live(tracing: Tracing) -> None:
    space: dict[str, Any] = {}
    exec(
        compile(
            "held = []\ndef made():\n    held.append(bytes(700_001))\nheld.append(bytes(700_002))", "<made>", "exec"
        ),
        space,
    )
    space["made"]()
    assert functions(tracing) == {700_001: "made", 700_002: "?"}


def test_unrelated_code_on_one_line_of_a_name_without_a_file_stays_unknown(tracing: Tracing) -> None:
    held: list[bytes] = []
    spaces = [{"held": held} for _ in range(2)]
    exec(compile("def one(): held.append(bytes(700_001))", "<twice>", "exec"), spaces[0])
    exec(compile("def two(): held.append(bytes(700_002))", "<twice>", "exec"), spaces[1])
    call_first, call_second = list(spaces[0].values())[-1], list(spaces[1].values())[-1]
    call_first(), call_second()
    assert functions(tracing) == {700_001: "?", 700_002: "?"}
    held.clear()
    one = spaces[0]["one"]
    one()
    assert functions(tracing) == {700_001: "one"}, "the caller's line calls it by name"


def test_a_source_given_to_linecache_is_used(tracing: Tracing, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "held = [bytes(700_001)]\nclass Cell:\n    body = bytes(700_002)\n"
    monkeypatch.setitem(linecache.cache, "<cell 1>", (len(text), None, text.splitlines(True), "<cell 1>"))
    space: dict[str, Any] = {}
    exec(compile(text, "<cell 1>", "exec"), space)
    assert functions(tracing) == {700_001: "<module>", 700_002: "Cell"}


def test_a_module_in_an_archive_is_read_there(
    tracing: Tracing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as archive:
        archive.writestr("zipped_specimen.py", SPECIMEN)
    monkeypatch.syspath_prepend(str(tmp_path / "lib.zip"))
    use(importlib.import_module("zipped_specimen"))
    found = functions(tracing)
    assert found == EXPECTED
    del sys.modules["zipped_specimen"]


def test_a_file_that_was_edited_since_its_import_is_not_believed(tracing: Tracing, load: Callable[[str], Any]) -> None:
    module = load(SPECIMEN)
    use(module)
    Path(module.__file__).write_text("def wrong():\n" + "    x = 1\n" * 60)
    found = functions(tracing)
    assert found[700_001] == "plain" and found[700_010] == "Outer.Inner.method"
    assert "wrong" not in found.values()


def test_lines_are_remembered_until_a_file_changes(load: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("def one():\n    return 1\n")
    naming, stack = Naming(), ((module.__file__, 2),)
    assert naming.name([stack])[0][0][0].function == "one"
    with monkeypatch.context() as patch:
        patch.setattr(function_names.Library, "read", lambda *_: pytest.fail("it is known"))
        assert naming.name([stack])[0][0][0].function == "one"
    module = load("def other_name():\n    return 1\n")
    assert naming.name([stack])[0][0][0].function == "other_name"


def test_no_more_than_so_many_files_are_remembered(load: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_names, "_MOST_FILES", 3)
    naming = Naming()
    for number in range(10):
        naming.name([((load("x = 1\n", f"file{number}").__file__, 1),)])
    assert len(naming._files) == 3


def test_files_that_would_take_too_long_are_counted(load: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_names, "PATIENCE", -1.0)
    named, unread = Naming().name([((load("x = 1\n").__file__, 1),)])
    assert (named[0][0].function, named[0][0].line, unread) == ("?", 1, 1)


def test_a_busy_machine_takes_no_names_away(load: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    hours = itertools.count(0.0, 3600.0)
    clock = types.SimpleNamespace(monotonic=lambda: next(hours), thread_time=lambda: 0.0)
    monkeypatch.setattr(function_names, "Clock", clock)
    frames = [((load("def one():\n    return 1\n", f"file{number}").__file__, 2),) for number in range(3)]
    named, unread = Naming().name(frames)
    assert ([places[0].function for places in named], unread) == (["one"] * 3, 0)


@pytest.mark.parametrize("text", ["def broken(:\n", "\x00", "# coding: unheard-of\n", "x = 1\n" * 200_000])
def test_what_cannot_be_compiled_or_is_too_long_is_unknown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.py"
    path.write_text(text)
    assert Naming().name([((str(path), 1),)])[0][0][0] == Frame("?", str(path), 1, 0, 0)


@pytest.mark.parametrize("name", ["/absent.py", "", "\x00", "<unheard of>", "<frozen unheard_of>", "."])
def test_names_that_are_no_files_are_unknown(name: str) -> None:
    assert Naming().name([((name, 1),)])[0][0][0].function == "?"


def test_an_object_that_says_it_is_a_module_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:  # cffi enters such in `sys.modules`
        __class__ = types.ModuleType

    monkeypatch.setitem(sys.modules, "specimen.lib", Library())
    assert Naming().name([(("/absent.py", 1),)])[0][0][0].function == "?"


def test_frozen_modules_have_names() -> None:
    code = sources._frozen_code("<frozen importlib._bootstrap>")
    assert isinstance(code, types.CodeType)
    function = next(inner for inner in sources.walk(code) if inner.co_name == "_find_and_load")
    line = max(line for _, _, line in function.co_lines() if line)
    assert Naming().name([(("<frozen importlib._bootstrap>", line),)])[0][0][0].function == "_find_and_load"


def test_looking_for_functions_disturbs_no_thread_that_makes_a_tuple() -> None:
    failures, over = [], threading.Event()

    def make() -> None:
        while not over.is_set():
            try:
                tuple(number for number in range(20_000))
            except SystemError as error:  # somebody else refers to the tuple before it is finished
                failures.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    thread = threading.Thread(target=make)
    thread.start()
    try:
        found = [sources._codes_of_functions() for _ in range(20)]
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert failures == [] and use.__code__ in found[0]


def test_looking_up_warns_of_nothing_and_leaves_no_filter(tmp_path: Path) -> None:
    path = tmp_path / "warns.py"
    path.write_text(textwrap.dedent("def f():\n    return '\\d', 1 is 1\n"))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        assert Naming().name([((str(path), 2),)])[0][0][0].function == "f"
        assert told == [] and warnings.filters == before
