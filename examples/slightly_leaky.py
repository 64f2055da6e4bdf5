"""A small server that keeps ten strings of 4 KiB a second by mistake, and its two clients.

It knows nothing of memwatch. Watch it leak:  memwatch run examples/slightly_leaky.py
"""

import argparse
import threading
import time
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer

FILLER = ", long enough to be noticed" * 152
REQUEST_PAUSE = 0.3
STRINGS_A_SECOND = 10
kept: list[str] = []


class Greeter(BaseHTTPRequestHandler):
    """Answers every GET; what it allocates dies with the request."""

    def do_GET(self) -> None:
        body = f"{time.time():.3f}: {', '.join(map(str, range(200)))}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: the terminal belongs to the watcher."""


def leak_a_little(number: int) -> None:
    kept.append(f"{number} on a stick" + FILLER)


def visit(port: int, over: threading.Event) -> None:
    """One client: a request, a pause, and again until *over* is set."""
    while not over.wait(REQUEST_PAUSE):
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        connection.getresponse().read()
        connection.close()


def main(seconds: float) -> None:
    server = HTTPServer(("127.0.0.1", 0), Greeter)
    over = threading.Event()
    clients = [threading.Thread(target=visit, args=(server.server_port, over)) for _ in range(2)]
    serving = threading.Thread(target=server.serve_forever)
    for thread in (serving, *clients):
        thread.start()
    print(f"serving on 127.0.0.1:{server.server_port}, two clients, ten strings kept a second", flush=True)
    start = time.monotonic()
    for number in range(round(seconds * STRINGS_A_SECOND)):
        leak_a_little(number)
        time.sleep(max(0.0, start + (number + 1) / STRINGS_A_SECOND - time.monotonic()))
    over.set()
    for client in clients:
        client.join()
    server.shutdown()
    serving.join()
    server.server_close()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=80, help="how long to serve")
    main(arguments.parse_args().seconds)
