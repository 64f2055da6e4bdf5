"""Reads a heap snapshot of memwatch, node or Chrome, a piece at a time: numbers go into columns as they come.

What is read takes about as many bytes as the file has; what a file claims about itself reserves nothing.
"""

from __future__ import annotations

import os
from array import array
from typing import Any

from ...errors import FormatError
from .layout import EDGE_FIELDS, NODE_FIELDS, NODE_TYPES, TRACED
from .pieces import Pieces, Readable, open_snapshot
from .snapshot import HeapSnapshot

_MOST = 1 << 32


def read(path: str | os.PathLike[str]) -> HeapSnapshot:
    """The snapshot in the file at *path*, which may be compressed. Raises FormatError for anything else, OSError."""
    with open_snapshot(path) as file:
        try:
            return read_from(file)
        except FormatError as error:
            raise FormatError(f"{os.fspath(path)}: {error}") from None


def read_from(file: Readable) -> HeapSnapshot:
    """The snapshot that *file* has, which is open for reading and not compressed."""
    pieces = Pieces(file)
    pieces.expect("{")
    if pieces.key() != "snapshot":
        raise FormatError("no heap snapshot: it does not begin with the key 'snapshot'")
    about = pieces.value("snapshot")
    reader = _Reader(about)
    strings: list[str] | None = None
    while (key := pieces.next_key()) is not None:
        if key == "nodes":
            reader.nodes = pieces.numbers("nodes", reader.node_count * len(reader.node_fields))
        elif key == "edges":
            reader.edges = pieces.numbers("edges", reader.edge_count * len(reader.edge_fields))
        elif key == "strings":
            strings = pieces.strings()
        else:
            pieces.skip()
    if strings is None:
        raise FormatError("a heap snapshot without strings: is it truncated?")
    return reader.snapshot(strings)


class _Reader:
    """What the head of the file says, and the columns that it tells how to cut."""

    def __init__(self, head: Any) -> None:
        meta = head.get("meta") if isinstance(head, dict) else None
        if not isinstance(meta, dict):
            raise FormatError("no heap snapshot: it does not say which fields it has (snapshot.meta)")
        self.node_fields = _names(meta, "node_fields", NODE_FIELDS)
        self.edge_fields = _names(meta, "edge_fields", EDGE_FIELDS)
        self.node_types = _kinds(meta, "node_types", self.node_fields)
        self.edge_types = _kinds(meta, "edge_types", self.edge_fields)
        self.node_count, self.edge_count = _count(head, "node_count"), _count(head, "edge_count")
        about = head.get("memwatch")
        self.about: dict[str, Any] = about if isinstance(about, dict) else {}
        self.nodes = array("I")
        self.edges = array("I")

    def snapshot(self, strings: list[str]) -> HeapSnapshot:
        """The whole, once its numbers are known to agree."""
        nodes = {name: self.nodes[place :: len(self.node_fields)] for place, name in enumerate(self.node_fields)}
        edges = {name: self.edges[place :: len(self.edge_fields)] for place, name in enumerate(self.edge_fields)}
        self.nodes, self.edges = array("I"), array("I")
        counts, targets = nodes["edge_count"], edges["to_node"]
        if sum(counts) != len(targets):
            raise FormatError(f"the nodes have {sum(counts):,} edges, and there are {len(targets):,}")
        if not counts:
            raise FormatError("a heap snapshot without nodes")
        width = len(self.node_fields)
        if any(it % width for it in targets) or max(targets, default=0) >= len(counts) * width:
            raise FormatError("an edge leads to no node")
        # V8 wrote symbols before its heads named them.
        self.node_types = (*self.node_types, *NODE_TYPES[len(self.node_types) : max(nodes["type"]) + 1])
        self._check_names(nodes, edges, len(strings))
        return HeapSnapshot(
            nodes["type"],
            nodes["name"],
            nodes["id"],
            nodes["self_size"],
            _starts(counts),
            edges["type"],
            edges["name_or_index"],
            array("I", (it // width for it in targets)),
            strings,
            nodes.get(TRACED, array("I")),
            self.about,
            self.node_types,
            self.edge_types,
        )

    def _check_names(self, nodes: dict[str, array[int]], edges: dict[str, array[int]], strings: int) -> None:
        if max(nodes["name"]) >= strings:
            raise FormatError("a node's name is not among the strings")
        if max(nodes["type"]) >= len(self.node_types) or max(edges["type"], default=0) >= len(self.edge_types):
            raise FormatError("a node or an edge has a type that the file does not name")
        numbered = {place for place, kind in enumerate(self.edge_types) if kind in ("element", "hidden")}
        pairs = zip(edges["type"], edges["name_or_index"], strict=True)
        if any(name >= strings and kind not in numbered for kind, name in pairs):
            raise FormatError("an edge's name is not among the strings")


def _starts(counts: array[int]) -> array[int]:
    starts, start = array("I", [0]), 0
    for count in counts:
        start += count
        starts.append(start)
    return starts


def _names(meta: dict[str, Any], key: str, needed: tuple[str, ...]) -> list[str]:
    names = meta.get(key)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) > 100:
        raise FormatError(f"no heap snapshot: {key} is no list of names")
    missing = [name for name in needed if name not in names]
    if missing:
        raise FormatError(f"no heap snapshot that memwatch can read: {key} has no {missing[0]}")
    return names


def _kinds(meta: dict[str, Any], key: str, fields: list[str]) -> tuple[str, ...]:
    kinds = meta.get(key)
    place = fields.index("type")
    of_type = kinds[place] if isinstance(kinds, list) and len(kinds) > place else None
    if not isinstance(of_type, list) or not all(isinstance(kind, str) for kind in of_type):
        raise FormatError(f"no heap snapshot: {key} does not name the types")
    return tuple(of_type)


def _count(head: dict[str, Any], key: str) -> int:
    count = head.get(key)
    if type(count) is not int or not 0 <= count < _MOST:
        raise FormatError(f"no heap snapshot: {key} is no number that 32 bits hold")
    return count
