"""Follow a watched process, or a recording, on the whole terminal: curve, verdict, types by growth, lines, holders."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from typing import TYPE_CHECKING

from .asking import FAILED, add_time, complain, pid, reports_errors, show, waiting

if TYPE_CHECKING:
    from ..top.view import Source

_SHORTEST = 0.1  # seconds between two looks
_WIDE = 120  # columns where there is no terminal
_NEEDS = "top needs textual: pip install 'memwatch[top]'; --once needs nothing"


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "what",
        metavar="PID|FILE",
        nargs="?",
        help="a watched process, or a recording (default: the one that grows fastest)",
    )
    add("--once", action="store_true", help="print it once, as plain text; so it is where there is no terminal")
    add_time(parser, 10.0, "how long lies between the two looks that say what grows")


@reports_errors
def run(args: argparse.Namespace) -> int:
    """Follow until somebody quits, or print once; returns 0, or 1 where there is nothing to follow."""
    if args.seconds < _SHORTEST:
        args.parser.error(f"--for takes {_SHORTEST:g} seconds or more")
    if args.once or not _has_terminal():
        return _print(_source(args))
    try:
        from ..top.app import Top
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("textual", "rich"):
            raise
        complain(_NEEDS)
        return FAILED
    Top(_source(args)).run()
    return 0


def _has_terminal() -> bool:
    """Whether keys come from a terminal, and pictures go to one: textual draws on standard error."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return all(stream is not None and stream.isatty() for stream in streams) and os.environ.get("TERM") != "dumb"


def _source(args: argparse.Namespace) -> Source:
    """The source to follow. Raises MemwatchError."""
    if args.what is None or (args.what.isascii() and args.what.isdigit()):
        from ..top.process import ProcessSource

        try:
            return ProcessSource(None if args.what is None else pid(args.what), args.seconds)
        except argparse.ArgumentTypeError as error:
            args.parser.error(str(error))
    from ..top.recording import RecordingSource

    return RecordingSource(args.what)


def _print(source: Source) -> int:
    from ..top.text import render

    if source.looks_every:
        with waiting(f"the process looks for {source.looks_every:g} s"):
            source.look()
    columns = shutil.get_terminal_size((_WIDE, 24)).columns
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    show({}, False, lambda: render(source.poll(), columns, unicode))
    return 0
