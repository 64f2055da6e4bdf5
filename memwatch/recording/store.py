"""Writes entries into a recording, each kind by a function of its own. A life's number is that of its row."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..internal import internal
from .life import Birth

_MOST_TYPES = 20
_MOST_PROFILES = 10  # of each life; the newest are kept


@internal
class Reading(NamedTuple):
    """One row of the meters."""

    time: float
    span: float
    base: int
    rss: int
    peak: int
    blocks: int


@internal
class Suspected(NamedTuple):
    """A suspicion that arose at `time`."""

    time: float
    meter: str
    growth: int
    rate: float
    reason: str


@internal
class Reported(NamedTuple):
    """A leak that was reported at `time`. Its report is kept as JSON, as text without source, and as a compressed
    page.
    """

    time: float
    fingerprint: str
    verdict: str
    subject: str
    growth: int
    rate: float
    report: str
    text: str
    page: bytes


@internal
class Over(NamedTuple):
    """The leak with this fingerprint stopped at `time`."""

    time: float
    fingerprint: str


@internal
class Ended(NamedTuple):
    """The life ended at `time`. `ending` is "exit" or "closed"."""

    time: float
    ending: str


@internal
class Growing(NamedTuple):
    """How much types grew from `since` to `time`: rows of (name, objects, bytes)."""

    time: float
    since: float
    rows: tuple[tuple[str, int, int], ...]


@internal
class Profiled(NamedTuple):
    """A profile of allocations, in pprof format, that was kept at `time` for that `reason`."""

    time: float
    reason: str
    content: bytes


Entry = Reading | Suspected | Reported | Over | Ended | Growing | Profiled


def add_life(connection: sqlite3.Connection, birth: Birth) -> int:
    """Insert a new life. Returns its number."""
    return _insert(connection, "lives", birth._asdict())


def add_entries(connection: sqlite3.Connection, life: int, entries: Iterable[Entry]) -> None:
    """Write *entries* of *life*."""
    for entry in entries:
        _WRITERS[type(entry)](connection, life, entry)


def _add_reading(connection: sqlite3.Connection, life: int, reading: Reading) -> None:
    connection.execute("insert or replace into meters values (?, ?, ?, ?, ?, ?, ?)", (life, *reading))


def _add_suspicion(connection: sqlite3.Connection, life: int, suspicion: Suspected) -> None:
    _insert(connection, "suspicions", {"life": life, **suspicion._asdict()})


def _add_leak(connection: sqlite3.Connection, life: int, leak: Reported) -> None:
    _insert(connection, "leaks", {"life": life, **leak._asdict()})
    rows = tuple([(row["what"], row["count"], row["size_bytes"]) for row in json.loads(leak.report).get("rows", ())])
    _add_types(connection, life, Growing(leak.time, leak.time, rows))


def _add_types(connection: sqlite3.Connection, life: int, growing: Growing) -> None:
    """Replace what was known of that life: it belongs to an older growth."""
    connection.execute("delete from types where life = ?", (life,))
    rows = [(life, what, growing.since, growing.time, *grew) for what, *grew in growing.rows[:_MOST_TYPES]]
    connection.executemany("insert or ignore into types values (?, ?, ?, ?, ?, ?)", rows)


def _add_profile(connection: sqlite3.Connection, life: int, profile: Profiled) -> None:
    _insert(connection, "profiles", {"life": life, **profile._asdict()})
    oldest = "select id from profiles where life = ? order by id desc limit -1 offset ?"
    connection.execute(f"delete from profiles where id in ({oldest})", (life, _MOST_PROFILES))


def _recover(connection: sqlite3.Connection, life: int, over: Over) -> None:
    connection.execute(
        "update leaks set recovered = ? where life = ? and fingerprint = ? and recovered is null",
        (over.time, life, over.fingerprint),
    )


def _end(connection: sqlite3.Connection, life: int, ended: Ended) -> None:
    connection.execute("update lives set ended = ?, ending = ? where id = ?", (ended.time, ended.ending, life))


def _insert(connection: sqlite3.Connection, table: str, values: dict[str, Any]) -> int:
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    cursor = connection.execute(f"insert into {table} ({names}) values ({marks})", tuple(values.values()))
    return int(cursor.lastrowid or 0)


_WRITERS: dict[type, Any] = {
    Reading: _add_reading,
    Suspected: _add_suspicion,
    Reported: _add_leak,
    Over: _recover,
    Ended: _end,
    Growing: _add_types,
    Profiled: _add_profile,
}


def reported_before(connection: sqlite3.Connection, life: int, fingerprint: str, since: float) -> int:
    """The process of another life that has reported the leak after *since* and before *life*. 0 if there is none.

    If several report at once, the first one to write counts as the first.
    """
    row = connection.execute(_REPORTED_BEFORE, {"life": life, "fingerprint": fingerprint, "since": since}).fetchone()
    return int(row[0]) if row else 0


_REPORTED_BEFORE = """
select lives.pid from leaks join lives on lives.id = leaks.life
where leaks.fingerprint = :fingerprint and leaks.time >= :since and leaks.life != :life
and leaks.id < (select max(id) from leaks where life = :life and fingerprint = :fingerprint)
order by leaks.id limit 1
"""
