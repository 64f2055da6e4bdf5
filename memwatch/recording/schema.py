"""The tables of a recording, their version, and the steps from older versions to this one.

Times are epoch seconds by the clock of the life that they belong to, which is never set back during that life. Sizes
are bytes. A reading stands for `span` seconds: `base` and `rss` are the minima in that time, `peak` is the maximum of
resident memory.
"""

from __future__ import annotations

import sqlite3

from ..errors import RecordingError

APPLICATION = 0x6D656D77
"""The application id by which SQLite files are known as recordings."""

_FIRST = """
create table lives (
    id integer primary key, host text not null, pid integer not null, parent integer not null, mark text not null,
    program text not null, role text not null, worker integer, argv0 text not null, release text not null,
    python text not null, memwatch text not null, limit_bytes integer not null,
    started real not null, ended real, ending text not null default ''
);
create index lives_by_role on lives (role, started);
create table meters (
    life integer not null, time real not null, span real not null,
    base integer not null, rss integer not null, peak integer not null, blocks integer not null,
    primary key (life, time)
) without rowid;
create table suspicions (
    id integer primary key, life integer not null, time real not null, meter text not null, growth integer not null,
    rate real not null, reason text not null
);
create table leaks (
    id integer primary key, life integer not null, time real not null, fingerprint text not null, verdict text not null,
    subject text not null, growth integer not null, rate real not null, recovered real, report text not null,
    text text not null, page blob not null
);
create index leaks_by_life on leaks (life);
create table growths (
    leak integer not null, what text not null, count integer not null, size_bytes integer not null,
    primary key (leak, what)
) without rowid;
create table upkeep (job text primary key, time real not null) without rowid;
"""

_SHAPES = "create table shapes (life integer primary key, shape text not null)"

_TYPES = """
create table types (
    life integer not null, what text not null, since real not null, time real not null, count integer not null,
    size_bytes integer not null, primary key (life, what)
) without rowid;
insert or replace into types select leaks.life, what, leaks.time, leaks.time, count, size_bytes
    from growths join leaks on leaks.id = leak order by leaks.id;
drop table growths;
create table profiles (
    id integer primary key, life integer not null, time real not null, reason text not null, content blob not null
);
create index profiles_by_life on profiles (life)
"""

_STEPS: tuple[str, ...] = (_FIRST, _SHAPES, _TYPES)
VERSION = len(_STEPS)


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the tables, 0 if there are none. Raises RecordingError for a file that is no recording."""
    application = connection.execute("pragma application_id").fetchone()[0]
    version: int = connection.execute("pragma user_version").fetchone()[0]
    if application != APPLICATION and connection.execute("select count(*) from sqlite_master").fetchone()[0]:
        raise RecordingError("it is a database of another program")
    if version > VERSION:
        raise RecordingError(f"it was written by a newer memwatch: version {version}, and this one knows {VERSION}")
    return version if application == APPLICATION else 0


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Create the tables, or upgrade those of an older version. One transaction does it, since many processes may begin
    at once.
    """
    if version_of(connection) == VERSION:
        return
    connection.execute("begin immediate")
    try:
        for step in _STEPS[version_of(connection) :]:
            for statement in filter(str.strip, step.split(";")):
                connection.execute(statement)
        connection.execute(f"pragma application_id = {APPLICATION}")
        connection.execute(f"pragma user_version = {VERSION}")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
