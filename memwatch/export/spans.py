"""Which span is active in which thread? A leak is reported on memwatch's thread, which does not see the context of
others."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ..internal import internal
from .libraries import load

if TYPE_CHECKING:
    from ..watch.sample import Leak

_MOST = 4096  # spans that have begun and not ended; of more the oldest are forgotten
_BLAMED = 0.8  # of the bytes


@internal
class Spans:
    """Follows the spans of a tracer provider, by a span processor of the SDK's."""

    def __init__(self) -> None:
        self._active: dict[int, tuple[str, Any]] = {}
        self._trace = load("otel", "opentelemetry.trace", "set_span_in_context")

    def processor(self) -> Any:
        """What the provider calls."""
        base = load("otel", "opentelemetry.sdk.trace", "SpanProcessor").SpanProcessor
        active = self._active

        class Follower(base):  # type: ignore[misc, valid-type]
            """Remembers spans from their start to their end, each with its thread."""

            def on_start(self, span: Any, parent_context: Any = None) -> None:
                active[span.get_span_context().span_id] = threading.current_thread().name, span
                if len(active) > _MOST:
                    active.pop(next(iter(active)), None)

            def on_end(self, span: Any) -> None:
                active.pop(span.get_span_context().span_id, None)

        return Follower()

    def of_thread(self, name: str) -> Any:
        """The context of the innermost span of the thread *name*; None without one, or if it has spans of two
        traces."""
        spans = [span for thread, span in list(self._active.values()) if thread == name] if name else []
        if len({span.get_span_context().trace_id for span in spans}) != 1:
            return None
        return self._trace.set_span_in_context(spans[-1])


def find_blamed_thread(leak: Leak) -> str:
    """The name of the thread that has allocated nearly all that the samples show; empty without one."""
    growth = getattr(leak.report, "growth", None)
    threads = growth.root.threads if growth is not None else None
    total = sum(size for _, size in threads) if threads else 0
    return str(threads[0][0]) if threads and total > 0 and threads[0][1] >= _BLAMED * total else ""
