"""The other end: asks watched processes of this user by their numbers."""

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
"""Seconds that a process may take to answer, beside those that it was asked to look for."""

_LOOKING = 120.0  # seconds that looks at a large heap may take, beside the time between them
_MOST_LINE = 300 << 20
_AT_ONCE = 32


class NoAnswer(ProcessError):
    """A process is there and listens, and has said nothing in time."""


class NotWatched(ProcessError):
    """There is no such process, or nobody listens in it."""


def ask(pid: int, name: str, patience: float = PATIENCE, **words: Any) -> dict[str, Any]:
    """The answer of the process *pid* to the question *name*, which takes *words*.

    Raises ProcessError where there is no such process, where it is another user's, is not watched, or ends or is silent
    meanwhile; and what the process itself answers with, such as OptionError.
    """
    return _converse(pid, ({"ask": name, **words}, patience))


def ask_to_look(pid: int, name: str, seconds: float, **words: Any) -> dict[str, Any]:
    """The same for a question that takes the process so many *seconds*. That it does answer is tried at first."""
    looks = {"ask": name, "seconds": seconds, **words}
    return _converse(pid, ({"ask": "status"}, PATIENCE), (looks, seconds + _LOOKING))


def _converse(pid: int, *questions: tuple[dict[str, Any], float]) -> dict[str, Any]:
    """The last answer to several questions by one connection, each with the seconds that it may take."""
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
    """The answers of all watched processes of this user, or of *pids*, by number; where one has none, its error.

    Sockets that nobody listens at are taken away.
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
    """Raise ProcessError unless there is a process of this user with that number."""
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
    """What a line answers. Raises the error that it tells of."""
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
