"""Tells by its content which format a file has, and reads it; a suffix may lie."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..calltree import CallTree
from ..errors import FormatError
from . import collapsed, csv, heapprofile, memray, pprof, speedscope
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
    "resourceProfiles": "a profile of OpenTelemetry (OTLP), which memwatch does not read yet",
}

_OTHER_BINARY = {
    b"memray": "memray's own file, which memray alone reads; "
    "`memray transform csv FILE` makes a table that memwatch reads",
    b"tracemalloc": "a snapshot of tracemalloc, a pickle, and reading one may run any code; "
    "memwatch.profile writes such a profile as a file that memwatch reads",
}
_BINARY_HEAD = 64  # bytes in which such a file names what wrote it

_OTHER_TEXT = {
    b"heap profile:": "a text heap profile of Go or tcmalloc, which has addresses and no names; "
    "`pprof -proto PROGRAM FILE` makes a file that memwatch reads",
    b"heap_v2/": "a text heap profile of jemalloc, which has addresses and no names; "
    "`jeprof --collapsed PROGRAM FILE` makes a file that memwatch reads",
    b"<": "a page (HTML or XML), which memwatch writes and does not read",
}


def read(data: bytes, sample_type: str | None = None) -> CallTree:
    """The tree in *data*, gzipped or not; of a pprof file its numbers of *sample_type*. Raises FormatError."""
    data = unpack(data)
    if is_packed(data):
        raise FormatError("it is packed by gzip twice")
    if any(byte < 9 for byte in data[:64]):  # no text has these; the first message of pprof does
        return _read_binary(data, sample_type)
    if sample_type is not None:
        raise FormatError("it has no sample types to choose from; pprof files alone have")
    return _read_text(data)


def _read_text(data: bytes) -> CallTree:
    line = _first_line(data)
    if not line.strip():
        raise FormatError("it is empty")
    if _is_stack(line):  # before the others: a frame may be called `<module>` or begin with a bracket
        return collapsed.read(data)
    for beginning, what in _OTHER_TEXT.items():
        if line.lstrip().startswith(beginning):
            raise FormatError(f"it is {what}")
    if line.lstrip().startswith((b"{", b"[")):
        return _read_json(parse(data))
    if _has_columns(line, ("id", "parent_id")):
        return csv.read(data)
    if _has_columns(line, memray.COLUMNS):
        return memray.read(data)
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


def _has_columns(line: bytes, names: Iterable[str]) -> bool:
    return {name.encode() for name in names} <= {name.strip(b'"') for name in line[:_TABLE_HEAD].split(b",")}


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


def _read_binary(data: bytes, sample_type: str | None) -> CallTree:
    if data[0] >> 3 in _PPROF_FIELDS and data[0] & 7 in _PPROF_KINDS:
        return pprof.read(data, sample_type)
    for name, what in _OTHER_BINARY.items():
        if name in data[:_BINARY_HEAD]:
            raise FormatError(f"it is {what}")
    raise FormatError("it is binary of no known format")
