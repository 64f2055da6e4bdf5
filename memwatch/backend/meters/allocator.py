"""Which allocator Python's objects come from, as far as the meters have to know it.

Python's own takes small blocks from arenas and large ones from malloc. mimalloc, which free-threaded Python has always
and others from 3.13 on where `PYTHONMALLOC` asks for it, takes all of them from the system: malloc's statistics know
nothing of them. With a GIL, it counts no other blocks than those that the thread which asks has made; without one the
C extension goes through all of them while every thread stands still.
"""

from __future__ import annotations

import os
import sys

from .. import FREE_THREADED
from ..stopped import extension

_ASKED = "" if sys.flags.ignore_environment else os.environ.get("PYTHONMALLOC", "")

MIMALLOC = FREE_THREADED or _ASKED.startswith("mimalloc")
"""Whether objects come from mimalloc."""

LARGEST_SMALL = 512
"""Bytes of the largest block that Python's own allocator takes from an arena; what is larger is malloc's."""

COUNTS_STOPPED = hasattr(extension(), "count_stopped")
"""Whether the blocks of every thread, and their bytes, are counted while all threads stand still."""

COUNTS_BLOCKS = not MIMALLOC or COUNTS_STOPPED
"""Whether the blocks of every thread can be counted."""

_STEP, _HEAD = 16, 8


def given(size: int, native: bool = False) -> int:
    """What the allocator gives for a block of *size* bytes, which C code has taken of malloc itself where *native*.

    Python's own gives a multiple of 16, malloc one that has 8 bytes more in it.
    """
    asked = size + _HEAD if native or size > LARGEST_SMALL else size
    return (asked + _STEP - 1) // _STEP * _STEP
