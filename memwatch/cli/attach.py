"""Bring memwatch into a running process that was started without it."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import ProcessError
from .asking import pid, reports_errors, show
from .status import render


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("pid", metavar="PID", type=pid, help="a process of CPython 3.11 or newer, in which memwatch can be imported")
    add("--json", action="store_true", help="print one JSON object")
    add("--pace", choices=("service", "job"), default="service", help="decide within hours (service) or minutes (job)")
    add("--no-profile", action="store_true", help="sample no allocations")


@reports_errors
def run(args: argparse.Namespace) -> int:
    """Bring it in and show the status; returns 0, or 1 if it cannot be done, or is there already."""
    from ..attach.injection import attach
    from ..reach.client import NotWatched, ask, check_process

    check_process(args.pid)
    try:
        ask(args.pid, "status")
    except NotWatched:
        options: dict[str, Any] = {"pace": args.pace, "profile": not args.no_profile}
        attach(args.pid, **options)
    else:
        raise ProcessError(f"process {args.pid} is watched already: memwatch status {args.pid}")
    answer = ask(args.pid, "status")
    show(answer, args.json, lambda: render(answer))
    return 0
