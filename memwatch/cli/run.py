"""Run a program as `python` would, and watch it for leaks."""

from __future__ import annotations

import argparse
import atexit
import contextlib
import os
import shlex
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import backend, default, signals
from ..clock import Clock
from ..environment import export_options, read_variables
from ..errors import MemwatchError, UnsupportedError
from ..handlers import HtmlReports, JsonLines
from ..options import Options
from ..watch import Leak, Watcher
from ..watch.thread import sleep
from .descendants import Diary, choose_folder, keep_diary
from .flags import add_options, given_options
from .program import execute, load_program
from .screen import Screen, Terminal, finish, open_terminal

if TYPE_CHECKING:
    from .profiling import RunProfile

_USAGE = "memwatch run [options] (script.py | -m module) [args ...]"
_NOT_OPENED = 2  # python's own status for a script that it cannot open
_LEAKED = 1
_VERDICT = 30.0  # seconds that the end of a run waits for one that is under way
_OFTEN = 0.02
_OF_A_RUN = {"pace": "job", "sample_interval": 65536}
"""What holds where nothing else is said: a run is short, and its report names a line."""


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    parser.usage = _USAGE
    add_options(parser)
    add(
        "--profile",
        metavar="FILE",
        help="write who allocated what is held to FILE, in the format of its suffix, and of each process beside it",
    )
    add(
        "--fail-on-leak",
        action="store_true",
        help="exit with status 1 if the program succeeded but it or a child has leaked what was not freed",
    )
    add("--stats", action="store_true", help="print a line per reading")
    add("-m", dest="module", nargs=argparse.REMAINDER, help="run a module, as python -m does")
    add("program", nargs=argparse.REMAINDER, help="the script, a directory or an archive, and its arguments")


def run(args: argparse.Namespace) -> int:
    """Watch and run; returns 0, or 1 for a leak with --fail-on-leak. What the program raises passes through."""
    name, rest = _split(args)
    try:
        program = load_program(name, rest, is_module=args.module is not None)
    except OSError as error:
        print(f"{sys.executable}: can't open file {error.filename!r}: {_explain(error)}", file=sys.stderr)
        return _NOT_OPENED
    try:
        screen, diary = _start(args)
    except UnsupportedError as reason:
        print(f"memwatch: not watched: {reason}", file=sys.stderr)
        execute(program)
        return 0
    try:
        execute(program)
    except SystemExit as end:
        # a forked child's status is read by the program
        if not args.fail_on_leak or end.code not in (None, 0) or os.getpid() != screen.pid:
            raise
    return _status(screen, diary) if args.fail_on_leak and os.getpid() == screen.pid else 0


def _explain(error: OSError) -> str:
    return f"[Errno {error.errno}] {error.strerror}"


def _split(args: argparse.Namespace) -> tuple[str, tuple[str, ...]]:
    """The program's name and its arguments; exits with the usage where there is none."""
    words: Sequence[str] = [*(args.module or ()), *args.program]
    if args.module is None and words[:1] == ["--"]:
        words = words[1:]
    if not words:
        args.parser.error("there is no program to run")
    return words[0], tuple(words[1:])


def _start(args: argparse.Namespace) -> tuple[Screen, Diary | None]:
    """Start to watch, connect the receivers, and prepare for child processes; exits with the usage on bad options.

    Raises UnsupportedError if the process cannot be watched.
    """
    _end_autostart()
    outer, _ = read_variables(os.environ)  # what is wrong with it is said when watching starts
    options = _options(args, outer)
    lines = profile = pages = None
    pages_here = "html" in given_options(args).given
    advice = "" if args.profile is not None or pages_here else _advice(args)
    screen = Screen(open_terminal(sys.stderr, os.environ), advice=advice)
    try:
        owner = os.getpid() if pages_here else outer.run_pid or 0
        pages = HtmlReports(options.html, owner, screen.written) if options.html else None
        lines = JsonLines(options.json) if options.json else None
        profile = _open_profile(args.profile, outer.run_profile, screen.terminal)
        watcher = default.start_for_program(**options.for_start().given)
        _record(options)
    except UnsupportedError:
        raise
    except MemwatchError as error:
        args.parser.error(str(error))
    folder = choose_folder(options.run_folder)
    diary = keep_diary(folder, watcher, os.getpid()) if folder else None
    _connect(screen, lines, args.stats, pages)
    run_profile = profile.path if profile is not None else None
    os.environ.update(export_options(options | Options(run_folder=folder, run_profile=run_profile)))
    atexit.register(_finish, screen, lines, profile, watcher, diary)
    screen.start(backend.name, default.sampling_interval())
    if profile is not None:
        profile.start(watcher, diary)
        if args.profile is not None:
            profile.tell_cost()
    return screen, diary


def _end_autostart() -> None:
    """Stop what the environment has started: the command replaces it."""
    autostart = sys.modules.get(__package__.rpartition(".")[0] + ".autostart")
    if autostart is not None:
        autostart.end()


def _advice(args: argparse.Namespace) -> str:
    """The same command with a profile. It shows only the name of the program, since an argument may be a password."""
    name, rest = _split(args)
    words = ["-m", name] if args.module is not None else [name]
    return f"memwatch run --profile leak.html {shlex.join(words)}{' ...' if rest else ''}"


def _open_profile(path: str | None, outer: str | None, terminal: Terminal) -> RunProfile | None:
    """The profile that this command asks for, or the run around it."""
    if path is None and outer is None:
        return None
    from .profiling import COPIES_ONLY, RunProfile  # with all formats: only who wants a profile pays for them

    return RunProfile(COPIES_ONLY if path is None else path, terminal, os.getpid())


def _record(options: Options) -> None:
    if options.record:
        from ..recording import record  # with SQLite: only who records pays for it

        record(options.record, options.release or "")


def _options(args: argparse.Namespace, outer: Options) -> Options:
    """The options of the command line, and of the environment where it gives none."""
    mine = Options(report="stderr", run_pid=os.getpid())
    return Options(**_OF_A_RUN) | outer | given_options(args) | mine


def _connect(screen: Screen, lines: JsonLines | None, stats: bool, pages: HtmlReports | None) -> None:
    def tell(leak: Leak) -> None:
        screen.leak(leak)
        if pages is not None:
            pages.leak(leak)

    if lines is not None:
        lines.connect_all()
    if stats:
        signals.on("stats", screen.stats)
    signals.on("leak", tell)
    signals.on("recovered", screen.recovered)


def _finish(
    screen: Screen, lines: JsonLines | None, profile: RunProfile | None, watcher: Watcher, diary: Diary | None
) -> None:
    """The last line, when the program's threads and exit functions are done.

    A forked child that ends like its parent comes here too, and prints nothing.
    """
    watcher = default.watcher() or watcher
    watched = watcher.running
    with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C: without the report
        _await_verdict(watcher)
    with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C: the last line is told all the same
        default.stop()
    if lines is not None:
        lines.close()
    if profile is not None:
        profile.write()
    finish(screen, diary, watcher, watched)


def _await_verdict(watcher: Watcher) -> None:
    """Let a verdict under way come to its end: it takes long on a busy machine, and the run was for its report."""
    deadline = Clock.monotonic() + _VERDICT
    while watcher.running and watcher.status.judging and Clock.monotonic() < deadline:
        sleep(_OFTEN)


def _status(screen: Screen, diary: Diary | None) -> int:
    """1 if a leak remains, here or in a process below, when the program's threads have ended; else 0.

    A leak that has only stopped growing remains: the program may just have no more work. The interpreter's own function
    waits for the threads; the second call of it does nothing. A thread may wait for the end of the main thread, which
    only that function announces.
    """
    with contextlib.suppress(KeyboardInterrupt):  # it ends the waiting, not the program, as in the interpreter
        vars(threading)["_shutdown"]()
    others = diary.gather() if diary is not None else ()
    watcher = default.watcher()
    leaks = screen.leaks or (watcher is not None and watcher.status.stopped)
    return _LEAKED if leaks or any(other.leaks for other in others) else 0
