"""An application in several workers that counts requests and forgets none, with /metrics for all workers.

mkdir /tmp/metrics && PROMETHEUS_MULTIPROC_DIR=/tmp/metrics gunicorn web:app     # in this folder
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.multiprocess import MultiProcessCollector

import memwatch

memwatch.start()
memwatch.export.prometheus.register()
registry = CollectorRegistry()
MultiProcessCollector(registry)
metrics = make_wsgi_app(registry)
REQUESTS: list[str] = []


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/metrics":
        answer: Iterable[bytes] = metrics(environ, start_response)
        return answer
    REQUESTS.append(environ["PATH_INFO"] * 1000)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()}\n".encode()]
