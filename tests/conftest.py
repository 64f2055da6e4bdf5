"""What all tests share: the backend is named and checked, no watcher outlives its test, time can be made by hand, and
a receiver of requests answers as badly as a test wants.
"""

from __future__ import annotations

import atexit
import gzip
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

import memwatch

os.environ["XDG_RUNTIME_DIR"] = _sockets = tempfile.mkdtemp(prefix="mw")  # of watched processes, below us too
_pid = os.getpid()
atexit.register(lambda: _pid == os.getpid() and shutil.rmtree(_sockets, ignore_errors=True))


class FakeClock:
    """Seconds that pass only when a test says so; call it to read them."""

    def __init__(self, start: float = 1000.0) -> None:
        self.now = start

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> float:
        """Let *seconds* pass; the new time."""
        self.now += seconds
        return self.now


def pytest_report_header() -> str:
    return f"memwatch backend: {memwatch.backend.name} ({memwatch.backend.reason})"


def pytest_sessionstart() -> None:
    asked = os.environ.get("MEMWATCH_BACKEND", "")
    if asked and asked != memwatch.backend.name:
        pytest.exit(f"MEMWATCH_BACKEND={asked}, but {memwatch.backend.name} is loaded: {memwatch.backend.reason}", 4)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell; processes we start inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--share", metavar="K/N", default="0/1", help="of the shared tests, run the K-th of N shares only (from 0)"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the shared tests of other shares; by name, so that each has its share whatever else is collected. The
    slow tests come first, with each worker of xdist its own, so that none of them is left over at the end."""
    share, most = map(int, config.getoption("--share").split("/"))
    left_out = {item for item in items if crc32(item.nodeid.encode()) % (n := _shares(item, most)) != share % n}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]
    if workers := getattr(config, "workerinput", {}).get("workercount", 0):
        slow = [item for item in items if item.get_closest_marker("slow")]
        rest = [item for item in items if not item.get_closest_marker("slow")]
        ends = [len(rest) * worker // workers for worker in range(workers + 1)]
        parts = [slow[worker::workers] + rest[ends[worker] : ends[worker + 1]] for worker in range(workers)]
        items[:] = [item for part in parts for item in part]


SAME_ON_EACH_VERSION = (
    *("assistant", "cli", "export", "flamegraph", "formats", "handlers", "profile", "reach", "recording", "render"),
    *("scenario", "suite", "top", "trace", "web", "test_allocation_web.py", "test_docs_code.py", "test_notebook.py"),
    *("test_on_demand.py", "test_pytest_plugin.py", "test_rules.py", "test_thresholds.py", "test_usage.py"),
)
"""Rooms that turn values into text and bytes, or call what other rooms test with each version."""

ABOVE_ANY_BACKEND = ("diagnosis", "watch")
"""Rooms that know no backend, and read what `heap` and `retain` give them."""


def _shares(item: pytest.Item, most: int) -> int:
    """Among how many runs of .ci/run it is shared out: one version is enough for what is slow, for the rooms above, and
    for the pure backend, on which every second commit is enough; every third for what stands above any backend."""
    room = item.path.relative_to(Path(__file__).parent).parts[0]
    if memwatch.backend.name == "pure":
        return max(1, most // (2 if room in ABOVE_ANY_BACKEND else 3))
    shared = item.get_closest_marker("slow") or room in SAME_ON_EACH_VERSION + ABOVE_ANY_BACKEND
    return most if shared else 1


@pytest.fixture
def size_of() -> Callable[[object], int]:
    """The bytes that the backend in use counts for an object."""
    if memwatch.backend.name == "pure":
        return sys.getsizeof
    from memwatch.backend._native import measure

    return measure


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a process that has not used memwatch yet."""
    from memwatch import default, signals

    memwatch.stop()
    monkeypatch.setattr(default._state, "stopped_by_hand", False)
    yield
    for event in signals.EVENTS.values():  # first: a receiver must not be busy in the next test
        event.receivers.clear()
    signals._connected.clear()
    memwatch.stop()


@pytest.fixture(autouse=True)
def _no_watcher_left() -> Iterator[None]:
    yield
    if "memwatch.default" in sys.modules and memwatch.watcher() is not None:
        memwatch.stop()
    if "memwatch.default" in sys.modules:
        sys.modules["memwatch.default"]._state.stopped_by_hand = False  # or no receiver of a later test starts one


Answer = Callable[[BaseHTTPRequestHandler], None]


class Receiver:
    """A server on the loopback. `answers` are used up one a request; after them it says 200.

    `requests` holds the path, headers and body of each request; `numbers` those of the records that were accepted.
    """

    def __init__(self) -> None:
        self.answers: list[Answer | int | tuple[int, dict[str, str]]] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.path, dict(self.headers), body))
                receiver.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.place}/marks"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        answer = self.answers.pop(0) if self.answers else 200
        if callable(answer):
            answer(handler)
            return
        status, headers = (answer, {}) if isinstance(answer, int) else answer
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    def packets(self) -> list[dict[str, Any]]:
        return [json.loads(gzip.decompress(body)) for _, _, body in self.requests]

    def numbers(self) -> list[int]:
        return [record["number"] for packet in self.packets() for record in packet["records"]]

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    made = Receiver()
    yield made
    made.close()
