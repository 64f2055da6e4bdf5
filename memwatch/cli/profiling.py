"""The profile that `memwatch run --profile FILE` writes: when a leak is reported, and when the program ends.

The processes below the run leave copies of theirs in its folder: when they end, when they report a leak, and from time
to time, since they may be killed. The run merges all of them. What a forked child has inherited is in its parent's
profile, not in its own.
"""

from __future__ import annotations

import _thread
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .. import formats, signals
from ..backend.forks import on_fork
from ..calltree import CallTree
from ..clock import Clock
from ..combine import merge
from ..errors import MemwatchError
from ..files import check_writable, write_file
from ..profile import AllocationSampler
from ..treebuilder import build
from ..units import format_bytes
from .copies import SUFFIX, encode, read_copies
from .descendants import Diary
from .screen import Terminal

if TYPE_CHECKING:
    from ..watch import Leak, Watcher
    from ..watch.sample import Sample

COPIES_ONLY = "copies"
"""In the place of a path: the file is that of a run around this one."""

_INTERVAL = 65536
_COST = {
    "sampler": f"memwatch: sampling one byte in {_INTERVAL:,} that are allocated",
    "tracemalloc": "memwatch: profiling every allocation with tracemalloc; a busy program takes 15 to 40 times as long",
}
_FIRST = 1.0  # seconds until the first copy from time to time
_REST = 5.0  # seconds between two, and so many times as long as one takes:
_DUTY = 200.0
_MOST_FILES = 20
_LAST = -1000  # after the program's own finalizers


class RunProfile:
    """The profile of this process of a run, and of each process that it forks.

    The program may profile itself meanwhile: this has a sampler of its own.
    """

    def __init__(self, path: str, terminal: Terminal, run_pid: int) -> None:
        """Check all that can be checked before the program runs. Raises FormatError and WriteError."""
        self.path = COPIES_ONLY if path == COPIES_ONLY else os.path.abspath(path)  # a program may change its directory
        self._terminal = terminal
        self._run_pid = run_pid
        self._diary: Diary | None = None
        self._sampler = AllocationSampler()
        self._follows_multiprocessing = False
        self._next = 0.0  # when the next copy from time to time is due
        self._begin()
        if self._writes_file():
            self._format = formats.choose(path, None)
            check_writable(path, "a profile")
            formats.write(CallTree(build(())), self._format)  # what the thread that tells of a leak must not import

    def start(self, watcher: Watcher, diary: Diary | None) -> None:
        """Begin. Copies go to the folder of *diary*; without one there are none."""
        self._diary = diary
        self._sampler.start(sample_interval=_INTERVAL)
        watcher.at_tick.append(self.tick)
        signals.on("leak", self._on_leak)
        on_fork("run profile", in_child=self._become_child)

    def stop(self) -> None:
        """End it; nothing more is written."""
        signals.off("leak", self._on_leak)
        self._diary, self.path = None, COPIES_ONLY
        self._sampler.stop()

    def tell_cost(self) -> None:
        """Print what it costs."""
        self._terminal.write(f"{_COST[self._sampler.source]}\n")

    def tick(self, sample: Sample) -> Iterable[Any]:
        """What a watcher calls at its ticks: makes a copy if that is cheap, since the process may be killed."""
        if sample.clock >= self._next and self._sampler.source == "sampler" and self._leaves_copies():
            begun = Clock.thread_time()
            self._copy()
            self._next = sample.clock + max(_REST, _DUTY * (Clock.thread_time() - begun))
        return ()

    def write(self) -> None:
        """Write the run's file and print where, or why it could not be written; in a process below, leave a copy."""
        with self._writing:
            if self._leaves_copies():
                self._copy()
            if self._writes_file():
                self._terminal.write(f"memwatch: {self._try()}\n")

    # ---- which process this is

    def _begin(self) -> None:
        self._refused = False
        self._writing = _thread.RLock()  # the end waits for what a leak has begun: no piece of a file is left lying
        self._next = Clock.monotonic() + _FIRST

    def _become_child(self) -> None:
        """What was allocated before the fork belongs to the parent. A fork hook must not raise."""
        self._begin()
        with suppress(Exception):
            if self._sampler.is_running():
                self._sampler.stop()
                self._sampler.start(sample_interval=_INTERVAL)
            self._follow_multiprocessing()

    def _follow_multiprocessing(self) -> None:
        """Children of multiprocessing end by os._exit after their finalizers; those of the parent are forgotten
        first."""
        util: Any = sys.modules.get("multiprocessing.util")
        if util is not None and not self._follows_multiprocessing:
            self._follows_multiprocessing = True
            util.register_after_fork(self, lambda profile: util.Finalize(None, profile.write, exitpriority=_LAST))

    def _writes_file(self) -> bool:
        return os.getpid() == self._run_pid and self.path != COPIES_ONLY

    def _leaves_copies(self) -> bool:
        is_below = os.getpid() != self._run_pid
        return self._diary is not None and (is_below or self._diary.is_within)

    # ---- what is written

    def _copy(self) -> None:
        if self._diary is None or self._refused:
            return
        with suppress(MemwatchError, ValueError):  # the program has ended the profile, or named a thread badly
            self._refused = not self._diary.put(SUFFIX, encode(self._sampler.get().tree))
            if self._refused:
                self._terminal.write(f"memwatch: pid {os.getpid()} runs as another user: its profile is not gathered\n")

    def _try(self) -> str:
        """Write the file, and one for each process if there are several; returns what to print."""
        try:
            own = self._sampler.get().tree
            copies, left_out = read_copies(self._diary.folder) if self._diary is not None else ([], 0)
            below = [tree for tree in copies if tree.pid != own.pid]
            whole = _added_up([own, *below], left_out) if below else own
            write_file(self.path, formats.write(whole, self._format))
            for tree in sorted([own, *below], key=_held)[-_MOST_FILES:] if below else ():
                write_file(self._path_of(tree.pid), formats.write(tree, self._format))
        except MemwatchError as error:
            return f"no profile written: {error}"
        held = f"{format_bytes(whole.root.total_bytes)} in {whole.root.total_count:,} allocations"
        if not below:
            return f"profile written to {self.path} ({held})"
        heaviest = f"each of the {_MOST_FILES} heaviest" if len(below) >= _MOST_FILES else "each"
        beside = os.path.basename(self._path_of("PID"))
        return f"profile of {len(below) + 1} processes written to {self.path} ({held}), of {heaviest} to {beside}"

    def _path_of(self, pid: int | str) -> str:
        suffix = formats.suffix_of(self.path)
        return f"{self.path.removesuffix(suffix)}-{pid}{suffix}"

    def _on_leak(self, leak: Leak) -> None:
        self.write()


def _added_up(trees: list[CallTree], left_out: int) -> CallTree:
    notes = [f"{len(trees):,} processes added up, each as it was when it was last read"]
    if left_out:
        notes.append(f"{left_out:,} more are not in it")
    whole = merge(trees)
    return replace(whole, notes=(*notes, *whole.notes))


def _held(tree: CallTree) -> int:
    return tree.root.total_bytes
