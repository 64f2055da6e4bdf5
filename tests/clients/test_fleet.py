"""One leaking worker, seen by all at once: in Sentry, over OTLP, as pprof, and by a webhook.

The receivers are one server on the loopback that keeps what comes; the clients' own classes read it.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from memwatch import formats

FLEET = Path(__file__).parent.parent.parent / "examples" / "fleet"
NEEDED = ("sentry_sdk", "opentelemetry.exporter.otlp.proto.http", "opentelemetry.sdk", "urllib3")


def is_there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


pytestmark = [
    pytest.mark.clients,
    pytest.mark.slow,
    pytest.mark.skipif(not all(map(is_there, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]


def unpack(headers, body):
    kind = headers.get("Content-Encoding", "")
    return gzip.decompress(body) if kind == "gzip" else zlib.decompress(body) if kind == "deflate" else body


def test_one_leaking_worker_is_seen_by_all(receiver):
    url = f"http://{receiver.place}"
    command = [sys.executable, FLEET / "leaking_worker.py", "--seconds", "150", "--otlp", url, "--otlp-profiles", url]
    command += ["--sentry", f"http://key@{receiver.place}/1", "--pyroscope", url, "--webhook", f"{url}/hook"]
    with subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True) as worker:
        deadline = time.monotonic() + 160
        while time.monotonic() < deadline and not {"/hook", "/api/1/envelope/", "/v1/logs"} <= paths(receiver):
            time.sleep(0.5)
        time.sleep(6)  # the metrics once more
        worker.terminate()
        said = worker.communicate(timeout=30)[1]
    assert "does not work" not in said and said.count("memory leak: ") == 1, said
    bodies = {}
    for path, headers, body in receiver.requests:
        bodies.setdefault(path.partition("?")[0], []).append(unpack(headers, body))

    hook = json.loads(bodies["/hook"][0])
    fingerprint = hook["data"]["report"]["fingerprint"]
    assert "memory leak: __main__.Order held by __main__.ORDERS" in hook["text"], hook["data"]["report"]["missing"]
    assert fingerprint in hook["text"]

    lines = b"\n".join(bodies["/api/1/envelope/"]).splitlines()
    events = [json.loads(line) for line in lines if line.startswith(b"{") and b'"fingerprint"' in line]
    assert [event["fingerprint"] for event in events] == [["memwatch", fingerprint]]
    assert any(b"<!doctype html" in body.lower() for body in bodies["/api/1/envelope/"])

    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2 import ExportProfilesServiceRequest

    logs = ExportLogsServiceRequest.FromString(bodies["/v1/logs"][0])
    record = logs.resource_logs[0].scope_logs[0].log_records[0]
    about = {pair.key: pair.value.string_value for pair in record.attributes}
    assert record.event_name == "memwatch.leak" and about["memwatch.leak.fingerprint"] == fingerprint
    body = {pair.key for pair in record.body.kvlist_value.values}
    assert {"suspects", "verdict", "rate_bytes_per_hour", "rows"} <= body

    metrics = ExportMetricsServiceRequest.FromString(bodies["/v1/metrics"][-1])
    found = {metric.name: metric for metric in metrics.resource_metrics[0].scope_metrics[0].metrics}
    assert found["memwatch.leaks"].gauge.data_points[0].as_int == 1
    assert found["process.memory.usage"].sum.data_points[0].as_int > 2**24

    profiles = ExportProfilesServiceRequest.FromString(bodies["/v1development/profiles"][-1])
    assert any("handle" in text or "Order" in text for text in profiles.dictionary.string_table)
    form = bodies["/ingest"][-1]
    pushed = formats.read(form[form.index(b"\x1f\x8b") : form.rindex(b"\r\n--")])
    assert pushed.root.total_bytes > 2**22


def paths(receiver):
    return {path.partition("?")[0] for path, _, _ in receiver.requests}
