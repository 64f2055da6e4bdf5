"""Show how much of processor and memory processes take."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable

from ..errors import OptionError, ProcessError
from ..tables import aligned
from ..units import format_bytes, format_duration
from ..usage import History, Usage
from .asking import FAILED, complain, reports_errors

_NO_VALUE = "-"
_LEAST, _MOST = 0.1, 86400.0


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("pids", metavar="PID", type=int, nargs="*", help="a process")
    add(
        "--watch",
        metavar="SECONDS",
        type=float,
        nargs="?",
        const=1.0,
        help="repeat every SECONDS (1), with the CPU since the last time, until Ctrl-C or until the processes end; "
        "give it after the last PID",
    )
    add("--children", action="store_true", help="add the processes below each one")
    add("--json", action="store_true", help="print one JSON object per process and time")


@reports_errors
def run(args: argparse.Namespace) -> int:
    """Print once, or again and again; returns 0, or 1 if a process is missing at the start or may not be read."""
    if not args.pids:
        args.parser.error("which process? Its PID comes first: memwatch usage PID --watch SECONDS")
    if args.watch is not None and not _LEAST <= args.watch <= _MOST:
        args.parser.error(f"--watch takes {_LEAST:g} to {_MOST:g} seconds, not {args.watch:g}")
    try:
        return _show(args)
    except KeyboardInterrupt:
        return 0


def _show(args: argparse.Namespace) -> int:
    history = History(limit=len(args.pids))
    found, missing = _look(args, history, args.pids)
    for message in missing:
        complain(message)
    if found and not args.json:
        _print([_line(_HEADINGS, args.children)])
    _print_all(args, found)
    while found and args.watch is not None:
        time.sleep(args.watch)
        found, _ = _look(args, history, [usage.pid for usage in found])
        _print_all(args, found)
    return FAILED if missing else 0


def _look(args: argparse.Namespace, history: History, pids: Iterable[int]) -> tuple[list[Usage], list[str]]:
    """The usage of those of *pids* that exist, and the errors for the others; exits for what is no pid."""
    found, missing = [], []
    for pid in dict.fromkeys(pids):
        try:
            found.append(history.lookup(pid, args.children))
        except ProcessError as error:
            missing.append(str(error))
        except OptionError as error:
            args.parser.error(str(error))
    return found, missing


def _print_all(args: argparse.Namespace, found: Iterable[Usage]) -> None:
    if args.json:
        _print([json.dumps(usage.to_dict(), allow_nan=False) for usage in found])
    else:
        _print([_line(_cells(usage), args.children) for usage in found])


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)


_HEADINGS = ("time", "pid", "cpu", "rss", "uss", "swap", "vms", "threads", "files", "elapsed", "children")
_WIDTHS = (8, 8, 9, 9, 9, 9, 9, 7, 6, 8, 8)


def _line(cells: tuple[str, ...], children: bool) -> str:
    (line,) = aligned([cells if children else cells[:-1]], left=(), least=_WIDTHS)
    return line


def _cells(usage: Usage) -> tuple[str, ...]:
    return (
        time.strftime("%H:%M:%S", time.localtime(usage.time)),
        str(usage.pid),
        _NO_VALUE if usage.cpu is None else f"{usage.cpu:.1f} %",
        *(_size(size) for size in (usage.rss, usage.uss, usage.swap, usage.vms)),
        _count(usage.threads),
        _count(usage.descriptors),
        _NO_VALUE if usage.elapsed is None else format_duration(usage.elapsed),
        _count(usage.children),
    )


def _size(size: int | None) -> str:
    return _NO_VALUE if size is None else format_bytes(size)


def _count(count: int | None) -> str:
    return _NO_VALUE if count is None else str(count)
