"""Ready receivers: leaks to a logger, to pages for a browser or to a webhook, events to a file of JSON lines, the heap
to a file at a leak.

For instance ``memwatch.on("leak", handlers.log_leaks())``, ``memwatch.on("leak", handlers.HtmlReports(path).leak)``, or
``handlers.JsonLines(path).connect_all()`` for all four events.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..logs import Log
from .leak_text import fingerprint_of as fingerprint_of
from .leak_text import render_report as render_report
from .leak_text import summarize as summarize

if TYPE_CHECKING:
    from ..watch.sample import Leak
    from .heap_snapshots import HeapSnapshots as HeapSnapshots
    from .html_reports import HtmlReports as HtmlReports
    from .json_lines import JsonLines as JsonLines
    from .webhook import Webhook as Webhook

_FILES = {
    "HeapSnapshots": "heap_snapshots",
    "HtmlReports": "html_reports",
    "JsonLines": "json_lines",
    "Webhook": "webhook",
}  # loaded by those who write one

_log = Log()


def __getattr__(name: str) -> Any:
    if name in _FILES:
        return getattr(import_module(f".{_FILES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_FILES})


def log_leaks(
    logger: logging.Logger | None = None,
    level: int = logging.WARNING,
    short: bool = False,
    reported_by: Callable[[Leak], int] | None = None,
) -> Callable[[Leak], None]:
    """A handler that writes one record a leak: the report's text, and its dict as the record's `memwatch_report`.

    Source code stays out of both. With *short* the text is one line. *reported_by* gives the process that reported the
    same leak a moment ago, 0 for none, as `memwatch.recording.Recording.reported_by` does: then it is one line as well.

    *logger* is ``logging.getLogger("memwatch")`` unless given.
    """
    log = _log if logger is None else logger

    def log_leak(leak: Leak) -> None:
        pid = reported_by(leak) if reported_by is not None else 0
        text = summarize(leak) if short or pid else render_report(leak, source=False)
        said = f"{text}; process {pid} has reported it in full" if pid and not short else text
        log.log(level, "%s", said, extra={"memwatch_report": leak.report.to_dict()})

    return log_leak


def once_per_fingerprint(handler: Callable[[Leak], object], limit: int = 256) -> Callable[[Leak], None]:
    """A handler that passes on the first leak of each fingerprint; the last *limit* fingerprints are remembered."""
    seen: dict[str, None] = {}

    def pass_on(leak: Leak) -> None:
        fingerprint = fingerprint_of(leak)
        if fingerprint in seen:
            return
        seen[fingerprint] = None
        if len(seen) > limit:
            seen.pop(next(iter(seen)))
        handler(leak)

    return pass_on
