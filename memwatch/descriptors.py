"""Open files by their numbers."""

from __future__ import annotations

import os


def identity(fd: int) -> tuple[int, int] | None:
    """What tells the open file behind *fd* from others; None if none is open."""
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def above_standard(fd: int) -> int:
    """*fd*, or another descriptor of the same file in its place that is none of 0, 1 and 2."""
    if fd > 2:
        return fd
    try:
        return above_standard(os.dup(fd))
    finally:
        os.close(fd)
