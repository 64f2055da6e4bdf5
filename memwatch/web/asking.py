"""The page's questions to this process and to others of its program: the same that `memwatch status` and `report` ask.

A server with several workers may answer each request in another worker. So every request names the process that it
means, and the worker that gets the request asks that process by its Unix socket. Only processes of the same process
group can be asked, as gunicorn's workers are, and no others of the same user.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Any

from .. import default
from ..clock import Clock
from ..errors import NotStartedError
from ..internal import never_count
from ..loading import Loader
from ..reach import client, folder
from ..reach.answers import answer
from ..reach.client import NoAnswer as NoAnswer  # others catch it
from ..reach.jobs import LONG
from ..reach.listener import LOOKS
from ..reach.reply import Reply

PATIENCE = 5.0
"""How many seconds an answer may take. Nobody waits for a look at the heap: it is a job."""

_PATIENCE_FOR_ALL = 1.0
_POLL = 0.005  # seconds
_MOST_PROCESSES = 64
_looks: dict[int, Loader] = {}  # by process
never_count(_looks)


def ask(pid: int, name: str, **words: Any) -> dict[str, Any]:
    """The answer of the process *pid* to the question *name*.

    Raises ProcessError if it is not of this program, has ended or does not answer, NotStartedError if this process is
    not watched, and the error that the process answers with.
    """
    if pid == os.getpid():
        return _ask_here({"ask": name, **words})
    if pid not in others():
        raise client.NotWatched(f"process {pid} is no watched one of this program")
    return client.ask(pid, name, PATIENCE, **words)


def others() -> list[int]:
    """The other watched processes of this process group."""
    if not folder.is_supported():
        return []
    own, group = os.getpid(), os.getpgid(0)
    found = []
    for pid in sorted({pid for pid, _ in folder.find_sockets()} - {own}):
        with suppress(OSError):
            if os.getpgid(pid) == group:
                found.append(pid)
    return found[:_MOST_PROCESSES]


def status_of_all() -> list[dict[str, Any]]:
    """The status of this process and of the others. One that does not answer has an `error` besides its `pid`."""
    own = os.getpid()
    found: list[dict[str, Any]] = []
    with suppress(NotStartedError):
        found.append(_ask_here({"ask": "status"}))
    around = others()
    for pid, said in client.ask_all("status", _PATIENCE_FOR_ALL, around) if around else ():
        if not isinstance(said, client.NotWatched):
            found.append({"pid": pid, "error": str(said)} if isinstance(said, Exception) else said)
    return sorted(found, key=lambda it: (it["pid"] != own, it["pid"]))


def _ask_here(question: dict[str, Any]) -> dict[str, Any]:
    """Answer on the watcher's thread, as for the socket. Sleeps meanwhile, so that greenlets can run."""
    watcher = default.watcher()
    if watcher is None:
        raise NotStartedError("memwatch does not watch this process: it was stopped")
    said: list[tuple[Any, Exception | None]] = []
    reply = Reply(watcher, _loaded(question), lambda value, error: said.append((value, error)))

    def begin() -> None:
        try:
            answer(reply, question)
        except Exception as error:
            reply.fail(error)

    watcher.call_later(0.0, begin)
    deadline = Clock.monotonic() + PATIENCE
    while not said:
        if not watcher.running:
            raise NotStartedError("memwatch was stopped meanwhile")
        if Clock.monotonic() > deadline:
            reply.cancel()
            raise NoAnswer(f"memwatch's thread has not answered within {PATIENCE:g} s: it is busy")
        watcher.wake()
        time.sleep(_POLL)
    value, error = said[0]
    if error is not None:
        raise error
    found: dict[str, Any] = value
    return found


def _loaded(question: dict[str, Any]) -> Loader:
    """The loader of what looks at the heap need. If *question* begins such a look, they are loaded here."""
    looks = _looks.setdefault(os.getpid(), Loader(LOOKS))
    begun = question.get("question")
    if question["ask"] in ("begin", "leak") and (not isinstance(begun, dict) or begun.get("ask") in LONG):
        default.loader().load()
        looks.load()
    return looks
