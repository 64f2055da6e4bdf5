"""Heap snapshots are read as they were written, by whoever wrote them, and what is none is refused in plain words."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memwatch.errors import FormatError
from memwatch.formats.heapsnapshot import HeapSnapshot, read, writer
from memwatch.formats.heapsnapshot.reader import read_from

STRINGS = ["", "(GC roots)", "app.Cache", 'a "quoted"\\ name', "nul \0 and \ud800 half", "<function app.f>", "store"]
NODES = [(9, 0, 1, 0, 1), (9, 1, 2, 0, 2), (3, 2, 65537, 100, 2), (3, 3, 65538, 4_000_000_000, 1), (3, 5, 7, 8, 0)]
EDGES = [(1, 0, 1), (2, 6, 2), (1, 7, 3), (2, 6, 3), (6, 4, 4), (0, 4, 2)]


def written(**about: Any) -> bytes:
    file = io.BytesIO()
    writer.write(file, (len(NODES), len(EDGES)), NODES, EDGES, STRINGS, about)
    return file.getvalue()


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file with its JSON changed."""
    whole = json.loads(written())
    change(whole)
    return json.dumps(whole).encode("ascii")


def test_what_was_written_is_read() -> None:
    snapshot = read_from(io.BytesIO(written(pid=7)))
    assert [snapshot.name_of(node) for node in range(5)] == [STRINGS[row[1]] for row in NODES]
    assert list(snapshot.ids) == [row[2] for row in NODES]
    assert snapshot.total_bytes == 4_000_000_108
    assert [snapshot.class_of(node) for node in (0, 2, 4)] == ["(synthetic)", "app.Cache", "<function>"]
    assert [(it.kind, it.name, it.target) for it in snapshot.references(1)] == [
        ("property", "store", 2),
        ("element", "[7]", 3),
    ]
    assert [(it.kind, it.target) for it in snapshot.references(2)] == [("property", 3), ("weak", 4)]
    assert snapshot.about == {"pid": 7}


def test_files_of_others_have_other_fields_and_line_ends(tmp_path: Path) -> None:
    def as_node_does(whole: dict[str, Any]) -> None:
        whole["snapshot"]["meta"]["node_fields"] += ["trace_node_id", "detachedness"]
        rows = [whole["nodes"][at : at + 5] for at in range(0, len(whole["nodes"]), 5)]
        whole["nodes"] = [value for row in rows for value in (*row, 3, 0)]
        whole["edges"] = [value // 5 * 7 if at % 3 == 2 else value for at, value in enumerate(whole["edges"])]
        whole["trace_function_infos"], whole["trace_tree"] = [0, 0, 0, 0, 1, 1], [1, 0, 0, 0, [2, 0, 1, 8, []]]
        whole["locations"] = [2, 4, 3, 1]

    path = tmp_path / "node.heapsnapshot"
    path.write_bytes(b"\xef\xbb\xbf" + changed(as_node_does).replace(b", ", b",\r\n"))
    snapshot = read(path)
    assert list(snapshot.stacks) == [3] * 5
    assert [it.target for it in snapshot.references(1)] == [2, 3]
    (tmp_path / "packed.gz").write_bytes(gzip.compress(written()))
    assert len(read(tmp_path / "packed.gz")) == 5


def test_types_that_a_file_of_v8_does_not_name_yet_are_those_of_later_ones(tmp_path: Path) -> None:
    def as_chrome_55_did(whole: dict[str, Any]) -> None:
        del whole["snapshot"]["meta"]["node_types"][0][12:]  # a real file of that time has symbols all the same
        whole["nodes"][5] = 12

    path = tmp_path / "chrome.heapsnapshot"
    path.write_bytes(changed(as_chrome_55_did))
    assert read(path).class_of(1) == "(symbol)"


class Dribble:
    """A file that gives little at a time."""

    def __init__(self, data: bytes, seed: int) -> None:
        self._file, self._random = io.BytesIO(data), random.Random(seed)

    def read(self, size: int, /) -> bytes:
        return self._file.read(min(size, self._random.randint(1, 40)))


@pytest.mark.parametrize("seed", range(20))
def test_it_does_not_matter_where_a_piece_ends(seed: int) -> None:
    assert read_from(Dribble(written(), seed)) == read_from(io.BytesIO(written()))


def test_a_file_that_is_cut_anywhere_is_refused() -> None:
    data = written().rstrip()
    for end in range(0, len(data), 7):
        with pytest.raises(FormatError):
            read_from(io.BytesIO(data[:end]))


def without(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda whole: whole.pop(key)


HOSTILE: dict[str, Callable[[dict[str, Any]], object]] = {
    "an edge leads to no node": lambda whole: whole["edges"].__setitem__(2, 500),
    "an edge leads to no node ": lambda whole: whole["edges"].__setitem__(2, 3),
    "a node's name is not among": lambda whole: whole["nodes"].__setitem__(1, 99),
    "an edge's name is not among": lambda whole: whole["edges"].__setitem__(4, 99),
    "has a type that the file does not name": lambda whole: whole["nodes"].__setitem__(0, 99),
    "the nodes have": lambda whole: whole["nodes"].__setitem__(4, 90),
    "said to be there": lambda whole: whole["snapshot"].__setitem__("node_count", 4_000_000_000),
    "more numbers than the file says": lambda whole: whole["snapshot"].__setitem__("node_count", 1),
    "no number that 32 bits hold": lambda whole: whole["snapshot"].__setitem__("node_count", 1 << 40),
    "no whole number": lambda whole: whole["nodes"].__setitem__(2, -1),
    "no whole number ": lambda whole: whole["nodes"].__setitem__(2, 1.5),
    "does not fit into 32 bits": lambda whole: whole["nodes"].__setitem__(2, 1 << 32),
    "has no edge_count": lambda whole: whole["snapshot"]["meta"]["node_fields"].remove("edge_count"),
    "snapshot.meta": lambda whole: whole["snapshot"].pop("meta"),
    "without strings": without("strings"),
    "does not begin with the key": without("snapshot"),
}


@pytest.mark.parametrize("message", HOSTILE)
def test_a_hostile_file_is_refused_and_the_reason_told(message: str) -> None:
    with pytest.raises(FormatError, match=message.strip()):
        read_from(io.BytesIO(changed(HOSTILE[message])))


@pytest.mark.parametrize("data", [b"", b"[]", b"no json", b"{", b'{"snapshot":{}}', b"\x00" * 100, b'{"a":' * 1000])
def test_what_is_no_heap_snapshot_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        read_from(io.BytesIO(data))


def test_a_compressed_file_that_blows_up_or_is_cut_is_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(b'{"snapshot":' + b" " * 20_000_000))
    with pytest.raises(FormatError):
        read(bomb)
    bomb.write_bytes(gzip.compress(written())[:-20])
    with pytest.raises(FormatError, match="broken"):
        read(bomb)


def test_a_snapshot_is_a_value() -> None:
    snapshot = read_from(io.BytesIO(written()))
    assert isinstance(snapshot, HeapSnapshot)
    assert len(snapshot) == 5
