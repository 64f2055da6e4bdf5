"""Which installed distribution a file belongs to, by the records that installers leave beside the packages.

importlib.metadata tells the same, and costs an import of 20 ms that a process may never need otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

_FOLDERS = ("site-packages", "dist-packages")
_MOST_BYTES = 1 << 22  # of a record, about 40,000 files
_MOST_READ = 1 << 25  # of all records that are looked through


def find_distribution(file: str) -> tuple[str, str] | None:
    """The name and the version of the distribution that has installed *file*; None if none says so."""
    folder = next((it for it in _parents(file) if os.path.basename(it) in _FOLDERS), None)
    if folder is None:
        return None
    inside = os.path.relpath(file, folder).replace(os.sep, "/")
    top, left = inside.partition("/")[0].removesuffix(".py"), _MOST_READ
    for name in sorted(_infos(folder), key=lambda it: not _is_like(it, top)):
        record = os.path.join(folder, name, "RECORD")
        text = _read(record)
        left -= len(text)
        if f"\n{inside},".encode() in b"\n" + text:
            title, _, version = name.removesuffix(".dist-info").rpartition("-")
            return title.replace("_", "-"), version
        if left <= 0:
            break
    return None


def _parents(file: str) -> Iterator[str]:
    while (folder := os.path.dirname(file)) != file:
        yield folder
        file = folder


def _infos(folder: str) -> list[str]:
    with suppress(OSError):
        return [name for name in os.listdir(folder) if name.endswith(".dist-info")]
    return []


def _is_like(info: str, top: str) -> bool:
    """Whether the distribution is called like the package, or so that it has its name inside: these come first."""
    return top.lower().lstrip("_") in info.lower()


def _read(path: str) -> bytes:
    with suppress(OSError), open(path, "rb") as file:
        return file.read(_MOST_BYTES)
    return b""
