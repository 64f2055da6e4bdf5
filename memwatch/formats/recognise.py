"""Tells by its content which format a file has, and reads it; a suffix may lie."""

from __future__ import annotations

from typing import Any

from ..calltree import CallTree
from ..errors import FormatError
from . import collapsed, csv, heapprofile, pprof, speedscope
from .deepjson import parse
from .packed import is_packed, unpack

_BOM = b"\xef\xbb\xbf"
_TABLE_HEAD = 4096  # bytes in which a table names its columns
_PPROF_FIELDS = range(1, 15)
_PPROF_KINDS = (0, 2)

_OTHER_JSON = {
    "snapshot": "a heap snapshot, which holds objects and not who allocated them",
    "nodes": "a CPU profile",
    "traceEvents": "a trace of events",
}


def read(data: bytes) -> CallTree:
    """The tree in *data*, gzipped or not. Raises FormatError."""
    data = unpack(data)
    if is_packed(data):
        raise FormatError("it is packed by gzip twice")
    if _is_binary(data):
        return _read_binary(data)
    line = _first_line(data)
    if not line.strip():
        raise FormatError("it is empty")
    if _is_stack(line):  # before the others: a frame may be called `<module>` or begin with a bracket
        return collapsed.read(data)
    if line.lstrip().startswith((b"{", b"[")):
        return _read_json(parse(data))
    if _is_table(line):
        return csv.read(data)
    if line.lstrip().startswith(b"<"):
        raise FormatError("it is a page (HTML or XML), which memwatch writes and does not read")
    raise FormatError("it is a text of no known format")


def _first_line(data: bytes) -> bytes:
    """The first line that is not blank; blanks at its beginning may be a name's own."""
    text = data.removeprefix(_BOM)
    start = len(text) - len(text.lstrip())
    start = max(text.rfind(b"\n", 0, start), 0)
    return text[start:].strip(b"\r\n").split(b"\n", 1)[0].rstrip(b"\r")


def _is_stack(line: bytes) -> bool:
    _, blank, number = line.rpartition(b" ")
    return bool(blank) and number.removeprefix(b"-").isdigit()


def _is_table(line: bytes) -> bool:
    return {b"id", b"parent_id"} <= {name.strip(b'"') for name in line[:_TABLE_HEAD].split(b",")}


def _read_json(value: Any) -> CallTree:
    if isinstance(value, dict):
        if "head" in value:
            return heapprofile.from_json(value)
        if "shared" in value or "profiles" in value:
            return speedscope.from_json(value)
        for key, what in _OTHER_JSON.items():
            if key in value:
                raise FormatError(f"it is {what}")
    raise FormatError("it is JSON of no known format")


def _is_binary(data: bytes) -> bool:
    """Whether there are bytes that no text has; pprof's first message already has one, a field's number or length."""
    return any(byte < 9 for byte in data[:64])


def _read_binary(data: bytes) -> CallTree:
    if data[0] >> 3 in _PPROF_FIELDS and data[0] & 7 in _PPROF_KINDS:
        return pprof.read(data)
    raise FormatError("it is binary of no known format")
