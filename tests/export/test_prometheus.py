"""Metrics for Prometheus: of one process, of several that share files, and when the library does not fit."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import textwrap
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import prometheus_client
import pytest
from prometheus_client.parser import text_string_to_metric_families

from memwatch.export import prometheus
from memwatch.export.metrics import METRICS
from memwatch.watch.rates import Rate

from .conftest import MIB, make_leak, make_status

PROMTOOL = shutil.which("promtool")
LABELS = {"type", "holder", "line", "verdict", "fingerprint", "meter", "window", "generation", "pid"}


@pytest.fixture(autouse=True)
def unregistered():
    yield
    prometheus._registered.clear()


@pytest.fixture
def registry(watched):
    made = prometheus_client.CollectorRegistry()
    assert prometheus.register(made)
    return made


def read(text):
    """{(name, labels): value} of an exposition."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(registry):
    return read(prometheus_client.generate_latest(registry).decode())


def test_the_readings_and_the_leak(registry, watched):
    watched.status = make_status(make_leak())
    found = scrape(registry)
    assert found["memwatch_base_bytes", ()] == 50 * MIB and found["memwatch_resident_bytes", ()] == 80 * MIB
    assert found["memwatch_leaks", ()] == 1 and found["memwatch_leaks_reported_total", ()] == 1
    assert found["memwatch_growth_bytes_per_second", (("meter", "base"), ("window", "10m"))] == 2048
    assert not [key for key in found if ("window", "1h") in key[1]]
    ((_, labels),) = [key for key in found if key[0] == "memwatch_leak_info"]
    assert dict(labels)["holder"].endswith(".CACHE") and dict(labels)["fingerprint"] == "0123456789ab"
    rate = found["memwatch_leak_bytes_per_second", (("fingerprint", "0123456789ab"),)]
    assert rate == pytest.approx(36 * MIB / 3600)
    assert {name for _, labels in found for name, _ in labels} <= LABELS


def test_a_leak_that_two_meters_tell_is_one_series(registry, watched):
    watched.status = make_status(make_leak(), make_leak(rate=1.0))
    assert len([key for key in scrape(registry) if key[0] == "memwatch_leak_info"]) == 1


def test_before_the_first_reading_there_is_nothing_and_no_error(registry, watched):
    watched.status = make_status(sample=None)
    assert scrape(registry) == {}


def test_the_native_meter_may_be_missing(registry, watched):
    watched.status = make_status(sample=watched.status.sample._replace(native=None))
    assert ("memwatch_native_bytes", ()) not in scrape(registry)


def test_registering_twice_adds_the_metrics_once(registry):
    assert prometheus.register(registry)
    assert len(scrape(registry)) == len(set(scrape(registry))) > 20


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say(registry, watched):
    watched.status = make_status(make_leak())
    text = prometheus_client.generate_latest(registry)
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_openmetrics_is_valid_too(registry, watched):
    from prometheus_client.openmetrics.exposition import generate_latest
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

    watched.status = make_status(make_leak())
    names = {family.name for family in parse(generate_latest(registry).decode())}
    assert names == {metric.prometheus.removesuffix("_total") for metric in METRICS}


def test_a_library_that_does_not_fit_is_logged_once(watched, monkeypatch, warnings):
    monkeypatch.setitem(sys.modules, "prometheus_client", SimpleNamespace(__version__="0.0.1", REGISTRY=None))
    assert not prometheus.register() and not prometheus.register()
    (said,) = warnings()
    assert "prometheus_client 0.0.1 has no Gauge, Counter" in said and "memwatch[prometheus]" in said


def test_a_library_that_is_missing_is_logged_once(watched, monkeypatch, warnings):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert not prometheus.register()
    (said,) = warnings()
    assert "pip install 'memwatch[prometheus]'" in said


def test_a_registry_that_refuses_breaks_nothing(watched, warnings):
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.Gauge("memwatch_base_bytes", "taken", registry=registry)
    assert not prometheus.register(registry)
    assert "Duplicated timeseries" in warnings()[0]


WORKERS = """
import json, os, sys, time
import prometheus_client
from prometheus_client.multiprocess import MultiProcessCollector
import memwatch

memwatch.start(pace="job", tick=0.05, profile=False)
assert memwatch.export.prometheus.register()
memwatch.gc()

def wait(path):
    while not os.path.exists(path):
        time.sleep(0.01)

pids = [os.getpid()]
for number in range(2):
    pid = os.fork()
    if not pid:
        memwatch.gc()
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            [{} for _ in range(1000)]
            time.sleep(0.01)
        open(f"{sys.argv[1]}.{number}", "w").close()
        wait(sys.argv[1])
        os._exit(0)
    pids.append(pid)
for number in range(2):
    wait(f"{sys.argv[1]}.{number}")
registry = prometheus_client.CollectorRegistry()
MultiProcessCollector(registry)
print(json.dumps([pids, prometheus_client.generate_latest(registry).decode()]))
open(sys.argv[1], "w").close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_processes_that_share_files(tmp_path):
    (tmp_path / "files").mkdir()
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "files")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(WORKERS), str(tmp_path / "go")],
        capture_output=True, text=True, env=environment, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done.stderr
    pids, text = json.loads(done.stdout)
    found = read(text)
    for pid in map(str, pids):
        assert found["memwatch_base_bytes", (("pid", pid),)] > MIB
        assert found["memwatch_leaks", (("pid", pid),)] == 0
    assert found["memwatch_leaks_reported_total", ()] == 0
    assert found["memwatch_gc_collections_total", (("generation", "2"),)] >= 3
    assert ("memwatch_base_bytes", ()) not in found


def test_what_files_hold_is_bounded_and_what_has_gone_is_taken_back(watched, monkeypatch):
    files = prometheus.Files(ModuleLike())
    for number in range(100):
        watched.status = make_status(make_leak(f"{number:012}"))
        files.write()
    watched.status = make_status(rates=(Rate("base", 600, None),))
    files.write()
    gauges = {gauge.name: gauge.values for gauge in ModuleLike.made}
    assert len(gauges["memwatch_leak_info"]) == 20 and set(gauges["memwatch_leak_info"].values()) == {0.0}
    assert all(map(math.isnan, gauges["memwatch_leak_bytes_per_second"].values()))
    assert all(map(math.isnan, gauges["memwatch_growth_bytes_per_second"].values()))
    assert gauges["memwatch_gc_collections_total"][("0",)] > 0


class ModuleLike(ModuleType):
    """As much of prometheus_client as keeps numbers."""

    made: ClassVar[list[Numbers]] = []

    def __init__(self):
        super().__init__("prometheus_client")
        self.made.clear()
        self.Gauge = self.Counter = self._make

    def _make(self, name, help, labels, **options):
        made = Numbers(name, labels)
        self.made.append(made)
        return made


class Numbers:
    def __init__(self, name, labelnames):
        self.name, self.values, self.at = name, {}, ()

    def labels(self, *labels):
        self.at = labels
        return self

    def set(self, value):
        self.values[self.at] = value

    def inc(self, value):
        self.values[self.at] = self.values.get(self.at, 0) + value
