"""Programs that fork often, for forks.py: each counts the readings that it takes of those that are due."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import pty
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import memwatch

RATE = 20  # forks a second
LONG = 20  # every so many children live for some ticks
WORKERS = 8
TICK = 0.25
TICKS_OF_CHILD = 4
FAST_TICK = 0.02


@dataclass(slots=True)
class Counts:
    """Forks and readings of a program: due and taken, of the parent and of all children that live long enough."""

    forks: int = 0
    due: int = 0
    taken: int = 0
    children: int = 0
    child_due: int = 0
    child_taken: int = 0


class Program:
    """A program that forks, watched; `report` is the pipe that children write to."""

    def __init__(self, tick: float, seconds: float, forks: int, watched: bool) -> None:
        self.tick, self.seconds, self.forks = tick, seconds, forks
        self.counts = Counts()
        self._read, self._report = os.pipe()
        os.set_inheritable(self._report, True)
        os.set_blocking(self._read, False)
        self._pending = b""
        self.watcher = memwatch.start(pace="job", tick=tick) if watched else None
        self._began = time.monotonic()

    @property
    def readings(self) -> int:
        """Taken so far, in this process and in those that it comes from."""
        return self.watcher.readings if self.watcher is not None else 0

    def child(self, seconds: float) -> None:
        """What a forked child does: live for *seconds*, then write down what was read."""
        before, began, kept = self.readings, time.monotonic(), []
        while time.monotonic() - began < seconds:
            kept.append(list(range(100)))
            time.sleep(0.005)
        due = int((time.monotonic() - began) / self.tick)
        if due:
            os.write(self._report, b"%d %d\n" % (due, min(due, self.readings - before)))

    def life(self, number: int) -> float:
        """How long the child with this number lives, in seconds."""
        return self.tick * (TICKS_OF_CHILD + 0.5) if number % LONG == 0 else 0.0

    def fork(self, fork: Callable[[], int]) -> int:
        """A child by *fork*; its process number."""
        self.counts.forks += 1
        life = self.life(self.counts.forks)
        pid = fork()
        if pid:
            return pid
        try:
            self.child(life)
        finally:
            os._exit(0)

    def collect(self) -> None:
        """Read what children have written, and bury those that are gone."""
        while chunk := _read(self._read):
            self._pending += chunk
        *lines, self._pending = self._pending.split(b"\n")
        for line in lines:
            due, taken = map(int, line.split())
            self.counts.children += 1
            self.counts.child_due += due
            self.counts.child_taken += taken

    def end(self) -> Counts:
        """The counts, at the program's end."""
        self.counts.due = int((time.monotonic() - self._began) / self.tick)
        self.counts.taken = min(self.counts.due, self.readings)
        memwatch.stop()
        self.collect()
        return self.counts


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except BlockingIOError:
        return b""


def is_gone(pid: int) -> bool:
    """Whether a child has ended; gevent may have waited for it already."""
    try:
        return bool(os.waitpid(pid, os.WNOHANG)[0])
    except ChildProcessError:
        return True


def bury(program: Program, most: int) -> None:
    """Wait until at most *most* children are left."""
    while len(ALIVE) > most:
        for pid in list(ALIVE):
            if is_gone(pid):
                ALIVE.remove(pid)
        program.collect()
        if len(ALIVE) > most:
            time.sleep(0.005)


ALIVE: list[int] = []


def steadily(program: Program, fork: Callable[[], object]) -> None:
    """Call *fork* at the rate for the time."""
    end = time.monotonic() + program.seconds
    following = time.monotonic()
    while (now := time.monotonic()) < end:
        if now >= following:
            following = max(following + 1 / RATE, now)
            fork()
        program.collect()
        time.sleep(max(0.001, following - time.monotonic()))


def fork_steadily(program: Program, fork: Callable[[], int], after: Callable[[], None]) -> None:
    """Children by *fork* at the rate, each time with a call of *after*."""

    def once() -> None:
        ALIVE.append(program.fork(fork))
        bury(program, WORKERS)
        after()

    steadily(program, once)
    bury(program, 0)


def storm(program: Program) -> None:
    """os.fork() at the rate."""
    fork_steadily(program, os.fork, program.collect)


def pty_fork(program: Program) -> None:
    """pty.fork() at the rate."""
    terminals: dict[int, int] = {}

    def fork() -> int:
        pid, terminal = pty.fork()
        terminals[pid] = terminal
        return pid

    def close() -> None:
        for pid in terminals.keys() - set(ALIVE):
            os.close(terminals.pop(pid))

    fork_steadily(program, fork, close)


def preexec(program: Program) -> None:
    """Programs that are started with a preexec_fn at the rate."""

    def fork() -> None:
        program.counts.forks += 1
        subprocess.run(["/bin/true"], preexec_fn=os.getpid, check=True)

    steadily(program, fork)


def prefork(program: Program) -> None:
    """Eight workers that freeze the heap and turn the collector off, as a server's recipe has it."""

    def work() -> int:
        pid = os.fork()
        if not pid:
            gc.freeze()
            gc.disable()
        return pid

    program.life = lambda number: program.seconds / 4  # type: ignore[method-assign]
    ALIVE.extend(program.fork(work) for _ in range(WORKERS))
    bury(program, 0)


def pool(program: Program) -> None:
    """multiprocessing.Pool with a new process for each task."""
    end = time.monotonic() + program.seconds
    with multiprocessing.get_context("fork").Pool(4, maxtasksperchild=1) as workers:
        while time.monotonic() < end:
            workers.map(_task, range(8), chunksize=1)
            program.counts.forks += 8
            program.collect()
        workers.close()
        workers.join()


def _task(number: int) -> None:
    CURRENT[0].child(CURRENT[0].tick * (TICKS_OF_CHILD + 0.5) if number % 4 == 0 else 0.0)


def many(program: Program) -> None:
    """As many forks as asked for, one after the other, as fast as they go."""
    for _ in range(program.forks):
        ALIVE.append(program.fork(os.fork))
        bury(program, WORKERS)
    bury(program, 0)


CURRENT: list[Program] = []
PROGRAMS: dict[str, tuple[Callable[[Program], None], float]] = {
    "storm": (storm, TICK),
    "prefork": (prefork, TICK),
    "pool": (pool, TICK),
    "preexec": (preexec, TICK),
    "pty": (pty_fork, TICK),
    "many": (many, FAST_TICK),
}


def run_one(name: str, seconds: float, forks: int, watched: bool) -> None:
    """In a process of its own: run the program and print its counts."""
    function, tick = PROGRAMS[name]
    program = Program(tick, seconds, forks, watched)
    CURRENT.append(program)
    function(program)
    print(json.dumps(asdict(program.end())))
