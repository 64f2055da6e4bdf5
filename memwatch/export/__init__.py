"""What other systems learn of this process: each exporter is an extra, and none is imported before it is asked for.

    memwatch.export.prometheus.register()       # metrics; also in multiprocess mode
    memwatch.export.otel.register()             # metrics, and a leak as a log record
    memwatch.export.sentry.register()           # a leak as an event
    memwatch.export.pyroscope.start(url, name)  # heap profiles, every 15 seconds
    memwatch.export.otlp_profiles.start(url, service)   # the same over OTLP, a signal in alpha

A webhook is a handler: `memwatch.handlers.Webhook`. `read_state()` is what all of them show.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .state import Culprit, State, read_state

__all__ = ["Culprit", "State", "read_state"]

_EXPORTERS = ("otel", "otlp_profiles", "prometheus", "pyroscope", "sentry")


def __getattr__(name: str) -> Any:
    if name in _EXPORTERS:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_EXPORTERS})
