"""Writes a file whole or not at all: beside its target first, then renamed. Only its owner can read it."""

from __future__ import annotations

import atexit
import contextlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import replace

from .clock import Clock
from .errors import WriteError
from .folders import Place, locate

_PATIENCE = 5.0  # seconds that a pipe may take nothing
_MOST_NAME = 40  # characters: with what is added, within what a file system allows
_LAST_PATIENCE = 1.0  # seconds that the exit waits for a file that another thread writes

_unfinished: dict[str, tuple[int, int | None]] = {}  # files that are being written: the process, and the open folder


def write_file(path: str | os.PathLike[str], data: bytes) -> str:
    """Write *data* to *path*, in the place of what was there, and return the absolute path.

    A link is followed unless others can write its folder; a device or a pipe is written to as it is, if it is read.
    Raises WriteError, which names the path and the reason; the old file is then untouched and no piece of the new one
    stays.
    """
    try:
        with locate(os.fspath(path)) as place:
            if _is_special(place):
                _write_through(place, data)
            else:
                _replace(place, data)
    except OSError as error:
        raise WriteError(error.errno, f"cannot write {os.fspath(path)!r}: {error.strerror}") from error
    return os.path.abspath(path)


def check_writable(path: str, what: str) -> None:
    """Raise WriteError, before there is anything to write, if *what* cannot be written to *path*."""
    refused = f"cannot write {what} to {path!r}"
    if os.path.isdir(path):
        raise WriteError(f"{refused}: it is a directory")
    try:
        with locate(path) as place:
            allowed = os.access(path, os.W_OK) if _is_special(place) else place.may_write()
    except (FileNotFoundError, NotADirectoryError):
        folder = os.path.dirname(os.path.realpath(path))
        raise WriteError(f"{refused}: there is no directory {folder!r}") from None
    except OSError as error:
        raise WriteError(f"{refused}: {error.strerror}") from None
    if not allowed:
        raise WriteError(f"{refused}: no permission")


def _is_special(place: Place) -> bool:
    status = place.look()
    return place.is_own or (status is not None and not stat.S_ISREG(status.st_mode))


def _write_through(place: Place, data: bytes) -> None:
    descriptor = place.open(os.O_APPEND)
    try:
        left, deadline = memoryview(data), Clock.monotonic() + _PATIENCE
        while left:
            try:
                left = left[os.write(descriptor, left) :]
                deadline = Clock.monotonic() + _PATIENCE
            except BlockingIOError:
                if Clock.monotonic() > deadline:
                    raise
                time.sleep(0.01)
    finally:
        os.close(descriptor)


def _replace(place: Place, data: bytes) -> None:
    with _beside(place) as descriptor, open(descriptor, "wb", closefd=False) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], what: str) -> Iterator[int]:
    """A descriptor of a file beside *path*, which takes its place at the end; of an error nothing stays.

    For what is written piece by piece: *path* is a regular file or nothing yet. Raises WriteError as `write_file` does.
    """
    refused = f"cannot write {what} to {os.fspath(path)!r}"
    check_writable(os.fspath(path), what)
    try:
        with locate(os.fspath(path)) as place:
            if _is_special(place):
                raise WriteError(f"{refused}: it is no regular file")
            with _beside(place) as descriptor:
                yield descriptor
    except OSError as error:
        if error.errno is None:
            raise
        raise WriteError(error.errno, f"{refused}: {error.strerror}") from None


@contextlib.contextmanager
def _beside(place: Place) -> Iterator[int]:
    """A descriptor of a new file beside *place*, which is renamed to it at the end, or taken away again."""
    folder, name = os.path.split(place.name)
    beside = os.path.join(folder, f".{name[:_MOST_NAME]}.{os.urandom(6).hex()}.part")
    descriptor = replace(place, name=beside).open(os.O_CREAT | os.O_EXCL)
    _unfinished[beside] = os.getpid(), place.folder
    try:
        try:
            yield descriptor
        finally:
            os.close(descriptor)
        os.replace(beside, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside, dir_fd=place.folder)
        raise
    finally:
        _unfinished.pop(beside, None)


@atexit.register
def _drop_unfinished() -> None:
    """The process ends: of what a thread does not write to its end nothing stays."""
    deadline, own = Clock.monotonic() + _LAST_PATIENCE, os.getpid()
    while any(pid == own for pid, _ in tuple(_unfinished.values())) and Clock.monotonic() < deadline:
        time.sleep(0.01)
    for beside, (pid, folder) in tuple(_unfinished.items()):
        if pid == own:
            with contextlib.suppress(OSError):
                os.unlink(beside, dir_fd=folder)
