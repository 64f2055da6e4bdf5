"""What a heap snapshot is asked for and what comes of it, whichever backend writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...internal import internal

NONE = (1 << 32) - 1
"""Stands in a column of 32 bits for what there is not."""


@internal
@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be in a heap snapshot.

    in_child    a forked child writes it: the program is held for the fork alone.
    fold        what every program shares is left out, and small leaves are part of the one object that holds them.
    show_keys   all keys of dicts by their value.
    allocations what is known of allocations and of the process, as `allocations.tell` makes it.
    """

    in_child: bool
    fold: bool
    show_keys: bool
    allocations: tuple[Any, ...]


@internal
@dataclass(frozen=True, slots=True)
class Written:
    """What was written: objects of the heap and their bytes, nodes and edges of the file, its length in bytes.

    `peak_bytes` is the memory that it took, `pause_seconds` how long the program was held at once, `work_seconds` how
    much processor time it took.
    """

    objects: int
    size_bytes: int
    nodes: int
    edges: int
    length: int
    peak_bytes: int
    pause_seconds: float
    work_seconds: float
