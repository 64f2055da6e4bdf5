"""What is written when the life of a process begins: who it is and in which role. Also, how its end is noticed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NamedTuple

from ..backend.lifetimes import mark_of
from ..backend.meters.memory_limit import memory_limit
from ..internal import internal
from ..origin import arguments, find_origin, process_name, program_name, split_number

_POOLS = ("multiprocessing.util", "billiard.util")  # whose workers end without the interpreter's exit functions


@internal
class Birth(NamedTuple):
    """What is known when a life begins. The field names are those of the table's columns.

    mark        distinguishes the process from others that get the same number.
    role        is the same for all processes that do the same work: the program, and behind it the name that a pool
                gives its workers, without their number, or "worker" for what a watched process has forked.
    release     is the program's own version, as it was given.
    """

    host: str
    pid: int
    parent: int
    mark: str
    program: str
    role: str
    worker: int | None
    argv0: str
    release: str
    python: str
    memwatch: str
    limit_bytes: int
    started: float


def born(release: str, started: float, is_forked: bool) -> Birth:
    """The birth of this process, which is watched since *started*. *is_forked*: a watched process has forked it."""
    origin, (name, worker) = find_origin(), split_number(process_name())
    kind = name or ("worker" if is_forked else "")
    return Birth(
        host=origin.host,
        pid=os.getpid(),
        parent=os.getppid(),
        mark=mark_of(os.getpid()),
        program=program_name(),
        role=f"{program_name()} {kind}".rstrip(),
        worker=worker,
        argv0=next(iter(arguments()), ""),
        release=release,
        python=origin.python,
        memwatch=origin.memwatch,
        limit_bytes=memory_limit(),
        started=started,
    )


def at_end_of_worker(function: Callable[[], object]) -> None:
    """Have *function* called when a pool's worker ends. Such workers run finalizers, or celery's signal, and
    os._exit.
    """
    for name in _POOLS:
        util = sys.modules.get(name)
        if util is not None:
            util.Finalize(None, function, exitpriority=0)
    celery = sys.modules.get("celery.signals")  # its workers run no finalizer
    if celery is not None:
        celery.worker_process_shutdown.connect(lambda **_: function(), weak=False)
