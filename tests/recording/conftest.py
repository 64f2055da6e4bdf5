"""Recordings made by hand: a writer that is given its samples, and what it has written."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from memwatch.recording import writer as room
from memwatch.recording.connection import open_for_writing
from memwatch.recording.life import Birth
from memwatch.recording.store import Ended, Over, Reading, Reported, Suspected, add_entries, add_life
from memwatch.recording.writer import Writer
from memwatch.watch import Leak, Sample
from memwatch.watch.sample import as_datetime

MIB = 1 << 20
TUESDAY = time.mktime((2026, 11, 24, 14, 2, 0, 0, 0, -1))
FINGERPRINT = "0123456789ab"


class Report:
    """What a judge hands out, as small as a report can be."""

    def __init__(self, fingerprint: str = "0123456789ab", rate: float = 41.0 * MIB) -> None:
        self.fingerprint, self.rate = fingerprint, rate

    def to_dict(self) -> dict[str, Any]:
        rows = [{"what": "app.Order", "count": 12, "size_bytes": 4096}]
        subject = "app.Order held by app.CACHE"
        return {"schema": 1, "fingerprint": self.fingerprint, "subject": subject, "rows": rows, "suspects": []}

    def to_html(self) -> str:
        return f"<p>{self.fingerprint} é</p>"

    def __str__(self) -> str:
        return f"LEAK  {self.fingerprint}\n"


def make_leak(fingerprint: str = "0123456789ab", rate: float = 41.0 * MIB) -> Leak:
    at = as_datetime(1000.0)
    return Leak(at, at, 5 * MIB, "heap growth", rate, "ratchet", "objects", Report(fingerprint, rate))


def make_sample(clock: float, base: int = 10 * MIB, rss: int = 20 * MIB, time: float | None = None) -> Sample:
    """A reading at *clock* seconds of the steady clock."""
    seconds = 1.7e9 + clock if time is None else time
    return Sample(seconds, clock, "tick", base, rss, 1000, base // 2, base // 2, 100, 1, 10, 0.0, ("heap",))


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "shop.db")


@pytest.fixture
def make_writer(path: str) -> Iterator[Callable[..., Writer]]:
    """Makes writers, and forgets them at the end: each would be held at every fork."""
    made: list[Writer] = []

    def make(where: str = path, **options: Any) -> Writer:
        made.append(Writer(where, **options))
        return made[-1]

    yield make
    for writer in made:
        writer.close()
        room._writers.remove(writer)


@pytest.fixture
def rows(path: str) -> Callable[..., list[tuple[Any, ...]]]:
    """What a statement gives."""

    def ask(sql: str, where: str = path) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(where)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    return ask


@pytest.fixture
def shop(path):
    """Adds workers: each begins at *start* seconds, lasts, grows *rate* MiB/h, and tells a leak *after* seconds."""
    connection = open_for_writing(path)

    def add(
        start,
        seconds,
        rate=0.0,
        after=None,
        release="1.0",
        role="gunicorn worker",
        name=FINGERPRINT,
        over=None,
        looked=None,
        report="{}",
    ):
        begun = TUESDAY + start
        birth = Birth(
            "vm", 100, 1, "boot 1", "gunicorn", role, None, "gunicorn", release, "3.12.1", "0.1.0", 1 << 30, begun
        )
        life = add_life(connection, birth)
        grown = [round((100 + rate * second / 3600) * MIB) for second in (0, seconds / 2, seconds)]
        times = (begun, begun + seconds / 2, begun + seconds)
        entries = [Reading(it, 1.0, base, 2 * base, 2 * base, 9) for it, base in zip(times, grown, strict=True)]
        if after is not None:
            reported = Reported(
                begun + after, name, "objects", "app.Order held by app.CACHE", MIB, rate * MIB, report, "LEAK", b""
            )
            entries.append(reported)
        if looked is not None:
            entries.append(Suspected(begun + looked, "base", MIB, rate * MIB, "heap growth"))
        if over is not None:
            entries.append(Over(begun + over, name))
        add_entries(connection, life, [*entries, Ended(begun + seconds, "exit")])
        return life

    yield add
    connection.close()
