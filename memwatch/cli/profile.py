"""Write who allocated what is alive in a running process, as a flame graph or for other tools."""

from __future__ import annotations

import argparse
import base64

from .asking import add_pid, add_time, complain, reports_errors, show, waiting


def configure(parser: argparse.ArgumentParser) -> None:
    add_pid(parser)
    add_time(parser, 0.0, "only what is allocated within a time", "all since watching began")
    add = parser.add_argument
    add("-o", "--output", metavar="FILE", help="where to write, - for standard output (by default lines are printed)")
    add(
        "--to", metavar="FORMAT", help="heapprofile, pprof, speedscope, collapsed, flamegraph or csv (default: by FILE)"
    )
    add("--force", action="store_true", help="replace FILE if it exists")


@reports_errors
def run(args: argparse.Namespace) -> int:
    """Ask, wait, and print or write; returns 0, or 1 if there is no profile."""
    if args.to is not None and args.output is None:
        args.parser.error("--to FORMAT needs -o FILE, or -o - for standard output")
    from .. import formats
    from ..profile import Profile
    from ..reach.client import ask_to_look
    from .conversion import save

    format = formats.choose(args.output, args.to) if args.output is not None else ""
    with waiting(f"process {args.pid} looks for {args.seconds:g} s"):
        answer = ask_to_look(args.pid, "profile", args.seconds)
    data = base64.b64decode(answer["pprof"])
    tree = formats.read(data)
    if format:  # pprof as it came, with the threads, tasks and labels, which a tree that was read has not
        complain(save(tree, format, args.output, args.force, data if format == "pprof" else None))
        return 0
    profile = Profile(tree, 0, tree.time - tree.duration)
    show(profile.to_dict() if args.json else {}, args.json, lambda: str(profile))
    return 0
