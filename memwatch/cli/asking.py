"""What the commands share: their errors, the process that they ask, for how long it looks, and printing."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any

from ..errors import MemwatchError
from ..units import printable

FAILED = 1
INTERRUPTED = 130  # as a shell says it of a program that Ctrl-C ended
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smh]?)")


def add_pid(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for the process and the form of output."""
    parser.add_argument("pid", metavar="PID", type=pid, help="a process that memwatch watches")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def add_time(parser: argparse.ArgumentParser, seconds: float, meaning: str, otherwise: str = "") -> None:
    """Add the option for how long the process looks: *seconds* by default, which the help calls *otherwise*."""
    parser.add_argument(
        "--for",
        dest="seconds",
        metavar="TIME",
        type=duration,
        default=seconds,
        help=f"{meaning}, as 30s, 5m or 1h (default: {otherwise or f'{seconds:g}s'})",
    )


def pid(text: str) -> int:
    """A process number. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) < 1 << 32:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a process")
    return int(text)


def duration(text: str) -> float:
    """Seconds; raises ArgumentTypeError."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: say 30s, 5m or 1h")
    return float(found[1]) * _UNITS[found[2]]


def reports_errors(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """*run*, which on an error prints one line on standard error and returns 1."""

    @wraps(run)
    def carry_out(args: argparse.Namespace) -> int:
        try:
            status = run(args)
            if sys.stdout is not None:
                sys.stdout.flush()  # here, where it may still fail with a word
            return status
        except MemwatchError as error:
            complain(str(error))
            return FAILED
        except KeyboardInterrupt:
            return INTERRUPTED
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is in the buffer has nowhere to go
            if isinstance(error, BrokenPipeError):  # the reader has seen enough
                return 0
            complain(f"cannot write: {error.strerror}")
            return FAILED

    return carry_out


def waiting(text: str) -> AbstractContextManager[Any]:
    """Shows *text* on standard error while it lasts, by rich, if that is installed and there is a terminal."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return nullcontext()
    try:
        from rich.console import Console
    except ModuleNotFoundError:
        return nullcontext()
    shown: AbstractContextManager[Any] = Console(stderr=True).status(text, spinner="line")
    return shown


def complain(message: str) -> None:
    """Print one line on standard error."""
    print(f"memwatch: {printable(message)}", file=sys.stderr)


def show(answer: dict[str, Any], as_json: bool, text: Callable[[], str]) -> None:
    """Print an answer."""
    written = json.dumps(answer) if as_json else text().rstrip("\n")
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    print(written.encode(encoding, "backslashreplace").decode(encoding), flush=True)
