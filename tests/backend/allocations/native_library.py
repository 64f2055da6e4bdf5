"""A small C library that allocates in every way, built for the tests: with slots that are filled when it is loaded and
sealed, and with slots that are filled when they are first used.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

LINKS = {"sealed": ["-Wl,-z,now", "-Wl,-z,relro"], "lazy": ["-Wl,-z,lazy", "-Wl,-z,norelro"]}
TAKERS = (
    *("take", "take_zeroed", "take_resized", "take_array", "take_aligned", "take_by_memalign", "take_by_posix"),
    "take_by_pointer",
)


def can_be_sampled() -> bool:
    """Whether native allocations can be sampled on this platform."""
    libc = sysconfig.get_config_var("HOST_GNU_TYPE") or ""
    return sys.platform == "linux" and libc.endswith("-gnu") and libc.startswith(("x86_64", "aarch64"))


def build(folder: Path, link: str, name: str = "") -> str:
    """The library's path; *link* is one of `LINKS`."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()
    if shutil.which(compiler[0]) is None:
        pytest.skip("there is no C compiler")
    target = folder / f"lib{name or link}.so"
    source = Path(__file__).with_name("native_library.c")
    flags = ["-shared", "-fPIC", "-O1", "-fno-builtin", "-Wall", "-Werror", "-pthread", f"-Wl,-soname,{target.name}"]
    done = subprocess.run([*compiler, *flags, *LINKS[link], str(source), "-o", str(target)], capture_output=True)
    assert done.returncode == 0, done.stderr
    return str(target)


def load(path: str) -> Any:
    """The library as ctypes has it; each `take...` gives an address, `give` takes it."""
    library = ctypes.CDLL(path)
    for name in (*TAKERS, "take_in_thread"):
        function = getattr(library, name)
        function.restype, function.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.resize.restype, library.resize.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t]
    library.give.restype, library.give.argtypes = None, [ctypes.c_void_p]
    return library
