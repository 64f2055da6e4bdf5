"""How long has the program waited for a processor that others had? Linux counts it for each thread."""

from __future__ import annotations

import _thread
import os
from contextlib import suppress

_TASKS = "/proc/self/task"
_MOST = 200  # threads; a file of each is read


def read_waited() -> float | None:
    """Seconds that the living threads have been ready to run without a processor, all together, without this one's.

    None where that is not known, or there are too many threads.
    """
    found, own = list[int](), str(_thread.get_native_id())
    try:
        tasks = os.listdir(_TASKS)
    except OSError:
        return None
    for task in tasks if len(tasks) <= _MOST else ():
        if task != own:
            with suppress(OSError, ValueError, IndexError):  # it has ended, or the kernel does not count
                found.append(int(_read(f"{_TASKS}/{task}/schedstat").split()[1]))
    return sum(found) / 1e9 if found else None


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 256)
    finally:
        os.close(fd)
