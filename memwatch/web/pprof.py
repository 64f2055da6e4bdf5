"""Heap profiles and metrics to be fetched: ``/debug/pprof/heap`` for Parca and `go tool pprof`, ``/metrics``.

The application is WSGI's and ASGI's at once. Whoever asks must know the token, as Bearer or as the password of Basic.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..errors import MemwatchError, OptionError
from ..export.heap import read_heap, start_sampling
from ..export.libraries import told_once
from ..formats import pprof
from ..internal import internal

_LEAST_TOKEN = 16
_TEXT = "text/plain; charset=utf-8"
_ALLOWED = ("GET", "HEAD")


@internal
class Answer(NamedTuple):
    """What is sent back."""

    status: str
    body: bytes
    headers: tuple[tuple[str, str], ...]


def pprof_app(token: str) -> PprofApp:
    """An application to be mounted at any path; begins to sample allocations, one byte in 512 KiB.

    *token* is a str of 16 visible ASCII characters or more: ``Authorization: Bearer TOKEN``, or the password in
    ``http://any:TOKEN@host/debug/pprof/heap``, which `go tool pprof` takes. Without the C extension the profile answers
    503 and says why; without prometheus_client so do the metrics. Raises OptionError.
    """
    if not (isinstance(token, str) and len(token) >= _LEAST_TOKEN and token.isascii() and token.isprintable()):
        raise OptionError(f"a token is a str of at least {_LEAST_TOKEN} visible ASCII characters")
    return PprofApp(token)


@internal
class PprofApp:
    """What `pprof_app` makes: called with two arguments it is WSGI's, with three ASGI's; `asgi` is the latter alone."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        with told_once("/debug/pprof/heap"):
            start_sampling()

    def __call__(self, *arguments: Any) -> Any:
        return self.asgi(*arguments) if len(arguments) == 3 else self._wsgi(*arguments)

    def _wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method = environ.get("REQUEST_METHOD", "GET")
        answer = self._answer(
            method, environ.get("PATH_INFO", ""), environ.get("HTTP_AUTHORIZATION", ""), environ.get("HTTP_ACCEPT", "")
        )
        start_response(answer.status, list(answer.headers))
        return [] if method == "HEAD" else [answer.body]

    async def asgi(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """The ASGI application."""
        if scope["type"] != "http":
            return
        given = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        method, path = scope["method"], scope["path"]
        arguments = method, path, given.get("authorization", ""), given.get("accept", "")
        loop = sys.modules["asyncio"].get_running_loop() if _runs_asyncio() else None
        answer = await loop.run_in_executor(None, self._answer, *arguments) if loop else self._answer(*arguments)
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": int(answer.status[:3]), "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})

    def _answer(self, method: str, path: str, authorization: str, accept: str) -> Answer:
        if not self._may(authorization):
            return _say("401 Unauthorized", "the token is missing or wrong", ("WWW-Authenticate", "Basic"))
        routes = [answer for route, answer in _ROUTES.items() if path.endswith(route)]
        if not routes:
            return _say("404 Not Found", f"there are {', '.join(_ROUTES)}")
        if method not in _ALLOWED:
            return _say("405 Method Not Allowed", "GET it", ("Allow", ", ".join(_ALLOWED)))
        try:
            return routes[0](accept)
        except MemwatchError as error:
            return _say("503 Service Unavailable", str(error))

    def _may(self, authorization: str) -> bool:
        kind, _, secret = authorization.partition(" ")
        given = secret.strip().encode("latin-1", "replace")
        if kind.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif kind.lower() != "bearer":
            return False
        return hmac.compare_digest(given, self._token)


def _heap(accept: str) -> Answer:
    named = ("Content-Disposition", 'attachment; filename="heap.pb.gz"')
    return _answer_with(pprof.write(read_heap().tree), "application/octet-stream", named)


def _metrics(accept: str) -> Answer:
    from ..export.prometheus import expose

    return _answer_with(*expose(accept))


_ROUTES: dict[str, Callable[[str], Answer]] = {"/debug/pprof/heap": _heap, "/metrics": _metrics}


def _say(status: str, text: str, *headers: tuple[str, str]) -> Answer:
    made = _answer_with(f"{text}\n".encode(), _TEXT, *headers)
    return made._replace(status=status)


def _answer_with(body: bytes, kind: str, *headers: tuple[str, str]) -> Answer:
    fixed = (("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"))
    return Answer("200 OK", body, (*fixed, *headers))


def _runs_asyncio() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None
