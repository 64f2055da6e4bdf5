"""A file without a name, into which forked children of a run write once they have become another user.

Such a child may no longer write into the folder of the run, but a file that was opened before stays open to it. Only
root can become another user, so nobody else opens one.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress

from ..descriptors import above_standard, identity

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class InheritedFile:
    """Lines that the processes of a run append. If the program puts a file of its own at its descriptor, that is left
    alone."""

    def __init__(self) -> None:
        self._descriptor = -1
        if fcntl is not None and os.geteuid() == 0:
            with suppress(OSError):
                made, path = tempfile.mkstemp()
                os.unlink(path)
                self._descriptor = above_standard(made)
                flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL)
                fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags | os.O_APPEND)
        self._identity = identity(self._descriptor)

    def append(self, line: bytes) -> None:
        """Write *line* at the end, in one piece; nothing if there is no such file."""
        if self._is_there():
            with suppress(OSError):
                os.write(self._descriptor, line + b"\n")

    def lines(self) -> list[bytes]:
        """All lines, in the order in which they were written."""
        if self._is_there():
            with suppress(OSError):
                return os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0).splitlines()
        return []

    def _is_there(self) -> bool:
        return identity(self._descriptor) == self._identity is not None
