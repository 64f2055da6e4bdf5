"""Whatever a receiver does, nobody waits for it, what waits is bounded, and it is told once."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
import textwrap
import time
from functools import partial

import pytest

from memwatch.export import outbox
from memwatch.export.outbox import Outbox
from memwatch.targets import make_target

OPENSSL = shutil.which("openssl")
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def make_box(monkeypatch):
    """Boxes whose tries are short; closed behind the test."""
    made = []
    monkeypatch.setattr(outbox, "_TIMEOUT", 0.3)
    monkeypatch.setattr(outbox, "_TOTAL", 0.5)

    def make(url, **options):
        box = Outbox("the test", make_target(url), **options)
        made.append(box)
        return box

    yield make
    for box in made:
        box._items.clear()
        box.close(5)


def settle(box, seconds=10.0):
    """Until the thread has nothing to do."""
    deadline = time.monotonic() + seconds
    while box._runs and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not box._runs


def bodies(receiver):
    return [body for _, _, body in receiver.requests]


def test_what_is_put_in_arrives_in_order_over_one_connection(receiver, make_box):
    box = make_box(receiver.url)
    for number in range(5):
        box.put(b"%d" % number, JSON)
    settle(box)
    assert bodies(receiver) == [b"0", b"1", b"2", b"3", b"4"]
    assert receiver.requests[0][1]["Content-Type"] == "application/json"


def test_a_busy_receiver_gets_it_again(receiver, make_box, warnings):
    receiver.answers = [503]
    box = make_box(receiver.url)
    box.put(b"leak", JSON)
    settle(box)
    assert bodies(receiver) == [b"leak", b"leak"] and warnings() == []


@pytest.mark.parametrize("status", [400, 404, 413])
def test_what_is_refused_is_logged_once_and_not_sent_again(receiver, make_box, warnings, status):
    receiver.answers = [status, status]
    box = make_box(receiver.url)
    box.put(b"a", JSON)
    box.put(b"b", JSON)
    settle(box)
    assert bodies(receiver) == [b"a", b"b"] and not box._items
    (said,) = warnings()
    assert f"answered {status}" in said and "(logged once)" in said


def hang(handler, receiver):
    receiver.released.wait(10)


def garbage(handler):
    handler.wfile.write(b"\x00\xff SSH-2.0 hello\r\n\r\n")
    handler.close_connection = True


def around(handler):
    handler.send_response(307)
    handler.send_header("Location", "/marks")
    handler.end_headers()


@pytest.mark.parametrize("bad", [hang, garbage, 500, around])
def test_a_bad_receiver_is_logged_once_and_tried_again_later(receiver, make_box, warnings, monkeypatch, bad):
    receiver.answers = [partial(bad, receiver=receiver) if bad is hang else bad] * 20
    box = make_box(receiver.url)
    begun = time.monotonic()
    box.put(b"leak", JSON)
    assert time.monotonic() - begun < 4
    settle(box)
    assert len(warnings()) == 1 and len(box._items) == 1
    box._again(None, None)
    assert not box._runs  # it rests for a minute
    receiver.answers.clear()
    box._retry_at = 0.0
    box._again(None, None)
    settle(box)
    assert not box._items and bodies(receiver)[-1] == b"leak" and len(warnings()) == 1


def test_a_receiver_that_is_down_for_a_day_costs_bounded_memory(make_box, monkeypatch, fake_clock, warnings):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        box = make_box(f"http://127.0.0.1:{closed.getsockname()[1]}/")
        monkeypatch.setattr(box._sender, "post", down)
        monkeypatch.setattr(outbox.Clock, "monotonic", fake_clock)
        for _ in range(24 * 6):
            fake_clock.advance(600)
            box.put(bytes(50_000), JSON)
            box._again(None, None)
            settle(box)
        assert 60 <= len(box._items) <= 64 and sum(len(item.body) for item in box._items) <= 4 << 20
        big = make_box(f"http://127.0.0.1:{closed.getsockname()[1]}/")
        big._runs = True  # nothing leaves it
        for _ in range(100):
            big.put(bytes(1 << 20), JSON)
        assert len(big._items) == 4
        big._runs = False
    assert len(warnings()) == 1


def down(body, headers, query):
    raise outbox.ExportError("it is down")


@pytest.mark.skipif(OPENSSL is None, reason="openssl makes the certificate")
def test_a_certificate_that_is_not_trusted(make_box, warnings, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        box = make_box(f"https://127.0.0.1:{server.getsockname()[1]}/")
        box.put(b"leak", JSON)
        connection, _ = server.accept()
        with pytest.raises(ssl.SSLError), connection:
            context.wrap_socket(connection, server_side=True)
        settle(box)
    assert "its certificate is not valid" in warnings()[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_connections_of_its_own_and_nothing_of_its_parent(receiver, make_box):
    box = make_box(receiver.url)
    box.put(b"before", JSON)
    settle(box)
    box._items.append(outbox.Item(b"the parent's", JSON, ""))
    if not os.fork():
        box.put(b"child", JSON)
        settle(box)
        os._exit(0)
    os.wait()
    box.put(b"after", JSON)
    settle(box)
    assert bodies(receiver) == [b"before", b"child", b"the parent's", b"after"]


def run(code, *arguments):
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done, time.monotonic() - begun


AT_EXIT = """
import sys
from memwatch.export.outbox import Outbox
from memwatch.targets import make_target
box = Outbox("the test", make_target(sys.argv[1]))
for number in range(3):
    box.put(b"last %d" % number, {})
"""


def test_the_exit_sends_what_waits(receiver):
    done, _ = run(AT_EXIT, receiver.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert bodies(receiver) == [b"last 0", b"last 1", b"last 2"]


def test_the_exit_does_not_wait_long_for_a_slow_receiver(receiver):
    receiver.answers = [partial(hang, receiver=receiver)] * 9
    _, least = run("import memwatch.export.outbox")
    done, took = run(AT_EXIT, receiver.url)
    assert done.returncode == 0 and took - least < 5


FORKS = """
import os, sys, time
from memwatch.export.outbox import Outbox
from memwatch.targets import make_target
box = Outbox("the test", make_target(sys.argv[1]))
for _ in range(20):
    box.put(b"x", {})
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forks_do_not_warn_of_the_thread(receiver):
    done, _ = run(FORKS, receiver.url)
    assert (done.returncode, done.stderr) == (0, "")


IMPORTS = """
import sys, time
import memwatch
hook = memwatch.handlers.Webhook(sys.argv[1])
before = set(sys.modules)
hook._box.put(b"x", {})
hook.close()
print(sorted(set(sys.modules) - before))
"""


def test_the_thread_imports_nothing(receiver):
    done, _ = run(IMPORTS, receiver.url.replace("127.0.0.1", "localhost"))
    assert (done.stdout, done.stderr) == ("[]\n", "")
