"""Rules: when a reading has been at a level for a time, or a leak is reported, something is done, so often at most.

memwatch.rule(when={"limit_share": 0.8}, for_=60, do="diff", limit=(2, 3600))
memwatch.rule(when={"count": {"app.Session": 10_000}}, do=page_someone)
memwatch.rule(when="leak", do="heap_snapshot", folder="/var/log/shop")
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from . import backend, crossings, default, on_demand, profile, signals
from .checks import is_number, is_whole, shown
from .clock import Clock
from .errors import AlreadyStartedError, OptionError, UnsupportedError
from .heap.write_snapshot import write_heap_snapshot
from .logs import Log
from .thresholds import SECONDS, Crossing, make_rules

_log = Log()

ACTIONS = ("log", "diff", "profile", "heap_snapshot")
"""The words for `do`."""

LIMIT = (3, 3600.0)
"""How often a rule acts unless told otherwise: so many times in so many seconds."""

_LOOKS_APART = 30.0  # seconds
_SUFFIXES = {"profile": ".heapprofile", "heap_snapshot": ".heapsnapshot"}


class ActiveRule:
    """A rule in force. `fired` counts how often it acted, `suppressed` how often its limit prevented that."""

    def __init__(self, what: str, act: Callable[[Any], object], limit: tuple[int, float] | None) -> None:
        self._what = what
        self._act = act
        self._limit = limit
        self._times: deque[float] = deque()
        self._undo: Callable[[], object] | None = None
        self.fired = 0
        self.suppressed = 0

    def __repr__(self) -> str:
        state = "in force" if self._undo is not None else "cancelled"
        return f"<ActiveRule: {self._what}, {state}, fired {self.fired}, suppressed {self.suppressed}>"

    def __call__(self, event: Any) -> Any:
        """Act on a Crossing or a Leak, unless that has been done often enough."""
        if not self._may_act(Clock.monotonic()):
            self.suppressed += 1
            return None
        self.fired += 1
        return self._act(event)

    def cancel(self) -> None:
        """End the rule."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()

    def begin(self, undo: Callable[[], object]) -> None:
        """It is in force until *undo* is called."""
        self._undo = undo

    def _may_act(self, now: float) -> bool:
        if self._limit is None:
            return True
        most, seconds = self._limit
        while self._times and now - self._times[0] >= seconds:
            self._times.popleft()
        if len(self._times) >= most:
            return False
        self._times.append(now)
        return True


def rule(
    when: str | Mapping[str, Any],
    do: str | Callable[[Any], object] = "log",
    *,
    for_: float = 0.0,
    limit: tuple[int, float] | None = LIMIT,
    folder: str | os.PathLike[str] = ".",
) -> ActiveRule:
    """Do something whenever a reading has been at its level for `for_` seconds; `cancel` ends it.

    *when* is "leak", or one reading with its level: ``{"rss": bytes}``, ``{"limit_share": 0.0 to 1.0}`` (of the memory
    that the process may have), ``{"cpu": per cent of one core}``, ``{"base_growth": bytes an hour}`` (over the last ten
    minutes), ``{"gc_share": 0.0 to 1.0}`` (of the time, spent in the collector), or ``{"count": {"module.Class": live
    objects}}``, which is counted at most once a minute.

    *do* is called with the `Crossing` or the `Leak` on memwatch's own thread. Or it is "log", "diff" (two looks, 30 s
    apart: what grows, who allocates and who holds it, logged), or "profile" or "heap_snapshot", which write a file into
    *folder*. *limit* is how often a rule acts in how many seconds, as (3, 3600); None for no limit. A reading that
    stays at its level is one event until it falls below. Starts the watcher as a first receiver does.

    Raises OptionError for anything else, and UnsupportedError for "profile" if allocations cannot be sampled.
    """
    checked, level = _check_limit(limit), _level(when)
    if level is None and for_:
        raise OptionError("for_ applies to readings alone, not to a leak")
    what = f"when {when} do {do if isinstance(do, str) else getattr(do, '__qualname__', '?')}"
    active = ActiveRule(what, _action(do, folder), checked)
    if level is None:
        signals.on("leak", active)
        active.begin(lambda: signals.off("leak", active))
    else:
        crossings.watch_for(make_rules(**level, for_seconds=for_, cooldown=0.0), active)
        active.begin(lambda: crossings.off_threshold(active))
    return active


def _level(when: str | Mapping[str, Any]) -> dict[str, Any] | None:
    """The reading and its level; None for a leak."""
    if when == "leak":
        return None
    if not isinstance(when, Mapping) or len(when) != 1:
        raise OptionError(
            f"when must be 'leak' or one reading with its level, as {{'rss': 1 << 30}}, not {shown(when)}"
        )
    return dict(when)


def _check_limit(limit: object) -> tuple[int, float] | None:
    if limit is None:
        return None
    if isinstance(limit, tuple) and len(limit) == 2 and is_whole(limit[0], 1) and is_number(limit[1], 0.001, SECONDS):
        return limit
    raise OptionError(f"limit must be (times, seconds), as (3, 3600), or None, not {shown(limit)}")


def _action(do: str | Callable[[Any], object], folder: str | os.PathLike[str]) -> Callable[[Any], object]:
    """What to call; all that it needs is loaded here, in the caller's thread."""
    if not isinstance(do, str):
        if not callable(do):
            raise OptionError(f"do must be something to call, or one of {', '.join(ACTIONS)}, not {shown(do)}")
        return do
    if do not in ACTIONS:
        raise OptionError(f"do must be something to call, or one of {', '.join(ACTIONS)}, not {shown(do)}")
    place = os.path.abspath(folder)
    if do in _SUFFIXES and not os.path.isdir(place):
        raise OptionError(f"there is no folder {place!r}")
    if do == "diff":
        default.loader().load()
    if do == "profile":
        _start_profile()
    return {"log": _log_event, "diff": _look, "profile": _write_profile, "heap_snapshot": _write_heap}[do](place)


def _log_event(folder: str) -> Callable[[Any], object]:
    def act(event: Any) -> None:
        text = str(event) if isinstance(event, Crossing) else str(event.report).rstrip()
        _log.warning("%s", text)

    return act


def _look(folder: str) -> Callable[[Any], object]:
    def act(event: Any) -> None:
        try:
            on_demand.prepare(_LOOKS_APART).begin_alone(lambda report: _log.warning("%s", str(report).rstrip()))
        except AlreadyStartedError:
            _log.info("a rule's looks are left out: others are under way")

    return act


def _start_profile() -> None:
    if not backend.samples:
        raise UnsupportedError(
            "a rule that profiles samples all the time, and without the C extension each allocation would be traced: "
            "call memwatch.profile.start() and give a function that writes"
        )
    with suppress(AlreadyStartedError):  # the program takes one with options of its own
        profile.start()


def _write_profile(folder: str) -> Callable[[Any], object]:
    return lambda event: _say(profile.write(_name("profile", folder)))


def _write_heap(folder: str) -> Callable[[Any], object]:
    return lambda event: _say(write_heap_snapshot(_name("heap_snapshot", folder)))


def _name(kind: str, folder: str) -> str:
    stem = f"{kind.replace('_', '-')}-{os.getpid()}-{time.time_ns() // 1_000_000}"
    return os.path.join(folder, stem + _SUFFIXES[kind])


def _say(path: object) -> None:
    _log.warning("a rule has written %s", path)
