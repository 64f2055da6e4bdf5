"""Programs of asyncio are looked into and live on: CPython 3.12.0 to 3.12.5 show its freed objects to the collector."""

from __future__ import annotations

import importlib.util
import sys

import pytest

LOOPS_KEPT = """
import asyncio, memwatch, weakref
kept, of_loops = [], weakref.WeakKeyDictionary()

async def work(number):
    await asyncio.get_running_loop().run_in_executor(None, str, number)
    of_loops[asyncio.get_running_loop()] = {"root": asyncio.current_task()}
    return f"answer {number} " * 5000

def step(number):
    loop = asyncio.new_event_loop()
    task = loop.create_task(work(number))
    loop.run_until_complete(task)
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    KEEP

for number in range(6):
    for _ in range(20):
        step(number)
    memwatch.gc()
print("ended")
"""

QUICK = ("futures2", "locks", "queues", "timeouts", "runners", "eager_task_factory", "streams")
"""Of CPython's tests of asyncio those that take a second of processor time together, and hardly wait."""

TESTS_OF_CPYTHON = """
import sys, unittest, rounds
suite = unittest.defaultTestLoader.loadTestsFromNames(f"test.test_asyncio.test_{name}" for name in NAMES)
ended = unittest.TextTestRunner(sys.stdout, verbosity=0).run(suite)
print(ended.testsRun > 200, ended.failures + ended.errors)
rounds.leak()
"""


def has_tests_of_asyncio():
    """Not every distribution brings them."""
    try:
        return importlib.util.find_spec("test.test_asyncio") is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize(
    ("keep", "holder"),
    [("kept.append((loop, task))", "__main__.kept"), ("pass", "__main__.of_loops")],
    ids=["in a list", "by its own value"],
)
def test_loops_that_are_kept_are_told_and_the_program_ends(lab, keep, holder):
    lab.write("x.py", LOOPS_KEPT.replace("KEEP", keep))
    ended = lab.watched("x.py")
    assert (ended.status, ended.stdout) == (0, "ended\n")
    assert holder in ended.own[-1] and " leak" in ended.own[-1]


def test_cpython_s_own_tests_of_asyncio_pass_and_a_verdict_follows(leaky):
    if not has_tests_of_asyncio():
        pytest.skip("this Python comes without test.test_asyncio: memwatch was not tried beside asyncio's own tests")
    names = [name for name in QUICK if name != "eager_task_factory" or sys.version_info >= (3, 12)]
    leaky.write("x.py", TESTS_OF_CPYTHON.replace("NAMES", repr(names)))
    ended = leaky.watched("--tick", "0.05", "x.py", flags=("-W", "ignore"))
    assert ended.status == 0
    assert ended.stdout.endswith("True []\n")
    assert "1 leak in " in ended.own[-1]
