"""`memwatch.serve`: the page on a port of its own, served by threads for which the program does not wait.

wsgiref of the standard library speaks HTTP. This module limits how many clients connect, how long a request may take to
arrive, and how long a connection lives.
"""

from __future__ import annotations

import atexit
import io
import os
import secrets
import socket
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from ..backend.fork_warning import note_end, note_thread
from ..backend.forks import on_fork
from ..backend.process import with_stack
from ..checks import check_whole
from ..clock import Clock
from ..errors import OptionError, UnsupportedError
from ..internal import internal
from ..logs import Log
from .app import PLACE, Page, wsgi_app
from .guard import check_hosts, check_token

_MOST_CLIENTS = 32
_STALLED = 10.0  # seconds without a byte
_ASKING = 30.0  # seconds until a request must have arrived
_LONGEST = 300.0  # seconds that a connection lives
_LEAVING = 2.0  # seconds that the exit waits for answers under way
_FULL = b"HTTP/1.0 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n"
_log = Log()


def serve(port: int = 0, host: str = "127.0.0.1", token: str | None = None, hosts: Any = ()) -> Server:
    """Serve the page of this process on *port*, or on any free port if that is 0. Starts the watcher if none runs.

    `print(memwatch.serve().url)` prints the address for a browser, with the token in it. If no *token* is given, a
    random one is made. *host* is the address to listen at; only this machine reaches 127.0.0.1. *hosts* are other names
    of the page in a URL. A forked child does not listen. Raises OptionError, and UnsupportedError if the port is taken.
    """
    check_whole("port", port, 0, 65535)
    secret = secrets.token_urlsafe(24) if token is None else check_token(token)
    if not isinstance(host, str) or not host:
        raise OptionError("host must be an address to listen at, such as '127.0.0.1'")
    known = check_hosts(hosts) | ({host.lower()} - {*_ANY})
    page = wsgi_app(at=PLACE, token=secret, hosts=known)
    try:
        listener = _Listener(host, port, page)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", error)
        raise UnsupportedError(f"nothing can listen at {host}:{port}: {why}") from None
    return Server(listener, secret)


_ANY = ("0.0.0.0", "::")


@internal
class Server:
    """The server that `serve` starts: `url` for a browser, `host`, `port`, `token`. `close()` or a `with` ends it."""

    def __init__(self, listener: _Listener, token: str) -> None:
        self.token = token
        self.host, self.port = str(listener.server_address[0]), int(listener.server_address[1])
        self._listener = listener
        self._thread = threading.Thread(target=listener.serve_forever, args=(0.5,), name="memwatch-web", daemon=True)
        with_stack(self._thread.start)
        _servers.add(self)
        _hook()
        _log.info("memwatch shows its page at %s", self._address)

    @property
    def url(self) -> str:
        """The address with the token behind a ``#``: browsers do not send that part, so no log has it."""
        return f"{self._address}#token={self.token}"

    @property
    def _address(self) -> str:
        host = "127.0.0.1" if self.host in _ANY else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def close(self) -> None:
        """Stop listening. Answers under way have two seconds to end."""
        if self in _servers:
            _servers.discard(self)
            self._listener.shutdown()
            self._listener.server_close()
            self._thread.join(_LEAVING)
            self._listener.see_off()

    def leave(self) -> None:
        """In a forked child: close what it has inherited. The port is its parent's."""
        _servers.discard(self)
        self._listener.let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._address}>"


_servers: weakref.WeakSet[Server] = weakref.WeakSet()
_hooked: list[bool] = []


def _hook() -> None:
    if not _hooked:
        _hooked.append(True)
        on_fork("page", in_child=_leave_all)
        atexit.register(_close_all)


def _leave_all() -> None:
    for server in list(_servers):
        server.leave()


def _close_all() -> None:
    for server in list(_servers):
        server.close()


@internal
class _Listener(ThreadingMixIn, WSGIServer):
    """Accepts a limited number of connections, each in a thread. It ends those that take too long."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, page: Page) -> None:
        self._until: dict[socket.socket, float] = {}
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)
        self.set_app(page)

    def server_bind(self) -> None:
        """Bind without a look-up of this machine's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        _as_our_thread(lambda: super(_Listener, self).serve_forever(poll_interval))

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        _as_our_thread(lambda: super(_Listener, self).process_request_thread(request, client_address))

    def process_request(self, request: Any, client_address: Any) -> None:
        if len(self._until) >= _MOST_CLIENTS:
            with suppress(OSError):
                request.settimeout(0.0)
                request.send(_FULL)
            self.shutdown_request(request)
            return
        self._until[request] = Clock.monotonic() + _ASKING
        try:
            with_stack(lambda: super(_Listener, self).process_request(request, client_address))
        except RuntimeError:  # no thread can be started
            self._until.pop(request, None)
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        self._until.pop(request, None)
        super().shutdown_request(request)

    def has_come(self, request: socket.socket) -> None:
        """The head of its request has arrived."""
        if request in self._until:
            self._until[request] = Clock.monotonic() + _LONGEST

    def service_actions(self) -> None:
        """End connections that are too slow. Called twice a second."""
        now = Clock.monotonic()
        for request, until in list(self._until.items()):
            if now > until:
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def see_off(self) -> None:
        """Wait for the answers under way."""
        deadline = Clock.monotonic() + _LEAVING
        while self._until and Clock.monotonic() < deadline:
            time.sleep(0.01)

    def let_go(self) -> None:
        """Close the descriptors without a shutdown: the connections are the parent's."""
        for inherited in (self.socket, *self._until):
            with suppress(OSError):
                os.close(inherited.detach())  # what reads from it would keep it open
        self._until.clear()

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("a connection to memwatch's page ended early", exc_info=True)


def _as_our_thread(run: Callable[[], None]) -> None:
    """*run* in this thread, which is memwatch's: the program is not warned of it when it forks."""
    native_id = note_thread()
    try:
        run()
    finally:
        note_end(native_id)


class _Handler(WSGIRequestHandler):
    """One connection."""

    timeout = _STALLED
    server_version = "memwatch"
    sys_version = ""
    server: _Listener

    def get_environ(self) -> dict[str, Any]:
        self.server.has_come(self.connection)
        return super().get_environ()

    def address_string(self) -> str:
        return str(self.client_address[0])

    def get_stderr(self) -> Any:
        return io.StringIO()

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the program's output is its own."""
