"""Reads the table that `memray transform csv` writes: a row a stack, with its bytes and its number of allocations.

A stack is ``function;file;line`` for each frame, the innermost first, joined by ``|``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from ..calltree import CallTree, Stack
from ..errors import FormatError
from ..frames import Frame
from ..treebuilder import build
from .checks import check_depth, digits

COLUMNS = ("allocator", "num_allocations", "size", "stack_trace")
"""What its first line names, among others."""


def read(data: bytes) -> CallTree:
    """The tree in *data*. Raises FormatError."""
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), restval="", strict=True)
        return CallTree(build(_stacks(rows)), source="memray")
    except UnicodeDecodeError as error:
        raise FormatError(f"no UTF-8 text: {error.reason} at byte {error.start:,}") from None
    except csv.Error as error:
        raise FormatError(f"broken CSV: {error}") from None


def _stacks(rows: csv.DictReader[str]) -> Iterator[Stack]:
    frames: dict[str, Frame] = {}
    for row in rows:
        where = f"line {rows.line_num:,}"
        path = row["stack_trace"].split("|") if row["stack_trace"] else []
        check_depth(len(path))
        for text in path:
            if text not in frames:
                frames[text] = _frame(text, where)
        size_bytes, count = digits(row["size"], f"{where}, size"), digits(row["num_allocations"], f"{where}, number")
        yield Stack(tuple(frames[text] for text in reversed(path)), size_bytes, count)


def _frame(text: str, where: str) -> Frame:
    parts = text.rsplit(";", 2)
    if len(parts) < 3:
        raise FormatError(f"{where} has a frame that is no function;file;line")
    return Frame(parts[0], parts[1], max(0, digits(parts[2], f"{where}, a frame's line")))
