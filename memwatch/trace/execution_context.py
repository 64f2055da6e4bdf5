"""Which thread and which asyncio task is running, found out without leaving a trace in either."""

from __future__ import annotations

import sys
import threading


def thread_name() -> str:
    """The name of this thread; ``foreign-<ident>`` for one that Python has not started.

    `threading.current_thread()` would put a dummy into the program's list of threads for such a one.
    """
    ident = threading.get_ident()
    thread = threading._active.get(ident)  # type: ignore[attr-defined]
    name = getattr(thread, "_name", None)
    return name if type(name) is str else f"foreign-{ident}"


def task_name() -> str | None:
    """The name of the asyncio task that runs in this thread, None outside one. Loads nothing."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        loop = asyncio._get_running_loop()
        task = None if loop is None else asyncio.current_task(loop)
        name = None if task is None else task.get_name()
    except Exception:  # asyncio half imported in another thread, or a task class of the program's own
        return None
    return name if type(name) is str else None
