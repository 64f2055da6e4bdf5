"""Every event as a line of JSON, in a file that processes may share."""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from .. import signals
from ..descriptors import identity
from ..errors import OptionError
from ..folders import locate
from ..logs import Log

if TYPE_CHECKING:
    from ..watch.sample import Leak, Stats, Suspicion

_EVENTS: tuple[signals.EventName, ...] = ("stats", "suspect", "leak", "recovered")
_MOST_PENDING = 1024 * 1024  # bytes of lines that are kept while they cannot be written

_log = Log()


class SupportsToDict(Protocol):
    """A value of an event."""

    def to_dict(self) -> dict[str, object]: ...


class JsonLines:
    """Appends events to a file, one JSON object a line: ``{"event", "time", "pid", "data"}``, time in epoch seconds.

    Each line is one write at the file's end, so that processes may share the file and a killed one leaves whole lines.
    A new file can be read by its owner only. While lines cannot be written (a full disk, a pipe that nobody reads),
    this is logged once and up to 1 MiB of them waits for the next event. Forked children use the object as it is.
    Raises OptionError where the file cannot be opened, is another user's, or lies behind a link that others can write.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._pid = os.getpid()
        self._pending: deque[bytes] = deque()
        self._lost = 0
        self._complained = False
        self._connected = False
        self._fd = -1
        self._file: tuple[int, int] | None = None
        try:
            self.path = os.path.abspath(path)
            self._open()
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise OptionError(f"cannot append events to {self.path!r}: {error.strerror}") from error
            self._complain(error)

    def stats(self, value: Stats) -> None:
        """Handler of "stats"."""
        self.write("stats", value)

    def suspect(self, value: Suspicion) -> None:
        """Handler of "suspect"."""
        self.write("suspect", value)

    def leak(self, value: Leak) -> None:
        """Handler of "leak"."""
        self.write("leak", value)

    def recovered(self, value: Leak) -> None:
        """Handler of "recovered"."""
        self.write("recovered", value)

    def connect_all(self) -> JsonLines:
        """Receive all four events until `close`; returns the object itself."""
        self._connected = True
        for event in _EVENTS:
            signals.on(event, getattr(self, event))
        return self

    def close(self) -> None:
        """Stop receiving, try once more to write what waits, and close the file."""
        if self._connected:
            for event in _EVENTS:
                signals.off(event, getattr(self, event))
        self._connected = False
        self._flush()
        if self._is_ours():
            os.close(self._fd)

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def write(self, event: str, value: SupportsToDict) -> None:
        """Append one event; never raises OSError."""
        if os.getpid() != self._pid:  # lines that waited before a fork are the parent's to write
            self._pid, self._pending = os.getpid(), deque()
        record = {"event": event, "time": time.time(), "pid": self._pid, "data": value.to_dict()}
        self._pending.append(json.dumps(record, allow_nan=False).encode() + b"\n")
        self._flush()

    def _flush(self) -> None:
        try:
            while self._pending:
                self._append(self._pending[0])
                self._pending.popleft()
        except OSError as error:
            self._keep_within_bounds()
            self._complain(error)

    def _append(self, line: bytes) -> None:
        if not self._is_ours():
            self._open()
        written = os.write(self._fd, line)
        if written < len(line):
            self._divide(line, written)

    def _divide(self, line: bytes, written: int) -> None:
        """Only a piece of *line* went in: a full pipe gets the rest later, a file of a full disk gives the piece back.

        The piece stays where others have written behind it.
        """
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            self._pending[0] = line[written:]
            raise BlockingIOError(errno.EAGAIN, "nobody reads it")
        end = os.lseek(self._fd, 0, os.SEEK_CUR)
        if os.fstat(self._fd).st_size == end:
            os.ftruncate(self._fd, end - written)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _open(self) -> None:
        with locate(self.path) as place:
            self._fd = place.open(os.O_APPEND | os.O_CREAT)
        self._file = identity(self._fd)

    def _is_ours(self) -> bool:
        """False when the program has closed the descriptor; its number may belong to a file of the program by now."""
        return self._file is not None and identity(self._fd) == self._file

    def _keep_within_bounds(self) -> None:
        while len(self._pending) > 1 and sum(map(len, self._pending)) > _MOST_PENDING:
            del self._pending[1]  # of the first one a piece may be written
            self._lost += 1

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            _log.warning("events cannot be written to %s (%s); they wait in memory", self.path, error.strerror)
