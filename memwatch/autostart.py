"""Watches this process from its import on, for a program that cannot be started by `memwatch run`.

Where memwatch was installed from a wheel (``pip install``), the variable MEMWATCH=1 does the same without a line of
code: a start-up file beside the package, memwatch.pth, imports this module. An editable install, or a folder on
PYTHONPATH, has no start-up file; there the program, or a sitecustomize module, imports it.

Each leak is one WARNING of ``logging.getLogger("memwatch")``: the message is the report as text, the record's
attribute `memwatch_report` the report as a dict; one record for each fingerprint. docs/reference.md has the table of
the variables, all optional.

A variable that cannot be read, or that nobody knows, is warned about once and keeps its default. Nothing here raises
into the program: what fails is logged, and the program goes on unwatched. In a subinterpreter nothing is started.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from . import default, receivers
from .environment import read_variables
from .errors import AlreadyStartedError, MemwatchError, OptionError, UnsupportedError, WriteError
from .handlers import log_leaks, once_per_fingerprint
from .logs import Log
from .option_kinds import Switch
from .options import Options

if TYPE_CHECKING:
    from .cli.descendants import Diary
    from .cli.profiling import RunProfile
    from .cli.screen import Screen
    from .handlers import JsonLines
    from .recording import Recording

_log = Log()
_undo: list[Callable[[], object]] = []


def begin() -> None:
    """Start to watch as the variables say. Never raises."""
    try:
        if _is_meant(os.environ.get("MEMWATCH", "")):
            _start(read_variables(os.environ)[0])
    except UnsupportedError as error:
        _log.info("memwatch does not watch: %s", error)
    except Exception:
        _log.exception("memwatch does not watch this process because of an error of its own")


def end() -> None:
    """Undo `begin`: for `memwatch run`, which was told more precisely what to do."""
    while _undo:
        _undo.pop()()


def _is_meant(text: str) -> bool:
    """Whether the variable MEMWATCH, if there is one, has a known value, which has counted before the import."""
    try:
        return not text or Switch().parse(text) is not None
    except ValueError as error:
        _log.warning("memwatch does not watch this process: MEMWATCH=%r: it must be %s", text, error)
        return False


def _start(options: Options) -> None:
    problems: list[str] = []
    lines = _open_lines(options, problems)
    try:
        default.start_for_program()
        _undo.append(default.stop)
    except AlreadyStartedError:
        pass  # the program started it by itself; the reports are what is asked for here
    if lines is not None:
        lines.connect_all()
        _undo.append(lines.close)
    recording = _record(options, problems)
    _connect_report(options, problems, recording)
    _connect_pages(options, problems)
    _connect_signal(options, problems)
    if problems:
        _log.warning("memwatch watches with defaults for: %s", "; ".join(problems))


def _open_lines(options: Options, problems: list[str]) -> JsonLines | None:
    if not options.json:
        return None
    from .handlers import JsonLines

    try:
        return JsonLines(options.json)
    except OptionError as error:
        problems.append(f"MEMWATCH_JSON: {error}")
        return None


def _record(options: Options, problems: list[str]) -> Recording | None:
    if not options.record:
        return None
    from .recording import record

    try:
        recording = record(options.record, options.release or "")
    except MemwatchError as error:
        problems.append(f"MEMWATCH_RECORD: {error}")
        return None
    _undo.append(recording.close)
    return recording


def _connect_report(options: Options, problems: list[str], recording: Recording | None) -> None:
    if options.report == "log":
        reported_by = recording.reported_by if recording is not None else None
        _connect("leak", once_per_fingerprint(log_leaks(short=options.log == "line", reported_by=reported_by)))
        return
    from .cli.screen import Screen, open_terminal  # most processes log, and none is to start later than it must

    screen = Screen(open_terminal(sys.stderr, os.environ))
    _connect("leak", screen.leak)
    _connect("recovered", screen.recovered)
    diary = _keep_diary(options)
    profile = _take_profile(options, screen, diary, problems)
    if diary is not None or options.run_pid == os.getpid():
        atexit.register(_finish, screen, options.run_pid, diary, profile)
        _undo.append(lambda: atexit.unregister(_finish))


def _connect_signal(options: Options, problems: list[str]) -> None:
    if not options.snapshot_signal:
        return
    from .snapshot_signal import snapshot_on_signal

    try:
        snapshot_on_signal(options.snapshot_signal)
    except MemwatchError as error:
        problems.append(f"MEMWATCH_SNAPSHOT_SIGNAL: {error}")


def _connect_pages(options: Options, problems: list[str]) -> None:
    if not options.html:
        return
    from .handlers import HtmlReports

    try:
        _connect("leak", HtmlReports(options.html, options.run_pid or 0).leak)
    except (OptionError, WriteError) as error:
        problems.append(f"MEMWATCH_HTML: {error}")


def _connect(event: str, handler: Callable[[Any], object]) -> None:
    receivers.connect(event, handler)
    _undo.append(lambda: receivers.disconnect(event, handler))


def _keep_diary(options: Options) -> Diary | None:
    """For the `memwatch run` that this process is below, if there is one."""
    watcher = default.watcher()
    if not options.run_folder or options.run_pid is None or watcher is None:
        return None
    from . import signals
    from .cli.descendants import keep_diary

    diary = keep_diary(options.run_folder, watcher, options.run_pid)
    _undo.append(partial(signals.off, "leak", diary.leak))
    _undo.append(partial(signals.off, "recovered", diary.recovered))
    return diary


def _take_profile(options: Options, screen: Screen, diary: Diary | None, problems: list[str]) -> RunProfile | None:
    """This process's part of the profile of the run, if it takes one."""
    watcher = default.watcher()
    if not options.run_profile or options.run_pid is None or watcher is None:
        return None
    from .cli.profiling import RunProfile  # with all formats: only who wants a profile pays for them

    try:
        profile = RunProfile(options.run_profile, screen.terminal, options.run_pid)
        profile.start(watcher, diary)
    except MemwatchError as error:
        problems.append(f"MEMWATCH_RUN_PROFILE: {error}")
        return None
    _undo.append(profile.stop)
    return profile


def _finish(screen: Screen, run_pid: int | None, diary: Diary | None, profile: RunProfile | None) -> None:
    """What a process below a `memwatch run` leaves to it; or the last line itself, where exec has replaced the run."""
    watcher = default.watcher()
    watched = watcher is not None and watcher.running
    default.stop()
    if profile is not None:
        profile.write()
    if watcher is not None and run_pid == os.getpid():
        from .cli.screen import finish

        finish(screen, diary, watcher, watched)
    elif diary is not None:
        diary.write()


begin()
