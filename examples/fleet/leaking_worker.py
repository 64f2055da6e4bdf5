"""A worker that leaks, told to whatever is at hand: Prometheus, Sentry, OpenTelemetry, Pyroscope, a webhook.

    python leaking_worker.py --prometheus 9464 --seconds 300
    prometheus --config.file=prometheus.yml          # in this folder, beside it

It handles orders and forgets none of them. The leak is told after about a minute and a half; then http://127.0.0.1:9090/alerts
shows the alert MemoryLeak, which names the type, the holder and the line.
"""

from __future__ import annotations

import argparse
import time

import memwatch

ORDERS: dict[int, Order] = {}


class Order:
    """An order that nobody asks for any more."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.text = f"order {number} " * 500


def handle(number: int) -> None:
    ORDERS[number] = Order(number)


def connect(options: argparse.Namespace) -> None:
    """Tell those of whom the command line speaks."""
    if options.prometheus is not None:
        from prometheus_client import start_http_server

        memwatch.export.prometheus.register()
        start_http_server(options.prometheus, addr="127.0.0.1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prometheus", type=int, metavar="PORT", help="serve metrics there")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to work (5)")
    options = parser.parse_args()
    memwatch.start(pace="job")  # a service needs no argument; it decides within hours
    memwatch.on("leak", memwatch.handlers.log_leaks())
    connect(options)
    number, end = 0, time.monotonic() + options.seconds
    while time.monotonic() < end:
        for _ in range(20):
            number += 1
            handle(number)
        time.sleep(0.05)
    print(f"{number} orders handled, {len(ORDERS)} kept")


if __name__ == "__main__":
    main()
