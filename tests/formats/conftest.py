"""A fixed tree that all formats are shown on, and the files that real programs were given and answered with."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from memwatch.calltree import CallTree, Stack
from memwatch.frames import Frame
from memwatch.treebuilder import build

GOLDEN = Path(__file__).parent / "golden"

MAIN = Frame("main", "shop/app.py", 12, 5, 8)
HANDLE = Frame("Server.handle", "shop/server.py", 40, 9, 31)
CACHE_PUT = Frame("Cache.put", "shop/cache.py", 7, 13, 5)
PARSE = Frame("parse.<locals>.<lambda>", "/usr/lib/python3.12/json/decoder.py", 353, 16, 353)
WALK = Frame("walk", "shop/a tree;of (things).py", 3, 0, 1)
READ = Frame("read")
MODULE = Frame("<module>", "shop/計算.py", 9, 1, 1)
UNICODE = Frame("größe_計算", "shop/計算.py", 2, 1, 1)


def stack(frames: tuple[Frame, ...], *sizes: tuple[int, int]) -> Stack:
    return Stack(frames, sum(size * count for size, count in sizes), sum(count for _, count in sizes), tuple(sizes))


@pytest.fixture
def sample_tree() -> CallTree:
    """Two sizes at one place, recursion, a function without a file, other alphabets; 1,600,000 bytes together."""
    root = build(
        [
            stack((MAIN, HANDLE, CACHE_PUT), (1024, 1000), (64, 250)),
            stack((MAIN, HANDLE, PARSE), (512, 500)),
            stack((MAIN, HANDLE), (56, 100)),
            stack((MAIN, WALK, WALK, WALK), (1000, 176)),
            stack((MAIN, WALK), (400, 100)),
            stack((MAIN, HANDLE, READ), (62_400, 1)),
            stack((MODULE, UNICODE), (360, 50)),
            stack((), (2000, 1)),
        ]
    )
    return CallTree(
        root,
        "shop",
        "tracemalloc",
        65536,
        time=1_700_000_000.5,
        duration=60.25,
        pid=4321,
        notes=("one of two workers",),
    )


@pytest.fixture
def older_tree() -> CallTree:
    """The same program a minute before: the cache had less, one place had more that is gone now."""
    root = build(
        [
            stack((MAIN, HANDLE, CACHE_PUT), (1024, 400)),
            stack((MAIN, HANDLE, PARSE), (512, 900)),
            stack((MAIN, WALK), (400, 100)),
        ]
    )
    return CallTree(root, "shop", "tracemalloc", 65536, time=1_699_999_940.5, pid=4321)


@pytest.fixture
def answer() -> Callable[[str], str]:
    """answer(name) is what a program said when it was last asked."""
    return lambda name: (GOLDEN / name).read_text(encoding="utf-8")


@pytest.fixture
def golden() -> Callable[[str, bytes], bytes]:
    """golden(name, now) is the kept file's content; with MEMWATCH_GOLDEN=write it is *now* from then on."""

    def compare(name: str, now: bytes) -> bytes:
        path = GOLDEN / name
        if os.environ.get("MEMWATCH_GOLDEN") == "write":
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(now)
        return path.read_bytes()

    return compare
