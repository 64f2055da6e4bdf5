"""Requests and answers as values, and the two protocols through which they come: WSGI and ASGI."""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, NamedTuple

from ..backend.process import with_stack
from ..internal import internal

MOST_BODY = 65536
"""The most bytes of a request's body."""

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
_PIECE = 262144
_WORTH_PACKING = 1400
_THREADS = 2  # threads that answer for an event loop


@internal
class Request(NamedTuple):
    """A request. `path` is relative to where the application is mounted. The names of `headers` are in lower case.

    `body` is None if it is larger than `MOST_BODY` or of unknown length.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes | None = b""
    scheme: str = "http"


@internal
class Answer(NamedTuple):
    """An answer. Its content is `body`, or the bytes of `file`."""

    status: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    file: BinaryIO | None = None


def say(status: str, text: str, *headers: tuple[str, str]) -> Answer:
    """An answer with a sentence as plain text."""
    return answer_with(f"{text}\n".encode(), TEXT, *headers)._replace(status=status)


def answer_with(body: bytes, kind: str, *headers: tuple[str, str]) -> Answer:
    """An answer with *body* as it is."""
    return Answer("200 OK", body, (*_fixed(kind, len(body)), *headers))


def answer_json(value: object, *headers: tuple[str, str]) -> Answer:
    """An answer with *value* as JSON."""
    return answer_with(json.dumps(value, separators=(",", ":"), allow_nan=False).encode(), JSON, *headers)


def answer_file(file: BinaryIO, kind: str, *headers: tuple[str, str]) -> Answer:
    """The bytes of a file, in pieces."""
    return Answer("200 OK", b"", (*_fixed(kind, os.fstat(file.fileno()).st_size), *headers), file)


def packed(answer: Answer, accepted: str) -> Answer:
    """The answer compressed by gzip, if that is worthwhile and *accepted*."""
    if answer.file is not None or len(answer.body) < _WORTH_PACKING or "gzip" not in accepted.lower():
        return answer
    body = gzip.compress(answer.body, 5, mtime=0)
    headers = [it for it in answer.headers if it[0] != "Content-Length"]
    added = ("Content-Length", str(len(body))), ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")
    return answer._replace(body=body, headers=(*headers, *added))


def _fixed(kind: str, length: int) -> tuple[tuple[str, str], ...]:
    return ("Content-Type", kind), ("Content-Length", str(length)), ("Cache-Control", "no-store")


@internal
class Application:
    """An application for both protocols: called with two arguments it is WSGI, with three ASGI. `asgi` is ASGI alone.

    Subclasses override `answer`. *program*, if given, is the application that answers outside of the path *at*.
    """

    def __init__(self, program: Any = None, at: str = "") -> None:
        self._program = program
        self._at = at
        self._pools: dict[int, ThreadPoolExecutor] = {}  # by process: a forked child does not have its parent's threads

    def answer(self, request: Request) -> Answer:
        """The answer to *request*. Any thread may call this."""
        return say("404 Not Found", f"there is nothing at {request.path!r}")

    def __call__(self, *arguments: Any) -> Any:
        return self._asgi(*arguments) if len(arguments) == 3 else self._wsgi(*arguments)

    def _wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if self._program is not None:
            if not is_below(path, self._at):
                passed: Iterable[bytes] = self._program(environ, start_response)
                return passed
            path = path[len(self._at) :]
        answer = self.answer(_request_of(environ, path))
        start_response(answer.status, list(answer.headers))
        return _pieces(answer, environ.get("REQUEST_METHOD", "GET"))

    @property
    def asgi(self) -> Callable[[dict[str, Any], Any, Any], Any]:
        """The ASGI application. It is a coroutine function: servers take anything else for ASGI 2."""

        async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
            await self._asgi(scope, receive, send)

        return application

    async def _asgi(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        path = _relative(scope)
        if self._program is not None:
            if scope["type"] != "http" or not is_below(path, self._at):
                await self._program(scope, receive, send)
                return
            path = path[len(self._at) :]
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope.get("query_string", b"").decode("latin-1")
        body = await _receive_body(receive) if scope["method"] == "POST" else b""
        request = Request(scope["method"], path, query, headers, body, scope.get("scheme", "http"))
        answer = await self._aside(self.answer, request)
        sent = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": int(answer.status[:3]), "headers": sent})
        pieces = iter(_pieces(answer, scope["method"]))
        while piece := next(pieces, b"") if answer.file is None else await self._aside(next, pieces, b""):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _aside(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Find the answer in a thread, so that the event loop goes on meanwhile."""
        if not _runs_asyncio():
            return function(*arguments)
        pool = self._pools.get(os.getpid())
        if pool is None:
            self._pools[os.getpid()] = pool = ThreadPoolExecutor(_THREADS, "memwatch-web")
        run = sys.modules["asyncio"].get_running_loop().run_in_executor
        return await with_stack(lambda: run(pool, function, *arguments))


def is_below(path: str, place: str) -> bool:
    """Whether *path* is *place* or is below it."""
    return path == place or path.startswith(f"{place}/")


def _pieces(answer: Answer, method: str) -> Iterable[bytes]:
    if answer.file is not None:
        return _read(answer.file, method)
    return [answer.body] if answer.body and method != "HEAD" else []


def _read(file: BinaryIO, method: str) -> Iterator[bytes]:
    with file:
        while method != "HEAD" and (piece := file.read(_PIECE)):
            yield piece


def _request_of(environ: dict[str, Any], path: str) -> Request:
    headers = {name[5:].replace("_", "-").lower(): text for name, text in environ.items() if name.startswith("HTTP_")}
    headers["content-type"] = environ.get("CONTENT_TYPE", "")
    method, length = environ.get("REQUEST_METHOD", "GET"), environ.get("CONTENT_LENGTH") or "0"
    body: bytes | None = b""
    if method == "POST":
        is_known = length.isascii() and length.isdigit() and int(length) <= MOST_BODY
        body = environ["wsgi.input"].read(int(length)) if is_known else None
    scheme = environ.get("wsgi.url_scheme", "http")
    return Request(method, path, environ.get("QUERY_STRING", ""), headers, body, scheme)


def _relative(scope: dict[str, Any]) -> str:
    """The path relative to the mount. Some frameworks leave the path of the mount in it, and some do not."""
    path, root = str(scope.get("path", "")), str(scope.get("root_path", ""))
    return path[len(root) :] if root and is_below(path, root) else path


async def _receive_body(receive: Any) -> bytes | None:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > MOST_BODY or message["type"] != "http.request":
            return None
        if not message.get("more_body"):
            return body


def _runs_asyncio() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None
