"""Metrics and leaks through a real OpenTelemetry SDK."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import pytest

from memwatch import signals
from memwatch.export import otel
from memwatch.export.metrics import METRICS
from memwatch.export.spans import Spans, find_blamed_thread

from .conftest import MIB, make_leak, make_status

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider


class Pipeline:
    """Providers that keep what they would send."""

    def __init__(self) -> None:
        self.reader, self.kept = InMemoryMetricReader(), InMemoryLogRecordExporter()
        self.meters, self.loggers, self.tracers = MeterProvider([self.reader]), LoggerProvider(), TracerProvider()
        self.loggers.add_log_record_processor(SimpleLogRecordProcessor(self.kept))

    def register(self):
        return otel.register(self.meters, self.loggers, self.tracers)

    def metrics(self):
        """{name: metric}"""
        data = self.reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        return {metric.name: metric for scope in scopes for metric in scope.metrics}

    def logs(self):
        return [log.log_record for log in self.kept.get_finished_logs()]


@pytest.fixture
def pipeline(watched):
    made = Pipeline()
    yield made
    made.meters.shutdown()
    made.loggers.shutdown()
    otel._exporter.clear()


def points(metric):
    return {tuple(point.attributes.items()): point.value for point in metric.data.data_points}


def test_metrics_have_conventional_names_where_there_are_some(pipeline, watched):
    watched.status = make_status(make_leak())
    assert pipeline.register()
    found = pipeline.metrics()
    assert set(found) == {metric.otel for metric in METRICS}
    assert found["process.memory.usage"].unit == "By" and not found["process.memory.usage"].data.is_monotonic
    assert points(found["process.memory.usage"]) == {(): 80 * MIB}
    assert set(points(found["cpython.gc.collections"])) == {(("cpython.gc.generation", n),) for n in range(3)}
    assert points(found["memwatch.growth"])[("memwatch.meter", "base"), ("memwatch.window", "10m")] == 2048
    ((labels, one),) = points(found["memwatch.leak.info"]).items()
    assert one == 1 and dict(labels)["memwatch.fingerprint"] == "0123456789ab"


def test_one_state_serves_all_metrics_of_a_collection(pipeline, monkeypatch):
    asked = []
    read_state = otel.read_state
    monkeypatch.setattr(otel, "read_state", lambda: (asked.append(1), read_state())[1])
    assert pipeline.register()
    pipeline.metrics()
    assert len(asked) == 1


def test_before_the_first_reading_there_is_nothing(pipeline, watched):
    watched.status = make_status(sample=None)
    assert pipeline.register() and pipeline.metrics() == {}


def test_a_leak_is_an_event_with_the_report_as_its_body(pipeline):
    assert pipeline.register() and pipeline.register()
    leak = make_leak(more={"curve": [[0.0, 1]], "time_to_limit_seconds": None})
    signals.leak.publish(None, leak)
    signals.recovered.publish(None, leak)
    told, over = pipeline.logs()
    assert (told.event_name, told.severity_text, told.severity_number.value) == ("memwatch.leak", "WARN", 13)
    assert told.body == {"fingerprint": "0123456789ab", "verdict": "objects", "suspects": [], "curve": [[0.0, 1]]}
    assert told.attributes["memwatch.leak.fingerprint"] == "0123456789ab" and told.trace_id == 0
    assert told.attributes["memwatch.leak.summary"].startswith("memory leak: ")
    assert (over.event_name, over.severity_text) == ("memwatch.recovered", "INFO")


def blamed_on(*threads):
    return make_leak(growth=SimpleNamespace(root=SimpleNamespace(threads=threads)))


def in_thread(name, work):
    thread = threading.Thread(target=work, name=name)
    thread.start()
    thread.join()


def test_the_trace_of_the_thread_that_is_to_blame(pipeline):
    assert pipeline.register()
    tracer, traces = pipeline.tracers.get_tracer("test"), []

    def work():
        with tracer.start_as_current_span("request") as outer, tracer.start_as_current_span("query") as inner:
            traces.append((outer.get_span_context().trace_id, inner.get_span_context().span_id))
            signals.leak.publish(None, blamed_on(("worker-1", 900), ("worker-2", 100)))
            signals.leak.publish(None, blamed_on(("worker-1", 500), ("worker-2", 500)))
            signals.leak.publish(
                None,
                blamed_on(
                    ("worker-2", 900),
                ),
            )
        signals.leak.publish(
            None,
            blamed_on(
                ("worker-1", 900),
            ),
        )

    in_thread("worker-1", work)
    traced, *others = pipeline.logs()
    assert (traced.trace_id, traced.span_id) == traces[0]
    # Published in a thread with a span, those take it from the context; memwatch's own thread has none.
    assert others[-1].trace_id == 0


def test_two_traces_in_one_thread_tell_nothing(pipeline):
    spans = Spans()
    pipeline.tracers.add_span_processor(spans.processor())
    tracer = pipeline.tracers.get_tracer("test")
    first, second = tracer.start_span("a"), tracer.start_span("b")
    assert spans.of_thread(threading.current_thread().name) is None
    first.end()
    assert spans.of_thread(threading.current_thread().name) is not None and spans.of_thread("") is None
    second.end()
    assert spans._active == {}


def test_spans_that_never_end_are_bounded(pipeline, monkeypatch):
    monkeypatch.setattr("memwatch.export.spans._MOST", 10)
    spans = Spans()
    pipeline.tracers.add_span_processor(spans.processor())
    kept = [pipeline.tracers.get_tracer("test").start_span("a") for _ in range(100)]
    assert len(spans._active) == 10 and len(kept) == 100


def test_a_leak_whose_threads_are_not_known():
    assert find_blamed_thread(make_leak()) == "" and find_blamed_thread(blamed_on()) == ""


@pytest.mark.parametrize("module", [None, SimpleNamespace(__version__="1.0")])
def test_an_api_that_does_not_fit_is_logged_once(watched, monkeypatch, warnings, module):
    monkeypatch.setitem(sys.modules, "opentelemetry._logs", module)
    assert not otel.register() and not otel.register()
    (said,) = warnings()
    assert "opentelemetry._logs" in said and "memwatch[otel]" in said


def test_a_logger_that_raises_breaks_nothing(pipeline, monkeypatch, warnings):
    assert pipeline.register()
    monkeypatch.setattr(otel._exporter[0]._logger, "emit", lambda record: 1 / 0)
    for _ in range(3):
        signals.leak.publish(None, make_leak())
    (said,) = warnings()
    assert "ZeroDivisionError" in said


def test_telling_imports_nothing_on_the_watcher_s_thread(pipeline):
    assert pipeline.register()
    before = set(sys.modules)
    signals.leak.publish(None, make_leak())
    assert set(sys.modules) == before
