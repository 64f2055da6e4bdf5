"""The census in a forked child: it counts as the one in the process does, and nobody notices the child."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any
from xml.etree.ElementTree import Element

import numpy
import pytest

import memwatch

if memwatch.backend.name != "native":
    pytest.skip("the C extension is not in use", allow_module_level=True)
if sys.platform != "linux":
    pytest.skip("a child that counts is made on Linux alone", allow_module_level=True)

from memwatch.backend import _native
from memwatch.backend.census import exact
from memwatch.backend.census.contract import Cancelled
from memwatch.backend.type_labels import type_label
from memwatch.errors import UnsupportedError

KEPT: list[Any] = []
HOMELESS: type = FunctionType(compile("type('Homeless', (), {})", "nowhere", "eval"), {"type": type})()
"""A class made where no module is: it has no `__module__`."""

PRELUDE = "import gc, os, resource, signal, sys, threading, time\nfrom memwatch.backend.census import exact\n"


class Order:
    def __init__(self, number: int) -> None:
        self.number = number


class Text(str):
    __slots__ = ()


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    KEPT.clear()
    yield
    KEPT.clear()
    _native.fail_after(-1)
    gc.collect()


def count(label: str, deep: bool = True) -> tuple[int, int]:
    return exact.count_in_child(deep, (), None)[0].get(label, (0, 0))


def count_for_ever() -> None:
    while True:
        exact.count_in_child(True, (), None)


def run_alone(program: str) -> str:
    folders = os.pathsep.join([str(Path(memwatch.__file__).parent.parent), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": folders}
    command = [sys.executable, "-c", PRELUDE + program]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("deep", [True, False])
def test_it_counts_what_the_census_in_the_process_counts(deep: bool) -> None:
    KEPT.append([Order(number) for number in range(1000)])
    gc.collect()
    gc.disable()
    try:
        exact.count_in_child(deep, (), None)
        in_child, _ = exact.count_in_child(deep, (), None)
        here = exact.count_objects(deep, (), None)
    finally:
        gc.enable()
    apart = {label for label in here.keys() | in_child.keys() if here.get(label) != in_child.get(label)}
    # the first result itself; and sizes that C methods tell
    moved = {label for label in apart if here.get(label, (0,))[0] != in_child.get(label, (0,))[0]}
    assert moved <= {"dict", "tuple", "str", "int", "list", "memwatch.errors.UnsupportedError"}
    assert not [label for label in apart - moved if here[label][1] < in_child[label][1]]
    assert len(apart) < 20 < len(here)
    assert in_child[f"{__name__}.Order"] == here[f"{__name__}.Order"]


def test_labels_are_those_of_the_other_census() -> None:
    class Odd(type):
        pass

    namespaces: list[dict[str, object]] = [
        {"__module__": "gr\u00fc\u00df.\U0001f600", "__qualname__": "Caf\u00e9\u4e2d"},
        {"__module__": "m", "__qualname__": "lone\ud800"},
        {"__module__": 5},
        {"__module__": None},
        {"__module__": "builtins"},
        {"__module__": ""},
        {"__module__": Text("text"), "__qualname__": "Q" * 10_000},
        {"__module__": property(lambda self: 1 // 0)},
    ]
    for maker in (type, Odd):
        KEPT.extend(maker(f"Kind{place}", (), namespace)() for place, namespace in enumerate(namespaces))
    KEPT.append(HOMELESS())
    gc.collect()
    here, (in_child, _) = exact.count_objects(True, (), None), exact.count_in_child(True, (), None)
    assert here.keys() == in_child.keys() and "?.Homeless" in here
    assert in_child["gr\u00fc\u00df.\U0001f600.Caf\u00e9\u4e2d"][0] == 2 and in_child["m.lone\ud800"][0] == 2


@pytest.mark.parametrize("items", [0, 1, 100_000])
@pytest.mark.parametrize("make", [deque, OrderedDict.fromkeys, numpy.array, lambda numbers: array("q", list(numbers))])
def test_buffers_of_a_container_are_counted(make: Callable[[range], Any], items: int) -> None:
    KEPT.append(make(range(0)))
    label = type_label(type(KEPT[-1]))
    before, before_here = count(label), exact.count_objects(True, (), None)[label]
    KEPT.extend(make(range(items)) for _ in range(max(1, 100 - items)))
    after, after_here = count(label), exact.count_objects(True, (), None)[label]
    assert after[0] - before[0] == after_here[0] - before_here[0] == max(1, 100 - items)
    assert after[1] - before[1] == pytest.approx(after_here[1] - before_here[1], rel=0.02)


def test_what_a_method_tells_is_left_out() -> None:
    label = type_label(Element)
    KEPT.append(Element("child"))
    before = count(label)
    KEPT.append(Element("parent"))
    KEPT[-1].extend(KEPT[:1] * 100_000)
    after = count(label)
    assert after[0] == before[0] + 1 and after[1] - before[1] < 1000


def test_what_is_left_out_there_is_left_out_here() -> None:
    orders = [Order(number) for number in range(50)]
    assert count(f"{__name__}.Order")[0] == 50
    assert f"{__name__}.Order" not in exact.count_in_child(True, orders, None)[0]


def test_it_gives_up_before_and_after() -> None:
    for answers in ([True], [False, True]):
        with pytest.raises(Cancelled):
            exact.count_in_child(True, (), iter(answers).__next__)


def test_during_a_collection_it_is_refused() -> None:
    refused: list[str] = []

    def ask(phase: str, info: dict[str, int]) -> None:
        try:
            exact.count_in_child(True, (), None)
        except Cancelled as error:
            refused.append(str(error))

    gc.callbacks.append(ask)
    try:
        gc.collect()
    finally:
        gc.callbacks.remove(ask)
    assert len(refused) == 2


def test_while_threads_work() -> None:
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            KEPT.append([{"n": (number, str(number), bytes(5000))} for number in range(50)])
            del KEPT[:-20]

    threads = [threading.Thread(target=churn) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert all(count("dict")[0] > 100 for _ in range(10))
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.slow
def test_two_at_once_do_not_mind_each_other() -> None:
    KEPT.append([Order(number) for number in range(500)])
    found: list[int] = []

    def work() -> None:
        found.extend(count(f"{__name__}.Order")[0] for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [500] * 40


def test_the_program_is_told_nothing_of_the_child() -> None:
    program = """
told, waited, stop = [], [], threading.Event()
signal.signal(signal.SIGCHLD, lambda *_: told.append(1))
os.register_at_fork(before=lambda: told.append(2), after_in_parent=lambda: told.append(3))
def wait():
    while not stop.is_set():
        try:
            waited.append(os.waitpid(-1, 0))
        except ChildProcessError:
            time.sleep(0)
thread = threading.Thread(target=wait)
thread.start()
for _ in range(50):
    exact.count_in_child(True, (), None)
stop.set()
thread.join()
print(told, waited)
"""
    assert run_alone(program) == "[] []\n"


def test_children_are_reaped_where_the_program_ignores_sigchld() -> None:
    program = """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(exact.count_in_child(True, (), None)[0]["function"][0] > 100)
"""
    assert run_alone(program) == "True\n"


def test_signals_are_the_parents_alone() -> None:
    program = """
import socket
ours, theirs = socket.socketpair()
ours.setblocking(False)
signal.set_wakeup_fd(ours.fileno())
os.setpgid(0, 0)
signal.signal(signal.SIGUSR1, lambda *_: None)
kept = [[] for _ in range(300_000)]
threading.Timer(0.005, os.killpg, (os.getpgid(0), signal.SIGUSR1)).start()
exact.count_in_child(True, (), None)
print(theirs.recv(100) == bytes([signal.SIGUSR1]))
"""
    assert run_alone(program) == "True\n"


def children() -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            found.append(int(folder.name))
    return found


def test_a_child_that_is_killed_is_an_error_and_leaves_nothing() -> None:
    KEPT.append([Order(number) for number in range(300_000)])
    before = os.listdir("/proc/self/fd")
    killed: list[int] = []

    def kill() -> None:
        while not killed:
            for pid in children():
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        with pytest.raises(UnsupportedError, match="ended by signal 9, as a lack of memory does"):
            count_for_ever()
    finally:
        killed.append(0)
        thread.join()
    assert children() == [] and os.listdir("/proc/self/fd") == before


def test_a_child_that_takes_too_long_is_ended() -> None:
    KEPT.append([[] for _ in range(1_500_000)])
    with pytest.raises(UnsupportedError, match="not ready after 0 s"):
        exact.count_in_child(True, (), None, patience=0.0)
    assert children() == []


def test_what_a_signal_handler_raises_ends_the_child() -> None:
    def interrupt(_: int, frame: FrameType | None) -> None:
        while frame is not None:  # a later alarm may come when all is over, and would end the tests
            if frame.f_code is count_for_ever.__code__:
                raise KeyboardInterrupt
            frame = frame.f_back

    KEPT.append([Order(number) for number in range(300_000)])
    before, callbacks = signal.signal(signal.SIGALRM, interrupt), gc.callbacks[:]
    gc.callbacks.clear()  # the interpreter drops what is raised in one, and hypothesis has one in Python
    signal.setitimer(signal.ITIMER_REAL, 0.02, 1.0)
    try:
        with pytest.raises(KeyboardInterrupt):
            count_for_ever()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.callbacks[:] = callbacks
    assert children() == []


def test_no_more_processes_is_an_error() -> None:
    program = """
if os.getuid() == 0:
    os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
try:
    exact.count_in_child(True, (), None)
except Exception as error:
    print(type(error).__name__, error, sorted(os.listdir("/proc/self/fd")) == before)
"""
    program = 'before = sorted(os.listdir("/proc/self/fd"))\n' + program
    said = "the census cannot be taken in a forked child: [Errno 11] Resource temporarily unavailable"
    assert run_alone(program) == f"UnsupportedError {said} True\n"


def test_no_more_descriptors_is_an_error() -> None:
    program = """
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
try:
    exact.count_in_child(True, (), None)
except Exception as error:
    print(error)
"""
    assert run_alone(program).endswith("[Errno 24] Too many open files\n")


def test_no_more_memory_in_the_child_is_an_error() -> None:
    program = """
kept = [type(f"Kind{number}", (), {})() for number in range(2000)]  # their table has to grow, in the child
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 1_400_000, used + 1_400_000))
try:
    exact.count_in_child(True, (), None)
    print("counted")
except MemoryError:
    print("no memory")
try:
    print(os.wait())
except ChildProcessError:
    print("no child")
"""
    assert run_alone(program) == "no memory\nno child\n"


def test_out_of_memory_at_every_mapping() -> None:
    KEPT.extend(type(f"Kind{number}", (), {})() for number in range(600))
    failures = 0
    while True:
        _native.fail_after(failures)
        try:
            exact.count_in_child(True, (), None)
        except MemoryError:
            failures += 1
        else:
            break
    assert failures > 4 and children() == []


def test_a_socket_or_pipe_that_the_program_closes_is_closed() -> None:
    program = """
import select
kept = [[] for _ in range(1_000_000)]
reader, writer = os.pipe()
def close():
    while not (found := open(f"/proc/self/task/{os.getpid()}/children").read().split()):
        pass
    while str(writer) in os.listdir(f"/proc/{found[0]}/fd"): # which fails when the child has ended with it open
        time.sleep(0.001)
    os.kill(int(found[0]), signal.SIGSTOP)
    os.close(writer)
    print(select.select([reader], [], [], 5.0)[0] == [reader])
    os.kill(int(found[0]), signal.SIGCONT)
thread = threading.Thread(target=close)
thread.start()
exact.count_in_child(True, (), None)
thread.join()
"""
    assert run_alone(program) == "True\n"


@pytest.mark.slow
def test_a_thousand_in_a_row_leave_no_child_and_no_descriptor() -> None:
    program = """
def rounds(number):
    for _ in range(number):
        exact.count_in_child(True, (), None)
    gc.collect()
    return sys.getallocatedblocks(), len(os.listdir("/proc/self/fd")), len(open("/proc/self/maps").readlines())
rounds(20)
before = rounds(20)
after = rounds(1000)
print(after[0] - before[0] < 20, after[1] == before[1], after[2] - before[2] < 4)
print([name for name in os.listdir("/proc/self/task") if name != str(os.getpid())])
print(open(f"/proc/self/task/{os.getpid()}/children").read())
"""
    assert run_alone(program) == "True True True\n[]\n\n"


def test_a_subinterpreter_counts_its_own() -> None:
    program = """
try: import _interpreters as interpreters
except ImportError: import _xxsubinterpreters as interpreters
code = '''
class Order: pass
kept = [Order() for _ in range(50)]
from memwatch.backend.census import exact
assert exact.count_in_child(True, (), None)[0]["__main__.Order"][0] == 50
'''
if sys.version_info >= (3, 13): made = interpreters.create("legacy")
else: made = interpreters.create(isolated=False)
failure = interpreters.exec(made, code) if sys.version_info >= (3, 13) else interpreters.run_string(made, code)
assert failure is None, failure
interpreters.destroy(made)
print("well")
"""
    assert run_alone(program) == "well\n"


def test_wrong_arguments_are_told() -> None:
    wrong: Any = _native.count_in_child
    with pytest.raises(TypeError, match="6 arguments are needed, not 1"):
        wrong(True)
    with pytest.raises(TypeError):
        wrong(True, (), (), (), (), "long")
    begun = time.monotonic()
    assert count("function")[0] > 1000 and time.monotonic() - begun < 60
