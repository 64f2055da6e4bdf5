"""The leak detector that you leave on.

    @memwatch.on("leak")
    def page_someone(leak):
        print(leak.report)

Four events tell what happens ("stats", "suspect", "leak", "recovered"), `HeapDiff` what grew in a stretch of code, `gc`
what is left when garbage is gone. Connecting a receiver starts the watcher of this process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import backend, handlers
from .default import gc, start, stop, watcher  # noqa: F401 - gc is public, yet no star import shall bring it
from .errors import (
    AlreadyEndedError,
    AlreadyStartedError,
    MemwatchError,
    OptionError,
    ReceiverError,
    UnknownEventError,
    UnsupportedError,
)
from .signals import leak, off, on, once, recovered, stats, suspect

if TYPE_CHECKING:
    from .heap import HeapDiff

__all__ = [
    "AlreadyEndedError",
    "AlreadyStartedError",
    "HeapDiff",
    "MemwatchError",
    "OptionError",
    "ReceiverError",
    "UnknownEventError",
    "UnsupportedError",
    "backend",
    "handlers",
    "leak",
    "off",
    "on",
    "once",
    "recovered",
    "start",
    "stats",
    "stop",
    "suspect",
    "watcher",
]


def __getattr__(name: str) -> Any:
    if name == "HeapDiff":  # brings objgraph with it, which is loaded when it is first wanted
        from .heap import HeapDiff

        return HeapDiff
    if name == "__version__":
        from importlib.metadata import version

        return version("memwatch")
    raise AttributeError(f"module 'memwatch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), "HeapDiff", "__version__"})
