"""Keeps a recording small: old readings are thinned, and the oldest lives are deleted, by age and by size.

Each transaction is short, since other processes wait for it. A process thins its own readings. One process at a time
thins those of lives that are over.
"""

from __future__ import annotations

import sqlite3

from ..internal import internal
from .connection import begin

THIN = ((3600.0, 10.0), (86400.0, 60.0), (7 * 86400.0, 600.0))
"""(age, span): readings older than *age* seconds are thinned to one for each *span* seconds."""

EVERY = 600.0
"""How often the readings of a life are thinned, in seconds."""

INTO_FILE_EVERY = 60.0
"""How often one process brings what all have written into the main file, in seconds."""

_OTHERS = 20  # lives that are over and are thinned at a time
_TABLES = ("meters", "suspicions", "leaks", "shapes", "types", "profiles")


@internal
class Limits:
    """How long lives are kept after their last reading, in seconds, and how many bytes they may take all together."""

    def __init__(self, seconds: float = 30 * 86400.0, size_bytes: int = 256 << 20) -> None:
        self.seconds, self.size_bytes = seconds, size_bytes


def thin(connection: sqlite3.Connection, life: int, now: float) -> None:
    """Replace many old readings by one, in a transaction of its own."""
    begin(connection)
    try:
        for age, span in THIN:
            _merge(connection, life, now - age, span)
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def _merge(connection: sqlite3.Connection, life: int, before: float, span: float) -> None:
    """One reading for each *span* seconds, with the minima and maxima. Readings of that span stay as they are."""
    edge = before // span * span
    rows = connection.execute(
        "select max(time), ?, min(base), min(rss), max(peak), min(blocks) from meters "
        "where life = ? and time < ? and span < ? group by cast(time / ? as integer)",
        (span, life, edge, span, span),
    ).fetchall()
    if rows:
        connection.execute("delete from meters where life = ? and time < ? and span < ?", (life, edge, span))
        connection.executemany("insert or replace into meters values (?, ?, ?, ?, ?, ?, ?)", ((life, *r) for r in rows))


def look_after(connection: sqlite3.Connection, now: float, limits: Limits) -> None:
    """Thin some lives that are over, and delete what is too old or too large. One process does it at a time."""
    if not _claim(connection, now):
        return
    for life in _unthinned(connection, now):
        thin(connection, life, now)
    for life in _too_old(connection, now - limits.seconds):
        _drop(connection, life)
    for life in _oldest(connection) if _size(connection) > limits.size_bytes else ():
        _drop(connection, life)
        if _size(connection) <= 0.9 * limits.size_bytes:
            break


def _claim(connection: sqlite3.Connection, now: float) -> bool:
    begin(connection)
    turn = is_turn(connection, "lives", now, EVERY)
    connection.execute("commit")
    return turn


def is_turn(connection: sqlite3.Connection, job: str, now: float, every: float) -> bool:
    """Whether this process is to do *job*, which one process does once in so many seconds. Needs a transaction.

    It is also its turn if the clock was set back.
    """
    row = connection.execute("select time from upkeep where job = ?", (job,)).fetchone()
    is_due = row is None or not now - every < row[0] <= now
    if is_due:
        connection.execute("insert or replace into upkeep values (?, ?)", (job, now))
    return is_due


def bring_into_file(connection: sqlite3.Connection) -> None:
    """Bring what all have written into the main file, and wait for the disk. Rows that somebody still reads stay."""
    connection.execute("pragma wal_checkpoint(passive)").fetchone()


def _unthinned(connection: sqlite3.Connection, now: float) -> list[int]:
    """Lives that are over and have readings that are finer than their age allows."""
    found: list[int] = []
    for age, span in THIN:
        rows = connection.execute(
            "select id from lives where started < ? and exists "
            "(select 1 from meters where life = id and time < ? and span < ?) limit ?",
            (now - age, (now - age) // span * span, span, _OTHERS),
        )
        found += [row[0] for row in rows]
    return list(dict.fromkeys(found))[:_OTHERS]


def _too_old(connection: sqlite3.Connection, before: float) -> list[int]:
    rows = connection.execute(
        "select id from lives where started < ? and not exists "
        "(select 1 from meters where life = id and time >= ?) limit 200",
        (before, before),
    )
    return [row[0] for row in rows]


def _oldest(connection: sqlite3.Connection) -> list[int]:
    """The oldest lives, by when they began, without those that had a reading in the last minutes."""
    last = "(select max(time) from meters where life = id)"
    newest = connection.execute("select max(time) from meters").fetchone()[0] or 0.0
    rows = connection.execute(
        f"select id from lives where coalesce({last}, 0) < ? order by started limit 200", (newest - EVERY,)
    )
    return [row[0] for row in rows]


def _drop(connection: sqlite3.Connection, life: int) -> None:
    begin(connection)
    try:
        for table in _TABLES:
            connection.execute(f"delete from {table} where life = ?", (life,))
        connection.execute("delete from lives where id = ?", (life,))
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def _size(connection: sqlite3.Connection) -> int:
    """How many bytes of the file are in use."""
    pages, free, size = (
        connection.execute(f"pragma {it}").fetchone()[0] for it in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
