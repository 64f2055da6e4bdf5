"""A file without a name that forked children of a run write into when they have become another user.

Such a child may not write into the run's folder any more, but a file that was opened before stays open to it. Root
alone can become another user, so nobody else opens one.
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
    """Lines that the processes of a run append; a program that puts a file of its own in its place is left alone."""

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
        """Write *line* at the end, in one piece; nothing where there is no such file."""
        if self._is_there():
            with suppress(OSError):
                os.write(self._descriptor, line + b"\n")

    def lines(self) -> list[bytes]:
        """All that was written, in its order."""
        if self._is_there():
            with suppress(OSError):
                return os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0).splitlines()
        return []

    def _is_there(self) -> bool:
        return identity(self._descriptor) == self._identity is not None
