"""Resident memory of this process.

On Linux it is read from one descriptor that stays open: a program that has no descriptor left is still watched, and a
reading is one call. A forked child opens its own at its first reading, since the inherited one shows its parent.
Programs close descriptors that they do not know, and get the number again for a file of theirs, so it is checked first.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any, NamedTuple

from ...internal import internal
from ..forks import on_fork

_PATH = "/proc/self/statm"
_PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR}  # what may be over at the next reading


@internal
class Statm:
    """The numbers of /proc/self/statm: pages in memory, how many of those are shared, and all that have an address."""

    def __init__(self) -> None:
        self._fd = -1
        self._file = (0, 0)

    def read(self) -> tuple[int, int, int]:
        """Raises OSError where it cannot be read."""
        if not self._is_open():
            self._open()
        numbers = os.pread(self._fd, 256, 0).split()
        return int(numbers[1]), int(numbers[2]), int(numbers[0])

    def leave(self) -> None:
        """In a forked child, while it has one thread: what is open belongs to the parent."""
        if self._is_open():
            os.close(self._fd)
        self._fd = -1

    def _is_open(self) -> bool:
        return self._fd >= 0 and _identity(self._fd) == self._file

    def _open(self) -> None:
        fd = _above_standard(os.open(_PATH, os.O_RDONLY | os.O_CLOEXEC))
        if self._is_open():  # by another thread, meanwhile
            os.close(fd)
        else:
            self._fd, self._file = fd, _identity(fd)


def _identity(fd: int) -> tuple[int, int]:
    try:
        status = os.fstat(fd)
    except OSError:
        return -1, -1
    return status.st_dev, status.st_ino


def _above_standard(fd: int) -> int:
    """*fd*, or another one if it has a standard stream's number, which the program has closed and may print to."""
    if fd > 2:
        return fd
    fcntl: Any = _fcntl
    try:
        return int(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3))
    finally:
        os.close(fd)


_linux = sys.platform == "linux"
_fcntl: Any = import_module("fcntl") if _linux else None
_psutil: Any = None if _linux else import_module("psutil")
_errors: tuple[type[Exception], ...] = () if _linux else (_psutil.Error,)
_page: int = os.sysconf("SC_PAGE_SIZE") if _linux else 0
_statm = Statm()
if _linux:
    on_fork("meters", in_child=_statm.leave)


@internal
class Resident:
    """Reads resident memory; `shared` is how much of the last reading is shared with other processes. All in bytes.

    Where the system does not tell (no /proc), `readable` is False and the reading stays at 0. That no descriptor is
    left may pass: the next reading tries again, and raises OSError as long as it does not.
    """

    def __init__(self) -> None:
        self.shared = 0
        self.readable = True
        with suppress(OSError):
            self()

    def __call__(self) -> int:
        if not self.readable:
            return 0
        try:
            resident, self.shared = _statm_bytes() if _linux else _psutil_bytes()
        except _errors:
            self.readable = False
        except OSError as error:
            if error.errno in _PASSING:
                raise
            self.readable = False
        return resident if self.readable else 0


def read_resident() -> int:
    """Resident memory now; 0 where it cannot be read."""
    with suppress(OSError, *_errors):
        return (_statm_bytes if _linux else _psutil_bytes)()[0]
    return 0


@internal
class Mapped(NamedTuple):
    """Memory that has addresses, and what of it is resident and belongs to files or to several processes; in bytes."""

    total: int
    shared: int


def read_mapped() -> Mapped | None:
    """What is mapped now; None where the system does not tell."""
    if not _linux:
        return None
    with suppress(OSError):
        _, shared, total = _statm.read()
        return Mapped(total * _page, shared * _page)
    return None


def _statm_bytes() -> tuple[int, int]:
    resident, shared, _ = _statm.read()
    return resident * _page, shared * _page


def _psutil_bytes() -> tuple[int, int]:
    memory = _psutil.Process().memory_info()
    return int(memory.rss), int(getattr(memory, "shared", 0))
