"""Writes a heap snapshot from rows, a piece at a time: the order of the keys is part of the format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO, Any

from .layout import EDGE_FIELDS, NODE_FIELDS, head

_PIECE = 10_000  # rows
Row = tuple[int, ...]


def write(
    file: IO[bytes],
    counts: tuple[int, int],
    nodes: Iterable[Row],
    edges: Iterable[Row],
    strings: Sequence[str],
    about: dict[str, Any],
) -> None:
    """Write (type, name, id, self size, number of edges) for each node, the root first, and (type, name or number,
    place of the target) for each edge, those of one node behind those of the one before. *counts* says how many of
    both; names are places in *strings*, which may grow until all rows are read.
    """
    file.write(f'{{"snapshot":{head(*counts, about)},\n"nodes":['.encode("ascii"))
    _write_rows(file, nodes)
    file.write(b'],\n"edges":[')
    width = len(NODE_FIELDS)
    _write_rows(file, ((*edge[: len(EDGE_FIELDS) - 1], edge[-1] * width) for edge in edges))
    file.write(b'],\n"trace_function_infos":[],\n"trace_tree":[],\n"samples":[],\n"locations":[],\n"strings":[')
    for place, text in enumerate(strings):
        file.write((",\n" if place else "").encode("ascii") + json.dumps(text).encode("ascii"))
    file.write(b"]}\n")


def _write_rows(file: IO[bytes], rows: Iterable[Row]) -> None:
    for place, piece in enumerate(_pieces(rows)):
        file.write((",\n" if place else "").encode("ascii"))
        file.write(",\n".join([",".join(map(str, row)) for row in piece]).encode("ascii"))


def _pieces(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while piece := list(islice(left, _PIECE)):
        yield piece
