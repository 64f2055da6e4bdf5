"""Print a script with which a shell completes the commands and options of memwatch."""

from __future__ import annotations

import argparse

from .asking import FAILED, complain

_SHELLS = ("bash", "zsh", "tcsh")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=_SHELLS, help="the shell that reads the script")


def run(args: argparse.Namespace) -> int:
    """Print it; returns 0, or 1 where shtab is not installed, which writes it."""
    try:
        import shtab
    except ModuleNotFoundError:
        complain("completion needs shtab: pip install 'memwatch[cli]'")
        return FAILED
    print(shtab.complete(args.whole, shell=args.shell))
    return 0
