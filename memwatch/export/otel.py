"""Metrics and leaks by OpenTelemetry's API (extra ``[otel]``). The program chooses the SDK that sends them, and where
to.

A metric has its semantic-convention name where there is one (``process.memory.usage``, ``cpython.gc.collections``). A
leak is a log record, an event called ``memwatch.leak``, with the report as its body. It has a trace id if one thread
has allocated what leaks, and a span is active there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .. import signals
from ..clock import Clock
from ..handlers import summarize
from ..internal import internal, never_count
from ..version import __version__
from .libraries import load, logged_once
from .metrics import METRICS, Metric
from .spans import Spans, find_blamed_thread
from .state import CULPRIT, State, name_culprit, read_state

if TYPE_CHECKING:
    from ..watch.sample import Leak

_WHAT = "the OpenTelemetry exporter"
_FRESH = 0.5  # seconds: the metrics of one collection are of one state
_AS_NUMBERS = {"generation": "cpython.gc.generation"}
_SUMS = ("process.memory.usage",)  # by convention an UpDownCounter

_exporter: list[Exporter] = []
never_count(_exporter)


def register(meter_provider: Any = None, logger_provider: Any = None, tracer_provider: Any = None) -> bool:
    """Export metrics and leaks by these providers, the global ones unless given; starts to watch if nobody does.

    With a *tracer_provider* (of the SDK) spans are followed, which costs about a microsecond each, so that a leak can
    bear a trace id. Registering again does nothing. Where OpenTelemetry is missing, too old or refuses, this is logged
    once, and the answer is False.
    """
    with logged_once(_WHAT):
        if not _exporter:
            metrics = load("otel", "opentelemetry.metrics", "get_meter", "Observation")
            logs = load("otel", "opentelemetry._logs", "get_logger", "LogRecord", "SeverityNumber")
            spans = None if tracer_provider is None else Spans()
            if spans is not None:
                tracer_provider.add_span_processor(spans.processor())
            exporter = Exporter(metrics, logs, spans)
            exporter.begin(meter_provider, logger_provider)
            _exporter.append(exporter)
        signals.Event.on_receiver()
        return True
    return False


@internal
class Exporter:
    """The instruments, and the receiver of leaks."""

    def __init__(self, metrics: Any, logs: Any, spans: Spans | None) -> None:
        self._metrics, self._logs, self._spans = metrics, logs, spans
        self._logger: Any = None
        self._state: tuple[float, State | None] = (float("-inf"), None)

    def begin(self, meter_provider: Any, logger_provider: Any) -> None:
        """Make the instruments, and receive leaks."""
        meter = self._metrics.get_meter("memwatch", __version__, meter_provider)
        for metric in METRICS:
            self._make(meter, metric)
        self._logger = self._logs.get_logger("memwatch", __version__, logger_provider)
        signals.on("leak", self.leak)
        signals.on("recovered", self.recovered)

    def leak(self, value: Leak) -> None:
        """Handler of "leak"."""
        self._tell("memwatch.leak", self._logs.SeverityNumber.WARN, "WARN", value)

    def recovered(self, value: Leak) -> None:
        """Handler of "recovered"."""
        self._tell("memwatch.recovered", self._logs.SeverityNumber.INFO, "INFO", value)

    def _make(self, meter: Any, metric: Metric) -> None:
        make = meter.create_observable_counter if metric.kind == "counter" else meter.create_observable_gauge
        if metric.otel in _SUMS:
            make = meter.create_observable_up_down_counter
        make(metric.otel, callbacks=[self._reader(metric)], unit=metric.unit, description=metric.help)

    def _reader(self, metric: Metric) -> Callable[[object], Iterable[Any]]:
        def read(options: object) -> Iterable[Any]:
            state = self._read_state()
            if state is None:
                return ()
            points = metric.read(state)
            return [self._metrics.Observation(value, _attributes(metric, labels)) for labels, value in points]

        return read

    def _read_state(self) -> State | None:
        read_at, state = self._state
        now = Clock.monotonic()
        if now - read_at > _FRESH:
            state = read_state()
            self._state = now, state
        return state

    def _tell(self, name: str, severity: Any, text: str, leak: Leak) -> None:
        with logged_once(_WHAT):
            culprit = name_culprit(leak)
            about = {f"memwatch.leak.{label}": str(getattr(culprit, label)) for label in CULPRIT}
            blamed = self._spans.of_thread(find_blamed_thread(leak)) if self._spans is not None else None
            self._logger.emit(
                self._logs.LogRecord(
                    timestamp=time.time_ns(),
                    severity_number=severity,
                    severity_text=text,
                    body=_without_none(leak.report.to_dict()),
                    attributes={**about, "memwatch.leak.summary": summarize(leak)},
                    event_name=name,
                    **({} if blamed is None else {"context": blamed}),
                )
            )


def _attributes(metric: Metric, labels: tuple[str, ...]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, value in zip(metric.labels, labels, strict=True):
        if name in _AS_NUMBERS:
            given[_AS_NUMBERS[name]] = int(value)
        else:
            given[f"memwatch.{name}"] = value
    return given


def _without_none(value: Any) -> Any:
    """The attributes that OTLP can hold: those that have a value."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value if item is not None]
    return value
