"""What a label of its route costs a small FastAPI request, by four ways to give it one.

    pip install fastapi; python benchmarks/labels.py [--rounds N]

Rounds of 100 requests without a server, each way in each round; of the processor time per request the median, and the
median of what is more than in the same round without labels. "set only" leaves the label to the request's context.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import fastapi
from starlette import routing

from memwatch.backend.allocations.context_labels import CURRENT, number_of
from memwatch.labels import frameworks

Handle = Callable[..., Awaitable[None]]
SCOPE = {
    "type": "http", "http_version": "1.1", "method": "GET", "path": "/orders/7", "raw_path": b"/orders/7",
    "query_string": b"", "headers": [], "root_path": "", "scheme": "http", "server": ("x", 80), "client": ("y", 1),
}  # fmt: skip


def set_only(handle: Handle) -> Handle:
    """A label that nobody takes back, found by the route and the method."""
    known: dict[tuple[int, str], int] = {}

    def handled(self: Any, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        key = id(self), scope["method"]
        if key not in known:
            known[key] = number_of(0, (("route", f"{scope['method']} {self.path}"),))
        CURRENT.set(known[key])
        return handle(self, scope, receive, send)

    return handled


def nothing(handle: Handle) -> Handle:
    """A function around it: what any way takes that hooks in here."""

    def handled(self: Any, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        return handle(self, scope, receive, send)

    return handled


async def receive() -> dict[str, Any]:
    """A request without a body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(_message: Any) -> None:
    """A client that takes everything."""


async def measure(app: Any, ways: dict[str, list[Any]], classes: list[Any], rounds: int) -> dict[str, list[float]]:
    """Processor time of a request in microseconds, by way and round."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, handles in ways.items():
            for one, handle in zip(classes, handles, strict=True):
                one.handle = handle
            begun = time.process_time()
            for _ in range(100):
                await app(dict(SCOPE), receive, send)
            spent[name].append((time.process_time() - begun) * 1e4)
    return spent


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=400)
    rounds = parser.parse_args().rounds
    app = fastapi.FastAPI(openapi_url=None)

    async def order(number: int) -> int:
        return number

    app.get("/orders/{number}")(order)
    classes = [routing.Route, fastapi.routing.APIRoute]
    plain = [one.handle for one in classes]
    frameworks.label_fastapi(app)
    ways = {
        "no labels": plain,
        "no labels, again": plain,
        "label_fastapi": [one.handle for one in classes],
        "set only": [set_only(plain[0]), plain[1]],
        "a function around it": [nothing(plain[0]), plain[1]],
    }
    spent = asyncio.run(measure(app, ways, classes, rounds))
    for name, times in spent.items():
        more = statistics.median(a - b for a, b in zip(times, spent["no labels"], strict=True))
        print(f"{name:22} {statistics.median(times):6.2f} us, {more:+.2f}")


if __name__ == "__main__":
    main()
