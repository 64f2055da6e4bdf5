"""How much of processor and memory a process takes. Numbers are right also on the first call and on close calls.

    usage.lookup(pid).cpu                       per cent of one core, averaged over the process's life
    usage.lookup(pid, keep_history=True).cpu    the same since the last such call for that process
    usage.container()                           this process's own container: limit, usage, share; None outside one

Any process of the machine can be looked up. What the system hides of another user's process is None.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import psutil

from .backend.meters.memory_limit import Container, container
from .checks import check_whole
from .clock import Clock
from .errors import ProcessError

__all__ = ["Container", "History", "Usage", "clear_history", "container", "lookup"]

Number = TypeVar("Number", int, float)
Identity = tuple[int, float]  # a pid and when its process began: a pid alone is used again

CLOSE = 0.1
"""Seconds: the kernel counts processor time in hundredths, so a share of less than a tenth is mostly rounding."""

_TICK = 0.01
_MOST = 2**32 - 1
_DESCRIPTORS = "num_fds" if hasattr(psutil.Process, "num_fds") else "num_handles"  # the latter on Windows


@dataclass(frozen=True, slots=True)
class Usage:
    """What the process `pid` took at `time` (epoch seconds). None stands for what this system does not tell.

    `cpu` and `cpu_lifetime` are per cent of one core: 250 is two and a half cores. `cpu_user` and `cpu_system` are
    seconds of processor time, `elapsed` seconds since the process began. Sizes are bytes: `rss` in memory, `vms`
    addressed, `uss` in memory and shared with nobody, `swap` written out. `descriptors` are open files, or handles on
    Windows. `children` is how many processes below this one are summed up in all the numbers, None if not asked for.
    """

    pid: int
    time: float
    cpu: float | None
    cpu_lifetime: float | None
    cpu_user: float | None
    cpu_system: float | None
    elapsed: float | None
    rss: int | None
    vms: int | None
    uss: int | None
    swap: int | None
    threads: int | None
    descriptors: int | None
    children: int | None

    @property
    def memory(self) -> int | None:
        """Bytes in memory: `rss`."""
        return self.rss

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, with `memory`."""
        return {"memory": self.rss} | asdict(self)


def lookup(pid: int, keep_history: bool = False, children: bool = False) -> Usage:
    """What the process *pid* takes now.

    With *keep_history* `cpu` is what it took since the last call with that option, and its lifetime's average the
    first time. The history is one for the whole process: whoever shares it shortens the others' intervals, and makes
    a `History` of his own if he minds. With *children* the processes below it, of all generations, are added; `rss`
    then counts pages that they share several times, `uss` does not. Finding them takes a look at every process of the
    machine. Those that end meanwhile, and what may not be read of one, are left out.

    Raises OptionError for what is no process id, ProcessError if there is no such process, if it has ended and only
    waits for its parent, or if nothing of it may be read.
    """
    return _shared.lookup(pid, children) if keep_history else _summed(_read_tree(pid, children), children)


def clear_history(pid: int | None = None) -> None:
    """Forget what `lookup` keeps of the process *pid*, or of all."""
    _shared.clear(pid)


class History:
    """Remembers the processor time of processes, so that `lookup` can tell what they took since the last call.

    A process is known by its pid and its beginning, so that one that got an old pid starts anew. At most *limit*
    processes are remembered, each for *expires* seconds since its last lookup. *now* reads a monotonic clock.

    Threads and forked children may use one history: every step is one operation of a dict, so no lock can be left
    taken, and two calls at once merely measure from the same beginning.
    """

    def __init__(self, limit: int = 1024, expires: float = 3600.0, now: Callable[[], float] = Clock.monotonic) -> None:
        self._limit, self._expires, self._now = limit, expires, now
        self._last: dict[tuple[Identity, bool], _Mark] = {}

    def lookup(self, pid: int, children: bool = False) -> Usage:
        """As the function of that name with `keep_history`, with and without *children* being remembered apart."""
        readings = _read_tree(pid, children)
        usage = _summed(readings, children)
        if usage.cpu_lifetime is None:
            return usage
        return replace(usage, cpu=self.advance((readings[0].identity, children), readings, usage.cpu_lifetime))

    def clear(self, pid: int | None = None) -> None:
        """Forget the process *pid*, or all."""
        if pid is None:
            self._last.clear()
            return
        wanted = check_whole("pid", pid, 1, _MOST)
        for key in [key for key in list(self._last) if key[0][0] == wanted]:
            self._last.pop(key, None)

    def advance(self, key: tuple[Identity, bool], readings: Sequence[Reading], lifetime: float) -> float:
        """Per cent of one core that *readings* took since the last call for *key*; *lifetime* if there was none.

        A call less than a tenth of a second after the last one gives that one's value again, and the next call
        measures from there.
        """
        now, before = self._now(), self._last.get(key)
        if before is None or now - before.time > self._expires:
            cpu = lifetime
        elif now - before.time < CLOSE:
            return before.cpu
        else:
            cpu = 100 * _spent(before.seconds, readings, now - before.time) / (now - before.time)
        self._last[key] = _Mark(now, {each.identity: each.seconds for each in readings}, cpu)
        if before is None:
            self._trim(now)
        return cpu

    def _trim(self, now: float) -> None:
        marks = sorted(self._last.items(), key=lambda item: item[1].time)
        surplus = len(marks) - self._limit
        for place, (key, mark) in enumerate(marks):
            if place < surplus or now - mark.time > self._expires:
                self._last.pop(key, None)


@dataclass(frozen=True, slots=True)
class _Mark:
    """The seconds of processor time that processes had used at `time`, and the share that was given then."""

    time: float
    seconds: Mapping[Identity, float]
    cpu: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What the system says of one process; None for what it does not say."""

    identity: Identity
    elapsed: float | None = None
    user: float | None = None
    system: float | None = None
    rss: int | None = None
    vms: int | None = None
    uss: int | None = None
    swap: int | None = None
    threads: int | None = None
    descriptors: int | None = None

    @property
    def seconds(self) -> float:
        """Processor time, 0.0 where it is not known."""
        return (self.user or 0.0) + (self.system or 0.0)

    @property
    def lifetime(self) -> float | None:
        """Per cent of one core over the process's life; one that has just begun is taken to be a clock's tick old."""
        if self.user is None or self.elapsed is None:
            return None
        return 100 * self.seconds / max(self.elapsed, _TICK)


def _spent(before: Mapping[Identity, float], readings: Sequence[Reading], interval: float) -> float:
    """Seconds of processor time since *before*; all of a process's that began since, none of one that only joined."""
    spent = 0.0
    for reading in readings:
        if reading.identity in before:
            spent += max(0.0, reading.seconds - before[reading.identity])
        elif reading.elapsed is not None and reading.elapsed <= interval:
            spent += reading.seconds
    return spent


def _summed(readings: Sequence[Reading], children: bool) -> Usage:
    """The first reading's process, with the numbers of all *readings* added up."""
    first = readings[0]
    lifetime = _total(each.lifetime for each in readings)
    return Usage(
        pid=first.identity[0],
        time=time.time(),
        cpu=lifetime,
        cpu_lifetime=lifetime,
        cpu_user=_total(each.user for each in readings),
        cpu_system=_total(each.system for each in readings),
        elapsed=first.elapsed,
        rss=_total(each.rss for each in readings),
        vms=_total(each.vms for each in readings),
        uss=_total(each.uss for each in readings),
        swap=_total(each.swap for each in readings),
        threads=_total(each.threads for each in readings),
        descriptors=_total(each.descriptors for each in readings),
        children=len(readings) - 1 if children else None,
    )


def _total(values: Iterator[Number | None]) -> Number | None:
    """The sum of the known *values*; None if there are none."""
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


# ---- asking the system


def _read_tree(pid: int, children: bool) -> list[Reading]:
    """The process itself, then, with *children*, those below it that are there and alive."""
    try:
        process = psutil.Process(check_whole("pid", pid, 1, _MOST))
        below = process.children(recursive=True) if children else []
        readings = [_read(process)]
    except psutil.ZombieProcess:
        raise ProcessError(f"process {pid} has ended and is a zombie: its parent has not read its status") from None
    except psutil.NoSuchProcess:
        raise ProcessError(f"there is no process {pid}") from None
    except psutil.AccessDenied:
        raise ProcessError(f"process {pid} may not be read: it belongs to another user") from None
    return readings + [reading for child in below for reading in _read_if_there(child)]


def _read_if_there(process: psutil.Process) -> Iterator[Reading]:
    try:
        yield _read(process)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return


def _read(process: psutil.Process) -> Reading:
    """All of *process* that may be read. Raises psutil's errors: it is gone, a zombie, or nothing may be read."""
    with process.oneshot():
        if process.status() == psutil.STATUS_ZOMBIE:
            raise psutil.ZombieProcess(process.pid)
        cpu, memory = _allowed(process.cpu_times), _allowed(process.memory_info)
        if cpu is None and memory is None:
            raise psutil.AccessDenied(process.pid)
        private = _allowed(process.memory_full_info)
        began, elapsed = _age(process)
        return Reading(
            identity=(process.pid, began),
            elapsed=max(0.0, elapsed),
            user=cpu and cpu.user,
            system=cpu and cpu.system,
            rss=memory and memory.rss,
            vms=memory and memory.vms,
            uss=getattr(private, "uss", None),
            swap=getattr(private, "swap", None),
            threads=_allowed(process.num_threads),
            descriptors=_allowed(getattr(process, _DESCRIPTORS)),
        )


def _allowed(read: Callable[[], Any]) -> Any:
    """What *read* gives, None where this user may not or this platform cannot."""
    try:
        return read()
    except (psutil.AccessDenied, RuntimeError):  # the latter where psutil has not got it for this platform
        return None


def _age(process: psutil.Process) -> tuple[float, float]:
    """When *process* began, on a clock that is nobody's but its own, and how many seconds ago that was.

    On Linux by the kernel's count since boot: psutil's creation time hangs on the time of boot, which the kernel tells
    in whole seconds and which moves when the machine's clock is set.
    """
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        began = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return began, time.clock_gettime(time.CLOCK_BOOTTIME) - began
    except (OSError, ValueError, IndexError, AttributeError):
        return process.create_time(), time.time() - process.create_time()


_shared = History()
