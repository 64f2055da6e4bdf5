"""Which allocator Python's objects come from, as far as the meters have to know it.

Python's own takes small blocks from arenas and large ones from malloc. mimalloc, which free-threaded Python has always
and others from 3.13 on where `PYTHONMALLOC` asks for it, takes all of them from the system: malloc's statistics know
nothing of them. With a GIL, it counts no other blocks than those that the thread which asks has made.
"""

from __future__ import annotations

import os
import sys

_FREE_THREADED = "t" in getattr(sys, "abiflags", "")
_ASKED = "" if sys.flags.ignore_environment else os.environ.get("PYTHONMALLOC", "")

MIMALLOC = _FREE_THREADED or _ASKED.startswith("mimalloc")
"""Whether objects come from mimalloc."""

COUNTS_BLOCKS = _FREE_THREADED or not MIMALLOC
"""Whether `sys.getallocatedblocks` counts the blocks of every thread."""
