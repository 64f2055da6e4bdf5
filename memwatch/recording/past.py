"""What a process can learn from earlier processes of its role, which the same recording has."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from ..backend.lifetimes import is_alive
from ..internal import internal
from ..watch.lives import Leaky, Usual
from .evidence import USUAL_LIVES, Shape, leaky, settled, shape_of, usual

_MOST = 2 * USUAL_LIVES  # lives that are looked at
_AT_ONCE = 16  # lives whose shape is found at a time: each takes a millisecond or two
REPORTED_LASTS = 86400.0  # seconds in which a role does not report over its lives again after one has reported


@internal
class Past(NamedTuple):
    """What the lives of a role have shown; None for what they have not. `settled` is an age in seconds."""

    leaky: Leaky | None = None
    usual: Usual | None = None
    settled: float | None = None


def look_back(connection: sqlite3.Connection, life: int, now: float) -> Past:
    """The past of the role that *life* has.

    Lives of the same release show whether the role leaks, unless one of them has reported a leak in the last day. Lives
    of other releases show what is usual, or all lives if there are no labels; lives that reported a leak do not count.
    """
    (host, role, release) = connection.execute("select host, role, release from lives where id = ?", (life,)).fetchone()
    before = _lives_before(connection, life, host, role)
    reported = {row[0] for row in connection.execute("select distinct life from leaks")}
    same = [number for number, of in before if of == release]
    others = [number for number, of in before if (of != release or not release) and number not in reported]
    shapes = _shapes(connection, [number for number, _ in before])
    recently = "select count(*) from leaks, lives where leaks.life = lives.id and role = ? and release = ? and time > ?"
    is_reported = connection.execute(recently, (role, release, now - REPORTED_LASTS)).fetchone()[0]
    mine = [shapes[number] for number in same if number in shapes]
    theirs = [shapes[number] for number in others if number in shapes]
    return Past(None if is_reported else leaky(mine), usual(theirs), settled(theirs))


def _lives_before(connection: sqlite3.Connection, life: int, host: str, role: str) -> list[tuple[int, str]]:
    """The last lives that are over, newest first, with their releases."""
    rows = connection.execute(
        "select id, release, ended, pid, mark from lives where role = ? and host = ? and id <> ? "
        "order by started desc limit ?",
        (role, host, life, _MOST),
    )
    return [(row[0], row[1]) for row in rows if row[2] is not None or not is_alive(row[3], row[4])]


def _shapes(connection: sqlite3.Connection, lives: Sequence[int]) -> dict[int, Shape]:
    """The shapes of these lives. A shape that is not stored yet is made from the readings, and stored."""
    marks = ", ".join("?" * len(lives))
    rows = connection.execute(f"select life, shape from shapes where life in ({marks})", tuple(lives))
    found = {life: _from_json(text) for life, text in rows}
    new = {life: _find(connection, life) for life in [it for it in lives if it not in found][:_AT_ONCE]}
    if new:
        connection.execute("begin immediate")
        texts = [(life, json.dumps(shape)) for life, shape in new.items()]
        connection.executemany("insert or ignore into shapes values (?, ?)", texts)
        connection.execute("commit")
    return found | new


def _find(connection: sqlite3.Connection, life: int) -> Shape:
    readings = connection.execute("select time, base from meters where life = ? order by time", (life,)).fetchall()
    begun = readings[0][0] if readings else 0.0
    return shape_of([(time - begun, base) for time, base in readings])


def _from_json(text: str) -> Shape:
    seconds, points, bins = json.loads(text)
    return Shape(seconds, tuple(points), tuple(bins))
