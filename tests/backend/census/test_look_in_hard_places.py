"""The look of a forked child, and the search near to the roots, in company that other tools choke on."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import memwatch

from ..conftest import RunAlone

if memwatch.backend.name != "native" or sys.platform != "linux":
    pytest.skip("a child that looks is made on Linux alone, by the C extension", allow_module_level=True)

from memwatch.backend.census.contract import Cancelled
from memwatch.backend.census.in_child import look_in_child
from memwatch.diagnosis.budget import Allowance
from memwatch.diagnosis.forked_look import ForkedLook
from memwatch.errors import UnsupportedError

KEPT: list[list[object]] = []
PATH = os.pathsep.join([str(Path(memwatch.__file__).parent.parent), *filter(None, sys.path)])

LOOK = """
import sys
from array import array
from memwatch.backend.census.in_child import look_in_child
from memwatch.retain import Wanted, ask_holders, find_near, holdings_of

class Order:
    pass

kept = []

def look():
    del kept[:]
    before = look_in_child([], None)
    kept.extend(Order() for _ in range(2000))
    question = ask_holders()
    after = look_in_child(question.parts, None, before.identity, question.request)
    (told,) = [it for it in holdings_of(question, after.places) if it.frontier_type == "__main__.Order"]
    assert (told.targets, told.path.text) == (2000, "module __main__ > kept: list, 2000 items > [index]"), told
    wanted = Wanted({id(order): ("__main__.Order", 100.0) for order in kept[::100]})
    (near,) = find_near(wanted, 0.025, lambda: False)
    assert (near.targets, near.path.text) == (told.targets, told.path.text), near
"""

THREADS = """
import hashlib, threading, zlib
stop = threading.Event()

def work(number):
    data = bytes(range(256)) * (20 + number)
    while not stop.wait(0.01):
        zlib.decompress(zlib.compress(data, 1))
        hashlib.sha256(data).digest()

threads = [threading.Thread(target=work, args=(number,)) for number in range(200)]
for thread in threads:
    thread.start()
try:
    for _ in range(2):
        look()
finally:
    stop.set()
    for thread in threads:
        thread.join()
"""

MAPPINGS = """
import ctypes, mmap, os
from multiprocessing import shared_memory
pages = 64 << 20
apart = mmap.mmap(-1, pages)
apart.madvise(mmap.MADV_DONTFORK)  # as drivers of graphics cards do: a child that reads it is ended
huge = mmap.mmap(-1, pages, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
huge.madvise(mmap.MADV_HUGEPAGE)
shared = mmap.mmap(-1, pages)
named = shared_memory.SharedMemory(create=True, size=pages)
for memory in (apart, huge, shared):
    memory.write(bytes(pages))
named.buf[:] = bytes(pages)
views = [memoryview(memory) for memory in (apart, huge, shared)]
libc = ctypes.CDLL(None, use_errno=True)
ring = libc.syscall(425, 8, ctypes.create_string_buffer(120)) if os.uname().machine == "x86_64" else -1
queue = mmap.mmap(ring, 4096, mmap.MAP_SHARED | mmap.MAP_POPULATE) if ring >= 0 else b""
before = sorted(os.listdir("/proc/self/fd"))
try:
    look()
finally:
    named.close()
    named.unlink()
assert sorted(os.listdir("/proc/self/fd"))[:3] == before[:3]
"""

TYPES = """
import gc
gc.disable()
kinds = [type("Kind", (), {"__slots__": (), "__qualname__": f"Kind{number}"}) for number in range(70_000)]
objects = [kind() for kind in kinds]
seen = look_in_child([], None).identity.totals
assert seen["__main__.Kind0"][0] == seen["__main__.Kind69999"][0] == 1 and seen["type"][0] > 70_000
"""

HOSTILE = """
import os
def forbid(self, *arguments):
    os.abort()

calls = ("__call__", "__getattribute__", "__getattr__", "__eq__", "__hash__", "__instancecheck__", "__iter__",
         "__len__", "__repr__", "__sizeof__", "__subclasscheck__", "mro")

class Meta(type):
    armed = False

def guard(name):
    plain = getattr(type, name, None) or getattr(object, name, None)
    def call(cls, *arguments):
        return forbid(cls) if Meta.armed else plain(cls, *arguments)
    return call

for name in calls:
    setattr(Meta, name, guard(name))
Hostile = Meta("Hostile", (), {"__module__": "__main__"})
made = Hostile()
type.__setattr__(Meta, "armed", True)
look()
seen = look_in_child([], None).identity.totals
assert seen["__main__.Hostile"][0] == 1
type.__setattr__(Meta, "armed", False)
"""

SECCOMP = """
import ctypes, struct
from memwatch.errors import UnsupportedError
kept.append(look_in_child([], None))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
for error in (1, 12):  # EPERM, as containers answer; ENOMEM, as with vm.overcommit_memory=2
    rules = [(0x20, 0, 0, 0), (0x15, 0, 1, 56), (6, 0, 0, 0x50000 | error), (6, 0, 0, 0x7FFF0000)]  # clone alone
    filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
    program = struct.pack("HxxxxxxQ", len(rules), ctypes.addressof(filters))
    assert libc.prctl(22, 2, ctypes.c_char_p(program), 0, 0) == 0
    try:
        look_in_child([], None)
    except UnsupportedError as error:
        print(error)
"""


def children() -> list[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


@pytest.mark.slow
def test_two_hundred_threads_that_allocate_in_c(run_alone: RunAlone) -> None:
    run_alone(LOOK + THREADS, PYTHONPATH=PATH)


@pytest.mark.parametrize("allocator", ["malloc", "pymalloc_debug"])
def test_allocators_of_the_interpreter(allocator: str, run_alone: RunAlone) -> None:
    run_alone(f"{LOOK}\nlook()", PYTHONPATH=PATH, PYTHONMALLOC=allocator)


def test_tracing_and_profiling_functions_see_nothing_of_it(run_alone: RunAlone) -> None:
    program = f"""{LOOK}
import threading, tracemalloc
tracemalloc.start()
seen = []
sys.setprofile(lambda frame, event, arg: seen.append(event))
sys.settrace(lambda frame, event, arg: None)
look()
sys.settrace(None)
sys.setprofile(None)
assert "call" in seen
"""
    run_alone(program, PYTHONPATH=PATH)


@pytest.mark.parametrize("allocator", ["jemalloc.so.2", "tcmalloc_minimal.so.4"])
def test_allocators_that_are_preloaded(allocator: str, run_alone: RunAlone) -> None:
    folders = map(Path, ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"))
    found = next((path for folder in folders if (path := folder / f"lib{allocator}").exists()), None)
    if found is None or os.environ.get("LD_PRELOAD"):
        pytest.skip(f"lib{allocator} is not there to preload, or something else is preloaded")
    run_alone(f"{LOOK}\nlook()", PYTHONPATH=PATH, LD_PRELOAD=str(found))


def test_mappings_that_a_child_does_not_get_or_shares(run_alone: RunAlone) -> None:
    run_alone(LOOK + MAPPINGS, PYTHONPATH=PATH)


@pytest.mark.slow
def test_many_types_whose_names_are_more_than_a_pipe_holds(run_alone: RunAlone) -> None:
    run_alone(LOOK + TYPES, PYTHONPATH=PATH)


def test_metaclasses_that_end_the_process_when_they_are_asked(run_alone: RunAlone) -> None:
    run_alone(LOOK + HOSTILE, PYTHONPATH=PATH)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the filter has a number of x86-64")
def test_where_the_kernel_refuses_a_child(run_alone: RunAlone) -> None:
    said = run_alone(LOOK + SECCOMP, PYTHONPATH=PATH).splitlines()
    refused = "no look in a forked child: [Errno"
    assert said == [f"{refused} 1] Operation not permitted", f"{refused} 12] Cannot allocate memory"]


@pytest.fixture
def many() -> Iterator[list[list[object]]]:
    """So much that a child is seen at work."""
    KEPT[:] = [[] for _ in range(300_000)]
    yield KEPT
    KEPT.clear()


def look_for_ever(should_cancel: Callable[[], bool] | None = None, patience: float = 60.0) -> None:
    while True:
        look_in_child([], should_cancel, patience=patience)


def signal_children(number: int, until: threading.Event) -> threading.Thread:
    """A thread that sends the signal *number* to the first child there is."""

    def send() -> None:
        while not until.is_set():
            for pid in children():
                os.kill(pid, number)
                until.set()

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def test_a_stopped_child_is_ended_when_its_time_is_over(many: list[list[object]]) -> None:
    stopped = threading.Event()
    thread = signal_children(signal.SIGSTOP, stopped)
    until = time.monotonic() + 60

    def should_cancel() -> bool:
        return stopped.is_set() or time.monotonic() > until

    with pytest.raises(Cancelled, match="while a child counted"):
        look_for_ever(should_cancel)
    thread.join()
    assert children() == []


def test_a_child_that_outlives_its_deadline_is_ended(many: list[list[object]]) -> None:
    with pytest.raises(UnsupportedError, match="not ready after 0 s"):
        look_for_ever(patience=0.0)
    assert children() == []


def test_a_killed_child_is_an_error_and_leaves_nothing(many: list[list[object]]) -> None:
    killed = threading.Event()
    thread = signal_children(signal.SIGKILL, killed)
    with pytest.raises(UnsupportedError, match="ended by signal 9"):
        look_for_ever()
    thread.join()
    assert children() == []


@pytest.mark.parametrize(("limit", "may"), [(2 << 30, True), (1000 << 20, False)])
def test_in_a_container_near_to_its_limit_no_child_is_made(
    limit: int, may: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memwatch.backend.census import in_child

    class Container:
        usage = 900 << 20

    Container.limit = limit  # type: ignore[attr-defined]
    monkeypatch.setattr(in_child, "container", lambda: Container)
    why = ForkedLook(10.0, in_child).why_not("search", Allowance(100_000, 0.0, 1000.0))  # type: ignore[arg-type]
    assert (why is None) is may and (may or "there is no room for that" in str(why))
