"""A server that does next to nothing and keeps nothing: watched all its life, it gives no alarm.

Once a second memwatch collects and says what is left; the base stays level, so memwatch itself does not leak either.
"""

import argparse
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import memwatch


class Nothing(BaseHTTPRequestHandler):
    """Answers every GET with an empty page."""

    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: only what memwatch says is printed."""


@memwatch.on("stats")
def print_base(stats: memwatch.Stats) -> None:
    print(f"base {stats.current_base / 2**20:6.2f} MiB, trend {stats.usage_trend:+.1f} %, {stats.num_full_gc} full GCs")


@memwatch.on("leak")
def print_leak(leak: memwatch.Leak) -> None:
    print(f"LEAK {leak.reason}")


def main(seconds: float) -> None:
    server = HTTPServer(("127.0.0.1", 0), Nothing)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/", timeout=10).close()
        memwatch.gc()
        time.sleep(1)
    server.shutdown()
    serving.join()
    server.server_close()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=10, help="how long to serve")
    main(arguments.parse_args().seconds)
