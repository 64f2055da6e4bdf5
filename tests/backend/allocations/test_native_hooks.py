"""What C libraries allocate: seen with its line and weight, gone when it is freed, and nothing else is touched."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import threading
from array import array
from collections.abc import Callable
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any

import pytest

from memwatch.backend import _native

library_file = SimpleNamespace(**run_path(str(Path(__file__).with_name("native_library.py"))))
TAKERS = library_file.TAKERS

if not library_file.can_be_sampled():
    pytest.skip("native allocations are sampled on Linux with glibc", allow_module_level=True)

ASAN = "asan" in os.environ.get("LD_PRELOAD", "")
Slot = tuple[str, str, int, int, bool]


@pytest.fixture(scope="session", params=library_file.LINKS)
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return library_file.build(tmp_path_factory.mktemp("library"), request.param)


@pytest.fixture
def library(path: str) -> Any:
    """The library; each test gives back what it takes."""
    loaded = library_file.load(path)
    for name in TAKERS:  # slots that are filled at their first use are from now on
        loaded.give(getattr(loaded, name)(64))
    loaded.give(loaded.resize(loaded.take(64), 128))
    return loaded


@pytest.fixture
def native(start: Callable[..., None]) -> Callable[..., None]:
    def begin(interval: float = 4096.0) -> None:
        start(interval)
        _native.sampling_native(True)

    return begin


def slots(name: str = "") -> dict[int, Slot]:
    """By address: all slots, or those of one object."""
    return {slot[2]: slot for slot in _native.sampling_native_slots() if not name or slot[0] == name}


def live() -> int:
    return _native.sampling_native_stats()["live"]


def holding(allocate: Callable[[int], int], size: int, count: int) -> list[int]:
    return [allocate(size) for _ in range(count)]


@pytest.mark.parametrize("name", TAKERS)
@pytest.mark.parametrize("size", [192, 3200, 64_000])
def test_every_way_to_take_memory(library: Any, native: Any, estimate: Any, name: str, size: int) -> None:
    native(8192.0)
    _native.sampling_seed(size)
    count = max(100, 1_000_000 // size)
    kept = holding(getattr(library, name), size, count)
    found, error = estimate("holding", size // 2 if name == "take_resized" else size)
    assert abs(found - count * size) <= 5 * error + 0.01 * count * size and live() > 20
    for block in kept:
        library.give(block)
    assert live() == 0


def test_the_line_is_that_of_the_caller(library: Any, native: Any, live: Any) -> None:
    native(64.0)
    kept = holding(library.take, 5000, 50)
    rows = [row for row in live("holding") if row.size == 5000]
    line = holding.__code__.co_firstlineno + 1
    assert len(rows) == 50
    assert {frame[2] for row in rows for frame in row.path if frame[0].startswith("holding")} == {line}
    for block in kept:
        library.give(block)


def test_blocks_that_change_their_size(library: Any, native: Any, estimate: Any) -> None:
    native(8192.0)
    _native.sampling_seed(11)
    kept = holding(library.take, 3000, 500)
    kept = [resize(library, block, 9000) for block in kept]
    found, error = estimate("test_blocks_that_change_their_size", 2900)
    assert abs(found - 500 * 9000) <= 5 * error + 0.03 * 500 * 9000
    kept = [resize(library, block, 4000) for block in kept]
    found, error = estimate("test_blocks_that_change_their_size", 2900)
    assert abs(found - 500 * 4000) <= 5 * error + 0.03 * 500 * 4000
    assert {resize(library, block, 0) for block in kept} <= {None, *(() if not ASAN else kept)}
    assert live() == 0


def resize(library: Any, block: int, size: int) -> int:
    moved = library.resize(block, size)
    return moved


def test_blocks_of_before_and_after(library: Any, native: Any) -> None:
    before = holding(library.take, 500, 300)
    native(64.0)
    during = holding(library.take, 500, 300)
    assert live() > 250
    for block in [*before, *during[:100]]:
        library.give(block)
    assert 150 < live() <= 200
    _native.sampling_native(False)
    assert live() == 0 and _native.sampling_running()
    for block in during[100:]:
        library.give(block)
    after = holding(library.take, 500, 300)
    _native.sampling_native(True)
    assert live() == 0
    for block in after:
        library.give(block)


def test_pythons_own_blocks_are_counted_once(native: Any, estimate: Any, library: Any) -> None:
    native(4096.0)
    _native.sampling_seed(5)
    kept = python_blocks()
    truth = sum(sys.getsizeof(block) for block in kept)
    found, error = estimate("python_blocks", 500)
    assert abs(found - truth) <= 5 * error + 0.01 * truth and error < 0.05 * truth
    assert live() < 5


def python_blocks() -> list[Any]:
    return [kind(size) for size in (500, 3000, 100_000) for kind in (bytes, bytearray) for _ in range(500)]


def test_a_failure_is_the_programs_own(library: Any, native: Any) -> None:
    native(64.0)
    taken = ctypes.CDLL(library._name, use_errno=True).take
    taken.restype, taken.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    ctypes.set_errno(0)
    assert taken(1 << 62) is None and ctypes.get_errno() == errno.ENOMEM
    block = library.take(3000)
    assert library.resize(block, 1 << 62) is None and live() == 1
    library.give(block)
    assert live() == 0


def test_a_thread_that_python_does_not_know(library: Any, native: Any) -> None:
    native(64.0)
    block = library.take_in_thread(7777)
    _, _, _, _, _, sizes, _, _, _, stacks, _, _, _ = _native.sampling_read()
    found = [stack for size, stack in zip(array("Q", sizes), array("I", stacks), strict=True) if size == 7777]
    assert len(found) == 1
    library.give(block)
    assert live() == 0


def test_threads_of_python(library: Any, native: Any, live: Any) -> None:
    native(64.0)
    kept: list[int] = []
    threads = [threading.Thread(target=lambda: kept.extend(holding(library.take, 2000, 200))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = [row for row in live("holding") if row.size == 2000]
    assert {row.thread for row in rows} == {thread.native_id for thread in threads} and len(rows) > 700
    for block in kept:
        library.give(block)
    assert _native.sampling_native_stats()["live"] == 0


class TestSlots:
    def test_are_put_back(self, library: Any, native: Any) -> None:
        before = slots()
        native()
        stats = _native.sampling_native_stats()
        assert stats["on"] and stats["objects"] >= 2
        assert stats["slots"] == sum(slot[4] for slot in slots().values()) >= 8
        _native.sampling_native(False)
        assert slots() == before
        _native.sampling_native(True)
        _native.sampling_stop()
        assert slots() == before and not _native.sampling_native_stats()["on"]

    def test_of_the_library_are_ours_without_exception(self, path: str, library: Any, native: Any) -> None:
        native()
        taken = slots(Path(path).name).values()
        assert {slot[1] for slot in taken} >= {"malloc", "calloc", "realloc", "free", "posix_memalign"}
        assert all(slot[4] for slot in taken)

    def test_of_libc_the_loader_python_and_memwatch_are_left(self, native: Any) -> None:
        before = slots()
        native()
        changed = {slot[:2] for address, slot in slots().items() if before.get(address) != slot}
        assert not [name for name, _ in changed if name.startswith(("libc.so", "ld-linux", "linux-vdso", "libasan"))]
        assert {function for name, function in changed if name.startswith("libpython")} <= {"dlsym"}
        where = [address for address, slot in slots().items() if slot[4]]
        maps = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
        ranges = [[int(end, 16) for end in line[0].split("-")] for line in maps if _native.__file__ in line]
        assert ranges and not [it for it in where if any(start <= it < end for start, end in ranges)]

    def test_keep_what_somebody_else_has_put_there(self, tmp_path: Path, native: Any) -> None:
        path = library_file.build(tmp_path, "lazy", "kept")
        library, hooking = library_file.load(path), library_file.load(library_file.build(tmp_path, "sealed", "hooking"))
        library.give(library.take(1000))
        address = next(slot[2] for slot in slots(Path(path).name).values() if slot[1] == "malloc")
        word = ctypes.c_size_t.from_address(address)
        original, other = word.value, ctypes.cast(hooking.passing_malloc, ctypes.c_void_p).value
        word.value = other
        native(64.0)
        assert word.value == other
        word.value = original
        _native.sampling_native(False)
        _native.sampling_native(True)
        assert word.value not in (other, original)
        word.value = other
        library.give(library.take(1000))
        assert hooking.times_passed() > 0
        _native.sampling_stop()
        assert word.value == other
        word.value = original

    def test_a_hook_that_was_copied_goes_on_to_the_original(self, path: str, library: Any, native: Any) -> None:
        native(64.0)
        hook = next(slot[3] for slot in slots(Path(path).name).values() if slot[1] == "malloc" and slot[4])
        copied = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)(hook)
        block = copied(1000)
        assert live() == 1
        library.give(block)
        _native.sampling_native(False)
        blocks = [copied(1000) for _ in range(200)]
        assert all(blocks) and live() == 0
        _native.sampling_stop()
        blocks.append(copied(1000))
        for block in blocks:
            library.give(block)


def test_it_needs_sampling(native: Any) -> None:
    with pytest.raises(RuntimeError, match="where Python's are"):
        _native.sampling_native(True)
    _native.sampling_native(False)
    assert not _native.sampling_native_stats()["on"]


def test_out_of_memory_at_every_mapping(library: Any, start: Any) -> None:
    for allowed in range(25):
        _native.sampling_fail_after(-1)
        start(64.0)
        _native.sampling_fail_after(allowed)
        _native.sampling_native(True)
        kept = holding(library.take, 300, 1000)
        stats = _native.sampling_stats()
        assert stats["live"] <= stats["taken"]
        for block in kept:
            library.give(block)
        assert live() == 0
        _native.sampling_native(False)
        _native.sampling_stop()


def test_a_forked_child_goes_on(library: Any, native: Any) -> None:
    native(64.0)
    kept = holding(library.take, 500, 100)
    before = live()
    child = os.fork()
    if not child:
        more = holding(library.take, 500, 100)
        grown = live()
        for block in [*kept, *more]:
            library.give(block)
        fine = grown >= before + 90 and live() == 0
        _native.sampling_stop()
        os._exit(0 if fine and not any(slot[4] for slot in slots().values()) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert before > 90 and live() == before
    for block in kept:
        library.give(block)
