"""`wsgi_app` and `asgi_app`: the page of a running program, and the data that it asks for. Nothing listens by itself.

    /                    the page: no data in it, no token needed
    /api/...             JSON for clients that know the token: GET reads, POST changes
    /debug/pprof/heap    a heap profile, for Parca and `go tool pprof`
    /metrics             for Prometheus

A POST request begins a look at the heap. The watcher's thread takes the look within its pause budget, and a GET request
fetches the answer. So no request takes long, and several workers may serve one page.
"""

from __future__ import annotations

import json
import os
from _thread import get_ident
from collections.abc import Callable, Mapping
from typing import Any

from .. import default
from ..errors import (
    AlreadyStartedError,
    MemwatchError,
    NotStartedError,
    OptionError,
    ProcessError,
    UnsupportedError,
    WriteError,
    describe_error,
)
from ..export.libraries import logged_once
from ..internal import internal
from ..reach.curve import keep_curve
from . import asking, downloads, page
from .guard import SAFE, Guard, check_hosts, check_token
from .http import JSON, Answer, Application, Request, answer_json, answer_with, packed, say
from .pprof import NAMED, READING, metrics
from .words import Words

PLACE = "/memwatch"
TOKEN = "MEMWATCH_TOKEN"
_MOST_AT_ONCE = 8
_CLOSED = f"there is no token: set {TOKEN}, or give token=..., a str of 16 visible ASCII characters or more"


def wsgi_app(program: Any = None, *, at: str = PLACE, token: str | None = None, hosts: Any = ()) -> Page:
    """The page as a WSGI application. It starts the watcher of this process if none runs.

    It can be mounted at any path. With *program*, another WSGI application, it answers the requests below *at* and
    passes the others on. *token* is a str of at least 16 visible ASCII characters, by default MEMWATCH_TOKEN; without
    one the page is closed, and a warning says so. *hosts* are the names under which the page is reached, besides
    localhost and 127.0.0.1. Raises OptionError.
    """
    return _make(program, at, token, hosts)


def asgi_app(program: Any = None, *, at: str = PLACE, token: str | None = None, hosts: Any = ()) -> Callable[..., Any]:
    """The same as an ASGI application. *program* is another ASGI application."""
    return _make(program, at, token, hosts).asgi


def _make(program: Any, at: str, token: str | None, hosts: Any) -> Page:
    if not (isinstance(at, str) and at.startswith("/") and at.strip("/")):
        raise OptionError(f"at must be a path such as {PLACE!r}, below which the page is")
    given = os.environ.get(TOKEN) if token is None else token
    known = check_hosts(hosts)
    with logged_once("the page"):
        if not given:
            raise UnsupportedError(_CLOSED)
    return Page(program, at.rstrip("/"), check_token(given) if given else "", known)


@internal
class Page(Application):
    """What `wsgi_app` makes: called with two arguments it is WSGI's, with three ASGI's."""

    def __init__(self, program: Any, at: str, token: str, hosts: frozenset[str]) -> None:
        super().__init__(program, at)
        self._guard = Guard(token, hosts)
        self._under_way: set[tuple[int, int]] = set()  # (process, thread): after a fork the parent's are still here
        with logged_once("the page"):
            if default.watcher() is None:
                default.start_for_program()
            keep_curve()

    def answer(self, request: Request) -> Answer:
        """Never raises."""
        own, me = os.getpid(), (os.getpid(), get_ident())
        if sum(pid == own for pid, _ in tuple(self._under_way)) >= _MOST_AT_ONCE:
            answer = say(
                "503 Service Unavailable", f"{_MOST_AT_ONCE} other requests are being answered", ("Retry-After", "1")
            )
        else:
            self._under_way.add(me)
            try:
                answer = self._answer(request)
            except Exception as error:
                answer = _tell(error)
            finally:
                self._under_way.discard(me)
        policy = () if "Content-Security-Policy" in dict(answer.headers) else (("Content-Security-Policy", _NOTHING),)
        answer = answer._replace(headers=(*answer.headers, *SAFE.items(), *policy))
        return packed(answer, request.headers.get("accept-encoding", ""))

    def _answer(self, request: Request) -> Answer:
        path = request.path.strip("/")
        for_tools = path in _TOOLS
        refused = None if for_tools else self._guard.refuse_place(request)
        if refused is not None:
            return refused
        if not path:
            return page.answer() if request.method in READING else _use("GET, HEAD")
        if not self._guard.is_open:
            return say("503 Service Unavailable", _CLOSED)
        if not self._guard.knows(request.headers.get("authorization", "")):
            asked = (
                (("WWW-Authenticate", "Basic"),) if for_tools else ()
            )  # the page must not make a browser ask for a password
            return say("401 Unauthorized", "the token is missing or wrong", *asked)
        if path in _CHANGES:
            return _change(_CHANGES[path], request)
        if path in _READS or for_tools:
            return {**_READS, **_TOOLS}[path](request) if request.method in READING else _use("GET, HEAD")
        return say("404 Not Found", "there is no such thing here")


_NOTHING = "default-src 'none'; frame-ancestors 'none'"


def _use(methods: str) -> Answer:
    return say("405 Method Not Allowed", f"use {methods}", ("Allow", methods))


def _change(change: Callable[[Words], Any], request: Request) -> Answer:
    if request.method != "POST":
        return _use("POST")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        return say("415 Unsupported Media Type", f"send {JSON}")
    if request.body is None:
        return say("413 Content Too Large", "that is too long")
    try:
        given = json.loads(request.body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        return say("400 Bad Request", "send one object as JSON")
    return answer_json(change(Words(given)))


# ---- GET


def _processes(request: Request) -> Answer:
    return answer_json({"pid": os.getpid(), "processes": asking.status_of_all()})


def _readings(request: Request) -> Answer:
    words = Words.of_query(request.query)
    return answer_json(asking.ask(words.pid(), "readings", since=words.number("since")))


def _leak(request: Request) -> Answer:
    words = Words.of_query(request.query)
    return answer_json(asking.ask(words.pid(), "leak", leak=words.whole("leak")))


def _jobs(request: Request) -> Answer:
    return answer_json(asking.ask(Words.of_query(request.query).pid(), "jobs"))


def _job(request: Request) -> Answer:
    words = Words.of_query(request.query)
    return answer_json(asking.ask(words.pid(), "job", job=words.whole("job")))


def _heap(request: Request) -> Answer:
    """The heap profile of what the watcher samples."""
    looks = asking.ask(os.getpid(), "begin", question={"ask": "profile"})
    return answer_with(downloads.wait_for_profile(looks["job"]), "application/octet-stream", NAMED)


_READS: Mapping[str, Callable[[Request], Answer]] = {
    "api/processes": _processes,
    "api/readings": _readings,
    "api/leak": _leak,
    "api/jobs": _jobs,
    "api/job": _job,
    "api/graph": downloads.graph,
    "api/file": downloads.file,
}
_TOOLS: Mapping[str, Callable[[Request], Answer]] = {"debug/pprof/heap": _heap, "metrics": metrics}


# ---- POST


def _begin(words: Words) -> Any:
    return asking.ask(words.pid(), "begin", question=words.question())


def _drop(words: Words) -> Any:
    return asking.ask(words.pid(), "drop", job=words.whole("job"))


_CHANGES: Mapping[str, Callable[[Words], Any]] = {"api/begin": _begin, "api/drop": _drop}


# ---- errors

_STATUS: tuple[tuple[type[Exception], str], ...] = (
    (OptionError, "400 Bad Request"),
    (AlreadyStartedError, "409 Conflict"),
    (asking.NoAnswer, "504 Gateway Timeout"),
    (ProcessError, "404 Not Found"),
    (NotStartedError, "503 Service Unavailable"),
    (UnsupportedError, "503 Service Unavailable"),
    (WriteError, "507 Insufficient Storage"),
    (MemwatchError, "409 Conflict"),
)


def _tell(error: Exception) -> Answer:
    """One of memwatch's errors with its text, any other only with its type, since its text may contain data."""
    found = next((status for kind, status in _STATUS if isinstance(error, kind)), "500 Internal Server Error")
    text = str(error) if isinstance(error, MemwatchError) else describe_error(error)
    return say(found, text)
