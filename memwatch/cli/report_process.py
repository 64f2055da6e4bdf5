"""Report what grows in a running process now, without waiting for a verdict."""

from __future__ import annotations

import argparse

from ..files import write_file
from ..render.markdown import markdown_of
from .asking import complain, pid, reports_errors, show, waiting


@reports_errors
def report_process(args: argparse.Namespace) -> int:
    """Ask the process whose number is `args.file`, wait and print; returns 0, or 1 if there is no report."""
    if args.leak or args.compare or args.since or args.profiles:
        args.parser.error("LEAK, --compare, --since and --profiles are about a recording, not about a process")
    try:
        number = pid(args.file)
    except argparse.ArgumentTypeError as error:
        args.parser.error(str(error))
    from ..reach.client import ask_to_look

    with waiting(f"process {number} looks for {args.seconds:g} s"):
        answer = ask_to_look(number, "report", args.seconds, page=args.html is not None)
    if args.html is not None:
        complain(f"written to {write_file(args.html, answer['page'].encode())}")
        return 0
    if args.for_agents:
        print(markdown_of(answer["report"], args.budget, command=f"memwatch report {number}"), end="")
        return 0
    show(answer["report"], args.json, lambda: str(answer["text"]))
    return 0
