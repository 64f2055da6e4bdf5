"""List the processes of this user that memwatch watches: what each thinks, how fast it grows, who is to blame."""

from __future__ import annotations

import argparse
import shutil
import sys
from typing import Any

from ..errors import MemwatchError
from ..units import format_bytes, format_duration, printable
from .asking import reports_errors, show

_HEADINGS = ("pid", "state", "age", "base", "rss", "growth", "cpu", "program", "culprit")
_LEFT = 2  # columns that are as wide as they are
_NO_VALUE = "-"
_NARROWEST = 40
_GAP = "  "


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--json", action="store_true", help="print one JSON object per process")


@reports_errors
def run(args: argparse.Namespace) -> int:
    """Print the list; returns 0, also where there is none."""
    from ..reach.client import ask_all

    found = ask_all("status")
    if args.json:
        for pid, answer in found:
            value = {"pid": pid, "error": str(answer)} if isinstance(answer, MemwatchError) else answer
            show(value, True, str)
        return 0
    if not found:
        print("no process of this user is watched", file=sys.stderr)
        return 0
    for line in table(found, shutil.get_terminal_size().columns if sys.stdout.isatty() else 0):
        show({}, False, lambda line=line: line)  # type: ignore[misc]
    return 0


def table(found: list[tuple[int, Any]], columns: int) -> list[str]:
    """One line for each process, below the headings; cut to so many *columns*, 0 for no bound."""
    rows = [_HEADINGS, *(_cells(pid, answer) for pid, answer in found)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADINGS))]
    lines = []
    for row in rows:
        right = [cell.rjust(width) for cell, width in zip(row[:-_LEFT], widths, strict=False)]
        left = [row[-2].ljust(widths[-2]), row[-1]]
        line = _GAP.join([*right, *left]).rstrip()
        lines.append(line[: max(columns, _NARROWEST)] if columns else line)
    return lines


def _cells(pid: int, answer: Any) -> tuple[str, ...]:
    if isinstance(answer, MemwatchError):
        return (str(pid), "silent", *[_NO_VALUE] * 5, "", printable(str(answer)))
    growth, cost = answer["growth"], answer["cost"]["cpu_share"]
    return (
        str(pid),
        answer["state"],
        format_duration(answer["age_seconds"]),
        _size(answer["base_bytes"]),
        _size(answer["rss_bytes"]),
        _NO_VALUE if growth is None else f"{format_bytes(growth['rate_bytes_per_hour'], signed=True)}/h",
        f"{100 * cost:.1f} %",
        printable(answer["program"]),
        printable(answer["culprit"]),
    )


def _size(size: int | None) -> str:
    return _NO_VALUE if size is None else format_bytes(size)
