"""A Prometheus server scrapes a worker that leaks, and fires the alert of examples/fleet."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLEET = Path(__file__).parent.parent.parent / "examples" / "fleet"
PROMETHEUS = shutil.which("prometheus")

pytestmark = [pytest.mark.clients, pytest.mark.slow, pytest.mark.skipif(not PROMETHEUS, reason="needs Prometheus")]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(*command: object, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([*map(str, command)], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield started
    finally:
        started.terminate()
        started.wait(20)


def ask(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}", timeout=5) as answer:
        return json.load(answer)["data"]


def wait_for_alert(port: int, name: str, seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(1)
        try:
            alerts = ask(port, "alerts")["alerts"]
        except OSError:
            continue
        for alert in alerts:
            if alert["labels"]["alertname"] == name and alert["state"] == "firing":
                return dict(alert)
    raise AssertionError(f"{name} has not fired within {seconds:g} s: {ask(port, 'targets')}")


def test_the_shipped_alert_fires_on_a_real_leak(tmp_path: Path) -> None:
    metrics, server = free_port(), free_port()
    config = (FLEET / "prometheus.yml").read_text().replace("9464", str(metrics)).replace("15s", "1s")
    (tmp_path / "prometheus.yml").write_text(config)
    shutil.copy(FLEET / "alerts.yml", tmp_path)
    worker = [sys.executable, FLEET / "leaking_worker.py", "--prometheus", metrics, "--seconds", "240"]
    scraper = [
        PROMETHEUS,
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{server}",
    ]
    with running(*worker, cwd=tmp_path), running(*scraper, cwd=tmp_path):
        alert = wait_for_alert(server, "MemoryLeak", 200)
        (target,) = ask(server, "targets")["activeTargets"]
        (growth,) = ask(server, "query?query=memwatch_leak_bytes_per_second")["result"]
    assert (target["health"], target["lastError"]) == ("up", "")
    assert alert["labels"]["holder"] == "__main__.ORDERS"
    assert re.fullmatch(r"fleet/leaking_worker\.py:\d+", alert["labels"]["line"])
    assert "held by __main__.ORDERS" in alert["annotations"]["summary"]
    assert float(growth["value"][1]) > 1e6
