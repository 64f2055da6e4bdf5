"""Rows in a file of SQLite's, which keeps the pages in native memory: up to 32 MiB, full after two minutes.

The leak: the same rows in a database that has no file.

Verdict: native
Line: .execute(
"""

from __future__ import annotations

import sqlite3
import tempfile

from steady import LEAKS, drive, text_of


def step(number: int) -> None:
    database.execute("insert into rows (body) values (?)", (text_of(number, 16_000),))
    database.commit()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(":memory:" if LEAKS else f"{folder}/rows.db")
        database.execute("pragma synchronous = off")
        database.execute("pragma cache_size = -32000")
        database.execute("create table rows (id integer primary key, body text)")
        drive(step)
        database.close()
