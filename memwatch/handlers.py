"""Ready receivers: leaks to a logger or to pages for a browser, events to a file of JSON lines.

For instance ``memwatch.on("leak", handlers.log_leaks())``, ``memwatch.on("leak", handlers.HtmlReports(path).leak)``, or
``handlers.JsonLines(path).connect_all()`` for all four events.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from . import signals
from .errors import OptionError, WriteError
from .files import check_writable, write_file
from .folders import identity, locate

if TYPE_CHECKING:
    from .watch.sample import Leak, Stats, Suspicion

_EVENTS = ("stats", "suspect", "leak", "recovered")
_MOST_PENDING = 1024 * 1024  # bytes of lines that are kept while they cannot be written
_MOST_PAGES = 20

_log = logging.getLogger("memwatch")


class SupportsToDict(Protocol):
    """A value of an event."""

    def to_dict(self) -> dict[str, object]: ...


def fingerprint_of(leak: Leak) -> str:
    """What is the same for the same leak in every process; its reason where nobody could look into it."""
    return str(leak.report.to_dict().get("fingerprint") or leak.reason)


def render_report(leak: Leak, color: bool = False, unicode: bool = False, source: bool = True) -> str:
    """The report as text, plain unless told otherwise, without a newline at its end.

    *source* shows the text of the allocating lines: for a terminal, not for what is sent elsewhere.
    """
    render = getattr(leak.report, "render", None)  # a report by another judge has its text only
    return (str(leak.report) if render is None else str(render(color=color, unicode=unicode, source=source))).rstrip()


def log_leaks(logger: logging.Logger | None = None, level: int = logging.WARNING) -> Callable[[Leak], None]:
    """A handler that writes one record a leak: the report's text, and its dict as the record's `memwatch_report`.

    Source code stays out of both.

    *logger* is ``logging.getLogger("memwatch")`` unless given.
    """
    log = _log if logger is None else logger

    def log_leak(leak: Leak) -> None:
        log.log(level, "%s", render_report(leak, source=False), extra={"memwatch_report": leak.report.to_dict()})

    return log_leak


def once_per_fingerprint(handler: Callable[[Leak], object], limit: int = 256) -> Callable[[Leak], None]:
    """A handler that passes on the first leak of each fingerprint; the last *limit* fingerprints are remembered."""
    seen: dict[str, None] = {}

    def pass_on(leak: Leak) -> None:
        fingerprint = fingerprint_of(leak)
        if fingerprint in seen:
            return
        seen[fingerprint] = None
        if len(seen) > limit:
            seen.pop(next(iter(seen)))
        handler(leak)

    return pass_on


class HtmlReports:
    """Writes the report of each leak as a page: the first to *path*, further leaks beside it, ``leak-2.html``.

    A leak that is told again replaces its page; a process writes at most 20. They can be read by their owner only. The
    name belongs to process *pid*, the one that makes the object unless given; any other, as a forked child, adds its
    own number: ``leak-4211.html``. *written* is called with each page's path. What cannot be written is logged. Raises
    WriteError where it is clear from the start, and OptionError if *path* ends in neither ``.html`` nor ``.htm``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        pid: int | None = None,
        written: Callable[[str], object] | None = None,
    ) -> None:
        if not os.fspath(path).lower().endswith((".html", ".htm")):
            raise OptionError(f"a report is an HTML page, and {os.fspath(path)!r} ends in neither .html nor .htm")
        check_writable(os.fspath(path), "a report")
        self._path = os.path.abspath(path)
        self._owner = os.getpid() if pid is None else pid
        self._written = written
        self._numbers: dict[tuple[int, str], int] = {}

    def leak(self, value: Leak) -> None:
        """Handler of "leak"; never raises WriteError."""
        to_html = getattr(value.report, "to_html", None)
        path = self._path_for(fingerprint_of(value))
        if to_html is None or path is None:  # a report by another judge has no page
            return
        try:
            write_file(path, to_html().encode())
        except WriteError as error:
            _log.warning("no report written: %s", error.strerror)
        else:
            if self._written is not None:
                self._written(path)

    def _path_for(self, fingerprint: str) -> str | None:
        """The page's path; None if there are pages enough."""
        pid = os.getpid()
        known = [key for key in self._numbers if key[0] == pid]
        if (pid, fingerprint) not in self._numbers and len(known) >= _MOST_PAGES:
            return None
        number = self._numbers.setdefault((pid, fingerprint), len(known) + 1)
        stem, suffix = os.path.splitext(self._path)
        process = "" if pid == self._owner else f"-{pid}"
        return f"{stem}{process}{f'-{number}' if number > 1 else ''}{suffix}"


class JsonLines:
    """Appends events to a file, one JSON object a line: ``{"event", "time", "pid", "data"}``, time in epoch seconds.

    Each line is one write at the file's end, so that processes may share the file and a killed one leaves whole lines.
    A new file can be read by its owner only. While lines cannot be written (a full disk, a pipe that nobody reads),
    this is logged once and up to 1 MiB of them waits for the next event. Forked children use the object as it is.
    Raises OptionError where the file cannot be opened, is another user's, or lies behind a link that others can write.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        from json import dumps  # only for who wants it; and here, since memwatch's own thread imports nothing

        self.path = os.fspath(path)
        self._dumps = dumps
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
        self._pending.append(self._dumps(record, allow_nan=False).encode() + b"\n")
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
