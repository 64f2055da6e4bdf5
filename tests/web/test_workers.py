"""The page in a Flask application with several workers of gunicorn: whichever gets a request, the one that is meant
answers."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from .conftest import TOKEN, until

pytest.importorskip("flask")
pytest.importorskip("gunicorn", reason="gunicorn is not for this system")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="needs sockets of other processes")]

SHOP = """
import flask, memwatch
app = flask.Flask(__name__)
SEEN = {}

@app.get("/orders/<int:number>")
def order(number):
    SEEN[number] = [f"line {n}" for n in range(number % 20)]
    return {}

app.wsgi_app = memwatch.web.wsgi_app(app.wsgi_app)
"""


@pytest.fixture
def port(tmp_path):
    (tmp_path / "shop.py").write_text(SHOP)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        # gunicorn takes a socket that is there, so that nobody else can have taken its port
        command = [sys.executable, "-m", "gunicorn", "-b", f"fd://{listening.fileno()}", "-w", "2", "--timeout", "300"]
        command += ["--log-level", "warning", "shop:app"]
        environment = os.environ | {"MEMWATCH_TOKEN": TOKEN, "HOME": str(tmp_path)}
        running = subprocess.Popen(
            command, cwd=tmp_path, env=environment, pass_fds=[listening.fileno()], start_new_session=True
        )
        try:
            yield listening.getsockname()[1]
        finally:
            os.killpg(running.pid, signal.SIGTERM)
            try:
                running.wait(60)
            finally:
                running.kill()


def ask(port, path, body=None):
    connected = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        connected.request("GET" if body is None else "POST", path, body and json.dumps(body), headers)
        answer = connected.getresponse()
        return answer.status, answer.read()
    finally:
        connected.close()


def read(port, path, body=None):
    status, found = ask(port, f"/memwatch/api/{path}", body)
    assert status == 200, found
    return json.loads(found)


def test_each_worker_can_be_asked_by_way_of_any_other(port):
    def pids():
        return [it["pid"] for it in read(port, "processes")["processes"] if not it.get("error")]

    until(lambda: len(pids()) == 2, 120)
    assert ask(port, "/orders/7")[0] == 200
    for pid in pids():
        job = read(port, "begin", {"pid": pid, "ask": "gc"})["job"]
        until(lambda: read(port, f"job?pid={pid}&job={job}")["state"] == "done", 120)  # noqa: B023 - called at once
        assert {it["job"] for it in read(port, f"jobs?pid={pid}")["jobs"]} == {job}
        assert "base" in read(port, f"readings?pid={pid}")
    assert ask(port, f"/memwatch/api/jobs?pid={os.getpid()}")[0] == 404, "another program's process is not its business"
