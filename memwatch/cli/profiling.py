"""The profile that `memwatch run --profile FILE` writes: when a leak is told, and when the program ends."""

from __future__ import annotations

import _thread
import os
from typing import TYPE_CHECKING

from .. import formats, signals
from ..calltree import CallTree, build
from ..errors import MemwatchError, WriteError
from ..files import check_writable
from ..profile import AllocationSampler
from ..units import format_bytes
from .screen import Terminal

if TYPE_CHECKING:
    from ..watch import Leak

_INTERVAL = 65536
_COST = {
    "sampler": f"memwatch: sampling one byte in {_INTERVAL:,} that are allocated",
    "tracemalloc": "memwatch: profiling every allocation with tracemalloc; a busy program takes 15 to 40 times as long",
}


class ProfileFile:
    """A profile that is being taken, and where it goes.

    The program may take profiles of its own meanwhile: this one has a sampler for itself.
    """

    def __init__(self, path: str, terminal: Terminal) -> None:
        """Check everything that can be known before the program runs. Raises FormatError and WriteError."""
        self._path = os.path.abspath(path)  # the program may change its directory
        self._format = formats.choose(path, None)
        self._terminal = terminal
        self._pid = os.getpid()
        self._sampler = AllocationSampler()
        self._writing = _thread.RLock()  # the end waits for what a leak has begun: no piece of a file is left lying
        check_writable(path, "a profile")
        formats.write(CallTree(build(())), self._format)  # loads what the thread that tells of a leak must not import

    def start(self) -> None:
        """Begin, and say what it costs."""
        self._sampler.start(sample_interval=_INTERVAL)
        self._terminal.write(f"{_COST[self._sampler.source]}\n")
        signals.on("leak", self._on_leak)

    def write(self) -> None:
        """Write it and say so, or why it could not be written; nothing in a forked child."""
        if os.getpid() == self._pid:
            with self._writing:
                self._terminal.write(f"memwatch: {self._try()}\n")

    def _try(self) -> str:
        """Write it; what came of that."""
        try:
            profile = self._sampler.get()
            profile.write(self._path, self._format)
        except MemwatchError as error:
            return f"no profile written: {error.strerror if isinstance(error, WriteError) else error}"
        root = profile.root
        held = f"{format_bytes(root.total_bytes)} in {root.total_count:,} allocations"
        return f"profile written to {self._path} ({held})"

    def _on_leak(self, leak: Leak) -> None:
        self.write()
