"""Show where much hangs in a heap snapshot, who holds the objects of a class, or what came between two; or have a
running process write one."""

from __future__ import annotations

import argparse
import json
import os
import sys

from ..errors import FormatError, MemwatchError
from ..units import format_bytes
from .asking import INTERRUPTED, complain, pid, reports_errors, show

_FAILED = 2
_TOP = 15
_PATIENCE = 600.0  # seconds


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "file",
        metavar="FILE|PID",
        nargs="?",
        help="a .heapsnapshot of memwatch, node or Chrome, compressed or not; or a process that memwatch watches",
    )
    add(
        "-o", "--output", metavar="FILE", help="with PID: the file that it writes (default: heap-PID-TIME.heapsnapshot)"
    )
    add("--compare", metavar=("OLD", "NEW"), nargs=2, help="what came between two snapshots of one process")
    add("--type", metavar="CLASS", help="who holds the objects of this class, and its largest ones")
    add("--top", metavar="N", type=int, default=_TOP, help=f"rows of a table (default: {_TOP})")
    add("--json", action="store_true", help="the same as JSON")


def run(args: argparse.Namespace) -> int:
    """Print it; returns 0, or 2 with one line on standard error that says what went wrong."""
    if (args.file is None) == (args.compare is None) or args.top < 1 or (args.compare and args.type):
        args.parser.error("give FILE, with --type or without, or --compare OLD NEW; N is 1 or more")
    if args.file is not None and args.file.isdecimal() and not os.path.exists(args.file):
        return _take(args)
    if args.output is not None:
        args.parser.error("-o goes with a PID")
    try:
        print(_tell(args), flush=True)
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (MemwatchError, OSError) as error:
        name = getattr(error, "filename", None)
        reason = f"{name}: {error.strerror}" if isinstance(error, OSError) and name else str(error)
        complain(reason)
        return _FAILED
    except MemoryError:
        complain("there is not enough memory to hold the snapshot")
        return _FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


@reports_errors
def _take(args: argparse.Namespace) -> int:
    from ..heap.write_snapshot import default_name
    from ..reach.client import ask

    number = pid(args.file)
    path = os.path.abspath(args.output if args.output is not None else default_name(pid=number))
    answer = ask(number, "snapshot", _PATIENCE, path=path)
    show(answer, args.json, lambda: f"wrote {answer['path']}: {format_bytes(answer['bytes'])}")
    return 0


def _tell(args: argparse.Namespace) -> str:
    # Imported here: `memwatch run` loads this module, too, and has no use for heap snapshots.
    from ..formats.heapsnapshot import read
    from ..heap.analysis import analyse
    from ..heap.holders import holders_of
    from ..heap.snapshot_change import compare

    if args.compare:
        change = compare(*map(read, args.compare))
        return json.dumps(change.to_dict()) if args.json else change.table(args.top)
    snapshot = read(args.file)
    if args.type is not None:
        found = holders_of(snapshot, args.type, args.top)
        if found is None:
            raise FormatError(f"{args.file} has no object of the class {args.type}")
        return json.dumps(found.to_dict()) if args.json else found.table()
    whole = analyse(snapshot, args.top)
    return json.dumps(whole.to_dict()) if args.json else f"{whole.table(args.top)}\n\n{whole.class_table(args.top)}"
