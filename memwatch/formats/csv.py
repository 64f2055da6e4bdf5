"""Writes and reads CSV: a row a node, parents before their children, for spreadsheets and data frames.

A text that a spreadsheet would take for a formula has an apostrophe in front, which `read` takes off again. Sizes are
written as ``48x2 64x1`` (two of 48 bytes, one of 64) where a spreadsheet's cell holds them. Controls, and what is no
UTF-8, are escaped: a terminal that shows the file must not obey it. A difference keeps its negative numbers.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Any, NamedTuple

from ..calltree import Allocations, CallTree, Node, walk
from ..errors import FormatError
from ..frames import Frame
from ..treebuilder import Builder
from .checks import check_depth, digits, storable

COLUMNS = (
    "id",
    "parent_id",
    "depth",
    "function",
    "file",
    "line",
    "column",
    "self_bytes",
    "total_bytes",
    "self_count",
    "total_count",
    "allocations",
)
_NEEDED = ("id", "parent_id", "function", "self_bytes")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
# not the tab and the line ends; and the backslash of a text that looks like an escape
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\\(?=x[015789][0-9a-f])")
_ESCAPED = re.compile(r"\\x([015789][0-9a-f])")
_CELL_MAX = 32_767  # characters; spreadsheets cut what is longer


def write(tree: CallTree) -> bytes:
    """The file's content, UTF-8 with CRLF line ends (RFC 4180), the first row the names of the columns."""
    file = io.StringIO(newline="")
    rows = csv.writer(file)
    rows.writerow(COLUMNS)
    places = {tree.root.id: ("", 0)}
    for node in walk(tree.root):
        parent, depth = places.pop(node.id)
        rows.writerow(_row(node, parent, depth))
        places.update((child.id, (str(node.id), depth + 1)) for child in node.children)
    return file.getvalue().encode("utf-8")


def _row(node: Node, parent: str, depth: int) -> tuple[object, ...]:
    sizes = " ".join(f"{size}x{count}" for size, count in node.allocations)
    return (
        node.id,
        parent,
        depth,
        _guard(_shown(node.function)),
        _guard(_shown(node.file)),
        node.line,
        node.column,
        node.self_bytes,
        node.total_bytes,
        node.self_count,
        node.total_count,
        sizes if len(sizes) <= _CELL_MAX else "",
    )


def _shown(text: str) -> str:
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", storable(text))


def _restore(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def _guard(text: str) -> str:
    return "'" + text if text.startswith(_FORMULA) else text


def _unguard(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def read(data: bytes) -> CallTree:
    """The tree in *data*: needed are the columns id, parent_id, function and self_bytes. Raises FormatError."""
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), restval="", strict=True)
        missing = [name for name in _NEEDED if name not in (rows.fieldnames or ())]
        if missing:
            raise FormatError(f"no table of nodes: there is no column {', '.join(missing)}")
        return CallTree(_build(rows, ended=data.endswith((b"\n", b"\r"))))
    except UnicodeDecodeError as error:
        raise FormatError(f"no UTF-8 text: {error.reason} at byte {error.start:,}") from None
    except csv.Error as error:
        raise FormatError(f"broken CSV: {error}") from None


def _build(rows: csv.DictReader[str], ended: bool) -> Node:
    """The tree, if it adds up to what its root claims and its last line has *ended*: one cut off may look whole.
    Tables of others, which claim no total, are taken as they are.
    """
    builder, known, claims = Builder(), dict[str, _Row](), list[int]()
    for row in rows:
        where = f"line {rows.line_num:,}"
        known[row["id"]] = _read_row(row, known, builder, where)
        if not row["parent_id"] and "total_bytes" in row:
            claims.append(_number(row, "total_bytes", where))
    root = builder.build()
    if not known or (claims and sum(claims) != root.total_bytes):
        claimed = f"{sum(claims):,} bytes" if claims else "anything"
        raise FormatError(f"truncated table: its rows hold {root.total_bytes:,} bytes, and there should be {claimed}")
    if claims and not ended:
        raise FormatError("truncated table: its last line has no end")
    return root


class _Row(NamedTuple):
    """Where a row hangs in the tree, and how deep."""

    node: int
    depth: int


def _read_row(row: dict[str | Any, str], known: dict[str, _Row], builder: Builder, where: str) -> _Row:
    if row["id"] in known:
        raise FormatError(f"{where} has the id {row['id'][:20]} of a row above it")
    place = _Row(builder.root, 0)
    if row["parent_id"]:
        parent = known.get(row["parent_id"])
        if parent is None:
            raise FormatError(f"{where} has the parent {row['parent_id'][:20]}, which is in no row above it")
        check_depth(parent.depth + 1)
        place = _Row(builder.child(parent.node, _frame(row, where)), parent.depth + 1)
    sizes = _allocations(row.get("allocations", ""), where)
    size_bytes, count = _number(row, "self_bytes", where), _number(row, "self_count", where)
    if size_bytes or count or sizes:
        builder.hold(place.node, size_bytes, count, sizes)
    return place


def _frame(row: dict[str | Any, str], where: str) -> Frame:
    return Frame(
        _restore(_unguard(row["function"])),
        _restore(_unguard(row.get("file", ""))),
        max(0, _number(row, "line", where)),
        max(0, _number(row, "column", where)),
    )


def _number(row: dict[str | Any, str], column: str, where: str) -> int:
    """The number in a column; 0 where there is no such column."""
    return digits(row[column], f"{where}, {column}") if column in row else 0


def _allocations(text: str, where: str) -> Allocations:
    pairs = (pair.partition("x") for pair in text.split())
    return tuple((digits(size, f"{where}, a size"), digits(count, f"{where}, a count")) for size, _, count in pairs)
