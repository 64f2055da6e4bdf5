"""A leak as an event of Sentry, by the sentry_sdk that the program has set up. Other events are left as they are.

The same leak is one issue, by its fingerprint, however many processes report it. The report is the event's context
``memwatch``, and the page its attachment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import signals
from ..handlers import once_per_fingerprint, render_report, summarize
from ..internal import internal, never_count
from .libraries import load, logged_once
from .state import CULPRIT, name_culprit

if TYPE_CHECKING:
    from ..watch.sample import Leak

_WHAT = "the Sentry exporter"
_MOST_PAGE = 1 << 20  # bytes of an attachment
_KEPT = (
    "pid",
    "meter",
    "growth_bytes",
    "rss_growth_bytes",
    "rate_bytes_per_hour",
    "confidence",
    "explained",
    "time_to_limit_seconds",
    "missing",
    "cost",
)
_MOST_SUSPECTS = 3

_exporter: list[Exporter] = []
never_count(_exporter)


def register(attach_page: bool = True) -> bool:
    """Send each leak once, as an event of level warning; starts to watch if nobody does.

    The event goes where the program's sentry_sdk is set up to send it (2.0 or newer), from its own thread. The page,
    attached unless *attach_page* is False, shows lines of source code. Registering again does nothing. Where sentry_sdk
    is missing or too old this is logged once, and the answer is False.
    """
    with logged_once(_WHAT):
        if not _exporter:
            sdk = load("sentry", "sentry_sdk", "new_scope", "capture_event")
            load("sentry", "sentry_sdk.attachments", "Attachment")
            _exporter.append(Exporter(sdk, attach_page))
            signals.on("leak", once_per_fingerprint(_exporter[0].leak))
        signals.Event.on_receiver()
        return True
    return False


@internal
class Exporter:
    """The receiver of leaks."""

    def __init__(self, sdk: Any, attach_page: bool) -> None:
        self._sdk, self._attach_page = sdk, attach_page

    def leak(self, value: Leak) -> None:
        """Handler of "leak". Never raises."""
        with logged_once(_WHAT), self._sdk.new_scope() as scope:
            if self._attach_page:
                self._attach(scope, value)
            self._sdk.capture_event(make_event(value))

    def _attach(self, scope: Any, leak: Leak) -> None:
        to_html = getattr(leak.report, "to_html", None)
        page = to_html().encode() if to_html is not None else b""
        if 0 < len(page) <= _MOST_PAGE:
            scope.add_attachment(bytes=page, filename="leak.html", content_type="text/html", add_to_transactions=False)


def make_event(leak: Leak) -> dict[str, Any]:
    """The event: culprit, fingerprint, tags, the report's numbers as context, its text as extra."""
    culprit = name_culprit(leak)
    report = leak.report.to_dict()
    suspects = report.get("suspects", [])[:_MOST_SUSPECTS]
    tags = {f"memwatch.{name}": getattr(culprit, name) for name in CULPRIT}
    return {
        "level": "warning",
        "logger": "memwatch",
        "message": summarize(leak),
        "fingerprint": ["memwatch", culprit.fingerprint],
        "tags": {name: value[:200] for name, value in tags.items() if value},
        "contexts": {"memwatch": {**{key: report[key] for key in _KEPT if key in report}, "suspects": suspects}},
        "extra": {"report": render_report(leak, source=False)},
    }
