"""What a process can be asked, and how it finds out. All of it runs on the watcher's thread."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .. import asking, default
from ..clock import Clock, to_wall
from ..errors import MemwatchError, NotStartedError, OptionError, UnsupportedError
from ..internal import internal
from ..loading import Loader
from ..watch import Watcher
from .status import no_growth, status_of

_LOADING = 0.05  # seconds between two looks whether what is needed is loaded
_LEAVING = 0.2  # seconds
_PATIENCE = 60.0  # seconds that it may take to load it


@internal
class Reply:
    """An answer that is being found for one question. *tell* gets it, or an error, once.

    *looks* loads what is needed for a look at the heap.
    """

    def __init__(self, watcher: Watcher, looks: Loader, tell: Callable[[object, Exception | None], None]) -> None:
        self.watcher = watcher
        self.looks = looks
        self.on_cancel: Callable[[], object] | None = None
        self._tell: Callable[[object, Exception | None], None] | None = tell

    def give(self, value: object) -> None:
        """This is the answer."""
        self._end(value, None)

    def fail(self, error: Exception) -> None:
        """There is none."""
        self._end(None, error)

    def cancel(self) -> None:
        """Nobody wants it any more."""
        self._tell = None
        if self.on_cancel is not None:
            self.on_cancel()

    def later(self, seconds: float, function: Callable[[], object]) -> None:
        """Go on in so many seconds, unless nobody wants it any more; what it raises is the answer."""

        def go_on() -> None:
            if self._tell is None:
                return
            try:
                function()
            except Exception as error:
                self.fail(error)

        self.watcher.call_later(seconds, go_on)

    def when_loaded(self, loader: Loader, function: Callable[[Any], object], patience: float = _PATIENCE) -> None:
        """Call *function* with what *loader* loads, once it is there."""
        if loader.room is not None:
            function(loader.room)
        elif loader.problem or patience <= 0:
            raise UnsupportedError(f"memwatch cannot look into the heap: {loader.problem or 'loading takes too long'}")
        else:
            loader.begin()
            self.later(_LOADING, lambda: self.when_loaded(loader, function, patience - _LOADING))

    def _end(self, value: object, error: Exception | None) -> None:
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(value, error)


def _status(reply: Reply) -> None:
    reply.give(status_of(reply.watcher))


def _curve(reply: Reply) -> None:
    """What was held since watching began: a few hundred pairs of epoch seconds and bytes, evenly spread."""
    samples = reply.watcher.candidate(no_growth()).samples
    reply.give({"curve": [[to_wall(sample.time), sample.base] for sample in samples]})


def _report(reply: Reply, seconds: float = 30.0, page: bool = False) -> None:
    """The dict of a report, its text and, if *page*, the page for a browser."""
    asking.check_seconds(seconds)

    def tell(asked: asking.Question) -> None:
        if asked.report is None:
            reply.fail(MemwatchError(f"the report could not be made: {asked.problem}"))
        else:
            pages = {"page": asked.report.to_html()} if page else {}
            reply.give({"report": asked.report.to_dict(), "text": str(asked.report), **pages})

    def begin(_room: object) -> None:
        asked = asking.prepare(seconds)
        reply.on_cancel = asked.close
        asked.begin(tell)

    reply.when_loaded(default.loader(), begin)


def _diff(reply: Reply, seconds: float = 30.0) -> None:
    """What changed within so many seconds: the dict of a diff, and its table."""
    asking.check_seconds(seconds)
    reply.when_loaded(reply.looks, lambda room: room.diff(reply, seconds))


def _profile(reply: Reply, seconds: float = 0.0) -> None:
    """What is alive of all that was sampled since watching began, or within so many seconds: a pprof file as base64."""
    if seconds != 0:
        asking.check_seconds(seconds)
    reply.when_loaded(reply.looks, lambda room: room.profile(reply, seconds))


def _paths(reply: Reply, type: str = "", limit: int = 3) -> None:
    """Who holds the objects of a type: the dicts of `limit` paths."""
    reply.when_loaded(reply.looks, lambda room: room.paths(reply, type, limit))


def _snapshot(reply: Reply, path: str = "") -> None:
    """The heap, written to the file *path*: its absolute path, and its bytes."""
    reply.when_loaded(reply.looks, lambda room: room.snapshot(reply, path))


def _gc(reply: Reply) -> None:
    """A full collection: what was held before it, in bytes, and the `Stats` of what is left."""
    before, begun = reply.watcher.candidate(no_growth()).read(), Clock.monotonic()
    stats = reply.watcher.collect()
    held, seconds = stats.current_base, Clock.monotonic() - begun
    reply.give({"before_bytes": before.base, "after_bytes": held, "seconds": seconds, "stats": stats.to_dict()})


def _detach(reply: Reply) -> None:
    """Have memwatch leave a process that it was attached to: what stays of it."""
    inside = sys.modules.get(f"{__name__.partition('.')[0]}.attach.inside")
    if inside is None:
        raise NotStartedError("memwatch was not attached to this process: it watches by its own doing")
    reply.give(inside.what_stays())
    reply.watcher.call_later(_LEAVING, inside.end)  # when the answer is sent


ANSWERS: dict[str, Callable[..., None]] = {
    "status": _status,
    "curve": _curve,
    "report": _report,
    "diff": _diff,
    "profile": _profile,
    "paths": _paths,
    "snapshot": _snapshot,
    "gc": _gc,
    "detach": _detach,
}


def answer(reply: Reply, question: object) -> None:
    """Begin to find the answer to *question*, a dict with `ask` and what that takes. Raises what is wrong with it."""
    words = dict(question) if isinstance(question, dict) else {}
    name = words.pop("ask", None)
    if not isinstance(name, str) or name not in ANSWERS:
        raise OptionError(f"there is no such question; there are {', '.join(ANSWERS)}")
    asked = ANSWERS[name]
    known = asked.__code__.co_varnames[1 : asked.__code__.co_argcount]
    for word in words:
        if word not in known:
            raise OptionError(f"{name!r} takes {', '.join(known) or 'nothing'}, not {word[:40]!r}")
    asked(reply, **words)
