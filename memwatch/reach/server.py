"""Answers who has connected to this process: one line of JSON is a question, one line is its answer.

    {"ask": "status"}                 {"answer": {...}}
    {"ask": "report", "seconds": 5}   {"error": {"kind": "OptionError", "message": "..."}}

A connection may ask again and again, one thing at a time. The watcher's thread does it all, and waits for nobody: it
looks after its guests many times a second while there are any. What is asked, kept and sent is bounded.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..clock import Clock
from ..errors import MemwatchError, OptionError, describe_error
from ..internal import internal
from ..loading import Loader
from ..watch import Watcher
from .answers import answer
from .reply import Reply

MOST_GUESTS = 16
MOST_QUESTION = 65536
"""Bytes of a line that asks."""

MOST_ANSWER = 256 << 20
SILENCE = 60.0
"""Seconds after which a guest who neither asks nor reads is sent away."""

_STALLED = 10.0  # seconds in which a guest takes nothing of his answer
_PACE = 0.02  # seconds between two looks
_PIECE = 262144

Tell = Callable[[object, Exception | None], None]


@internal
class Server:
    """The guests of one process, looked after by the thread of *watcher*; *looks* loads what looks at the heap need."""

    def __init__(self, watcher: Watcher, looks: Loader, now: Callable[[], float] = Clock.monotonic) -> None:
        self._watcher = watcher
        self._looks = looks
        self._now = now
        self._guests: list[Guest] = []
        self._is_closed = False

    def welcome(self, connected: Any) -> None:
        """Take a new guest in; one too many is told so."""
        guest = Guest(connected, self._new_reply, self._now)
        if len(self._guests) >= MOST_GUESTS:
            guest.refuse(f"{MOST_GUESTS} others ask this process at the moment")
        self._guests.append(guest)
        if len(self._guests) == 1:
            self._turn()
        else:
            guest.serve()

    def close(self) -> None:
        """Send all away."""
        self._is_closed = True
        for guest in self._guests:
            guest.close()
        self._guests = []

    def _new_reply(self, tell: Tell) -> Reply:
        return Reply(self._watcher, self._looks, tell)

    def _turn(self) -> None:
        for guest in self._guests:
            guest.serve()
        self._guests = [guest for guest in self._guests if not guest.is_gone]
        if self._guests and not self._is_closed:
            self._watcher.call_later(_PACE, self._turn)


@internal
class Guest:
    """One connection: what has come, what is to be sent, and what is being found out for it."""

    def __init__(self, connected: Any, new_reply: Callable[[Tell], Reply], now: Callable[[], float]) -> None:
        self.is_gone = False
        self._socket = connected
        self._new_reply = new_reply
        self._now = now
        self._came = bytearray()
        self._to_send = memoryview(b"")
        self._asked: Reply | None = None
        self._leaves = False  # when all is sent
        self._since = now()  # when it last asked or read

    def serve(self) -> None:
        """Read, answer and send what can be without waiting. Never raises."""
        try:
            self._serve()
        except OSError:  # it has gone
            self.close()

    def refuse(self, why: str) -> None:
        """Say why it gets nothing, and let it go."""
        self._send({"error": {"kind": "MemwatchError", "message": why}})
        self._leaves = True

    def close(self) -> None:
        """End it, with all that was begun for it."""
        self.is_gone = True
        if self._asked is not None:
            self._asked.cancel()
            self._asked = None
        with suppress(OSError):
            self._socket.close()

    def _serve(self) -> None:
        if self.is_gone:
            return
        if self._to_send:
            self._flush()
        elif self._leaves:
            self.close()
        else:
            self._read()
        waited = self._now() - self._since
        if self._asked is None and waited > (_STALLED if self._to_send else SILENCE):
            self.close()

    def _read(self) -> None:
        """Take what has come, and answer the first line of it."""
        with suppress(BlockingIOError):
            while len(self._came) <= MOST_QUESTION:
                piece = self._socket.recv(MOST_QUESTION)
                if not piece:
                    self.close()
                    return
                self._came += piece
        line, newline, rest = self._came.partition(b"\n")
        if not newline and len(self._came) > MOST_QUESTION:
            self.refuse(f"a question has at most {MOST_QUESTION} bytes")
        elif newline and self._asked is None:
            self._came, self._since = rest, self._now()
            self._answer(bytes(line))

    def _answer(self, line: bytes) -> None:
        reply = self._asked = self._new_reply(self._tell)
        try:
            answer(reply, json.loads(line))
        except MemwatchError as error:
            reply.fail(error)
        except (ValueError, RecursionError):
            reply.fail(OptionError("a question must be one line of JSON"))
        except Exception as error:
            reply.fail(error)

    def _tell(self, value: object, error: Exception | None) -> None:
        """What a reply calls with its answer."""
        self._asked, self._since = None, self._now()
        if error is None:
            self._send({"answer": value})
        else:
            message = str(error) if isinstance(error, MemwatchError) else describe_error(error)
            kind = type(error).__name__ if isinstance(error, MemwatchError) else "MemwatchError"
            self._send({"error": {"kind": kind, "message": message}})

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message, allow_nan=False).encode() + b"\n"
        if len(data) > MOST_ANSWER:
            data = b'{"error": {"kind": "MemwatchError", "message": "the answer is too large"}}\n'
        self._to_send = memoryview(data)
        self.serve()

    def _flush(self) -> None:
        with suppress(BlockingIOError):
            while self._to_send:
                sent = self._socket.send(self._to_send[:_PIECE])
                self._to_send, self._since = self._to_send[sent:], self._now()
