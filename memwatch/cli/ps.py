"""List the processes of this user that memwatch watches: what each thinks, how fast it grows, who is to blame."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from typing import Any

from ..errors import MemwatchError
from ..tables import aligned
from ..units import format_bytes, format_duration, printable
from .asking import reports_errors, show

_HEADINGS = ("pid", "state", "age", "base", "rss", "growth", "cpu", "program", "culprit")
_TEXTS = (7, 8)  # the columns whose text begins at one place
_LESS = ("rss", "age", "cpu", "base")  # what is left out first
_NO_VALUE = "-"
_INDENT = "       "


def configure(parser: argparse.ArgumentParser) -> None:
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
    """One line for each process, below the headings. If the lines are wider than *columns* (0 for no limit), growth
    gets a line of its own, and less important numbers are left out."""
    rows = [_HEADINGS, *(_cells(pid, answer) for pid, answer in found)]
    lines = aligned(rows, _TEXTS)
    return lines if not columns or max(map(len, lines)) <= columns else list(_narrow(rows, columns))


def _narrow(rows: list[tuple[str, ...]], columns: int) -> Iterator[str]:
    names = list(_HEADINGS[: -len(_TEXTS)])
    lines = aligned([row[: len(names)] for row in rows], ())
    for name in _LESS:
        if max(map(len, lines)) <= columns:
            break
        names.remove(name)
        lines = aligned([[row[_HEADINGS.index(it)] for it in names] for row in rows], ())
    for line, row in zip(lines, rows, strict=True):
        yield line
        if row is not rows[0]:
            yield _INDENT + ": ".join(filter(None, row[-len(_TEXTS) :]))


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
