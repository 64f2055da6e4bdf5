"""What the tests of this folder share: a page of this process, and ways to ask it by both protocols."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

import memwatch
from memwatch.reach import curve
from memwatch.reach.jobs import JOBS

TOKEN = "a-token-of-some-length"


class Asked:
    """An answer: its status, its headers and its body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def headers_of(given: dict[str, str] | None) -> dict[str, str]:
    """Those of a page that knows the token, and *given* over them; None leaves one out."""
    usual = {"Host": "127.0.0.1:8000", "Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    return {name: text for name, text in (usual | (given or {})).items() if text is not None}


def by_wsgi(app, path, method="GET", headers=None, query="", body=b"", mount=""):
    environ, said = {"PATH_INFO": path, "REQUEST_METHOD": method, "QUERY_STRING": query, "SCRIPT_NAME": mount}, []
    for name, text in headers_of(headers).items():
        environ[("" if name == "Content-Type" else "HTTP_") + name.upper().replace("-", "_")] = text
    if method == "POST":
        environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    setup_testing_defaults(environ)
    sent = validator(app)(environ, lambda status, headers, error=None: said.append((status, dict(headers))))
    try:
        return Asked(int(said[0][0][:3]), said[0][1], b"".join(sent))
    finally:
        sent.close()


def by_asgi(app, path, method="GET", headers=None, query="", body=b"", mount=""):
    sent, pieces = [], [body[:10], body[10:]]

    async def receive():
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message):
        sent.append(message)

    given = [(name.lower().encode(), text.encode("latin-1")) for name, text in headers_of(headers).items()]
    scope = {
        "type": "http", "method": method, "path": mount + path, "root_path": mount, "headers": given,
        "query_string": query.encode(), "scheme": "http",
    }  # fmt: skip
    asyncio.run(getattr(app, "asgi", app)(scope, receive, send))
    found = {name.decode().title(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Asked(sent[0]["status"], found, b"".join(message["body"] for message in sent[1:]))


both = pytest.mark.parametrize("by", [by_wsgi, by_asgi])


@pytest.fixture
def page() -> Iterator[Any]:
    memwatch.start(tick=0.05, pause_budget=10.0)  # enough for the heap of a whole run of tests
    yield memwatch.web.wsgi_app(token=TOKEN)
    forget()


def forget() -> None:
    memwatch.stop()
    curve.end_curve()
    for job in list(JOBS.list()):
        JOBS.drop(job["job"])


def post(app, path, by=by_wsgi, headers=None, **words):
    return by(app, path, "POST", headers, body=json.dumps(words).encode())


def finish(app, number: int, meanwhile: Callable[[], object] = lambda: None, seconds: float = 60.0) -> dict[str, Any]:
    """The job when it is over; *meanwhile* is called again and again."""
    job: dict[str, Any] = {}

    def is_over() -> bool:
        meanwhile()
        asked = by_wsgi(app, "/api/job", query=f"job={number}")
        if asked.status == 504:  # memwatch's thread is at it
            return False
        job.update(asked.json)
        return job["state"] != "running"

    until(is_over, seconds)
    return job


def until(is_true: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)
