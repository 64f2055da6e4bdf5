"""A recording that is followed: one life of it at a time, also while it is written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from ..errors import MemwatchError
from ..recording.lives import Life, Reader, RecordedLeak
from ..recording.text import moment
from ..units import format_bytes, format_duration, format_rate
from .view import View

_ENDINGS = {"runs": "runs", "exit": "has ended", "closed": "is no longer recorded", "lost": "ended without a word"}


class RecordingSource:
    """The file at *path*: at first the life with the newest leak, or else the newest. Raises RecordingError."""

    looks_every = 0.0

    def __init__(self, path: str) -> None:
        self._path = path
        self._life = 0  # its number; 0 is the one that there is most to say of
        with Reader(path) as reader:
            self._view = self._read(reader)

    def poll(self) -> View:
        """What stands in the file now; where it cannot be read, the last view and why."""
        try:
            with Reader(self._path) as reader:
                self._view = self._read(reader)
        except MemwatchError as error:
            self._view = replace(self._view, news=str(error))
        return self._view

    def look(self) -> None:
        """Nothing: the processes are not asked."""

    def turn(self, by: int) -> None:
        """Go on to another life."""
        try:
            with Reader(self._path) as reader:
                lives, leaks = reader.lives(), reader.leaks()
        except MemwatchError:  # the next poll says it
            return
        if lives:
            place = lives.index(self._chosen(lives, leaks))
            self._life = lives[(place + by) % len(lives)].id

    def holders(self, what: str) -> list[str]:
        """Nobody beside those in the report."""
        return [f"of {what} no more was recorded"]

    def _chosen(self, lives: Sequence[Life], leaks: Sequence[RecordedLeak]) -> Life:
        telling = leaks[-1].life if leaks else 0
        by_id = {life.id: life for life in lives}
        return by_id.get(self._life) or by_id.get(telling) or lives[-1]

    def _read(self, reader: Reader) -> View:
        lives, leaks = reader.lives(), reader.leaks()
        name = os.path.basename(self._path)
        if not lives:
            return View(name, "recorded", "nothing is recorded yet")
        life = self._chosen(lives, leaks)
        reported = [leak for leak in leaks if leak.life == life.id]
        place = f"{lives.index(life) + 1} of {len(lives)}"
        title = f"{name}: {life.birth.role}, pid {life.birth.pid}, {place}, {_ENDINGS[life.state]}"
        curve = tuple((time, base) for time, base, _ in reader.meters(life.id))
        if not reported:
            state = "watching" if life.state == "runs" else "ended"
            return View(title, state, "no leak was reported", curve, _facts(life, reported))
        last = reported[-1]
        report, over = reader.report(last.id), last.recovered is not None
        reason = report.get("reason") or last.verdict
        looked = f"reported {moment(last.time, life.last)}"
        thinks = f"it leaked, and has stopped: {reason}" if over else f"it leaks: {reason}"
        return View(title, "stopped" if over else "leak", thinks, curve, _facts(life, reported), report, looked)


def _facts(life: Life, reported: Sequence[RecordedLeak]) -> tuple[tuple[str, str], ...]:
    held = "not read yet" if life.last_base is None else f"{format_bytes(life.last_base)} held"
    if life.peak is not None:
        held += f", {format_bytes(life.peak)} resident at most of late"
    rate = f"; {format_rate(life.rate)}" if life.rate is not None else ""
    leaks = {leak.fingerprint: leak for leak in reported}.values()
    rows = [("leak", f"{leak.subject or leak.verdict}; {format_rate(leak.rate)}") for leak in leaks]
    release = [("release", life.birth.release)] * bool(life.birth.release)
    return (("memory", f"{held} after {format_duration(life.seconds)}{rate}"), *rows, *release)
