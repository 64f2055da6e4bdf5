"""Show which types of objects come and go in a running process."""

from __future__ import annotations

import argparse

from .asking import add_pid, add_time, reports_errors, show, waiting


def configure(parser: argparse.ArgumentParser) -> None:
    add_pid(parser)
    add_time(parser, 30.0, "how long lies between the two looks")


@reports_errors
def run(args: argparse.Namespace) -> int:
    """Ask, wait and print; returns 0, or 1 if there is no diff."""
    from ..reach.client import ask_to_look

    with waiting(f"process {args.pid} looks for {args.seconds:g} s"):
        answer = ask_to_look(args.pid, "diff", args.seconds)
    show(answer["diff"], args.json, lambda: str(answer["text"]))
    return 0
