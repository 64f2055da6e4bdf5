"""Show what memwatch thinks of a running process now, and why not more."""

from __future__ import annotations

import argparse
import time
from typing import Any

from ..reach.words import memory_of
from ..units import format_bytes, format_duration, printable
from .asking import add_pid, reports_errors, show


def configure(parser: argparse.ArgumentParser) -> None:
    add_pid(parser)


@reports_errors
def run(args: argparse.Namespace) -> int:
    """Ask and print; returns 0, or 1 if the process cannot be asked."""
    from ..reach.client import ask

    answer = ask(args.pid, "status")
    show(answer, args.json, lambda: render(answer))
    return 0


def render(answer: dict[str, Any]) -> str:
    """The answer for a person."""
    rows = [
        ("watched", _since(answer)),
        ("thinks", answer["thinks"]),
        ("memory", memory_of(answer)),
        ("backend", f"{answer['backend']}: {answer['backend_reason']}"),
        ("lines", _sampling(answer["sample_interval"])),
        *[("leak", _leak(leak)) for leak in answer["leaks"]],
        *[("gap", answer["gap"])] * bool(answer["gap"]),
        ("cost", _cost(answer["cost"])),
    ]
    head = f"pid {answer['pid']}  {answer['state']}  {' '.join(answer['command']) or answer['program']}"
    return "\n".join([printable(head), *(f"  {name:<8} {printable(text)}" for name, text in rows)])


def _since(answer: dict[str, Any]) -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(answer["started"]))
    pace = f"pace {answer['pace']}, a tick every {format_duration(answer['tick_seconds'])}"
    return f"for {format_duration(answer['age_seconds'])}, since {since}; {pace}, {answer['readings']:,} readings"


def _sampling(interval: int) -> str:
    if not interval:
        return "not sampled; a report on request samples while it looks"
    return f"one byte in {interval:,} is sampled"


def _leak(leak: dict[str, Any]) -> str:
    when = time.strftime("%H:%M:%S", time.localtime(leak["time"]))
    return f"{when} {leak['verdict']}: {leak['subject'] or 'nobody is suspected'}; {leak['reason']}"


def _cost(cost: dict[str, Any]) -> str:
    return (
        f"{100 * cost['cpu_share']:.2f} % of CPU, longest pause {1000 * cost['longest_pause_seconds']:.1f} ms, "
        f"{cost['censuses']} walks of the heap, {format_bytes(cost['bytes'])}"
    )
