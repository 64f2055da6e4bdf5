"""The command line: `memwatch COMMAND`, one module per command, each with `configure(parser)` and `run(args)`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .parser import Parser

_OWN_OUTPUT = ("run", "mcp", "convert", "completion")  # a program's, a protocol's, or a file's: written as it is

# Not the modules' docstrings: python -OO leaves them out.
_COMMANDS = {
    "run": ("run", "Run a program as `python` would, and watch it for leaks."),
    "report": ("report", "Show what grows in a running process now, or which leaks many have recorded."),
    "usage": ("usage", "Show how much of processor and memory processes take."),
    "ps": ("ps", "List the watched processes: whether each leaks, how fast it grows, and what is to blame."),
    "status": ("status", "Show what memwatch thinks of a running process now, and why not more."),
    "top": ("top", "Follow a running process, or a recording, on the terminal: curve, verdict, types, holders."),
    "profile": ("profile", "Show who allocated what is alive in a running process, or write it to a file."),
    "diff": ("diff", "Show which types of objects come and go in a running process."),
    "gc": ("collect", "Run a full collection in a running process, and show what it freed."),
    "attach": ("attach", "Bring memwatch into a running process that was started without it."),
    "detach": ("detach", "Have memwatch leave a process that it was brought into."),
    "mcp": ("mcp", "Serve coding agents, by the Model Context Protocol: they can list processes and ask for reports."),
    "convert": ("convert", "Turn a memory profile into another format, merge several, or subtract an older one."),
    "snapshot": ("snapshot", "Read a heap snapshot: where much hangs, who holds a class, what came between two."),
    "completion": ("completion", "Print a script with which bash, zsh or tcsh completes commands and options."),
}
"""The module of each command, and what it is for."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in *argv* (the process's own arguments if None); returns the exit status.

    Exceptions of a program that is being run pass through, so that the interpreter ends as it would have for them.
    """
    # Imported here: a watched child process that only prints (cli.screen) needs no argument parser.
    from .output import fitted_output

    words = sys.argv[1:] if argv is None else argv
    parser = make_parser(next(iter(words), ""))
    args = parser.parse(argv)
    args.whole = parser
    if args.command in _OWN_OUTPUT:
        exit_status: int = args.run(args)
        return exit_status
    with fitted_output():
        exit_status = args.run(args)
    return exit_status


def make_parser(only: str = "") -> Parser:
    """The parser of the command line. It knows the options of the command *only*, or of all if there is no such
    command.

    A command loads its own module alone: otherwise a program that is run would carry the others in its memory.
    """
    import argparse

    from ..version import __version__
    from .parser import STATUSES, Parser

    parser = Parser(
        prog="memwatch",
        description="Finds memory leaks in Python programs while they run.",
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"memwatch {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, (module, summary) in _COMMANDS.items():
        made = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        if only in (name, "completion") or only not in _COMMANDS:
            loaded = import_module(f".{module}", __package__)
            loaded.configure(made)
            made.set_defaults(run=loaded.run, parser=made)
    return parser
