"""The command line: `memwatch COMMAND`, one module per command, each with `configure(parser)` and `run(args)`."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in *argv* (the process's own arguments if None); returns the exit status.

    Exceptions of a program that is being run pass through, so that the interpreter ends as it would have for them.
    """
    # Imported here: a watched child process that only prints (cli.screen) needs no argument parser.
    import argparse

    from . import convert, run, usage

    parser = argparse.ArgumentParser(
        prog="memwatch", description="The leak detector that you leave on.", allow_abbrev=False
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in (("run", run), ("usage", usage), ("convert", convert)):
        summary = (command.__doc__ or "").splitlines()[0]
        command.configure(commands.add_parser(name, help=summary, description=summary, allow_abbrev=False))
    args = parser.parse_args(argv)
    status: int = args.run(args)
    return status
