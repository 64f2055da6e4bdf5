"""Print a script with which a shell completes the commands and options of memwatch."""

from __future__ import annotations

import argparse
import sys

_SHELLS = ("bash", "zsh", "tcsh")
_FAILED = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("shell", choices=_SHELLS, help="the shell that reads the script")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Print it; returns 0, or 1 where shtab is not installed, which writes it."""
    try:
        import shtab
    except ModuleNotFoundError:
        print("memwatch: completion needs shtab: pip install 'memwatch[cli]'", file=sys.stderr)
        return _FAILED
    print(shtab.complete(args.whole, shell=args.shell))
    return 0
