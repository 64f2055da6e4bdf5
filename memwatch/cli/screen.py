"""What `memwatch run` prints: a line at the start, the report of a leak, and one line at the end.

Everything goes to standard error by `os.write`: the output of the program stays its own. No lock of a buffer is shared
with the program, which a fork or the end of the interpreter could find taken.
"""

from __future__ import annotations

import codecs
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from ..descriptors import identity
from ..handlers import fingerprint_of, render_report
from ..tables import wrapped
from ..units import format_bytes, format_delta, format_duration, format_growth, printable
from .descendants import Diary, Result, name_of, remove, stopped_names

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from ..watch import Cost, Leak, Stats, Watcher
    from ..watch.sample import Growth


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where to print: a descriptor, its encoding, and whether it shows colours and characters beyond ASCII.

    `file` is what the descriptor stood for at the start. Nothing is printed once the program has put a file of its own
    there, or if there was none. Where it `wraps`, no line is longer than the terminal is wide just then.
    """

    fd: int
    encoding: str
    color: bool
    unicode: bool
    file: tuple[int, int] | None
    wraps: bool = False

    def write(self, text: str) -> None:
        """Write *text*, or as much as the other end accepts; never raises."""
        columns = width_of(self.fd) if self.wraps else 0
        left = (wrapped(text, columns) if columns else text).encode(self.encoding, "backslashreplace")
        try:
            while left and identity(self.fd) == self.file is not None:
                left = left[os.write(self.fd, left) :]
        except OSError:
            return


def open_terminal(stream: TextIO | None, environ: Mapping[str, str]) -> Terminal:
    """The terminal behind *stream*: with colours unless NO_COLOR is set, and with the drawn curve if it uses UTF-8."""
    encoding = codecs.lookup((stream and stream.encoding) or "ascii").name
    # Consoles of Windows take other encodings below the text layer, and colours only when they are told.
    terminal = stream is not None and stream.isatty() and os.name != "nt"
    dumb = environ.get("TERM") == "dumb"
    return Terminal(
        fd=2,
        encoding=encoding,
        color=terminal and not dumb and not environ.get("NO_COLOR"),
        unicode=terminal and encoding == "utf-8",
        file=identity(2),
        wraps=terminal,
    )


def width_of(fd: int) -> int:
    """The columns of the terminal at *fd*, 0 if it is none; COLUMNS goes first."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(fd).columns
    except OSError:
        return 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: seconds watched and needed, its leaks that stayed and that went, the suspicion left open.

    `stopped` names those that grow no more, and what they won is still held; `recovered` counts all that grow no more.
    `watched` is False if watching ended before the program did; `gap` says that and why too little was read, if so;
    `children` is True if there were child processes, `others` what those that were watched found.
    """

    watched: bool
    seconds: float
    seconds_needed: float
    leaks: tuple[Leak, ...]
    recovered: int
    suspicion: Growth | None
    cost: Cost
    readings: int
    gap: str = ""
    children: bool = False
    others: tuple[Result, ...] = ()
    stopped: tuple[str, ...] = ()


@dataclass(slots=True)
class Screen:
    """Receives events and prints them; keeps what the last line needs.

    `pid` is the process that prints that line. `advice` is the command at the end of the first report, if any.
    """

    terminal: Terminal
    pid: int = field(default_factory=os.getpid)
    started: float = field(default_factory=time.monotonic)
    leaks: dict[str, Leak] = field(default_factory=dict)
    recoveries: int = 0
    advice: str = ""

    def start(self, backend: str, sample_interval: int = 0) -> None:
        """Print the first line."""
        self.terminal.write(format_start(self.pid, backend, sample_interval) + "\n")

    def stats(self, stats: Stats) -> None:
        """Print a line for a reading."""
        self.terminal.write(format_stats(os.getpid(), stats) + "\n")

    def leak(self, leak: Leak) -> None:
        """Print the report, unless this leak was printed before."""
        fingerprint = fingerprint_of(leak)
        if fingerprint not in self.leaks:
            report, advice = render_report(leak, self.terminal.color, self.terminal.unicode), ""
            if self.advice and os.getpid() == self.pid and not self.leaks:
                advice = f"  next   {printable(self.advice)}   (flame graph of what stays)\n"
            self.terminal.write(f"\n{report}\n{advice}\n")
        self.leaks[fingerprint] = leak

    def written(self, path: str) -> None:
        """Say where a report was written to."""
        self.terminal.write(f"memwatch: report written to {printable(path)}\n")

    def recovered(self, leak: Leak) -> None:
        """Print that a leak which was printed has stopped."""
        if self.leaks.pop(fingerprint_of(leak), None) is not None:
            self.recoveries += 1
            self.terminal.write(f"memwatch: pid {os.getpid()}: {name_of(leak)} has stopped growing: {_growth(leak)}\n")

    def end(self, watcher: Watcher, watched: bool, others: tuple[Result, ...] = ()) -> None:
        """Print the last line, with the cost of *watcher* and what *others* below this process found."""
        outcome = Outcome(
            watched=watched,
            seconds=time.monotonic() - self.started,
            seconds_needed=watcher.pace.seconds_to_judge,
            leaks=tuple(self.leaks.values()),
            recovered=self.recoveries,
            suspicion=watcher.suspicion,
            cost=watcher.cost,
            readings=watcher.readings,
            gap=watcher.gap,
            children=resource is not None and resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0,
            others=others,
            stopped=stopped_names(watcher),
        )
        self.terminal.write(format_end(outcome) + "\n")


def finish(screen: Screen, diary: Diary | None, watcher: Watcher, watched: bool) -> None:
    """At the end of a process: print the last line of its own run, or else write the last page of its diary.

    A run within another one leaves its folder to it.
    """
    own = os.getpid() == screen.pid
    if diary is not None and (not own or diary.is_within):
        diary.write()
    if own:
        screen.end(watcher, watched, diary.gather() if diary is not None else ())
        if diary is not None and not diary.is_within:
            remove(diary.folder)


def format_start(pid: int, backend: str, sample_interval: int = 0) -> str:
    """The first line; *sample_interval* is the number of bytes between two samples, 0 if there are none."""
    names = {"cpython": "CPython", "pypy": "PyPy"}
    python = names.get(sys.implementation.name, sys.implementation.name)
    version = ".".join(map(str, sys.version_info[:2]))
    sampling = f", sampling every {_interval(sample_interval)}" if sample_interval else ""
    return f"memwatch: watching pid {pid} ({python} {version}, {backend}{sampling}); quiet until it is sure"


def _interval(size: int) -> str:
    """``64 KiB``: whole units as such."""
    return format_bytes(size) if size % 1024 or size >= 1 << 20 else f"{size >> 10} KiB"


def format_stats(pid: int, stats: Stats) -> str:
    """A reading in one line."""
    return (
        f"memwatch: pid {pid} base {format_bytes(stats.current_base)}, rss {format_bytes(stats.rss)}, "
        f"trend {stats.usage_trend:+.1f} %, {stats.num_full_gc} full collections ({stats.trigger})"
    )


def format_end(outcome: Outcome) -> str:
    """The last line: leak, no leak seen, too short to judge, or not watched; for all processes, with the cost of
    watching."""
    cost = f"own cost {_share(outcome.cost.cpu_share)} of CPU, {outcome.readings} readings"
    leaks, recovered = _leaks(outcome), outcome.recovered + sum(other.recovered for other in outcome.others)
    if leaks:
        count = len(leaks)
        return (
            f"memwatch: {count} leak{'s' * (count > 1)} in {format_duration(outcome.seconds)} "
            f"({', '.join(leaks)}); {cost}"
        )
    if recovered:
        freed = f"{recovered} {'was' if recovered == 1 else 'were'} freed"
        return f"memwatch: no leak grows any more after {format_duration(outcome.seconds)}, {freed}; {cost}"
    suspicion = _suspicion(outcome)
    if not outcome.watched:
        return f"memwatch: cannot judge (watching ended before the program); {suspicion or 'nothing suspicious so far'}"
    if outcome.seconds < outcome.seconds_needed:
        needed = f"ran {_seconds(outcome.seconds)}, needs {_seconds(outcome.seconds_needed)}"
        return f"memwatch: too short to judge ({needed}); {suspicion or 'nothing suspicious so far'}"
    if outcome.gap:
        return f"memwatch: {outcome.gap}; {suspicion or 'nothing suspicious so far'}"
    open_end = f", but {suspicion}" if suspicion else ""
    return f"memwatch: no leak seen{_where(outcome)} in {format_duration(outcome.seconds)}{open_end}; {cost}"


def _leaks(outcome: Outcome) -> list[str]:
    """What leaks, each once, with where: nothing for this process, the process below, or how many processes."""
    own = (*map(name_of, outcome.leaks), *outcome.stopped)
    where: dict[str, list[str]] = {name: [""] for name in own}
    for other in outcome.others:
        for name in other.leaks:
            where.setdefault(printable(name), []).append(_process(other))
    return [
        f"{name} in {len(places)} processes" if len(places) > 1 else f"{name}{places[0]}"
        for name, places in where.items()
    ]


def _suspicion(outcome: Outcome) -> str:
    """What is suspected at the end, here or else in the first process below; empty without a suspicion."""
    if outcome.suspicion is not None:
        return f"suspicious: {outcome.suspicion.summary}"
    found = [
        f"suspicious: {printable(other.suspicion)}{_process(other)}" for other in outcome.others if other.suspicion
    ]
    return found[0] if found else ""


def _growth(leak: Leak) -> str:
    seconds = (leak.end - leak.start).total_seconds()
    return f"{format_growth(leak.growth, seconds)} over {format_delta(seconds)}"


def _process(other: Result) -> str:
    return f" in pid {other.pid}, {printable(other.role)}"


def _where(outcome: Outcome) -> str:
    """Which processes showed no leak; those that ended too soon are counted apart."""
    if not outcome.others:
        return " in this process" if outcome.children else ""
    long = [other for other in outcome.others if other.readings > 0 and other.seconds >= outcome.seconds_needed]
    unseen = sum(bool(other.gap) for other in long)
    short = len(outcome.others) - len(long)
    more = f" and {len(long) - unseen} below it" if len(long) > unseen else ""
    parts = [f"{unseen} more not watched"] * bool(unseen) + [f"{short} more too short to judge"] * bool(short)
    apart = f" ({', '.join(parts)})" if parts else ""
    return f" in this process{more}{apart}"


def _share(share: float) -> str:
    return "under 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"


def _seconds(seconds: float) -> str:
    """Seconds as seconds up to two minutes, so that two of them can be compared at a glance."""
    return f"{seconds:.0f} s" if 1 <= seconds < 120 else format_duration(seconds)
