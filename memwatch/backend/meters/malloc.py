"""What malloc has handed out, by its own statistics.

glibc has them from 2.33 on. The C extension asks glibc, or jemalloc or tcmalloc if one of these replaces it. Without
the extension ctypes asks glibc; the pure backend loads ctypes anyway. Elsewhere psutil is asked, which costs most to
load at the start of every process.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from .. import name
from .allocator import COUNTS_STOPPED

if name == "native" or COUNTS_STOPPED:
    from .._native import malloc_bytes as _ask_by_c
else:

    def _ask_by_c() -> int | None:
        return None


def _ask_by_ctypes() -> Callable[[], int | None] | None:
    try:
        ctypes: Any = import_module("ctypes")
        ask = ctypes.CDLL(None).mallinfo2
    except (ImportError, AttributeError, OSError, TypeError):  # the last on Windows
        return None

    class Statistics(ctypes.Structure):  # type: ignore[misc]
        _fields_ = [(f"number_{place}", ctypes.c_size_t) for place in range(10)]  # noqa: RUF012

    ask.argtypes, ask.restype = (), Statistics

    def malloc_bytes() -> int:
        stats = ask()
        return int(stats.number_7 + stats.number_4)  # uordblks, hblkhd: on the heap, and in mappings

    return malloc_bytes


def _ask_by_psutil() -> Callable[[], int | None]:
    psutil: Any = import_module("psutil")

    def malloc_bytes() -> int | None:
        try:
            info = psutil.heap_info()
        except (AttributeError, OSError, RuntimeError):
            return None
        return int(info.heap_used + info.mmap_used)

    return malloc_bytes


_has_told = _ask_by_c() is not None

LEAST = 1 if _has_told else 256 * 1024
"""Bytes that malloc has handed out at least, if it is the one that is asked: the C extension has made sure of that.
Others are told near to nothing behind another allocator, where any running interpreter has more."""

malloc_bytes: Callable[[], int | None] = _ask_by_c if _has_told else _ask_by_ctypes() or _ask_by_psutil()
"""In bytes, mappings included; None where it does not tell."""
