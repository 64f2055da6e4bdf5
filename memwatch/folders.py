"""Opens what a path leads to, without following a link that another user may have put there.

Others can write a folder if everybody may, if a group that is not the owner's own may, or if it belongs to neither this
user nor root. In such a folder no link is followed. What is opened belongs to this user or to root, is opened without
waiting (a pipe may have no reader), and gets a descriptor above 2: below are the program's own standard streams.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .descriptors import above_standard

_MOST_LINKS = 40
_HANDLES = os.open in os.supports_dir_fd  # elsewhere, as on Windows, files are opened by their path alone
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)
_CAREFULLY = os.O_WRONLY
for _flag in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
    _CAREFULLY |= getattr(os, _flag, 0)


@dataclass(frozen=True, slots=True)
class Place:
    """A name in an open folder; `folder` is None where files are opened by their path alone.

    `is_own` says that it is an open file of a process, as /dev/stdout is: a link that the kernel itself follows.
    """

    folder: int | None
    name: str
    is_own: bool = False

    def open(self, flags: int) -> int:
        """A descriptor to write to; raises OSError, also for what belongs to another user."""
        link = 0 if self.is_own else _NO_LINK
        try:
            fd = above_standard(os.open(self.name, _CAREFULLY | flags | link, 0o600, dir_fd=self.folder))
        except OSError as error:
            if error.errno == errno.ENXIO:
                raise OSError(errno.ENXIO, "nobody reads it") from None
            raise
        try:
            self._check(os.fstat(fd))
        except OSError:
            os.close(fd)
            raise
        return fd

    def look(self) -> os.stat_result | None:
        """What is there, None if nothing is; raises OSError for what belongs to another user."""
        try:
            status = os.stat(self.name, dir_fd=self.folder, follow_symlinks=self.is_own)
        except FileNotFoundError:
            return None
        self._check(status)
        return status

    def may_write(self) -> bool:
        """Whether a file can be made in the folder."""
        if self.folder is None:
            return os.access(os.path.dirname(self.name), os.W_OK)
        return os.access(".", os.W_OK, dir_fd=self.folder)

    def _check(self, status: os.stat_result) -> None:
        if self.is_own or self.folder is None:
            return
        if stat.S_ISLNK(status.st_mode):  # the folder has changed since
            raise _link_refused(self.name)
        is_file = stat.S_ISREG(status.st_mode)
        if (is_file or stat.S_ISFIFO(status.st_mode)) and not _is_trusted(status.st_uid):
            raise PermissionError(errno.EPERM, "it belongs to another user")
        if is_file and status.st_nlink > 1 and others_can_write(os.fstat(self.folder)):
            raise _link_refused(self.name)


@contextmanager
def locate(path: str) -> Iterator[Place]:
    """Where *path* leads to when links are followed. Raises OSError where it leads nowhere or may be another's."""
    if "\0" in path:
        raise OSError(errno.EINVAL, "a name has no NUL")
    if not _HANDLES:
        yield Place(None, os.path.realpath(path))
        return
    way = _Way(path)
    try:
        name, is_own = way.go()
        yield Place(way.folder, name, is_own)
    finally:
        os.close(way.folder)


class _Way:
    """Goes through the folders of a path, one after the other."""

    def __init__(self, path: str) -> None:
        self.folder = os.open("/" if path.startswith("/") else ".", _FOLDER)
        self._left = path.split("/")[::-1]  # the next one is the last
        self._links = 0

    def go(self) -> tuple[str, bool]:
        """Enter all folders; the name in the last one, and whether it is an open file of a process."""
        while self._left:
            name = self._left.pop()
            if name in ("", "."):
                continue
            target, is_last = self._link(name), not any(self._left)
            if target is not None and is_last and self._is_in_proc():
                return name, True
            if target is not None:
                self._turn(name, target)
            elif is_last:
                return name, False
            else:
                self._enter(name)
        return ".", False

    def _link(self, name: str) -> str | None:
        try:
            return os.readlink(name, dir_fd=self.folder)
        except OSError:  # it is no link, or there is none
            return None

    def _turn(self, name: str, target: str) -> None:
        self._links += 1
        if self._links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if others_can_write(os.fstat(self.folder)):
            raise _link_refused(name)
        self._left += target.split("/")[::-1]
        if target.startswith("/"):
            self._enter("/")

    def _enter(self, name: str) -> None:
        inner = os.open(name, _FOLDER | _NO_LINK, dir_fd=self.folder)
        os.close(self.folder)
        self.folder = inner

    def _is_in_proc(self) -> bool:
        try:
            return os.fstat(self.folder).st_dev == os.stat("/proc").st_dev
        except OSError:
            return False


def others_can_write(folder: os.stat_result) -> bool:
    """Whether another user may put a link into *folder*; a group that has its owner's number is its owner's own."""
    by_group = folder.st_mode & stat.S_IWGRP and folder.st_gid != folder.st_uid
    return bool(folder.st_mode & stat.S_IWOTH or by_group) or not _is_trusted(folder.st_uid)


def _is_trusted(user: int) -> bool:
    return user in (0, os.geteuid())


def _link_refused(name: str) -> PermissionError:
    return PermissionError(errno.EPERM, f"{name!r} is a link in a folder that others can write")
