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

from ..units import format_rate

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

_log = logging.getLogger("memwatch")


def __getattr__(name: str) -> Any:
    if name in _FILES:
        return getattr(import_module(f".{_FILES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_FILES})


def fingerprint_of(leak: Leak) -> str:
    """What is the same for the same leak in every process; its reason where nobody could look into it."""
    return str(leak.report.to_dict().get("fingerprint") or leak.reason)


def render_report(leak: Leak, color: bool = False, unicode: bool = False, source: bool = True) -> str:
    """The report as text, plain unless told otherwise, without a newline at its end.

    *source* shows the text of the allocating lines: for a terminal, not for what is sent elsewhere.
    """
    render = getattr(leak.report, "render", None)  # a report by another judge has its text only
    return (str(leak.report) if render is None else str(render(color=color, unicode=unicode, source=source))).rstrip()


def summarize(leak: Leak) -> str:
    """All that matters on one line: what leaks, who holds it, where it comes from, how fast, and the fingerprint."""
    report = leak.report
    first = next(iter(getattr(report, "suspects", ())), None)
    frames = [*(frame for frame in first.allocated_at if frame["in_app"]), *first.allocated_at] if first else []
    return ", ".join(
        [
            f"memory leak: {getattr(report, 'subject', '') or f'{leak.verdict} memory'}",
            *(f"allocated at {frame['file']}:{frame['line']} in {frame['function']}" for frame in frames[:1]),
            format_rate(leak.rate_per_hour),
            f"fingerprint {getattr(report, 'fingerprint', '') or 'none'}",
        ]
    )


def log_leaks(
    logger: logging.Logger | None = None,
    level: int = logging.WARNING,
    short: bool = False,
    told_by: Callable[[Leak], int] | None = None,
) -> Callable[[Leak], None]:
    """A handler that writes one record a leak: the report's text, and its dict as the record's `memwatch_report`.

    Source code stays out of both. With *short* the text is one line. *told_by* gives the process that has told the same
    leak a moment ago, 0 for none, as `memwatch.recording.Recording.told_by` does: then it is one line as well.

    *logger* is ``logging.getLogger("memwatch")`` unless given.
    """
    log = _log if logger is None else logger

    def log_leak(leak: Leak) -> None:
        pid = told_by(leak) if told_by is not None else 0
        text = summarize(leak) if short or pid else render_report(leak, source=False)
        said = f"{text}; process {pid} has told it in full" if pid and not short else text
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
