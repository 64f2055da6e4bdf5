"""Show which types of objects come and go in a running process."""

from __future__ import annotations

import argparse

from .asking import add_pid, add_time, carry_out, show
from .waiting import waiting


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_pid(parser)
    add_time(parser, 30.0, "how long lies between the two looks")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Ask, wait and print; returns 0, or 1 if there is no diff."""
    return carry_out(lambda: _show(args))


def _show(args: argparse.Namespace) -> int:
    from ..reach.client import ask_to_look

    with waiting(f"process {args.pid} looks for {args.seconds:g} s"):
        answer = ask_to_look(args.pid, "diff", args.seconds)
    show(answer["diff"], args.json, lambda: str(answer["text"]))
    return 0
