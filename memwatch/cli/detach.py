"""Have memwatch leave a process that it was brought into."""

from __future__ import annotations

import argparse
from typing import Any

from .asking import add_pid, reports_errors, show


def configure(parser: argparse.ArgumentParser) -> None:
    add_pid(parser)


@reports_errors
def run(args: argparse.Namespace) -> int:
    """Have it leave and say what stays; returns 0, or 1 if it was not attached."""
    from ..reach.client import ask

    answer = ask(args.pid, "detach")
    show(answer, args.json, lambda: _render(args.pid, answer))
    return 0


def _render(pid: int, answer: dict[str, Any]) -> str:
    hooks, modules = ", ".join(answer["hooks"]), answer["modules"]
    packages = ", ".join(sorted({name.partition(".")[0] for name in modules}))
    return (
        f"pid {pid}  is watched no more: no thread, no hook of the collector or of allocators, no socket\n"
        f"  stays    {len(modules)} modules ({packages}), which do nothing, and their hooks in {hooks}"
    )
