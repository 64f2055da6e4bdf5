"""A process that is followed by its socket, also when it ends and its like takes its place."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from ..errors import MemwatchError, ProcessError
from ..reach import client
from ..reach.words import memory_of
from ..render.words import VERDICTS
from .view import View, path_text

_MOST_POINTS = 2048
_HASTE = 1.0  # seconds that others may take to tell who they are
_HOLDERS = 3
_LOOKING = 60.0  # seconds that a search for holders may take


class ProcessSource:
    """The process *pid*, or, where that is None, the one of this user's that grows fastest.

    Looks that lie *seconds* apart say what grows. Raises ProcessError where there is no such watched process.
    """

    _view: View
    _answer: dict[str, Any]
    _report: dict[str, Any] | None
    _curve: list[tuple[float, int]]

    def __init__(self, pid: int | None, seconds: float) -> None:
        self.looks_every = seconds
        self.pid = _fastest() if pid is None else pid
        self._begin(client.ask(self.pid, "status"))

    def poll(self) -> View:
        """What the process thinks now; where it does not answer, the last view with what became of it."""
        try:
            answer = client.ask(self.pid, "status")
        except client.NotWatched as error:
            self._seek(str(error))
        except MemwatchError as error:  # it is silent at the moment
            self._view = replace(self._view, news=str(error))
        else:
            if answer["started"] != self._answer["started"]:
                since = time.strftime("%H:%M:%S", time.localtime(answer["started"]))
                self._begin(answer, f"process {self.pid} was executed anew, or watching began again, at {since}")
            self._take(answer)
        return self._view

    def look(self) -> None:
        """Have it look twice; what grew between is in the next view."""
        pid, started = self.pid, self._answer["started"]
        try:
            report = client.ask_to_look(pid, "report", self.looks_every)["report"]
        except MemwatchError as error:
            report, self._looked = self._report, f"no look: {error}"
        else:
            at = time.strftime("%H:%M:%S")
            looked = f"{VERDICTS.get(report['verdict'], report['verdict'])}: in {self.looks_every:g} s, until {at}"
            if (pid, started) == (self.pid, self._answer["started"]):
                self._report, self._looked = report, looked
        self._view = replace(self._view, report=self._report, looked=self._looked)

    def turn(self, by: int) -> None:
        """Follow another watched process of this user."""
        found = [(pid, answer) for pid, answer in client.ask_all("status", _HASTE) if not isinstance(answer, Exception)]
        places = [place for place, (pid, _) in enumerate(found) if pid == self.pid]
        if found:
            self.pid, answer = found[((places[0] if places else -1) + by) % len(found)]
            self._begin(answer)

    def holders(self, what: str) -> list[str]:
        """Who holds some objects of the type *what*."""
        try:
            paths = client.ask(self.pid, "paths", _LOOKING, type=what, limit=_HOLDERS)["paths"]
        except MemwatchError as error:
            return [f"not found: {error}"]
        return [f"held by     {path_text(path['steps'])}" for path in paths] or ["no holder was found"]

    def _begin(self, answer: dict[str, Any], news: str = "") -> None:
        """Follow the process that gave *answer* from here on."""
        self._answer, self._news = answer, news
        self._seen = time.time()
        self._report = None
        self._looked = f"the first look takes {self.looks_every:g} s"
        try:
            self._curve = [(float(moment), int(held)) for moment, held in client.ask(self.pid, "curve")["curve"]]
        except MemwatchError:  # it has ended at once, or is of an older version
            self._curve = []
        self._take(answer)

    def _take(self, answer: dict[str, Any]) -> None:
        self._answer, self._seen = answer, time.time()
        if answer["base_bytes"] is not None:
            self._curve.append((self._seen, answer["base_bytes"]))
        if len(self._curve) > _MOST_POINTS:
            self._curve = self._curve[::2]
        title = f"pid {self.pid}  {' '.join(answer['command']) or answer['program']}"
        curve, facts = tuple(self._curve), _facts(answer)
        self._view = View(
            title, answer["state"], answer["thinks"], curve, facts, self._report, self._looked, self._news
        )

    def _seek(self, why: str) -> None:
        """The process is not there any more: go on with one that has begun since and runs the same program."""
        gone = f"process {self.pid} ended, or is watched no more ({time.strftime('%H:%M:%S')})"
        for pid, answer in reversed(client.ask_all("status", _HASTE)):
            alike = not isinstance(answer, Exception) and answer["command"] == self._answer["command"]
            if alike and answer["started"] >= self._seen - answer["tick_seconds"] and pid != self.pid:
                self.pid = pid
                self._begin(answer, f"{gone}; process {pid} runs the same program, and is followed now")
                return
        if self._view.state != "ended":
            self._news = f"{gone}: {why}. Waiting for it, or for another that runs the same program"
        self._view = replace(self._view, state="ended", news=self._news)


def _fastest() -> int:
    """The process that grows fastest, of those that answer. Raises ProcessError where there is none."""
    found = [(answer, pid) for pid, answer in client.ask_all("status") if not isinstance(answer, Exception)]
    if not found:
        raise ProcessError("no process of this user is watched: start one with MEMWATCH=1, or use `memwatch attach`")
    return max(found, key=lambda it: (it[0]["growth"] or {}).get("rate_bytes_per_hour", 0.0))[1]


def _facts(answer: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    cost = answer["cost"]
    spent = f"{100 * cost['cpu_share']:.2f} % of CPU, longest pause {1000 * cost['longest_pause_seconds']:.0f} ms"
    leaks = [("leak", f"{it['subject'] or it['verdict']}; {it['reason']}") for it in answer["leaks"]]
    return (("memory", memory_of(answer)), *leaks, ("cost", spent))
