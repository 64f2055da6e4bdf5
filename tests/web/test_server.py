"""`memwatch.serve`: the page on a port of its own, with clients who are many, slow or gone, and beside a fork."""

from __future__ import annotations

import contextlib
import gc
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import weakref

import pytest

import memwatch
from memwatch.backend import fork_warning
from memwatch.errors import OptionError, UnsupportedError
from memwatch.web import server as module

from .conftest import TOKEN, forget, until

HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def served():
    memwatch.start(tick=0.05)
    with memwatch.serve(token=TOKEN) as server:
        yield server
    forget()


def ask(server, path, method="GET", headers=None, body=None):
    connected = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connected.request(method, path, body, {**HEADERS, **(headers or {})})
        answer = connected.getresponse()
        return answer.status, answer.read()
    finally:
        connected.close()


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def test_it_is_there_until_it_is_closed(served):
    assert served.url == f"http://127.0.0.1:{served.port}/#token={TOKEN}" and TOKEN not in repr(served)
    assert ask(served, "/")[0] == 200
    assert json.loads(ask(served, "/api/processes")[1])["pid"] == os.getpid()
    assert ask(served, "/api/begin", "POST", {"Content-Type": "application/json"}, b'{"ask": "gc"}')[0] == 200
    assert ask(served, "/api/processes", headers={"Host": "evil.example"})[0] == 403
    served.close()
    served.close()
    with pytest.raises(ConnectionRefusedError):
        connect(served)
    assert not [thread for thread in threading.enumerate() if thread.name == "memwatch-web" and thread.is_alive()]


def test_each_has_a_token_of_its_own():
    try:
        with memwatch.serve() as one, memwatch.serve() as other:
            assert one.token != other.token and len(one.token) >= 16 and one.port != other.port
            assert ask(one, "/api/processes", headers={"Authorization": f"Bearer {other.token}"})[0] == 401
    finally:
        forget()


@pytest.mark.parametrize(
    "options",
    [{"port": -1}, {"port": 65536}, {"port": "80"}, {"port": True}, {"token": "short"}, {"host": ""}, {"host": 7}],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(OptionError):
        memwatch.serve(**options)


def test_a_port_that_cannot_be_had(served):
    with pytest.raises(UnsupportedError, match="nothing can listen"):
        memwatch.serve(port=served.port)
    with pytest.raises(UnsupportedError, match="nothing can listen"):
        memwatch.serve(host="256.1.1.1")


@pytest.mark.parametrize(
    "sent",
    [b"", b"\r\n\r\n", b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00" * 9,
     b"GET " + b"/x" * 40_000 + b" HTTP/1.1\r\n\r\n",
     b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300 + b"\r\n", b"POST /api/begin HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
     b"POST /api/begin HTTP/1.1\r\nContent-Length: 99\r\n\r\n{", b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_request_ends_its_own_connection_alone(served, capfd, sent):
    with connect(served) as client, contextlib.suppress(OSError):
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass
    assert ask(served, "/api/processes")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_a_guest_who_says_nothing_is_sent_away(served, monkeypatch):
    monkeypatch.setattr(module, "_ASKING", 0.2)
    with connect(served) as client:
        client.sendall(b"GET / HT")
        assert client.recv(1) == b""  # within two turns of the server
    until(lambda: not served._listener._until)
    assert ask(served, "/")[0] == 200


def test_one_who_does_not_read_holds_nobody_up(served):
    with connect(served) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert ask(served, "/api/processes")[0] == 200


@pytest.mark.slow
def test_of_a_thousand_guests_a_few_are_let_in(served, monkeypatch):
    monkeypatch.setattr(module, "_ASKING", 3600.0)
    threads = threading.active_count()
    with contextlib.ExitStack() as all_of_them:
        clients = [all_of_them.enter_context(connect(served)) for _ in range(200)]
        for _ in range(4):  # four times as many, that leave at once
            for _ in range(200):
                connect(served).close()
        assert threading.active_count() - threads <= module._MOST_CLIENTS
        assert len(served._listener._until) <= module._MOST_CLIENTS
        assert clients[-1].recv(12).endswith(b"503")
    until(lambda: not served._listener._until)
    until(lambda: ask(served, "/api/processes")[0] == 200)


def _is_open(descriptor, was):
    try:
        return os.path.samestat(os.fstat(descriptor), was)
    except OSError:
        return False


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_listen(served):
    with connect(served) as client:
        until(lambda: served._listener._until)
        assert {served._thread.native_id} < fork_warning._threads, "no fork warns of those that serve"
        inherited = [(it.fileno(), os.fstat(it.fileno())) for it in (served._listener.socket, *served._listener._until)]
        child = os.fork()
        if not child:
            os._exit(any(_is_open(*it) for it in inherited))
        assert os.waitpid(child, 0)[1] == 0
        client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert client.recv(12).endswith(b"200")
    assert ask(served, "/")[0] == 200


def test_a_server_that_is_dropped_goes_on_until_it_is_closed():
    try:
        server = memwatch.serve(token=TOKEN)
        listener = weakref.ref(server._listener)
        server.close()
        del server
        until(lambda: gc.collect() is not None and listener() is None)
    finally:
        forget()


@pytest.mark.slow
def test_a_program_ends_with_its_page_open():
    code = (
        "import memwatch, socket, time\n"
        "server = memwatch.serve()\n"
        "client = socket.create_connection(('127.0.0.1', server.port))\n"
        "client.sendall(b'GET / HT')\n"
        "time.sleep(0.1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "" and done.stderr == ""
