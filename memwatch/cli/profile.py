"""Write who allocated what is alive in a running process, as a flame graph or for other tools."""

from __future__ import annotations

import argparse
import base64
import sys

from .asking import add_pid, add_time, carry_out, show
from .waiting import waiting


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_pid(parser)
    add_time(parser, 0.0, "only what is allocated within a time", "all since watching began")
    add = parser.add_argument
    add("-o", "--output", metavar="FILE", help="where to write, - for standard output (by default lines are printed)")
    add(
        "--to", metavar="FORMAT", help="heapprofile, pprof, speedscope, collapsed, flamegraph or csv (default: by FILE)"
    )
    add("--force", action="store_true", help="replace FILE if it exists")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Ask, wait, and print or write; returns 0, or 1 if there is no profile."""
    if args.to is not None and args.output is None:
        args.parser.error("--to FORMAT needs -o FILE, or -o - for standard output")
    return carry_out(lambda: _show(args))


def _show(args: argparse.Namespace) -> int:
    from .. import formats
    from ..profile import Profile
    from ..reach.client import ask_to_look
    from .conversion import save

    format = formats.choose(args.output, args.to) if args.output is not None else ""
    with waiting(f"process {args.pid} looks for {args.seconds:g} s"):
        answer = ask_to_look(args.pid, "profile", args.seconds)
    data = base64.b64decode(answer["pprof"])
    tree = formats.read(data)
    if format == "pprof":  # with the threads, tasks and labels, which a tree that was read has not
        print(f"memwatch: {save(tree, format, args.output, args.force, data)}", file=sys.stderr)
        return 0
    if format:
        print(f"memwatch: {save(tree, format, args.output, args.force)}", file=sys.stderr)
        return 0
    profile = Profile(tree, 0, tree.time - tree.duration)
    show(profile.to_dict() if args.json else {}, args.json, lambda: str(profile))
    return 0
