"""How much of native memory is SQLite's pages, and may they be those of files?

SQLite keeps pages of each file that it has open, up to the connection's `cache_size`, of which nothing in Python
tells. A database in memory has all its pages there, and no file.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

from .. import name

if name == "native":
    from .._native import sqlite_page_bytes as _ask
else:

    def _ask(path: str, /) -> int | None:
        return None


_DESCRIPTORS = "/proc/self/fd"


def read_sqlite_pages() -> int | None:
    """Bytes of all pages that SQLite holds for the module sqlite3; None where it is not in use, or does not tell."""
    module = sys.modules.get("_sqlite3")
    path = module.__dict__.get("__file__") if type(module) is ModuleType else None
    return _ask(path) if type(path) is str else None


def count_writable_bytes() -> int:
    """Bytes of all files that are open for reading and writing, as a database is; 0 where the system does not tell."""
    sizes: dict[tuple[int, int], int] = {}
    with suppress(OSError, ImportError):
        fcntl: Any = import_module("fcntl")
        for number in map(int, os.listdir(_DESCRIPTORS)):
            with suppress(OSError):  # the one that lists them is closed by now
                status = os.fstat(number)
                if stat.S_ISREG(status.st_mode) and fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR:
                    sizes[status.st_dev, status.st_ino] = status.st_size
    return sum(sizes.values())
