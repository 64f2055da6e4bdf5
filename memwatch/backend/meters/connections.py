"""How many connections has this process accepted whose peers are connected still? That is up to the peers.

The system's table of sockets tells, and which of them are this process's. What a peer has closed, or this process has,
does not count.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress

_TABLES = ("/proc/self/net/tcp", "/proc/self/net/tcp6")
_DESCRIPTORS = "/proc/self/fd"
_SOCKET = "socket:["
_LARGEST = 4 << 20  # bytes of a table, which has the sockets of all processes
_LOCAL, _STATE, _INODE = 1, 3, 9  # columns
_ESTABLISHED, _LISTENS = "01", "0A"


def count_accepted() -> int | None:
    """Established TCP connections to ports that this process listens on; None where there are no sockets, or the
    system does not tell."""
    if "_socket" not in sys.modules:
        return None
    try:
        own = set(_own_sockets())
        rows = [row for table in _TABLES for row in _rows(table) if row[_INODE] in own]
    except (OSError, ValueError):  # no such system, too many sockets, or no descriptor is left
        return None
    listening = {_port(row) for row in rows if row[_STATE] == _LISTENS}
    return sum(row[_STATE] == _ESTABLISHED and _port(row) in listening for row in rows)


def _own_sockets() -> Iterator[str]:
    for number in os.listdir(_DESCRIPTORS):
        with suppress(OSError):  # closed by now
            target = os.readlink(f"{_DESCRIPTORS}/{number}")
            if target.startswith(_SOCKET):
                yield target[len(_SOCKET) : -1]


def _rows(table: str) -> list[list[str]]:
    if not os.path.exists(table):
        return []
    with open(table, "rb") as file:
        read = file.read(_LARGEST)
    if len(read) == _LARGEST:
        raise ValueError("too many sockets")
    return [line.decode("ascii").split() for line in read.splitlines()[1:]]


def _port(row: list[str]) -> str:
    return row[_LOCAL].rpartition(":")[2]
