"""The client: asks watched processes of this user, by their process numbers."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from .. import errors
from ..errors import MemwatchError, ProcessError
from . import folder

PATIENCE = 5.0
"""How many seconds a process may take to answer, besides those for which it was asked to look."""

_LOOKING = 120.0  # seconds that looks at a large heap may take, besides the time between them
_MOST_LINE = 300 << 20
_AT_ONCE = 32


class NoAnswer(ProcessError):
    """The process listens, but has not answered in time."""


class NotWatched(ProcessError):
    """There is no such process, or it does not listen."""


def ask(pid: int, name: str, patience: float = PATIENCE, **words: Any) -> dict[str, Any]:
    """The answer of the process *pid* to the question *name* with the parameters *words*.

    Raises ProcessError if there is no such process, or if it belongs to another user, is not watched, ends or does not
    answer in time. Raises also the error that the process answers with, such as OptionError.
    """
    return _converse(pid, ({"ask": name, **words}, patience))


def ask_to_look(pid: int, name: str, seconds: float, **words: Any) -> dict[str, Any]:
    """The same for a question that takes the process so many *seconds*. A short question first shows that it
    answers.
    """
    looks = {"ask": name, "seconds": seconds, **words}
    return _converse(pid, ({"ask": "status"}, PATIENCE), (looks, seconds + _LOOKING))


def _converse(pid: int, *questions: tuple[dict[str, Any], float]) -> dict[str, Any]:
    """Asks several questions by one connection, each with the seconds that it may take. Returns the last answer."""
    problem: ProcessError | None = None
    for _, path in folder.find_sockets(pid):
        try:
            with _connect(path) as connected:
                return [_ask(connected, pid, question, patience) for question, patience in questions][-1]
        except (ConnectionRefusedError, FileNotFoundError):  # it was killed, or replaced by another program
            _clear(path)
        except BlockingIOError:
            problem = NoAnswer(f"process {pid} does not answer: too many others ask it")
    if problem is None:
        check_process(pid)
        problem = NotWatched(f"process {pid} is not watched by memwatch, or its socket is switched off: {_HINT}")
    raise problem


def ask_all(name: str, patience: float = PATIENCE, pids: Iterable[int] = ()) -> list[tuple[int, Any]]:
    """The answers of all watched processes of this user, or of *pids*, by number. An error stands for a missing answer.

    Sockets on which nobody listens are removed.
    """
    wanted = sorted(set(pids) or {pid for pid, _ in folder.find_sockets()})

    def try_one(pid: int) -> Any:
        try:
            return ask(pid, name, patience)
        except MemwatchError as error:
            return error

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = zip(wanted, pool.map(try_one, wanted), strict=True)
        return [(pid, answer) for pid, answer in answers if pids or not isinstance(answer, NotWatched)]


def check_process(pid: int) -> None:
    """Raise ProcessError unless a process of this user has that number."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError, ValueError):
        raise NotWatched(f"there is no process {pid}") from None
    except PermissionError:
        raise ProcessError(f"process {pid} belongs to another user") from None


def _connect(path: str) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connected.setblocking(False)
        connected.connect(path)
        if not folder.is_trusted(connected):
            raise ProcessError(f"the socket {path!r} belongs to another user")
    except BaseException:
        connected.close()
        raise
    return connected


def _ask(connected: socket.socket, pid: int, question: dict[str, Any], patience: float) -> dict[str, Any]:
    deadline = time.monotonic() + patience
    try:
        connected.settimeout(patience)
        connected.sendall(json.dumps(question).encode() + b"\n")
        line = bytearray()
        while not line.endswith(b"\n"):
            connected.settimeout(max(0.001, deadline - time.monotonic()))
            piece = connected.recv(1 << 20)
            if not piece or len(line) > _MOST_LINE:
                raise ProcessError(f"process {pid} ended before it had answered")
            line += piece
    except TimeoutError:
        raise NoAnswer(f"process {pid} has not answered within {patience:g} s: it is stopped, or busy in C") from None
    except OSError as error:
        raise ProcessError(f"process {pid} ended before it had answered ({error.strerror})") from None
    return _understand(line, pid)


def _understand(line: bytearray, pid: int) -> dict[str, Any]:
    """The answer in a line of JSON. Raises the error that the line contains."""
    try:
        said = json.loads(line)
        answer, error = said.get("answer"), said.get("error") or {}
        kind, message = getattr(errors, str(error.get("kind")), MemwatchError), str(error.get("message", ""))
    except (ValueError, AttributeError):
        raise ProcessError(f"this version of memwatch does not understand the answer of process {pid}") from None
    if not isinstance(answer, dict):
        raise kind(message) if issubclass(kind, MemwatchError) else MemwatchError(message)
    return answer


def _clear(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


_HINT = "start it with MEMWATCH=1, or use `memwatch attach`"
