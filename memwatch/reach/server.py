"""Answers the clients of this process: one line of JSON is a question, one line is its answer.

    {"ask": "status"}                 {"answer": {...}}
    {"ask": "report", "seconds": 5}   {"error": {"kind": "OptionError", "message": "..."}}

A client may ask again and again, one question at a time. All of it runs on the watcher's thread, which never waits: it
serves its clients many times a second while there are any. What is read, kept and sent is bounded.
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

MOST_CLIENTS = 16
MOST_QUESTION = 65536
"""The most bytes of a question."""

MOST_ANSWER = 256 << 20
SILENCE = 60.0
"""A client that neither asks nor reads is disconnected after so many seconds."""

_STALLED = 10.0  # seconds in which a client reads nothing of its answer
_PACE = 0.02  # seconds between two rounds
_PIECE = 262144

Tell = Callable[[object, Exception | None], None]


@internal
class Server:
    """The clients of one process, served by the thread of *watcher*. *looks* loads what looks at the heap need."""

    def __init__(self, watcher: Watcher, looks: Loader, now: Callable[[], float] = Clock.monotonic) -> None:
        self._watcher = watcher
        self._looks = looks
        self._now = now
        self._clients: list[Client] = []
        self._is_closed = False

    def welcome(self, connected: Any) -> None:
        """Accept a new client, or refuse it if there are too many."""
        client = Client(connected, self._new_reply, self._now)
        if len(self._clients) >= MOST_CLIENTS:
            client.refuse(f"{MOST_CLIENTS} others ask this process at the moment")
        self._clients.append(client)
        if len(self._clients) == 1:
            self._turn()
        else:
            client.serve()

    def close(self) -> None:
        """Disconnect all clients."""
        self._is_closed = True
        for client in self._clients:
            client.close()
        self._clients = []

    def _new_reply(self, tell: Tell) -> Reply:
        return Reply(self._watcher, self._looks, tell)

    def _turn(self) -> None:
        for client in self._clients:
            client.serve()
        self._clients = [client for client in self._clients if not client.is_gone]
        if self._clients and not self._is_closed:
            self._watcher.call_later(_PACE, self._turn)


@internal
class Client:
    """One connection: its input, its output, and the reply that is being found."""

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
        except OSError:  # the client has gone
            self.close()

    def refuse(self, why: str) -> None:
        """Send the reason of a refusal, and disconnect."""
        self._send({"error": {"kind": "MemwatchError", "message": why}})
        self._leaves = True

    def close(self) -> None:
        """Disconnect, and cancel the reply that was begun."""
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
        """Read the input, and answer its first line."""
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
        """Called by a reply with its answer."""
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
