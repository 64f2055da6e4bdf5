"""Events as requests to a URL, sent by a thread of their own."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .. import signals
from ..export.outbox import Outbox
from ..targets import make_target
from .leak_text import summarize

if TYPE_CHECKING:
    from ..watch.sample import Leak


class Webhook:
    """POSTs each leak, and each recovery, to *url* as JSON: ``{"event", "time", "pid", "text", "data"}``.

    `text` is one line for people, which chat programs show; `data` the leak with its report. *headers* and the user and
    password in *url* go to that host alone, and stand in no message. Needs urllib3, the extra ``[http]``.

    Nobody waits for the receiver. One that cannot be reached, is slow or answers 5xx is tried three times within half a
    minute, then again after a minute; meanwhile up to 64 events or 4 MiB wait in memory. The exit waits two seconds.
    What fails is said once at WARNING. Forked children use the object as it is. Raises OptionError, UnsupportedError.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self._box = Outbox("the webhook", make_target(url, headers))

    def leak(self, value: Leak) -> None:
        """Handler of "leak"."""
        self._send("leak", value, summarize(value))

    def recovered(self, value: Leak) -> None:
        """Handler of "recovered"."""
        self._send("recovered", value, f"over: {summarize(value)}")

    def connect_all(self) -> Webhook:
        """Receive both events until `close`; returns the object itself."""
        signals.on("leak", self.leak)
        signals.on("recovered", self.recovered)
        return self

    def close(self) -> None:
        """Stop receiving, and wait, two seconds at most, until what waits is sent."""
        signals.off("leak", self.leak)
        signals.off("recovered", self.recovered)
        self._box.close()

    def _send(self, event: str, value: Leak, text: str) -> None:
        record = {"event": event, "time": time.time(), "pid": os.getpid(), "text": text, "data": value.to_dict()}
        self._box.put(json.dumps(record, allow_nan=False).encode(), {"Content-Type": "application/json"})
