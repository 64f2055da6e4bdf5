"""What runs in a process that memwatch was brought into, and what is left when it leaves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .. import default, signals
from ..errors import MemwatchError, NotStartedError
from ..handlers import log_leaks, once_per_fingerprint
from .script import DONE

_BROUGHT = ("blinker", "objgraph", "psutil")


class _State:
    attached: bool = False
    handler: Callable[[Any], object] | None = None


def begin(options: dict[str, Any]) -> str:
    """Watch with these options of `start`, and log leaks; returns what the asking process reads."""
    if default.watcher() is not None:
        return (
            "it is watched already: the process itself started memwatch"
            if not _State.attached
            else "it is watched already"
        )
    try:
        watcher = default.start_for_program(**options, socket=True)
    except MemwatchError as error:
        return str(error)
    listener = default.listener()
    if listener is None or not listener.path:
        default.stop()
        return f"nobody could ask it: {listener.problem if listener else 'there are no such sockets here'}"
    listener.hurry()
    _State.handler = once_per_fingerprint(log_leaks())
    signals.on("leak", _State.handler)
    _State.attached = watcher.running
    return DONE


def is_attached() -> bool:
    """Whether this process was attached to."""
    return _State.attached and default.watcher() is not None


def what_stays() -> dict[str, Any]:
    """What stays when it leaves, as it cannot be taken back. Raises NotStartedError where it was not attached."""
    if not is_attached():
        raise NotStartedError("memwatch was not attached to this process: the process itself started it")
    package = __name__.partition(".")[0]
    modules = sorted(name for name in sys.modules if name.partition(".")[0] in (package, *_BROUGHT))
    return {"modules": modules, "hooks": ["os.register_at_fork", "atexit"]}


def end() -> None:
    """Watch no more."""
    if _State.handler is not None:
        signals.off("leak", _State.handler)
    default.stop()
    _State.attached, _State.handler = False, None
