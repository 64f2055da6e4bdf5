"""Keeps profiles of allocations in a recording: one with each leak, and one whenever the program asks."""

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

_MOST = 4  # profiles that may wait for the next tick


@internal
class Profiles:
    """Samples allocations from now on, as `memwatch.profile.start` does. The watcher's thread writes the profiles."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._waiting: deque[tuple[int, Profiled]] = deque(maxlen=_MOST)  # (process number, profile)
        with suppress(AlreadyStartedError):  # the program takes one with options of its own
            profile.start()
        pprof.write(CallTree(build(())))  # imports what this needs: memwatch's own threads must not import

    def keep(self, reason: str) -> None:
        """Keep the profile as it is now. Raises NotStartedError if the program has ended it."""
        content = pprof.write(profile.get().tree, live_only=True)
        self._waiting.append((os.getpid(), Profiled(steady_epoch(), reason, content)))

    def tick(self) -> None:
        """Give waiting profiles to the writer. The parent writes those that were waiting at a fork."""
        while self._waiting:
            pid, entry = self._waiting.popleft()
            if pid == os.getpid():
                self._writer.keep(entry)
