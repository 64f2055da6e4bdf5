"""`pytest --memwatch` in real runs: what stays is told by type, line, holder and test; else it is silent."""

from __future__ import annotations

import inspect
import sys
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from memwatch import backend
from memwatch.backend.census.chosen import take_identity
from memwatch.pytest_plugin import pytest_configure
from memwatch.retain import find_holdings
from memwatch.suite.excused import is_excused, runner_s

pytest_plugins = ["pytester"]

IS_NATIVE = backend.name == "native"
NEEDS_SAMPLER = pytest.mark.skipif(not IS_NATIVE, reason="lines and tests are known from samples")

LEAKING = """
import pytest

class Order:
    def __init__(self):
        self.rows = bytes(1000)

KEPT = []

@pytest.mark.parametrize("number", range(40))
def test_leaky(number):
    KEPT.append([Order() for _ in range(5)])

@pytest.mark.parametrize("number", range(40))
def test_healthy(number):
    assert [Order() for _ in range(50)]
"""

HEALTHY = """
import functools, re, warnings
import pytest

@functools.lru_cache(maxsize=100_000)
def look_up(number):
    return [number] * 100

@pytest.mark.parametrize("number", range(300))
def test_bounded(number):
    look_up(number)

def test_fails():
    kept = ["x" * 100_000]
    assert not kept

def test_prints_and_warns():
    print("x" * 200_000)

def test_imports():
    import xml.dom.minidom, sqlite3, email.mime.text

def test_leaves_garbage_that_waits():
    node = ["x" * 200_000]
    node.append(node)
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run pytest, with this plugin and the asked ones alone, on the text of one test module."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(text: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_module=text)
        return pytester.runpytest_subprocess("-p", "memwatch.pytest_plugin", "-p", "no:cacheprovider", *options)

    return run


@NEEDS_SAMPLER
def test_what_stays_is_told_by_type_line_holder_and_test(run, pytester: pytest.Pytester) -> None:
    done = run(LEAKING, "--memwatch-fail", "--junitxml=found.xml")
    done.assert_outcomes(passed=80)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(
        [
            "*KiB stayed behind 80 tests, at 1 place",
            "1  test_module.Order, *objects, +*KiB",
            "   allocated  test_module.py:* in *",
            "   held by    module test_module > KEPT: list, 40 items > *",
            "   cause      a module-level list that only grows",
            "   tests      test_module.py::test_leaky   about *KiB",
            "next     pytest --memwatch-loops=2 'test_module.py::test_leaky[[]*]'*",
        ]
    )
    tree = ElementTree.parse(pytester.path / "found.xml")
    (told,) = [it.get("value") or "" for it in tree.iter("property") if it.get("name") == "memwatch"]
    assert "test_module.Order" in told and "test_module.py:" in told and "test_leaky[" in told


def test_a_run_without_leaks_is_silent(run) -> None:
    done = run(HEALTHY, "--memwatch-fail", "--deselect", "test_module.py::test_fails")
    assert done.ret == pytest.ExitCode.OK
    done.stdout.fnmatch_lines(["no test of 303 left anything behind that is worth a look"])


@pytest.mark.slow
def test_what_the_runner_keeps_of_a_failure_is_not_told(run) -> None:
    done = run(HEALTHY, "--memwatch", "-k", "fails or prints")
    done.assert_outcomes(passed=1, failed=1, deselected=302)
    done.stdout.fnmatch_lines(["no test of 2 left anything behind that is worth a look"])


@NEEDS_SAMPLER
def test_a_small_leak_has_its_line(run) -> None:
    text = "KEPT = []\n\ndef test_keeps():\n    KEPT.extend(range(5000))\n"
    done = run(text, "--memwatch", "--memwatch-least=2000")
    done.stdout.fnmatch_lines(["1  *, +*", "   allocated  test_module.py:4 in test_keeps"])


@pytest.mark.slow
@NEEDS_SAMPLER
def test_workers_send_what_they_found(run) -> None:
    done = run(LEAKING, "-p", "xdist.plugin", "-n", "2", "--memwatch-fail", "--memwatch-least=4096")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["*stayed behind 80 tests*", "1  test_module.Order, *", "*test_module.py:* in *"])


@pytest.mark.slow
def test_a_worker_that_died_is_said_to_be_missing(run) -> None:
    text = "import os\n\ndef test_dies():\n    os._exit(3)\n\ndef test_lives():\n    pass\n"
    done = run(text, "-p", "xdist.plugin", "-n", "1", "--memwatch")
    done.stdout.fnmatch_lines(["missing: worker gw0 has died: what its tests left is not known"])


def test_a_test_that_forks_is_watched_on_in_the_parent_alone(run) -> None:
    text = """
    import os
    KEPT = []
    def test_forks():
        pid = os.fork()
        if pid == 0:
            KEPT.append("x" * 1_000_000)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    """
    done = run(text, "--memwatch", "-W", "ignore::DeprecationWarning")
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["no test of 1 left anything behind that is worth a look"])


def test_a_size_below_zero_is_refused(run) -> None:
    done = run(LEAKING, "--memwatch", "--memwatch-least=-1")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*--memwatch-least takes 0 bytes or more, not -1"])


@pytest.mark.slow
@NEEDS_SAMPLER
def test_a_test_that_replaces_the_allocators_leaves_the_holders(run) -> None:
    text = LEAKING + (
        "\n\ndef test_traces():\n    import tracemalloc\n    tracemalloc.start()\n    tracemalloc.stop()\n"
    )
    done = run(text, "--memwatch")
    done.stdout.fnmatch_lines(["1  test_module.Order, *", "   held by    module test_module > KEPT: list, 40 items*"])


def test_every_selected_test_runs_in_rounds(run) -> None:
    done = run(LEAKING, "--memwatch-loops=2", "-k", "leaky[1] or healthy[1]")
    done.assert_outcomes(passed=1, failed=1, deselected=78)
    done.stdout.fnmatch_lines(["*KEPT: list, 32 items > [[]index[]]* grows in each of 4 rounds"])


def test_what_the_runner_alone_keeps_is_not_searched(pytestconfig, request):
    mine = type("MyPlugin", (), {})()
    hidden = {id(it) for it in runner_s([*pytestconfig.pluginmanager.get_plugins(), mine])}
    assert {id(request.session), id(pytest.Session.__init__.__globals__)} <= hidden
    assert not {id(mine), id(sys.modules[__name__]), id(globals())} & hidden


@NEEDS_SAMPLER
def test_what_many_lines_allocate_is_told_with_all_their_tests(run):
    tests = [f"def test_{number}():\n    KEPT.extend(map(Order, ROWS))\n" for number in range(20)]
    ended = run("class Order(bytes): pass\nKEPT, ROWS = [], [4000] * 4\n" + "".join(tests), "--memwatch")
    lines = [line.strip() for line in ended.outlines]
    told = [line for line in lines if "::test_" in line and "   about " in line]
    assert any(line.endswith("20 tests, at 1 place") for line in lines) and len(told) == 5, lines
    assert any(line.startswith("and ") and line.endswith(" others") for line in lines), lines


@NEEDS_SAMPLER
def test_a_library_s_cache_that_the_first_test_fills_is_not_told(run, pytester: pytest.Pytester) -> None:
    library = pytester.mkdir("site-packages") / "library.py"
    library.write_text("FILLED, ADDED = [], []\n")
    tests = [
        "import library",
        "import pytest",
        "@pytest.mark.parametrize('number', range(20))",
        "def test_uses(number):",
    ]
    tests += ["    if not library.FILLED:", "        library.FILLED.extend(bytes(200) for _ in range(5000))"]
    tests += ["    library.ADDED.extend([number] * 10 for _ in range(500))"]
    done = run("\n".join(tests), "--memwatch", "-o", f"pythonpath={library.parent}")
    done.stdout.fnmatch_lines(["*stayed behind 20 tests, at 1 place", "   held by    module library > ADDED: list*"])
    done = run("\n".join(tests), "--memwatch", "-o", f"pythonpath={library.parent}", "-k", "uses[0]")
    done.stdout.fnmatch_lines(["*stayed behind 1 test, at 2 places", "   held by    module library > FILLED: list*"])


def test_an_old_pytest_is_refused() -> None:
    option = SimpleNamespace(memwatch=True, memwatch_fail=False, memwatch_least=1)
    old: Any = SimpleNamespace(option=option, addinivalue_line=lambda name, line: None)
    with pytest.raises(pytest.UsageError, match=r"--memwatch needs pytest 7\.0 or later; this is pytest \d"):
        pytest_configure(old)


def test_an_interrupted_run_is_not_said_to_leave_nothing(run) -> None:
    done = run("def test_ends(): pass\ndef test_waits(): raise KeyboardInterrupt\n", "--memwatch")
    done.stdout.fnmatch_lines(["missing: the run was interrupted: what its tests left was not looked at"])
    done.stdout.no_fnmatch_line("no test of *")


def test_the_files_of_modules_that_inspect_remembers_are_no_tests(monkeypatch):
    known = take_identity(True, (), None).addresses()
    monkeypatch.setattr(inspect, "modulesbyfile", {f"/srv/{number:01000}.py": f"app{number}" for number in range(200)})
    found = [held for held in find_holdings(known, least=65536) if "modulesbyfile" in held.path.text]
    assert found and all(is_excused(held, frozenset(sys.modules)) for held in found)
