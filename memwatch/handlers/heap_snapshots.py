"""Heap snapshots at the moments that matter: at a leak, or when memory is nearly used up."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from ..checks import check_number, check_whole
from ..clock import Clock
from ..errors import MemwatchError, WriteError
from ..heap.write_snapshot import default_name, write_heap_snapshot
from ..logs import Log

_log = Log()


class HeapSnapshots:
    """Writes the heap into *folder* when it is called; keeps the last *most* files of this process, *spacing* seconds
    apart at least.

        dumps = memwatch.handlers.HeapSnapshots("/var/dumps", most=3, spacing=600)
        memwatch.on("leak", dumps.take)
        memwatch.on_threshold(dumps.take, limit_share=0.9)

    What comes too early is left out; what cannot be written is logged. Raises WriteError where *folder* is none, and
    OptionError for numbers out of range.
    """

    def __init__(self, folder: str | os.PathLike[str] = ".", most: int = 3, spacing: float = 600.0) -> None:
        self._folder = Path(folder).absolute()
        if not self._folder.is_dir():
            raise WriteError(f"cannot write heap snapshots into {os.fspath(folder)!r}: it is no directory")
        self._most = check_whole("most", most, 1, 1000)
        self._spacing = check_number("spacing", spacing, 0.0, 1e7)
        self._written: list[tuple[int, Path]] = []
        self._last: tuple[int, float] | None = None

    def take(self, value: Any = None) -> None:
        """Handler of "leak" and of thresholds; *value* is not looked at."""
        del value
        pid, now = os.getpid(), Clock.monotonic()
        if self._last is not None and self._last[0] == pid and now - self._last[1] < self._spacing:
            return
        self._last = pid, now
        take_and_log(self._folder / default_name(folder=self._folder), self._keep)

    def _keep(self, path: Path) -> None:
        """Note what was written; the oldest goes where there are too many."""
        pid = os.getpid()
        own = [*(it for it in self._written if it[0] == pid), (pid, path)]
        for _, old in own[: -self._most]:
            with contextlib.suppress(OSError):
                old.unlink()
        self._written = own[-self._most :]


def take_and_log(path: Path, written: Any = None) -> None:
    """Write the heap to *path*, and log that, or why not; never raises."""
    try:
        found = write_heap_snapshot(path)
    except MemwatchError as error:
        _log.warning("no heap snapshot: %s", error)
    else:
        _log.warning("heap snapshot written: %s", found)
        if written is not None:
            written(found)
