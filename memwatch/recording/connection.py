"""Opens a recording. Only SQLite opens the file, since closing any other descriptor of it would drop SQLite's locks.

It refuses, with the reason: a network file system (the processes that write share memory), a folder in which others can
create files (SQLite puts two more beside the recording), a file of another user, and a file that is no recording.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from ..backend.file_systems import is_network, type_of
from ..clock import Clock
from ..errors import RecordingError
from ..folders import locate, others_can_write
from ..watch.thread import sleep
from .schema import bring_up_to_date, version_of

PATIENCE = 0.02
"""How long a write waits for another process's write, in seconds."""

_READERS_PATIENCE = 5.0
_MAKERS_PATIENCE = 1.0
_CACHE = 256  # KiB
_AGAIN = 0.001  # seconds until the next try to begin; each further try waits this much longer


def open_for_writing(path: str, patience: float = PATIENCE) -> sqlite3.Connection:
    """A connection to the recording at *path*. A file that is missing is created, readable by its owner alone.

    Raises RecordingError if the file cannot be a recording, sqlite3.OperationalError if it is locked or the disk is
    full.
    """
    _check_place(path)
    try:
        connection = _connect(path, "rw", max(patience, _MAKERS_PATIENCE) if _make(path) else patience)
        try:
            version_of(connection)
            _set_up(connection)
            bring_up_to_date(connection)
        except BaseException:
            connection.close()
            raise
    except RecordingError as error:
        raise RecordingError(f"cannot record into {path!r}: {error}") from None
    except sqlite3.DatabaseError as error:
        raise _explained(error, path, "record into") from None
    connection.execute("pragma busy_timeout = 0")
    return connection


def begin(connection: sqlite3.Connection, patience: float = PATIENCE) -> None:
    """Begin a transaction that writes. Raises sqlite3.OperationalError if others write for longer than *patience*
    seconds.

    SQLite's own timeout adds up how long it meant to sleep. On a busy machine that is a fraction of the real time.
    """
    until, rest = Clock.monotonic() + patience, _AGAIN
    while True:
        try:
            connection.execute("begin immediate")
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or Clock.monotonic() >= until:
                raise
        sleep(rest)
        rest += _AGAIN


def open_for_reading(path: str) -> sqlite3.Connection:
    """A read-only connection to the recording at *path*. Raises RecordingError if there is none."""
    if not os.path.exists(path):
        raise RecordingError(f"cannot read {path!r}: there is no such file")
    if os.path.isdir(path):
        raise RecordingError(f"cannot read {path!r}: it is a directory")
    try:
        connection = _connect(path, _readers_mode(path), _READERS_PATIENCE)
        try:
            connection.execute("pragma query_only = on")
            if not version_of(connection):
                raise RecordingError("it is empty, or it is no recording")
        except BaseException:
            connection.close()
            raise
    except RecordingError as error:
        raise RecordingError(f"cannot read {path!r}: {error}") from None
    except sqlite3.DatabaseError as error:
        raise _explained(error, path, "read") from None
    return connection


def _readers_mode(path: str) -> str:
    """A reader writes as well: the locks are in a file beside the recording. Where it may not, nobody else writes."""
    if os.access(path, os.W_OK):
        return "rw"
    is_alone = not os.access(os.path.dirname(os.path.realpath(path)), os.W_OK) and not os.path.exists(f"{path}-wal")
    return "ro&immutable=1" if is_alone else "ro"


def close_quickly(connection: sqlite3.Connection) -> None:
    """Close the connection without a checkpoint, for which the last one to close would wait for the disk.

    Python offers this from 3.12 on.
    """
    configure = getattr(connection, "setconfig", None)
    if configure is not None:
        configure(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
    connection.close()


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process was writing for longer than this one waits."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _connect(path: str, mode: str, patience: float) -> sqlite3.Connection:
    uri = f"file:{quote(str(Path(path).resolve()))}?mode={mode}"
    return sqlite3.connect(uri, timeout=patience, isolation_level=None, check_same_thread=False, uri=True)


def _set_up(connection: sqlite3.Connection) -> None:
    """Use a write-ahead log: readers and the one writer do not wait for each other.

    Committed rows survive a killed process. One process a minute brings them into the main file and onto the disk: see
    `upkeep`.
    """
    connection.execute(f"pragma cache_size = -{_CACHE}")
    if connection.execute("pragma journal_mode").fetchone()[0] != "wal":
        connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
    connection.execute("pragma wal_autocheckpoint = 0")


def _check_place(path: str) -> None:
    folder = os.path.dirname(os.path.realpath(path))
    try:
        status = os.stat(folder)
        with locate(path) as place:
            there = place.look()
    except OSError as error:
        known = {errno.ENOENT: f"there is no directory {folder!r}"}
        reason = known.get(error.errno or 0) or error.strerror
        raise RecordingError(f"cannot record into {path!r}: {reason}") from None
    if there is not None and not os.path.isfile(path):
        raise RecordingError(f"cannot record into {path!r}: it is no file")
    if others_can_write(status):
        raise RecordingError(
            f"cannot record into {path!r}: others can write into its folder, where two more files go; use your own"
        )
    if is_network(kind := type_of(folder)):
        raise RecordingError(
            f"cannot record into {path!r}: it is on a network file system ({kind}), and its writers share memory; "
            "use a local one"
        )


def _make(path: str) -> bool:
    """Create the file if it is missing. Closing its descriptor is safe here, since nobody can hold a lock yet."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600))
    except FileExistsError:
        return False
    except OSError as error:
        raise RecordingError(error.strerror) from None
    return True


def _explained(error: sqlite3.DatabaseError, path: str, what: str) -> Exception:
    """A RecordingError that explains *error*; *error* itself if it may pass, as a lock and a full disk do."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if is_busy(error) or code == sqlite3.SQLITE_FULL:
        return error
    known = {
        sqlite3.SQLITE_NOTADB: "it is no recording, but some other file",
        sqlite3.SQLITE_CORRUPT: "it is damaged; move it away, and a new one is created",
        sqlite3.SQLITE_READONLY: "it is read-only",
        sqlite3.SQLITE_CANTOPEN: "no permission, or no descriptor left",
    }
    return RecordingError(f"cannot {what} {path!r}: {known.get(code, str(error))}")
