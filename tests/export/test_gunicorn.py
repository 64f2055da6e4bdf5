"""Workers of gunicorn, forked before or after the application is loaded, tell their metrics through one of them."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

FLEET = Path(__file__).parent.parent.parent / "examples" / "fleet"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("gunicorn") is None, reason="needs gunicorn"),
]


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return answer.read().decode()


def find(text, name):
    """{pid: value}"""
    families = text_string_to_metric_families(text)
    return {
        int(sample.labels.get("pid", 0)): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def held(port):
    """The base of each living process."""
    return find(get(port, "/metrics"), "memwatch_base_bytes")


def until(test, seconds=30.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := test():
                return found
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError("it has not come to that")


@pytest.mark.parametrize("preload", [[], ["--preload"]])
def test_each_worker_is_in_the_metrics_while_it_lives(tmp_path, preload):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", *preload, "web:app"]
    with subprocess.Popen(command, cwd=FLEET, env=environment, stderr=subprocess.PIPE, text=True) as server:
        try:
            workers = until(lambda: len(seen := {int(get(port, "/x")) for _ in range(20)}) == 2 and seen)
            shown = until(
                lambda: (seen := find(get(port, "/metrics"), "memwatch_base_bytes")).keys() >= workers and seen
            )
            assert min(shown.values()) > 2**20
            assert find(get(port, "/metrics"), "memwatch_leaks_reported_total") == {0: 0.0}
            gone = next(iter(workers))
            os.kill(gone, signal.SIGTERM)
            until(lambda: gone not in held(port))
        finally:
            server.terminate()
            said = server.communicate(timeout=20)[1]
    assert "memwatch" not in said, said
