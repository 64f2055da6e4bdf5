"""Which files are those of installed distributions, and of which, by the records that installers leave beside packages.

Such a folder has one of two names, or it stands on `sys.path`, as what `pip install --target` and bundles of an
application make: the program's own files may lie there, too. importlib.metadata tells the same, and costs an import of
20 ms that a process may never need otherwise.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache

FOLDERS = ("site-packages", "dist-packages")
_MOST_BYTES = 1 << 22  # of a record, about 40,000 files
_MOST_READ = 1 << 25  # of all records that are looked through
_MOST_KNOWN = 1 << 10  # files and packages on the top of a folder


def is_installed(file: str) -> bool:
    """Whether an installer has put *file* where it is. Each package's records are read once."""
    if any(folder in file for folder in FOLDERS):
        return True
    folder = _on_path(file)
    return folder is not None and _is_recorded(folder, file[len(folder) + 1 :].partition(os.sep)[0])


def find_distribution(file: str) -> tuple[str, str] | None:
    """The name and the version of the distribution that has installed *file*; None if none says so."""
    folder = next((it for it in _parents(file) if os.path.basename(it) in FOLDERS), None) or _on_path(file)
    if folder is None:
        return None
    inside = os.path.relpath(file, folder).replace(os.sep, "/")
    return _find_record(folder, inside.partition("/")[0], (f"\n{inside},",))


@lru_cache(_MOST_KNOWN)
def _is_recorded(folder: str, top: str) -> bool:
    return _find_record(folder, top, (f"\n{top}/", f"\n{top},")) is not None


def _find_record(folder: str, top: str, lines: tuple[str, ...]) -> tuple[str, str] | None:
    """The distribution in *folder* whose record has one of *lines*, what it is called like *top* first."""
    left = _MOST_READ
    for name in sorted(_infos(folder), key=lambda it: not _is_like(it, top.removesuffix(".py"))):
        text = b"\n" + _read(os.path.join(folder, name, "RECORD"))
        left -= len(text)
        if any(line.encode() in text for line in lines):
            title, _, version = name.removesuffix(".dist-info").rpartition("-")
            return title.replace("_", "-"), version
        if left <= 0:
            break
    return None


def _on_path(file: str) -> str | None:
    """The folder of `sys.path` with records that *file* lies in; the innermost, as the program found it there."""
    folders = [it.rstrip(os.sep) for it in sys.path if type(it) is str]
    folder = max((it for it in folders if it and file.startswith(it + os.sep)), key=len, default="")
    return folder if folder and _has_records(folder) else None


@lru_cache(_MOST_KNOWN)
def _has_records(folder: str) -> bool:
    return bool(_infos(folder))


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
