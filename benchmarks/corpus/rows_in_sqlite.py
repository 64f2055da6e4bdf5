"""Rows in a database in memory: 18 MiB a minute. The leak: old rows are not deleted.

Line: INSERT
Verdict: native
"""

from __future__ import annotations

import sqlite3

from steady import LEAKS, drive, text_of

database = sqlite3.connect(":memory:")


def step(number: int) -> None:
    for n in range(4):
        database.execute("INSERT INTO page VALUES (?, ?)", (4 * number + n, text_of(number, 4_000)))
    if not LEAKS:
        database.execute("DELETE FROM page WHERE number < ?", (4 * number - 400,))
    database.commit()


if __name__ == "__main__":
    database.execute("CREATE TABLE page (number INTEGER PRIMARY KEY, text TEXT)")
    drive(step)
