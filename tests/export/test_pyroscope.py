"""Heap profiles arrive where a Pyroscope server would take them."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qs, urlsplit

import pytest

from memwatch import backend, formats, signals
from memwatch.clock import Clock
from memwatch.errors import OptionError
from memwatch.export import heap, pyroscope
from memwatch.formats import pprof

GO = shutil.which("go")
native = pytest.mark.skipif(backend.name != "native", reason="the sampler is in the C extension")
KEPT: list[bytearray] = []


@pytest.fixture(autouse=True)
def stopped():
    yield
    pyroscope.stop()
    KEPT.clear()


def allocate():
    KEPT.extend(bytearray(1 << 20) for _ in range(64))


def parts_of(headers, body):
    """The parts of a form by their names."""
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body
    )
    return {part.get_param("name", header="content-disposition"): part.get_content() for part in message.iter_parts()}


def push(receiver, **options):
    """The request of one push, and the profile in it."""
    assert pyroscope.start(f"http://{receiver.place}/", "shop.worker", **options)
    allocate()
    (pusher,) = pyroscope._started
    pusher.push()
    pusher.box.close(5)
    ((path, headers, body),) = receiver.requests
    return path, headers, parts_of(headers, body)["profile"]


@native
def test_a_profile_is_pushed(receiver, watched):
    path, headers, profile = push(receiver, labels={"region": "eu", "env": "test"}, headers={"X-Scope-OrgID": "7"})
    asked = {name: value[0] for name, value in parse_qs(urlsplit(path).query).items()}
    assert urlsplit(path).path == "/ingest" and asked["name"] == "shop.worker{env=test,region=eu}"
    assert (asked["format"], asked["spyName"]) == ("pprof", "memwatch") and int(asked["until"]) > int(asked["from"])
    assert headers["X-Scope-OrgID"] == "7"
    tree = formats.read(profile)
    assert tree.root.total_bytes == pytest.approx(64 << 20, rel=0.5)
    assert "allocate" in {node.function for node in walk(tree.root)}


def walk(node):
    yield node
    for child in node.children:
        yield from walk(child)


@native
def test_each_profile_is_what_is_held_then_whatever_was_sent_before(watched, monkeypatch, fake_clock):
    monkeypatch.setattr(Clock, "monotonic", fake_clock)
    heap.start_sampling()
    profiles = pyroscope.Profiles("shop")
    for _ in range(3):
        KEPT[:-20] = []
        allocate()
        fake_clock.advance(15)
        body, headers, _ = profiles.make()
        sent, now = formats.read(parts_of(headers, body)["profile"]), heap.read_heap()
        assert own_bytes(sent.root) == own_bytes(now.root) and own_bytes(now.root)


def own_bytes(root):
    """What each function of this module holds itself, with its size and its number."""
    here = [node for node in walk(root) if node.self_bytes and node.file == __file__]
    return {(node.function, node.line): (node.self_bytes, node.self_count, node.allocations) for node in here}


@native
@pytest.mark.clients
@pytest.mark.skipif(GO is None, reason="needs go")
def test_go_reads_what_is_pushed(receiver, watched, tmp_path):
    _, _, profile = push(receiver)
    (tmp_path / "pushed.pb.gz").write_bytes(profile)
    done = subprocess.run(
        [GO, "tool", "pprof", "-top", tmp_path / "pushed.pb.gz"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "Type: inuse_space" in done.stdout and "allocate" in done.stdout, done.stderr


def test_only_the_memory_in_use_is_in_it():
    written = pprof.write(formats.CallTree(heap.build(())), live_only=True)
    assert b"alloc_space" not in io.BytesIO(__import__("gzip").decompress(written)).read()


@native
def test_ticks_push_when_it_is_time_and_only_the_newest_waits(receiver, watched, monkeypatch, fake_clock):
    monkeypatch.setattr(Clock, "monotonic", fake_clock)
    assert pyroscope.start(f"http://{receiver.place}", "shop", every=10)
    (pusher,) = pyroscope._started
    monkeypatch.setattr(pusher.box, "_start", lambda: None)  # the receiver is down
    for _ in range(35):
        fake_clock.advance(1)
        signals.tick.publish(None, None)
    assert len(pusher.box._items) == 1 and receiver.requests == []


@native
def test_starting_again_replaces_and_stopping_ends_it(receiver, watched):
    for _ in range(3):
        assert pyroscope.start(f"http://{receiver.place}", "shop")
    assert len(pyroscope._started) == 1 and heap.is_sampling()
    pyroscope.stop()
    assert not signals.tick.receivers and not heap.is_sampling()


@pytest.mark.parametrize(
    ("name", "labels"), [("", {}), ("a b", {}), (None, {}), ("a", {"x y": "1"}), ("a", {"x": "a,b"}), ("a", {"x": 1})]
)
def test_names_that_would_break_the_url(name, labels):
    with pytest.raises(OptionError):
        pyroscope.start("http://127.0.0.1:1", name, labels)


@pytest.mark.parametrize("options", [{"url": "ftp://x"}, {"url": None}, {"every": 0}, {"every": "1"}])
def test_options_out_of_range(options):
    with pytest.raises(OptionError):
        pyroscope.start(**{"url": "http://127.0.0.1:1", "name": "a", **options})


@native
def test_without_urllib3_it_is_logged_once(watched, monkeypatch, warnings):
    for name in ("memwatch.http", "memwatch.export.outbox"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "urllib3", None)
    assert not pyroscope.start("http://127.0.0.1:1", "a") and not pyroscope.start("http://127.0.0.1:1", "a")
    (said,) = warnings()
    assert "pip install 'memwatch[http]'" in said


def test_without_the_sampler_it_is_logged_once(monkeypatch, warnings):
    monkeypatch.setattr(backend, "samples", False)
    assert not pyroscope.start("http://127.0.0.1:1", "a")
    assert not pyroscope.start("http://127.0.0.1:1", "a")
    (said,) = warnings()
    assert "heap profiles need the C extension" in said
