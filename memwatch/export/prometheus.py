"""Metrics for Prometheus, by prometheus_client (extra ``[prometheus]``).

In one process a collector reads the state at each scrape. In prometheus_client's multiprocess mode nobody scrapes a
worker: each process writes its metrics into its own files once a tick, and whoever answers adds them up. Numbers of a
living process then have the label `pid`; counters are the sum over all processes, also those that have ended.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from .. import signals
from ..internal import internal, never_count
from .libraries import load, logged_once
from .metrics import METRICS, Metric
from .state import CULPRIT, State, read_state

_WHAT = "the Prometheus exporter"
_MOST_SERIES = 20  # of one metric in the files of a process: there a series cannot be taken back
_UNKNOWN = float("nan")


def register(registry: Any = None) -> bool:
    """Add memwatch's metrics to *registry*, prometheus_client's own unless given; starts to watch if nobody does.

    Registering twice adds them once. Where prometheus_client is missing, too old or refuses, this is logged once and
    the answer is False.
    """
    with logged_once(_WHAT):
        client = load("prometheus", "prometheus_client", "REGISTRY", "Gauge", "Counter")
        core = load("prometheus", "prometheus_client.core", "GaugeMetricFamily", "CounterMetricFamily")
        target = client.REGISTRY if registry is None else registry
        if not any(target is known for known in _registered):
            if in_multiprocess_mode():
                signals.tick.connect(Files(client).write, weak=False)
            else:
                target.register(Collector(core))
            _registered.append(target)
        signals.Event.on_receiver()
        return True
    return False


def expose(accept: str) -> tuple[bytes, str]:
    """memwatch's metrics in a format that the header *accept* asks for, and their content type. In multiprocess mode
    they are those of all processes. Raises UnsupportedError."""
    client = load("prometheus", "prometheus_client", "CollectorRegistry", "Gauge", "Counter")
    core = load("prometheus", "prometheus_client.core", "GaugeMetricFamily", "CounterMetricFamily")
    choose = load("prometheus", "prometheus_client.exposition", "choose_encoder").choose_encoder
    registry = client.CollectorRegistry()
    if in_multiprocess_mode():
        load("prometheus", "prometheus_client.multiprocess", "MultiProcessCollector").MultiProcessCollector(registry)
    else:
        registry.register(Collector(core))
    encode, kind = choose(accept)
    return encode(registry), kind


def in_multiprocess_mode() -> bool:
    """Whether prometheus_client keeps its numbers in files, one for each process."""
    return bool(os.environ.get("PROMETHEUS_MULTIPROC_DIR") or os.environ.get("prometheus_multiproc_dir"))  # noqa: SIM112 - its old name


_registered: list[Any] = []
never_count(_registered)


@internal
class Collector:
    """What a registry asks at each scrape. It has metrics from the first reading on."""

    def __init__(self, core: Any) -> None:
        self._families = {"gauge": core.GaugeMetricFamily, "counter": core.CounterMetricFamily}

    def describe(self) -> list[Any]:
        """The metrics without their numbers."""
        return [self._family(metric) for metric in METRICS]

    def collect(self) -> Iterable[Any]:
        """The metrics as they are now."""
        state = read_state()
        return () if state is None else [self._read(metric, state) for metric in METRICS]

    def _family(self, metric: Metric) -> Any:
        return self._families[metric.kind](metric.prometheus, metric.help, labels=metric.labels)

    def _read(self, metric: Metric, state: State) -> Any:
        family = self._family(metric)
        for labels, value in metric.read(state):
            family.add_metric(labels, value)
        return family


@internal
class Files:
    """The metrics of this process in prometheus_client's files, from the first reading on; before, they would be 0."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._made: dict[Metric, Any] = {}
        self._shown: dict[Metric, set[tuple[str, ...]]] = {metric: set() for metric in METRICS}
        self._counted: dict[tuple[Metric, tuple[str, ...]], float] = {}

    def write(self, sender: object = None, tick: object = None) -> None:
        """Bring the files up to date. Never raises."""
        with logged_once(_WHAT):
            state = read_state()
            if state is not None:
                for metric in METRICS:
                    made = self._made.get(metric) or self._make(metric)
                    (self._set if metric.kind == "gauge" else self._count)(metric, made, state)

    def _make(self, metric: Metric) -> Any:
        about = metric.prometheus, metric.help, metric.labels
        if metric.kind == "gauge":
            made = self._client.Gauge(*about, registry=None, multiprocess_mode="liveall")
        else:
            made = self._client.Counter(*about, registry=None)
        self._made[metric] = made
        return made

    def _set(self, metric: Metric, gauge: Any, state: State) -> None:
        points, shown = dict(metric.read(state)), self._shown[metric]
        for labels in shown - points.keys():
            _child(gauge, labels).set(0.0 if metric.labels == CULPRIT else _UNKNOWN)
        for labels, value in points.items():
            if labels in shown or len(shown) < _MOST_SERIES:
                shown.add(labels)
                _child(gauge, labels).set(value)

    def _count(self, metric: Metric, counter: Any, state: State) -> None:
        """Add the increase. A forked child counts from its parent's number, since the parent's file has what came
        before."""
        for labels, value in metric.read(state):
            before = self._counted.get((metric, labels), 0.0)
            self._counted[metric, labels] = value
            if value > before:
                _child(counter, labels).inc(value - before)


def _child(metric: Any, labels: tuple[str, ...]) -> Any:
    return metric.labels(*labels) if labels else metric
