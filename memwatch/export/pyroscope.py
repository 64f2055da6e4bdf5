"""Heap profiles for Pyroscope, and whatever accepts its ``/ingest``: pprof with the memory in use, every few seconds.

Each profile is a moment: what is alive of the allocations since the start, with the labels `thread` and `task`. urllib3
sends it (extra ``[http]``). While the receiver is down only the newest profile is kept.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from urllib.parse import urlencode

from ..checks import check_number
from ..errors import OptionError
from ..formats import pprof
from ..internal import internal
from ..targets import make_target
from .heap import about, read_paths, start_sampling, stop_sampling
from .kept import Kept
from .libraries import logged_once
from .pushing import Pusher, Request

_WHAT = "the Pyroscope exporter"
_NAME = re.compile(r"[A-Za-z0-9_.:/-]+")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_VALUE = re.compile(r"[^{},=\"\x00-\x1f\x7f]+")
_PACKED = 1  # zlib's level: a few per cent larger than by the usual one, for half of the work
_started: list[Pusher] = []


def start(
    url: str,
    name: str,
    labels: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    every: float = 15.0,
) -> bool:
    """Send a heap profile to the server at *url* every so many seconds, as the application *name* with *labels*.

    *headers* may hold a token or ``X-Scope-OrgID``. Starts to watch if nobody does, replaces what was started before.
    Raises OptionError. Where there is no sampler (no C extension) this is logged once, and the answer is False.
    """
    check_number("every", every, 1.0, 3600.0)
    target = make_target(f"{url.rstrip('/')}/ingest" if isinstance(url, str) else url, headers)
    application = _application(name, labels or {})
    with logged_once(_WHAT):
        from .outbox import Outbox  # which needs urllib3

        profiles = Profiles(application)
        pusher = Pusher(_WHAT, Outbox(_WHAT, target, most=1), profiles.make, every)
        start_sampling()
        _stop_pushing()
        _started.append(pusher)
        pusher.start()
        return True
    return False


def stop() -> None:
    """Send no more, and end the sampling that exporters have begun."""
    _stop_pushing()
    stop_sampling()


def _stop_pushing() -> None:
    while _started:
        _started.pop().stop()


@internal
class Profiles:
    """Makes the requests of one *application*; each covers the time since the last one."""

    def __init__(self, application: str) -> None:
        from ..http import make_form

        self._make_form = make_form
        self._application = application
        self._last = time.time()
        self._kept = Kept(lambda: pprof.Encoder(live_only=True))

    def make(self) -> Request:
        """The heap as it is now."""
        begun, self._last = int(self._last), time.time()
        query = {
            "name": self._application,
            "from": begun,
            "until": max(int(self._last), begun + 1),
            "format": "pprof",
            "spyName": "memwatch",
        }
        reading = read_paths()
        samples = self._kept.update(reading.paths)
        content = self._kept.encoder.write(about(reading), samples, _PACKED)
        body, kind = self._make_form("profile", content)
        return body, {"Content-Type": kind}, urlencode(query)


def _application(name: str, labels: Mapping[str, str]) -> str:
    """``name{key=value,...}``."""
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise OptionError("the application's name must be a str of letters, digits and . _ - : /")
    for key, value in labels.items():
        if not (isinstance(key, str) and _LABEL.fullmatch(key) and isinstance(value, str) and _VALUE.fullmatch(value)):
            raise OptionError("a label is a name and a text without braces, commas, quotes and equals signs")
    given = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return f"{name}{{{given}}}" if given else name
