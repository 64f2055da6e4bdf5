"""No trace outlives its test; a receiver of records that answers as badly as a test wants."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from memwatch.trace import exporters, tracer

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


@pytest.fixture(autouse=True)
def _no_trace_left() -> Iterator[None]:
    yield
    tracer.active = tracer._latest = None
    exporters._exporters = ()
    exporters._faults.forget_all()
    tracer.current.set(None)
