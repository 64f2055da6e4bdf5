"""Run a full collection in a running process, and show what it freed."""

from __future__ import annotations

import argparse
from typing import Any

from ..units import format_bytes, format_milliseconds
from .asking import add_pid, reports_errors, show

_PATIENCE = 60.0  # seconds


def configure(parser: argparse.ArgumentParser) -> None:
    add_pid(parser)


@reports_errors
def run(args: argparse.Namespace) -> int:
    """Ask and print; returns 0, or 1 if the process cannot be asked."""
    from ..reach.client import ask

    answer = ask(args.pid, "gc", _PATIENCE)
    show(answer, args.json, lambda: _render(args.pid, answer))
    return 0


def _render(pid: int, answer: dict[str, Any]) -> str:
    freed = answer["before_bytes"] - answer["after_bytes"]
    held, took = format_bytes(answer["after_bytes"]), format_milliseconds(answer["seconds"])
    return f"pid {pid}  freed {format_bytes(freed)} in {took}, {held} are held"
