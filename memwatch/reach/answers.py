"""The questions that a process answers, and how it finds the answers. All of this runs on the watcher's thread."""

from __future__ import annotations

import sys
from collections.abc import Callable

from .. import default, on_demand
from ..checks import check_number
from ..clock import Clock, to_wall
from ..errors import MemwatchError, NotStartedError, OptionError
from .curve import curve_of, find_leak
from .jobs import JOBS
from .reply import Reply
from .status import no_growth, status_of

_LEAVING = 0.2  # seconds
_LATEST = 1e11


def _status(reply: Reply) -> None:
    reply.give(status_of(reply.watcher))


def _curve(reply: Reply) -> None:
    """The base since watching began: a few hundred pairs of epoch seconds and bytes, evenly spread."""
    samples = reply.watcher.candidate(no_growth()).samples
    reply.give({"curve": [[to_wall(sample.time), sample.base] for sample in samples]})


def _report(reply: Reply, seconds: float = 30.0, page: bool = False) -> None:
    """A report as a dict, as text and, if *page*, as a page for a browser."""
    on_demand.check_seconds(seconds)

    def tell(asked: on_demand.Question) -> None:
        if asked.report is None:
            reply.fail(MemwatchError(f"the report could not be made: {asked.problem}"))
        else:
            pages = {"page": asked.report.to_html()} if page else {}
            reply.give({"report": asked.report.to_dict(), "text": str(asked.report), **pages})

    def begin(_room: object) -> None:
        asked = on_demand.prepare(seconds)
        reply.on_cancel = asked.close
        asked.begin(tell)

    reply.when_loaded(default.loader(), begin)


def _diff(reply: Reply, seconds: float = 30.0) -> None:
    """What changed within so many seconds: the diff as a dict, and its table."""
    on_demand.check_seconds(seconds)
    reply.when_loaded(reply.looks, lambda room: room.diff(reply, seconds))


def _profile(reply: Reply, seconds: float = 0.0) -> None:
    """The live sampled allocations, since watching began or within so many seconds: a pprof file in base64."""
    if seconds != 0:
        on_demand.check_seconds(seconds)
    reply.when_loaded(reply.looks, lambda room: room.profile(reply, seconds))


def _paths(reply: Reply, type: str = "", limit: int = 3) -> None:
    """Who holds the objects of a type: `limit` paths as dicts."""
    reply.when_loaded(reply.looks, lambda room: room.paths(reply, type, limit))


def _holders(reply: Reply, type: str = "") -> None:
    """How many objects of a type there are, and who holds how many of them, as a tree with examples."""
    reply.when_loaded(reply.looks, lambda room: room.holders(reply, type))


def _snapshot(reply: Reply, path: str = "", temporary: bool = False) -> None:
    """Writes the heap to the file *path*, or to a *temporary* one. Answers its absolute path and its bytes."""
    reply.when_loaded(reply.looks, lambda room: room.snapshot(reply, path, temporary))


def _readings(reply: Reply, since: float = 0.0) -> None:
    """The readings after *since*, in epoch seconds, as columns, and the last events."""
    check_number("since", since, 0.0, _LATEST)
    reply.give(curve_of(reply.watcher).since(since))


def _leak(reply: Reply, leak: int = 0) -> None:
    """The report of a leak, by the number that `readings` gave: as a dict, as text and as a page."""

    def show(_room: object) -> None:
        report = find_leak(reply.watcher, leak).report
        reply.give({"report": report.to_dict(), "text": str(report), "page": report.to_html()})

    reply.when_loaded(default.loader(), show)


def _begin(reply: Reply, question: object = None) -> None:
    """Begin a question that takes long. Answers the number of its job."""
    reply.give({"job": JOBS.begin(reply, question, answer)})


def _jobs(reply: Reply) -> None:
    """The jobs that were begun, without their answers."""
    reply.give({"jobs": JOBS.list()})


def _job(reply: Reply, job: int = 0) -> None:
    """One job, with its answer."""
    found = JOBS.find(job)
    reply.give({**found.to_dict(), "answer": found.answer()})


def _drop(reply: Reply, job: int = 0) -> None:
    """Cancel a job, or forget its answer."""
    JOBS.drop(job)
    reply.give({"job": job})


def _gc(reply: Reply) -> None:
    """Runs a full collection. Answers the base before it, in bytes, and the `Stats` after it."""
    before, begun = reply.watcher.candidate(no_growth()).read(), Clock.monotonic()
    stats = reply.watcher.collect()
    held, seconds = stats.current_base, Clock.monotonic() - begun
    reply.give({"before_bytes": before.base, "after_bytes": held, "seconds": seconds, "stats": stats.to_dict()})


def _detach(reply: Reply) -> None:
    """Remove memwatch from a process that it was attached to. Answers what stays of it."""
    inside = sys.modules.get(f"{__name__.partition('.')[0]}.attach.inside")
    if inside is None:
        raise NotStartedError("memwatch was not attached to this process: the process itself started it")
    reply.give(inside.what_stays())
    reply.watcher.call_later(_LEAVING, inside.end)  # after the answer is sent


ANSWERS: dict[str, Callable[..., None]] = {
    "status": _status,
    "curve": _curve,
    "report": _report,
    "diff": _diff,
    "profile": _profile,
    "paths": _paths,
    "holders": _holders,
    "snapshot": _snapshot,
    "gc": _gc,
    "readings": _readings,
    "leak": _leak,
    "begin": _begin,
    "jobs": _jobs,
    "job": _job,
    "drop": _drop,
    "detach": _detach,
}


def answer(reply: Reply, question: object) -> None:
    """Begin to answer *question*, a dict with `ask` and its parameters. Raises OptionError if it is wrong."""
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
