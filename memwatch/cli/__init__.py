"""The command line: `memwatch COMMAND`, one module per command, each with `configure(parser)` and `run(args)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .parser import Parser

_OWN_OUTPUT = ("run", "mcp", "convert", "completion")  # a program's, a protocol's, or a file's: written as it is


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in *argv* (the process's own arguments if None); returns the exit status.

    Exceptions of a program that is being run pass through, so that the interpreter ends as it would have for them.
    """
    # Imported here: a watched child process that only prints (cli.screen) needs no argument parser.
    from .output import fitted_output

    parser = make_parser()
    args = parser.parse(argv)
    args.whole = parser
    if args.command in _OWN_OUTPUT:
        exit_status: int = args.run(args)
        return exit_status
    with fitted_output():
        exit_status = args.run(args)
    return exit_status


def make_parser() -> Parser:
    """What reads the command line."""
    import argparse

    from ..version import __version__
    from . import (
        attach,
        collect,
        completion,
        convert,
        detach,
        diff,
        mcp,
        profile,
        ps,
        report,
        run,
        snapshot,
        status,
        usage,
    )
    from .parser import STATUSES, Parser

    parser = Parser(
        prog="memwatch",
        description="The leak detector that you leave on.",
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"memwatch {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    # Not the modules' docstrings: python -OO leaves them out.
    for name, command, summary in (
        ("run", run, "Run a program as `python` would, and watch it for leaks."),
        ("report", report, "Show what grows in a running process now, or which leaks many have recorded."),
        ("usage", usage, "Show how much of processor and memory processes take."),
        ("ps", ps, "List the processes that are watched: what each thinks, how fast it grows, who is to blame."),
        ("status", status, "Show what memwatch thinks of a running process now, and why not more."),
        ("profile", profile, "Show who allocated what is alive in a running process, or write it to a file."),
        ("diff", diff, "Show which types of objects come and go in a running process."),
        ("gc", collect, "Run a full collection in a running process, and show what it freed."),
        ("attach", attach, "Bring memwatch into a running process that was started without it."),
        ("detach", detach, "Have memwatch leave a process that it was brought into."),
        ("mcp", mcp, "Serve these as tools to coding agents, by the Model Context Protocol."),
        ("convert", convert, "Turn a memory profile into another format, merge several, or subtract an older one."),
        ("snapshot", snapshot, "Read a heap snapshot: where much hangs, who holds a class, what came between two."),
        ("completion", completion, "Print a script with which bash, zsh or tcsh completes commands and options."),
    ):
        command.configure(commands.add_parser(name, help=summary, description=summary, allow_abbrev=False))
    return parser
