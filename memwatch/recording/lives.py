"""Reads a recording: the lives, and the leaks that were reported in them. It changes nothing in the file."""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..backend.lifetimes import is_alive
from ..errors import RecordingError
from .connection import open_for_reading
from .life import Birth
from .schema import version_of

_AT_LIMIT = 0.9
_WITH_TYPES = 3  # the first version of the tables that has types and profiles
_SHORTEST = 20.0  # seconds; growth per hour means nothing for a shorter life

_LIVES = f"""
select id, {", ".join(Birth._fields)}, ended, ending,
    coalesce((select max(time) from meters where life = id), started),
    (select base from meters where life = id order by time limit 1),
    (select base from meters where life = id order by time desc limit 1),
    (select peak from meters where life = id order by time desc limit 1),
    (select base from meters where life = id and time >= started +
        (coalesce((select max(time) from meters where life = id), started) - started) / 2 order by time limit 1),
    coalesce(suspicions, 0)
from lives left join (select life, count(*) as suspicions from suspicions group by life) on life = lives.id
order by started, id
"""


@dataclass(frozen=True, slots=True)
class Life:
    """One process. Times are epoch seconds. Sizes are bytes, None before the first reading.

    last            the time of its last reading.
    ended           when it ended, None if that is not known.
    first_base      the base at its first reading; `middle_base` and `last_base` in the middle and at the last one.
    peak            the peak of resident memory around its last reading.
    suspicions      how often growth was suspected.
    state           "runs", "exit", "closed" (the recording was closed), or "lost": it ended without notice, as by a
                    signal, by os._exit, or because memory ran out.
    """

    id: int
    birth: Birth
    ended: float | None
    ending: str
    last: float
    first_base: int | None
    last_base: int | None
    peak: int | None
    middle_base: int | None
    suspicions: int
    state: str

    @property
    def seconds(self) -> float:
        """For how long it was watched."""
        return max(0.0, self.last - self.birth.started)

    @property
    def rate(self) -> float | None:
        """By how many bytes an hour the second half of the life grew. None if the life was too short."""
        if self.last_base is None or self.middle_base is None or self.seconds < _SHORTEST:
            return None
        return (self.last_base - self.middle_base) / (self.seconds / 2) * 3600

    @property
    def died_at_limit(self) -> bool:
        """Whether it ended without notice when it had nearly reached its memory limit: most likely it was killed."""
        return self.state == "lost" and self.peak is not None and self.peak >= _AT_LIMIT * self.birth.limit_bytes > 0

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, with those of `birth` and the properties derived from them."""
        known = {"id": self.id, **self.birth._asdict(), **{name: getattr(self, name) for name in self.__slots__}}
        del known["birth"], known["mark"]
        return {**known, "rate_bytes_per_hour": self.rate, "died_at_limit": self.died_at_limit}


@dataclass(frozen=True, slots=True)
class RecordedLeak:
    """A leak that `life` reported at `time`. `recovered` is when it stopped, None while it goes on.

    `over_lives`: earlier lives showed the leak, and other lives of the role do not report it again for a day.
    """

    id: int
    life: int
    time: float
    fingerprint: str
    verdict: str
    subject: str
    growth: int
    rate: float
    recovered: float | None
    over_lives: bool = False


@dataclass(frozen=True, slots=True)
class GrownType:
    """By how many objects and bytes a type had grown in `life` at `time`, since growth was suspected at `since`.

    If a leak was reported, the numbers are those of its report.
    """

    life: int
    what: str
    since: float
    time: float
    count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class KeptProfile:
    """A profile of allocations that `life` kept at `time`, and why; `Reader.profile` has its content."""

    id: int
    life: int
    time: float
    reason: str


class Reader:
    """An open recording. Raises RecordingError if the file cannot be read or is damaged."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._connection = open_for_reading(self.path)
        self._version = version_of(self._connection)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def lives(self) -> tuple[Life, ...]:
        """All lives, in the order in which they began."""
        host = os.uname().nodename if hasattr(os, "uname") else ""
        return tuple(_as_life(row, host) for row in self._rows(_LIVES))

    def leaks(self) -> tuple[RecordedLeak, ...]:
        """All leaks as they were reported. A life may have reported the same one more than once."""
        names = "id, life, time, fingerprint, verdict, subject, growth, rate, recovered"
        over_lives = "instr(report, ' consecutive lives (') > 0"
        rows = self._rows(f"select {names}, {over_lives} from leaks order by time, id")
        return tuple(RecordedLeak(*(*row[:-1], bool(row[-1]))) for row in rows)

    def report(self, leak: int) -> dict[str, Any]:
        """The whole report of a leak, by the leak's number, as `Report.to_dict` gave it."""
        found: dict[str, Any] = json.loads(self._one("report", leak))
        return found

    def text(self, leak: int) -> str:
        """The report as text, without source code."""
        return str(self._one("text", leak))

    def page(self, leak: int) -> str:
        """The report as a page for a browser."""
        return zlib.decompress(self._one("page", leak)).decode()

    def meters(self, life: int) -> tuple[tuple[float, int, int], ...]:
        """The readings of a life: (time, base, resident memory), in epoch seconds and bytes."""
        return tuple(self._rows("select time, base, rss from meters where life = ? order by time", (life,)))

    def types(self) -> tuple[GrownType, ...]:
        """Which types have grown in lives whose growth was suspected, most bytes first."""
        if self._version < _WITH_TYPES:
            return ()
        names = "life, what, since, time, count, size_bytes"
        return tuple(GrownType(*row) for row in self._rows(f"select {names} from types order by size_bytes desc, what"))

    def profiles(self) -> tuple[KeptProfile, ...]:
        """All profiles that are kept, in the order of time."""
        if self._version < _WITH_TYPES:
            return ()
        return tuple(
            KeptProfile(*row) for row in self._rows("select id, life, time, reason from profiles order by time")
        )

    def profile(self, number: int) -> bytes:
        """The profile with this number, in pprof format."""
        rows = list(self._rows("select content from profiles where id = ?", (number,)))
        if not rows:
            raise RecordingError(f"there is no profile {number} in {self.path!r}")
        return bytes(rows[0][0])

    def _one(self, column: str, leak: int) -> Any:
        rows = list(self._rows(f"select {column} from leaks where id = ?", (leak,)))
        if not rows:
            raise RecordingError(f"there is no leak {leak} in {self.path!r}")
        return rows[0][0]

    def _rows(self, sql: str, values: Iterable[Any] = ()) -> Iterator[Any]:
        with self._explaining():
            yield from self._connection.execute(sql, tuple(values))

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise RecordingError(f"cannot read {self.path!r}: it is damaged or busy ({error})") from None


def _as_life(row: tuple[Any, ...], host: str) -> Life:
    number, *rest = row
    birth, read = Birth._make(rest[: len(Birth._fields)]), rest[len(Birth._fields) :]
    ended, ending = read[:2]
    runs = ended is None and birth.host == host and is_alive(birth.pid, birth.mark)
    state = ending if ended is not None else "runs" if runs else "lost"
    return Life(*(number, birth, *read, state))
