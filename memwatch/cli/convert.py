"""Turn a memory profile into another format, merge several, or subtract an older one."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import MemwatchError
from .asking import INTERRUPTED, complain

_FAILED = 2


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "profiles",
        metavar="PROFILE",
        nargs="+",
        help="a profile in any format but flamegraph, - for standard input; several are added up",
    )
    add(
        "--to", metavar="FORMAT", help="heapprofile, pprof, speedscope, collapsed, flamegraph or csv (default: by FILE)"
    )
    add("-o", "--output", metavar="FILE", help="where to write, - for standard output (default: beside PROFILE)")
    add("--base", metavar="OLD", help="subtract this older profile: what came since, and what went")
    add("--sample-type", metavar="NAME", help="which numbers of a pprof file: alloc_space (default: inuse_space)")
    add("--force", action="store_true", help="replace FILE if it exists")


def run(args: argparse.Namespace) -> int:
    """Convert; returns 0, or 2 with one line on standard error that says what went wrong."""
    # Imported here: `memwatch run` loads this module, too, and has no use for the formats.
    from .conversion import convert, say

    try:
        with _without_collector():
            message = convert(args.profiles, args.to, args.output, args.base, args.force, args.sample_type)
        if args.output == "-":
            print(message, file=sys.stderr)
        else:
            say(message)
    except MemwatchError as error:
        complain(str(error))
        return _FAILED
    except MemoryError:
        complain("there is not enough memory to hold the profile")
        return _FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


@contextmanager
def _without_collector() -> Iterator[None]:
    """A call tree has no cycles, and looking for some takes a third of the time where the tree is large."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
