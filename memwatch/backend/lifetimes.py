"""Which process does a number mean? Numbers are used again, and clocks are set."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_STARTED = 19  # among the fields of /proc/PID/stat that follow the name, which may hold anything but a last ")"


def mark_of(pid: int) -> str:
    """A text that no other process of this machine has, even if it gets the same *pid* later; empty if it is not known.
    On Linux it is the boot and the clock ticks since, which do not depend on the wall clock."""
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return f"{_BOOT.read_text(encoding='utf-8').strip()} {fields[_STARTED]}"
    with suppress(psutil.Error, OSError):
        return f"{psutil.Process(pid).create_time():.2f}"
    return ""


def is_alive(pid: int, mark: str) -> bool:
    """Whether the process with that number and mark still runs."""
    return bool(mark) and mark_of(pid) == mark
