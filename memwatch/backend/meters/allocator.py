"""Which allocator do Python's objects come from, as far as the meters have to know it?

Python's own takes small blocks from arenas and large ones from malloc. mimalloc takes all blocks from the system, so
that malloc's statistics know nothing of them; free-threaded Python always has it, other builds from 3.13 on with
`PYTHONMALLOC`. With a GIL mimalloc counts only the blocks of the calling thread. Without one the C extension counts all
of them while every thread is stopped.
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
    """The bytes that the allocator gives for a block of *size* bytes; with *native* C code has taken it from malloc.
    Python's own gives a multiple of 16, malloc such a multiple that has 8 more bytes in it."""
    asked = size + _HEAD if native or size > LARGEST_SMALL else size
    return (asked + _STEP - 1) // _STEP * _STEP
