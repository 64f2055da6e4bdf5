"""Profiles of allocations in a recording: one with each leak, and whenever the program asks."""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress

from .. import profile
from ..calltree import CallTree
from ..clock import steady_epoch
from ..errors import AlreadyStartedError
from ..formats import pprof
from ..internal import internal
from ..treebuilder import build
from .store import Profiled
from .writer import Writer

_MOST = 4  # that wait for the next tick


@internal
class Profiles:
    """Samples from now on, as `memwatch.profile.start` does. What is kept is written by the watcher's thread."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._waiting: deque[tuple[int, Profiled]] = deque(maxlen=_MOST)  # with the process
        with suppress(AlreadyStartedError):  # the program takes one with options of its own
            profile.start()
        pprof.write(CallTree(build(())))  # a thread of ours must not import what this needs

    def keep(self, reason: str) -> None:
        """Keep the profile as it is now. Raises NotStartedError where the program has ended it."""
        content = pprof.write(profile.get().tree, live_only=True)
        self._waiting.append((os.getpid(), Profiled(steady_epoch(), reason, content)))

    def tick(self) -> None:
        """Hand over what waits; what a fork has brought is the parent's to write."""
        while self._waiting:
            pid, entry = self._waiting.popleft()
            if pid == os.getpid():
                self._writer.keep(entry)
