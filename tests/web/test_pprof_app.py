"""Profiles and metrics that are fetched: over WSGI and ASGI, by whoever knows the token."""

from __future__ import annotations

import asyncio
import base64
import shutil
import subprocess
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

import memwatch
from memwatch import backend, formats
from memwatch.errors import OptionError
from memwatch.export import heap

TOKEN = "a-token-of-some-length"
BEARER = f"Bearer {TOKEN}"
HEAP = "/debug/pprof/heap"
native = pytest.mark.skipif(backend.name != "native", reason="the sampler is in the C extension")
GO = shutil.which("go")
KEPT: list[bytearray] = []


@pytest.fixture
def app():
    yield memwatch.web.pprof_app(TOKEN)
    heap.stop_sampling()
    KEPT.clear()


def ask_wsgi(app, path, authorization="", method="GET"):
    """Status, headers and body."""
    environ, said = {"PATH_INFO": path, "REQUEST_METHOD": method, "HTTP_AUTHORIZATION": authorization}, []
    environ |= {"QUERY_STRING": "", "SCRIPT_NAME": ""}
    setup_testing_defaults(environ)
    body = validator(app)(environ, lambda status, headers, error=None: said.append((status, dict(headers))))
    try:
        return int(said[0][0][:3]), said[0][1], b"".join(body)
    finally:
        body.close()


def ask_asgi(app, path, authorization="", method="GET"):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b""}

    headers = [(b"authorization", authorization.encode("latin-1"))]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(app(scope, receive, send))
    headers = {name.decode().title(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, sent[1]["body"]


both = pytest.mark.parametrize("ask", [ask_wsgi, ask_asgi])


@native
@both
def test_a_profile_is_fetched(app, ask):
    KEPT.extend(bytearray(1 << 20) for _ in range(64))
    status, headers, body = ask(app, f"/mounted{HEAP}", BEARER)
    assert status == 200 and headers["Content-Length"] == str(len(body))
    assert formats.read(body).root.total_bytes == pytest.approx(64 << 20, rel=0.5)


@both
def test_metrics_are_fetched(app, ask):
    memwatch.start(pace="service", tick=60.0, sample=60.0, profile=False)
    memwatch.gc()
    status, headers, body = ask(app, "/metrics", BEARER)
    assert status == 200 and headers["Content-Type"].startswith("text/plain") and b"memwatch_base_bytes " in body


@both
@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer wrong-token-of-some-length",
        TOKEN,
        "Basic ???",
        "Digest x",
        "Bearer \xff\xfe",
        f"Basic {TOKEN}",
    ],
)
def test_without_the_token_nothing_is_told(app, ask, authorization):
    for path in (HEAP, "/metrics", "/else"):
        status, headers, body = ask(app, path, authorization)
        assert status == 401 and "Www-Authenticate" in {name.title() for name in headers} and TOKEN.encode() not in body


def test_the_token_may_be_the_password_of_a_url(app):
    secret = base64.b64encode(f"any:{TOKEN}".encode()).decode()
    assert ask_wsgi(app, "/metrics", f"Basic {secret}")[0] == 200


@both
def test_other_paths_and_methods(app, ask):
    assert ask(app, "/debug/pprof/profile", BEARER)[0] == 404
    assert ask(app, "/metrics", BEARER, "POST")[0] == 405
    status, _, body = ask(app, "/metrics", BEARER, "HEAD")
    assert (status, body) == (200, b"")


@pytest.mark.parametrize("token", ["", "short", None, b"a-token-of-some-length", "with a line\nbreak in it", "ä" * 20])
def test_a_token_must_be_one(token):
    with pytest.raises(OptionError, match="token"):
        memwatch.web.pprof_app(token)


def test_what_cannot_be_had_is_said(app, monkeypatch, caplog):
    heap.stop_sampling()
    status, _, body = ask_wsgi(app, HEAP, BEARER)
    assert status == 503 and b"no heap profile" in body
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    status, _, body = ask_wsgi(app, "/metrics", BEARER)
    assert status == 503 and b"memwatch[prometheus]" in body


def test_other_kinds_of_connections_are_closed(app):
    asyncio.run(app({"type": "lifespan"}, None, None))


class Silent(WSGIRequestHandler):
    def log_message(self, format, *args):
        pass


@native
@pytest.mark.clients
@pytest.mark.skipif(GO is None, reason="needs go")
def test_go_tool_pprof_fetches_it(app, tmp_path):
    KEPT.extend(bytearray(1 << 20) for _ in range(64))
    with make_server("127.0.0.1", 0, app, handler_class=Silent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://any:{TOKEN}@127.0.0.1:{server.server_port}{HEAP}"
        done = subprocess.run(
            [GO, "tool", "pprof", "-top", url], capture_output=True, text=True, check=False,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        server.shutdown()
        thread.join()
    assert done.returncode == 0 and "Type: inuse_space" in done.stdout, done.stderr
