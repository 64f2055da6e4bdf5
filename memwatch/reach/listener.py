"""The socket of a watched process. At each tick the watcher's thread checks whether a client has connected.

This needs no thread and never waits: a check is one call of poll, and nothing else is loaded before a client comes. A
program that makes itself a daemon closes all descriptors, and may then open a file that gets the socket's number. So
the descriptor is identified by its device and inode, not by its number.
"""

from __future__ import annotations

import _socket
import os
import select
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from ..clock import Clock
from ..descriptors import above_standard, identity
from ..internal import internal
from ..loading import PARTS, Loader
from ..logs import Log
from ..watch import Sample, Watcher
from ..watch.thread import original
from . import folder

SLOWEST = 1.0
"""The longest time until a new client is noticed, in seconds."""

_CHECKED = 60.0  # seconds between checks whether the socket is still there
_BACKLOG = 16
_HURRY = 3.0  # seconds of frequent checks when a client is sure to come
_LOADING = 0.02  # seconds between checks whether the server is loaded
_PACKAGE = __name__.partition(".")[0]
_SERVER = ("json", *(f"{_PACKAGE}.{name}" for name in ("on_demand", "reach.server")))
LOOKS = (*PARTS, *(f"{_PACKAGE}.{name}" for name in ("formats", "profile", "reach.looks")))
"""The modules that look at the heap for an answer, in the order in which they are loaded."""

_log = Log()


@internal
class Listener:
    """Listens on behalf of *watcher*. `path` is its socket. It is empty while nothing listens; `problem` then says
    why.
    """

    def __init__(self, watcher: Watcher) -> None:
        self.path = self.problem = ""
        self._watcher: Watcher = weakref.proxy(watcher)  # it calls this; a stopped watcher must be freed at once
        self._socket: Any = None
        self._identity: tuple[int, int] | None = None  # of the descriptor
        self._file: tuple[int, int] | None = None  # of the path
        self._poll: Any = None
        self._next_check = 0.0
        self._loaders: list[Loader] = []  # of the server, and of what looks at the heap
        self._server: Any = None
        self._waiting: list[Any] = []
        self._is_closed = False

    def tick(self, sample: Sample) -> Iterable[Callable[[], object]]:
        """The function that the watcher calls at its ticks."""
        self._look(sample.clock)
        return ()

    def open(self) -> None:
        """Begin to listen, if that is possible here. Never raises."""
        self._next_check = Clock.monotonic() + _CHECKED
        if self._is_closed:
            return
        try:
            self._bind(folder.make_folder())
            self.problem = ""
        except (OSError, ValueError) as error:
            if not self.problem:
                _log.info("memwatch cannot be asked by other processes: %s", error)
            self.problem = str(error)
            return
        self._poll = original("select", "poll")()
        self._poll.register(self._socket.fileno(), select.POLLIN)
        if self._watcher.pace.tick > SLOWEST:
            self._watcher.call_later(SLOWEST, self._between)

    def hurry(self) -> None:
        """Check many times a second for a while, and load the server: whoever attached memwatch is about to ask."""
        end = Clock.monotonic() + _HURRY
        self._watcher.call_later(0.0, lambda: self._hurry_until(end))

    def close(self) -> None:
        """Stop listening, and remove the socket."""
        self._is_closed = True  # for a thread that is still opening the socket
        path, self.path = self.path, ""
        with suppress(OSError):
            if path and _file_at(path) == self._file:
                os.unlink(path)
        self._drop()
        for loader in self._loaders:
            loader.end()

    def park(self) -> None:
        """Called before a fork."""
        for loader in self._loaders:
            loader.park()

    def resume(self, in_child: bool) -> None:
        """Called after a fork. A child closes what it has inherited, and listens by itself from its first tick on."""
        for loader in self._loaders:
            loader.resume(in_child)
        if in_child:
            self.path = ""
            self._drop()
            self._next_check = 0.0

    def _bind(self, place: str) -> None:
        for name in folder.names_for(os.getpid()):
            path = os.path.join(place, name)
            if _is_taken(path):
                continue
            made = _make_socket()
            try:
                with suppress(FileNotFoundError):
                    os.unlink(path)
                made.bind(path)
                os.chmod(path, 0o600)
                made.listen(_BACKLOG)
            except OSError:
                made.close()
                raise
            self._socket, self.path = made, path
            self._identity, self._file = identity(made.fileno()), _file_at(path)
            return
        raise OSError(f"{place!r} has sockets of other processes with the number {os.getpid()}")

    def _look(self, now: float) -> None:
        if self._socket is not None and self._poll.poll(0):
            self._receive()
        if now >= self._next_check:
            self._check()

    def _between(self) -> None:
        """Called again and again if ticks are rare."""
        if self._socket is not None:
            self._look(Clock.monotonic())
            self._watcher.call_later(SLOWEST, self._between)

    def _hurry_until(self, end: float) -> None:
        if self._socket is not None and self._server is None and (now := Clock.monotonic()) < end:
            self._load()
            self._look(now)
            self._watcher.call_later(_LOADING, lambda: self._hurry_until(end))

    def _check(self) -> None:
        """Make sure that the socket exists and is ours."""
        self._next_check = Clock.monotonic() + _CHECKED
        if self._socket is None or not self._is_ours() or _file_at(self.path) != self._file:
            self._drop()
            self.open()

    def _is_ours(self) -> bool:
        return self._identity is not None and identity(self._socket.fileno()) == self._identity

    def _receive(self) -> None:
        """Accept a client, if it belongs to this user or to root."""
        if not self._is_ours():
            self._drop()
            self.open()
            return
        with suppress(OSError):  # the client has gone, or no descriptor is left
            for _ in range(_BACKLOG):
                client = _socket.socket(fileno=self._socket._accept()[0])
                client.setblocking(False)
                if folder.is_trusted(client):
                    self._waiting.append(client)
                else:
                    client.close()
        self._serve()

    def _serve(self) -> None:
        """Hand waiting clients to the server once it is loaded, which a thread of its own does."""
        if self._server is None and self._waiting:
            loader, looks = self._load()
            if loader.room is None and not loader.problem:
                self._watcher.call_later(_LOADING, self._serve)
                return
            if loader.room is not None:
                self._server = loader.room.Server(self._watcher, looks)
            else:
                _log.warning("memwatch cannot answer: %s", loader.problem)
        for client in self._waiting:
            client.close() if self._server is None else self._server.welcome(client)
        self._waiting = []

    def _load(self) -> list[Loader]:
        """The loaders of the server and of what looks at the heap. The first one is started."""
        self._loaders = self._loaders or [Loader(_SERVER), Loader(LOOKS)]
        self._loaders[0].begin()
        return self._loaders

    def _drop(self) -> None:
        """Close all descriptors, except one that is not ours any more."""
        if self._server is not None:
            self._server.close()
        for client in self._waiting:
            client.close()
        if self._socket is not None:
            self._socket.close() if self._is_ours() else self._socket.detach()
        self._socket = self._poll = self._server = None
        self._waiting = []


def _make_socket() -> Any:
    """A socket that does not block, with a descriptor above those of the standard streams."""
    made = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    made = _socket.socket(fileno=above_standard(made.detach()))
    made.setblocking(False)
    return made


def _is_taken(path: str) -> bool:
    """Whether a process listens there: one of another container with the same number."""
    asking = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        asking.setblocking(False)
        asking.connect(path)
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    except BlockingIOError:  # its queue is full
        return True
    finally:
        asking.close()
    return True


def _file_at(path: str) -> tuple[int, int] | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
