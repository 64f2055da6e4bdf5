"""Serve `leaky_flask.py` from two gunicorn workers under memwatch, and send it requests for a while.

memwatch prints the leak of the one worker, by its pid; the other one stays silent. Needs gunicorn and Flask.
"""

import argparse
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from json import load
from pathlib import Path

HERE = Path(__file__).resolve().parent


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def serve(port: int) -> subprocess.Popen[bytes]:
    watch = [sys.executable, "-m", "memwatch", "run", "-m"]
    gunicorn = ["gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", "--log-level", "warning"]
    application = ["--config", str(HERE / "leaky_flask.py"), "--chdir", str(HERE), "leaky_flask:app"]
    return subprocess.Popen([*watch, *gunicorn, *application])


def wait_until_up(port: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def send(port: int, rate: float, seconds: float) -> Counter[int]:
    """*rate* requests a second for *seconds*; how many each worker answered, by pid."""
    answered: Counter[int] = Counter()
    start = time.monotonic()
    for number in range(round(rate * seconds)):
        time.sleep(max(0.0, start + number / rate - time.monotonic()))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/orders/{number}", timeout=30) as answer:
            answered[load(answer)["worker"]] += 1
    return answered


def main(seconds: float, rate: float) -> None:
    port = free_port()
    server = serve(port)
    try:
        wait_until_up(port, 30)
        for pid, requests in send(port, rate, seconds).items():
            print(f"worker {pid} answered {requests} requests")
    finally:
        server.terminate()
        server.wait(30)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=100, help="how long to send requests")
    arguments.add_argument("--rate", type=float, default=40, help="requests a second")
    given = arguments.parse_args()
    main(given.seconds, given.rate)
