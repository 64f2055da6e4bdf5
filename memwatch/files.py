"""Writes a file whole or not at all: beside its target first, then renamed. Only its owner can read it."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile

from .errors import WriteError


def write_file(path: str | os.PathLike[str], data: bytes) -> str:
    """Write *data* to *path*, in the place of what was there, and return the absolute path.

    A link is followed; a device or a pipe is written to as it is. Raises WriteError, which names the path and the
    reason; the old file is then untouched and no piece of the new one stays.
    """
    target = os.path.realpath(os.fspath(path))
    try:
        if _is_special(target):
            with open(target, "wb") as file:
                file.write(data)
        else:
            _replace(target, data)
    except OSError as error:
        raise WriteError(error.errno, f"cannot write {os.fspath(path)!r}: {error.strerror}") from error
    return os.path.abspath(path)


def check_writable(path: str, what: str) -> None:
    """Raise WriteError, before there is anything to write, if *what* cannot be written to *path*."""
    folder = os.path.dirname(os.path.realpath(path))
    if os.path.isdir(path):
        raise WriteError(f"cannot write {what} to {path!r}: it is a directory")
    if not os.path.isdir(folder):
        raise WriteError(f"cannot write {what} to {path!r}: there is no directory {folder!r}")
    target = path if os.path.exists(path) and not os.path.isfile(path) else folder
    if not os.access(target, os.W_OK):
        raise WriteError(f"cannot write {what} to {path!r}: no permission")


def _is_special(target: str) -> bool:
    try:
        return not stat.S_ISREG(os.stat(target).st_mode)
    except FileNotFoundError:
        return False


def _replace(target: str, data: bytes) -> None:
    folder, name = os.path.split(target)
    descriptor, beside = tempfile.mkstemp(prefix=f".{name[:100]}.", suffix=".part", dir=folder)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
