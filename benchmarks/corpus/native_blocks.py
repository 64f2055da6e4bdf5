"""Buffers of the C library: 14 MiB a minute. The leak: they are not freed.

Verdict: native
"""

from __future__ import annotations

import ctypes

from steady import LEAKS, drive

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]


def step(number: int) -> None:
    address = libc.malloc(12_000)
    ctypes.memset(address, 1, 12_000)
    if not LEAKS:
        libc.free(address)


if __name__ == "__main__":
    drive(step)
