"""The command line: `memwatch COMMAND`, one module per command, each with `configure(parser)` and `run(args)`."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in *argv* (the process's own arguments if None); returns the exit status.

    Exceptions of a program that is being run pass through, so that the interpreter ends as it would have for them.
    """
    # Imported here: a watched child process that only prints (cli.screen) needs no argument parser.
    import argparse

    from . import convert, report, run, usage

    parser = argparse.ArgumentParser(
        prog="memwatch", description="The leak detector that you leave on.", allow_abbrev=False
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    # Not the modules' docstrings: python -OO leaves them out.
    for name, command, summary in (
        ("run", run, "Run a program as `python` would, and watch it for leaks."),
        ("report", report, "Show what processes have recorded: their leaks, and whether a fix worked."),
        ("usage", usage, "Show how much of processor and memory processes take."),
        ("convert", convert, "Turn a memory profile into another format, merge several, or subtract an older one."),
    ):
        command.configure(commands.add_parser(name, help=summary, description=summary, allow_abbrev=False))
    args = parser.parse_args(argv)
    status: int = args.run(args)
    return status
