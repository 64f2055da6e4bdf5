"""What the processes below a `memwatch run` found, collected in a private folder.

Each watched process below the run keeps one small JSON file there from its first reading on, so that a child which ends
by os._exit or is killed has left what it knew. The run reads the files when it ends, and removes the folder. The first
process that writes makes the folder: a run that is killed without children leaves nothing. One that is killed with
children leaves the folder to them, and the next that writes removes it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .. import signals
from ..handlers import fingerprint_of
from ..origin import process_name, program_name
from ..units import printable
from .inherited import InheritedFile

if TYPE_CHECKING:
    from ..watch import Leak, Watcher
    from ..watch.sample import Sample

_PREFIX = "memwatch-run-"
_PAGE = ".json"
_REST = 1.0  # seconds between two files that say no more than that watching goes on


@dataclass(frozen=True, slots=True)
class Result:
    """What one process found: `leaks` names those that stayed; `suspicion` is empty or a reason. `recovered` counts
    those that have stopped, freed or not.

    `role` is the name of its script, package or multiprocessing process, without arguments. `gap` says that too little
    was read, and why.
    """

    pid: int
    role: str
    seconds: float
    readings: int
    leaks: tuple[str, ...]
    recovered: int
    suspicion: str
    gap: str = ""


class Diary:
    """Writes down what a process finds. After a fork the child begins with an empty page.

    Nothing here raises: a folder that is gone because the run is over, or a full disk, is no concern of the program.
    """

    def __init__(
        self, folder: str, watcher: Watcher, run_pid: int, inherited_file: InheritedFile | None = None
    ) -> None:
        self.folder = folder
        self._inherited_file = inherited_file
        self._run_pid = run_pid
        self._watcher = watcher
        self._pid = 0  # all else begins with the process
        self._written = 0.0
        self._started = 0.0
        self._begin()

    def leak(self, leak: Leak) -> None:
        """Handler of "leak"."""
        self._follow_fork()
        self._leaks[fingerprint_of(leak)] = name_of(leak)
        self.write()

    def recovered(self, leak: Leak) -> None:
        """Handler of "recovered"."""
        self._follow_fork()
        self._recovered += self._leaks.pop(fingerprint_of(leak), None) is not None
        self.write()

    def tick(self, sample: Sample) -> Iterable[Any]:
        """What a watcher calls at its ticks; it writes once a second. The run itself has its own last line."""
        self._follow_fork()
        if self._pid != self._run_pid and sample.clock - self._written >= _REST:
            self._written = sample.clock
            self._put_page()
        return ()

    def write(self) -> None:
        """Write the page. A process that has become another user since the run began passes it on."""
        if not self._put_page() and self._inherited_file is not None:
            name = os.path.basename(self.path)
            self._inherited_file.append(json.dumps([name, asdict(self._result())]).encode())

    def _put_page(self) -> bool:
        self._follow_fork()
        return self.put(_PAGE, json.dumps(asdict(self._result())).encode())

    def put(self, suffix: str, content: bytes) -> bool:
        """Write a file of this process and put it in the place of the old one; nothing if the run is gone.

        False if the folder belongs to another user.
        """
        self._follow_fork()
        if not _is_alive(self._run_pid):
            if not self.is_within:
                remove(self.folder)
            return True
        path = self.path.removesuffix(_PAGE) + suffix
        try:
            _make(self.folder)
            beside = f"{path}.part"
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
            with open(descriptor, "wb") as file:
                file.write(content)
            os.replace(beside, path)
        except PermissionError:
            return False
        except OSError:
            pass
        return True

    def gather(self) -> tuple[Result, ...]:
        """What all other processes of the run have found, by process number."""
        passed_on = self._inherited_file.lines() if self._inherited_file is not None else []
        return gather(self.folder, self.path, passed_on)

    @property
    def is_within(self) -> bool:
        """Whether this is of a run within a run, which leaves its folder to the outer one."""
        return _is_within(self.folder)

    def _follow_fork(self) -> None:
        if os.getpid() != self._pid:
            self._begin()

    def _begin(self) -> None:
        """Begin an empty page. Its name includes the moment: after an exec, or when a number is used again, it is
        another process."""
        self._pid, self._started, self._written = os.getpid(), time.monotonic(), float("-inf")
        self._leaks: dict[str, str] = {}
        self._recovered = 0
        self.path = os.path.join(self.folder, f"{self._pid}-{time.time_ns()}{_PAGE}")

    def _result(self) -> Result:
        suspicion = self._watcher.suspicion
        leaks = (*self._leaks.values(), *stopped_names(self._watcher))
        return Result(
            self._pid,
            process_name() or program_name(),
            time.monotonic() - self._started,
            self._watcher.readings,
            leaks,
            self._recovered,
            suspicion.summary if suspicion is not None and not leaks else "",
            self._watcher.gap,
        )


def choose_folder(outer: str | None) -> str | None:
    """The path of a new folder, inside *outer* if this run is part of another; None if there can be none."""
    with contextlib.suppress(OSError):
        return os.path.join(outer or tempfile.gettempdir(), _PREFIX + os.urandom(8).hex())
    return None


def keep_diary(folder: str, watcher: Watcher, run_pid: int) -> Diary:
    """A diary of this process and of those that it forks, for the run that is process *run_pid*."""
    diary = Diary(folder, watcher, run_pid, InheritedFile() if run_pid == os.getpid() else None)
    watcher.at_tick.append(diary.tick)
    signals.on("leak", diary.leak)
    signals.on("recovered", diary.recovered)
    return diary


def gather(folder: str, own: str, passed_on: Iterable[bytes] = ()) -> tuple[Result, ...]:
    """All pages in *folder* and in the folders of runs within, except the one at the path *own*; by process number.

    Those that were *passed_on*, each a line with its name, replace older ones.
    """
    pages = dict(_read(folder, own))
    for line in passed_on:
        with _damaged():
            name, page = json.loads(line)
            pages[name] = _as_result(page)
    return tuple(sorted(pages.values(), key=lambda result: result.pid))


def remove(folder: str) -> None:
    """Remove *folder*. It is renamed first, so that a process which is writing into it cannot keep it."""
    with contextlib.suppress(OSError):
        gone = f"{folder}.over"
        os.rename(folder, gone)
        shutil.rmtree(gone, ignore_errors=True)


def _make(folder: str) -> None:
    """Make the folder and the one around it, for their owner alone. Raises OSError if that fails, or if it is of
    another user."""
    for place in (os.path.dirname(folder), folder) if _is_within(folder) else (folder,):
        with contextlib.suppress(FileExistsError):
            os.mkdir(place, 0o700)


def _is_within(folder: str) -> bool:
    """Whether it is the folder of a run within a run, which leaves it to the outer run."""
    return os.path.basename(os.path.dirname(folder)).startswith(_PREFIX)


def _is_alive(pid: int) -> bool:
    if os.name == "nt":  # where to ask with a signal would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _read(folder: str, own: str) -> Iterator[tuple[str, Result]]:
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if name.endswith(_PAGE) and path != own:
                with _damaged(), open(path, encoding="utf-8") as file:
                    yield name, _as_result(json.load(file))


def _damaged() -> contextlib.suppress:
    """A page that cannot be read is left out."""
    return contextlib.suppress(OSError, ValueError, TypeError, KeyError)


def _as_result(page: dict[str, Any]) -> Result:
    return Result(**{**page, "leaks": tuple(page["leaks"])})


def name_of(leak: Leak) -> str:
    """What leaks and what holds it, as ``str held by __main__.kept``; the verdict where no type is known."""
    return printable(getattr(leak.report, "subject", "")) or leak.verdict  # a report by another judge has none


def stopped_names(watcher: Watcher) -> tuple[str, ...]:
    """The leaks that no longer grow while their memory is still held: perhaps only the work of the program has
    stopped."""
    known = watcher.status
    going_on = {name_of(leak) for leak in known.leaks}
    names = (name_of(leak) for leak in known.stopped)
    return tuple(f"{name}, no longer growing" for name in names if name not in going_on)
