"""No trace outlives its test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memwatch.trace import exporters, tracer


@pytest.fixture(autouse=True)
def _no_trace_left() -> Iterator[None]:
    yield
    tracer.active = tracer._latest = None
    exporters._exporters = ()
    exporters._faults._faulty.clear()
    tracer.current.set(None)
