"""Writes what a process knows of itself into a recording, once a second, on the watcher's thread.

It never waits for long. What cannot be written, because another process holds the file or the disk is full, stays in
memory. The writer tries again later, less and less often.

No connection crosses a fork: SQLite keeps a process's locks by file, and a child would take its parent's for its own.
So the connection is closed before a fork, and the next write opens it again. If a write does not end before the fork,
the child does not record; it keeps the inherited connection, and neither uses nor closes it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from contextlib import suppress
from typing import Any

from ..backend.forks import on_fork
from ..clock import Clock, steady_epoch
from ..errors import RecordingError, describe_error
from ..handlers import fingerprint_of, render_report
from ..internal import internal, never_count
from ..logs import Log
from ..watch import Leak, Stats, Suspicion
from ..watch.sample import Sample
from ..watch.thread import acquire, original
from .connection import PATIENCE, begin, close_quickly, is_busy, open_for_writing
from .life import at_end_of_worker, born
from .past import Past, look_back
from .store import Ended, Entry, Over, Reading, Reported, Suspected, add_entries, add_life, reported_before
from .upkeep import EVERY, INTO_FILE_EVERY, Limits, bring_into_file, is_turn, look_after, thin
from .waiting import Waiting

_log = Log()

_REST = 0.9  # seconds between two written readings
_FIRST_REST = 0.2  # seconds before the first one; by then a process has its name
_FORK_PATIENCE = 0.25  # seconds that a fork waits for a write to end
_LAST_PATIENCE = 1.0  # seconds that the last write of a life waits for others
_SHORTEST_REST, _LONGEST_REST = 0.125, 60.0  # seconds between two tries

_inherited: list[sqlite3.Connection] = []
_writers: list[Writer] = []
never_count(_inherited, _writers)


@internal
class Writer:
    """Records this process, and each that it forks, into *path*. *release* is the program's own version.

    `past` is what earlier lives have shown. `is_new` is true when this life has just begun. `problem` says why nothing
    is recorded any more, and is empty until then. Raises RecordingError if the file cannot be a recording. A locked
    file or a full disk is no error: both may pass.
    """

    _connection: sqlite3.Connection | None

    def __init__(self, path: str, release: str = "", limits: Limits | None = None) -> None:
        self.path = os.path.abspath(path)
        self.problem = ""
        self._release = release
        self._limits = limits or Limits()
        self._begin(is_forked=False)
        try:
            self._connection = open_for_writing(self.path)
        except sqlite3.Error as error:
            self._step_aside(error)
        if not _writers:
            on_fork("recording", _before_fork, _after_fork_in_parent, _after_fork_in_child)
        _writers.append(self)

    def _begin(self, is_forked: bool) -> None:
        """Begin the life of a new process, without anything of its parent's."""
        self._pid = os.getpid()
        self._is_forked = is_forked
        self._is_end_heard = False
        self._lock: Any = original("_thread", "allocate_lock")()
        self._is_held_for_fork = False
        self._connection = None
        self._life = 0
        self.past, self.is_new = Past(), False
        self._file = (0, 0)
        self._waiting = Waiting()
        self._last = Clock.monotonic() - _REST + _FIRST_REST
        self._retry = float("-inf")
        self._tended = Clock.monotonic()
        self._into_file_every = INTO_FILE_EVERY
        self._rest = _SHORTEST_REST
        self._peak = 0
        self._complained = False

    @property
    def lost(self) -> int:
        """How many entries were dropped from memory because they could not be written in time."""
        return self._waiting.lost

    # ---- entries, on the watcher's thread

    def tick(self, sample: Sample) -> None:
        """Take a reading. One a second is written, with the peak of those between."""
        self._peak = max(self._peak, sample.rss)
        since = sample.clock - self._last
        if since < _REST or self.problem:
            return
        span = min(since, 3600.0) if self._life else _REST
        self._last = sample.clock
        if self._is_forked and not self._is_end_heard:
            self._is_end_heard = True
            at_end_of_worker(self.end)
        self._waiting.add(Reading(sample.time, span, sample.base, sample.rss, self._peak, sample.blocks))
        self._peak = 0
        self.flush()
        if Clock.monotonic() - self._tended >= EVERY:
            self._tend(sample.time)

    def suspect(self, suspicion: Suspicion) -> None:
        """Handler of "suspect"."""
        it = suspicion
        self._take(Suspected(steady_epoch(), it.meter, it.growth, it.rate_per_hour, it.reason))

    def leak(self, leak: Leak) -> None:
        """Handler of "leak"."""
        if not self.problem:
            self._take(_reported(leak))

    def recovered(self, leak: Leak) -> None:
        """Handler of "recovered"."""
        self._take(Over(steady_epoch(), fingerprint_of(leak)))

    def keep(self, entry: Entry) -> None:
        """Write another entry, such as a profile, with the next reading. To be called on the watcher's thread."""
        self._waiting.add(entry) if not self.problem else None

    def reported_by(self, fingerprint: str, seconds: float = 60.0) -> int:
        """The process that reported the same leak before this one, within so many seconds. 0 if none did."""
        if self._connection is None or self._pid != os.getpid() or not acquire(self._lock, blocking=False):
            return 0
        try:
            return reported_before(self._connection, self._life, fingerprint, steady_epoch() - seconds)
        except sqlite3.Error:
            return 0
        finally:
            self._lock.release()

    def stats(self, stats: Stats) -> None:
        """Handler of "stats": records the reading that a watcher takes as it ends."""
        if stats.trigger == "exit" and not self.problem:
            peak = max(self._peak, stats.rss)
            self._waiting.add(Reading(steady_epoch(), 0.0, stats.current_base, stats.rss, peak, stats.python_blocks))

    def end(self, ending: str = "exit") -> None:
        """The process ends in an orderly way. Writes the last entry of its life and closes the connection."""
        if self._pid != os.getpid() or self.problem:
            return
        self._take(Ended(steady_epoch(), ending), patience=_LAST_PATIENCE)
        self._close()

    def close(self) -> None:
        """Stop recording. For the recording, the life is over."""
        self.end(ending="closed")
        self.problem = self.problem or "it was closed"

    def _take(self, entry: Entry, patience: float = PATIENCE) -> None:
        if not self.problem:
            self._waiting.add(entry)
            self._retry = float("-inf") if patience > PATIENCE else self._retry
            self.flush(patience)

    # ---- writing

    def flush(self, patience: float = PATIENCE) -> None:
        """Write all waiting entries if that can be done now. Never raises. Waits at most *patience* seconds for others.

        Only the last write of a life waits for a write of another thread.
        """
        if Clock.monotonic() < self._retry or not acquire(self._lock, timeout=patience if patience > PATIENCE else 0):
            return
        try:
            self._write(patience)
        except RecordingError as error:
            self._give_up(str(error))
        except sqlite3.Error as error:
            self._step_aside(error)
        except Exception as error:
            self._give_up(describe_error(error))
        finally:
            self._lock.release()

    def _write(self, patience: float) -> None:
        connection = self._open(patience)
        begin(connection, patience)
        try:
            life = self._life or add_life(connection, born(self._release, _first(self._waiting), self._is_forked))
            add_entries(connection, life, self._waiting)
            into_file = bool(self._life) and is_turn(connection, "file", steady_epoch(), self._into_file_every)
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        is_new, self._life = not self._life, life
        self._waiting.clear()
        if is_new:
            self.past = look_back(connection, life, steady_epoch())
            self.is_new = True
        self._rest, self._retry = _SHORTEST_REST, float("-inf")
        if into_file:
            bring_into_file(connection)

    def _open(self, patience: float) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_for_writing(self.path, patience)
        if not self._life:
            self._file = _identity(self.path)
        return self._connection

    def _step_aside(self, error: sqlite3.Error) -> None:
        """Try again later. A warning is logged once."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY):
            self._give_up(str(error))
            return
        self._retry = Clock.monotonic() + self._rest
        self._rest = min(2 * self._rest, _LONGEST_REST)
        if not self._complained and (not is_busy(error) or self._rest > 8.0):
            self._complained = True
            _log.warning("memwatch cannot record into %s at present (%s); the entries wait in memory", self.path, error)

    def _give_up(self, why: str) -> None:
        self.problem = why
        self._waiting.clear()
        self._shut()
        _log.warning("memwatch stops recording this process: %s", why)

    def _tend(self, now: float) -> None:
        """Thin old readings, and check whether the file is still the one at the path."""
        self._tended = Clock.monotonic()
        if not self._life or self._connection is None or not acquire(self._lock, blocking=False):
            return
        try:
            if _identity(self.path) != self._file:
                self._shut()
                self._life = 0
            else:
                thin(self._connection, self._life, now)
                look_after(self._connection, now, self._limits)
                self.past = look_back(self._connection, self._life, now)
        except sqlite3.Error as error:
            if not is_busy(error):
                self._step_aside(error)
        finally:
            self._lock.release()

    def _close(self) -> None:
        if acquire(self._lock, blocking=False):
            try:
                self._shut()
            finally:
                self._lock.release()

    def _shut(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # ---- forks

    def hold_for_fork(self) -> None:
        """Wait for the write under way, begin no other, and close the connection.

        From now on other processes bring rows into the main file before this one does: a fork would wait for the disk.
        """
        self._into_file_every = 3 * INTO_FILE_EVERY
        self._is_held_for_fork = acquire(self._lock, timeout=_FORK_PATIENCE)
        connection = self._connection
        if self._is_held_for_fork and connection is not None:
            self._connection = None
            with suppress(sqlite3.Error):
                close_quickly(connection)

    def resume(self, in_child: bool) -> None:
        """After the fork."""
        held, self._is_held_for_fork = self._is_held_for_fork, False
        if not in_child:
            if held:
                self._lock.release()
            return
        if self._connection is not None:
            _inherited.append(self._connection)
        self._begin(is_forked=True)
        if not held and not self.problem:
            self.problem = "it was forked in the middle of a write"


def _reported(leak: Leak) -> Reported:
    report = leak.report.to_dict()
    return Reported(
        steady_epoch(),
        fingerprint_of(leak),
        leak.verdict,
        str(report.get("subject", "")),
        leak.growth,
        leak.rate_per_hour,
        json.dumps(report, allow_nan=False),
        render_report(leak, source=False),
        zlib.compress(leak.report.to_html().encode("utf-8", "replace")),
    )


def _first(waiting: Waiting) -> float:
    """When the life began: the time of its first entry."""
    return min((entry.time for entry in waiting), default=steady_epoch())


def _identity(path: str) -> tuple[int, int]:
    """(device, inode) of the file at *path*: they change if another file takes its place. The file is not opened."""
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino


def _before_fork() -> None:
    for writer in _writers:
        writer.hold_for_fork()


def _after_fork_in_parent() -> None:
    for writer in _writers:
        writer.resume(in_child=False)


def _after_fork_in_child() -> None:
    for writer in _writers:
        writer.resume(in_child=True)
