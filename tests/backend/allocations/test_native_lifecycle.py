"""Native sampling beside what programs do: load libraries late and unload them, preload allocators, fork in a storm."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any

import pytest

from memwatch.backend import _native

library_file = SimpleNamespace(**run_path(str(Path(__file__).with_name("native_library.py"))))
build, load = library_file.build, library_file.load

if not library_file.can_be_sampled():
    pytest.skip("native allocations are sampled on Linux with glibc", allow_module_level=True)

PRELOADED = os.environ.get("LD_PRELOAD", "")


def live() -> int:
    return _native.sampling_native_stats()["live"]


def ours(name: str) -> int:
    return sum(slot[4] for slot in _native.sampling_native_slots() if slot[0] == name)


@pytest.mark.parametrize("link", ["sealed", "lazy"])
def test_a_library_that_is_loaded_later_is_followed(tmp_path: Path, start: Any, link: str) -> None:
    start(64.0)
    _native.sampling_native(True)
    library, name = load(build(tmp_path, link, f"late_{link}")), f"liblate_{link}.so"
    assert ours(name) == 0
    _native.sampling_follow()
    assert ours(name) >= (9 if link == "sealed" or not PRELOADED else 1)
    kept = [library.take(500) for _ in range(100)]
    assert live() > 90
    for block in kept:
        library.give(block)
    assert live() == 0
    taken = _native.sampling_native_stats()
    _native.sampling_follow()
    assert _native.sampling_native_stats() == taken


def test_what_an_import_loads_is_followed_at_once(program: Any) -> None:
    told = program(
        """
        from memwatch.backend import _native
        _native.sampling_start(4096.0, 64, 65536)
        _native.sampling_native(True)
        before = _native.sampling_native_stats()["objects"]
        import sqlite3
        print(_native.sampling_native_stats()["objects"] > before)
        database = sqlite3.connect(":memory:")
        database.execute("create table texts (text)")
        def insert():
            database.executemany("insert into texts values (?)", (("x" * 200,) for _ in range(10_000)))
        insert()
        print(_native.sampling_native_stats()["live"] > 100)
        database.close()
        print(_native.sampling_native_stats()["live"] < 20)
        """
    )
    assert told == ["True"] * 3


def test_a_library_that_is_unloaded_meanwhile(tmp_path: Path, start: Any) -> None:
    unload = ctypes.CDLL(None).dlclose
    unload.argtypes = [ctypes.c_void_p]
    path = build(tmp_path, "sealed", "passing")
    for number in range(6):
        start(64.0)
        library = load(path)
        _native.sampling_native(True)
        assert ours("libpassing.so") >= 9
        library.give(library.take(1000))
        assert unload(library._handle) == 0
        if number % 2:
            _native.sampling_follow()
        _native.sampling_stop()
        assert not any(slot[4] for slot in _native.sampling_native_slots())


@pytest.mark.parametrize("mode", ["malloc", "debug", "malloc_debug"])
def test_beside_any_allocator_of_pythons(program: Any, tmp_path: Path, mode: str) -> None:
    told = program(
        f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from native_library import load
        from memwatch.backend import _native
        library = load({build(tmp_path, "sealed")!r})
        _native.sampling_start(512.0, 64, 65536)
        _native.sampling_native(True)
        kept = [library.take(3000) for _ in range(300)]
        print(290 < _native.sampling_native_stats()["live"] <= 305)
        objects = [bytes(3000) for _ in range(300)]
        print(_native.sampling_native_stats()["live"] <= 305, _native.sampling_stats()["live"] > 580)
        for block in kept:
            library.give(block)
        print(_native.sampling_native_stats()["live"] < 10)
        _native.sampling_stop()
        """,
        PYTHONMALLOC=mode,
    )
    assert told == ["True", "True True", "True"]


def test_beside_an_allocator_that_is_preloaded(program: Any, tmp_path: Path) -> None:
    folders = [Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/lib/aarch64-linux-gnu"), Path("/usr/lib64")]
    found = [path for folder in folders for name in ("libjemalloc.so.2", "libtcmalloc_minimal.so.4")
             if (path := folder / name).exists()]  # fmt: skip
    if not found or PRELOADED:
        pytest.skip("there is none to preload")
    for allocator in found:
        told = program(
            f"""
            import sys
            sys.path.insert(0, {str(Path(__file__).parent)!r})
            from native_library import load
            from memwatch.backend import _native
            library = load({build(tmp_path, "sealed")!r})
            before = _native.sampling_native_slots()
            _native.sampling_start(512.0, 64, 65536)
            _native.sampling_native(True)
            kept = [library.resize(library.take(3000), 5000) for _ in range(300)]
            print(290 < _native.sampling_native_stats()["live"] <= 305)
            ours = {{slot[0] for slot in _native.sampling_native_slots() if slot[4]}}
            print(ours & {{{allocator.name!r}, "libc.so.6"}})
            for block in kept:
                library.give(block)
            print(_native.sampling_native_stats()["live"] < 10)
            _native.sampling_stop()
            print(_native.sampling_native_slots() == before)
            """,
            LD_PRELOAD=str(allocator),
        )
        assert told == ["True", "set()", "True", "True"]


def test_a_walk_over_the_libraries_that_waits_for_the_interpreter(program: Any) -> None:
    """threadpoolctl does this: its callback runs Python with the loader's lock in hand. (An import hangs then.)"""
    told = program(
        """
        import ctypes, faulthandler, threading
        from memwatch.backend import _native
        faulthandler.dump_traceback_later(60, exit=True)
        ends = threading.Event()
        callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
        def look(*given):
            return 1 if ends.is_set() else 0
        def walk():
            function = callback(look)
            while not ends.is_set():
                ctypes.CDLL(None).dl_iterate_phdr(function, None)
        threads = [threading.Thread(target=walk) for _ in range(2)]
        for thread in threads: thread.start()
        _native.sampling_start(4096.0, 64, 65536)
        for _ in range(30):
            _native.sampling_native(True)
            _native.sampling_follow()
            _native.sampling_native(False)
        ends.set()
        for thread in threads: thread.join()
        _native.sampling_stop()
        print("done")
        """
    )
    assert told == ["done"]


def test_a_child_whose_loader_is_locked_for_ever(program: Any) -> None:
    """What another thread held at the fork stays locked: nothing waits for it, and the child samples on."""
    told = program(
        """
        import ctypes, os, signal, threading
        from memwatch.backend import _native
        inside, ends = threading.Event(), threading.Event()
        def look(*given):
            inside.set()
            ends.wait()
            return 1
        function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)(look)
        thread = threading.Thread(target=lambda: ctypes.CDLL(None).dl_iterate_phdr(function, None))
        _native.sampling_start(64.0, 16, 65536)
        _native.sampling_native(True)
        thread.start()
        inside.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            before = _native.sampling_stats()["taken"]
            kept = [bytearray(5000) for _ in range(100)]
            _native.sampling_follow()
            print(_native.sampling_native_stats()["on"], _native.sampling_stats()["taken"] > before)
            _native.sampling_stop()
            _native.sampling_start(64.0, 16, 65536)
            try:
                _native.sampling_native(True)
            except RuntimeError as error:
                print(error, flush=True)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        ends.set()
        thread.join()
        _native.sampling_follow()
        _native.sampling_stop()
        print(sum(slot[4] for slot in _native.sampling_native_slots()))
        """,
        "-W",
        "ignore",
    )
    assert told == ["True True", "the loader does not let go of its lock", "0", "0"]


def storm(seconds: float, library: str) -> list[str]:
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("native_storm.py")), str(seconds), library]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_a_short_storm(tmp_path: Path) -> None:
    assert storm(2, build(tmp_path, "lazy")) == ["0", "True", "0", "0"]


@pytest.mark.slow
def test_a_long_storm(tmp_path: Path) -> None:
    assert storm(12, build(tmp_path, "sealed")) == ["0", "True", "0", "0"]
