"""A page that profiles its own server: start sampling, allocate flat or nested, stop, and look at the flame graph.

    python examples/allocation_web.py

Then open the address that it prints. Nothing is loaded from anywhere else.
"""

import argparse
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import memwatch

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Allocations</title>
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }}
  form {{ display: inline }}
  button {{ font: inherit; padding: .4rem .9rem }}
  iframe {{ border: 1px solid #8888; width: 100%; height: 38rem; margin-top: 1rem }}
</style>
<h1>Where was it allocated?</h1>
<p>{buttons}</p>
<p role="status">{status}</p>
{graph}
</html>
"""

kept: list[bytearray] = []
drawn = b""  # the flame graph of the last profile


def allocate_flat() -> None:
    for _ in range(200):
        kept.append(bytearray(4_000))


def allocate_nested() -> None:
    allocate_outer(3)


def allocate_outer(depth: int) -> None:
    kept.append(bytearray(100_000))
    if depth:
        allocate_inner(depth - 1)


def allocate_inner(depth: int) -> None:
    kept.extend(bytearray(30_000) for _ in range(10))
    allocate_outer(depth)


def start() -> str:
    memwatch.profile.start(sample_interval=4096)  # bytes: fine enough for what little this page allocates
    return "Sampling. What was allocated before stays invisible."


def flat() -> str:
    allocate_flat()
    return f"{len(kept)} buffers are kept."


def nested() -> str:
    allocate_nested()
    return f"{len(kept)} buffers are kept."


def stop() -> str:
    global drawn
    if not memwatch.profile.is_running():
        return "Start sampling first."
    profile = memwatch.profile.get()
    memwatch.profile.stop()
    drawn = profile.encode("flamegraph")
    return f"Stopped: {profile.root.total_bytes:,} bytes in {profile.root.total_count:,} allocations are still alive."


ACTIONS: dict[str, tuple[str, Callable[[], str]]] = {
    "/start": ("Start sampling", start),
    "/flat": ("Allocate flat", flat),
    "/nested": ("Allocate nested", nested),
    "/stop": ("Stop sampling", stop),
}


def show(status: str) -> bytes:
    form = '<form method="post" action="{}"><button>{}</button></form>'
    buttons = [form.format(path, text) for path, (text, _) in ACTIONS.items()]
    frame = '<iframe src="/graph" title="flame graph"></iframe>' if drawn else ""
    return PAGE.format(buttons=" ".join(buttons), status=status, graph=frame).encode()


class Application(BaseHTTPRequestHandler):
    """The page at ``/``, the flame graph at ``/graph``, and one address for each button."""

    def do_GET(self) -> None:
        pages = {"/": lambda: show("Not sampling yet."), "/graph": lambda: drawn}
        self.answer(pages.get(self.path))

    def do_POST(self) -> None:
        action = ACTIONS.get(self.path)
        self.answer((lambda: show(action[1]())) if action else None)

    def answer(self, make: Callable[[], bytes] | None) -> None:
        body = make() if make else b"There is no such page."
        self.send_response(200 if make else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: the address is all that is printed."""


def main(port: int, seconds: float | None) -> None:
    with ThreadingHTTPServer(("127.0.0.1", port), Application) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        if seconds is not None:
            threading.Timer(seconds, server.shutdown).start()
        server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    arguments.add_argument("--seconds", type=float, help="how long to serve (default: until Ctrl-C)")
    options = arguments.parse_args()
    main(options.port, options.seconds)
