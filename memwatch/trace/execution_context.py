"""Finds which thread and which asyncio task is running, without changing either."""

from __future__ import annotations

import sys
import threading


def thread_name() -> str:
    """The name of this thread, ``foreign-<ident>`` if Python has not started it.

    For such a thread `threading.current_thread()` would add a dummy to the program's list of threads.
    """
    ident = threading.get_ident()
    thread = threading._active.get(ident)  # type: ignore[attr-defined]
    name = getattr(thread, "_name", None)
    return name if type(name) is str else f"foreign-{ident}"


def task_name() -> str | None:
    """The name of the asyncio task that runs in this thread, None outside of a task. Imports nothing."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        loop = asyncio._get_running_loop()
        task = None if loop is None else asyncio.current_task(loop)
        name = None if task is None else task.get_name()
    except Exception:  # asyncio is being imported by another thread, or the program has its own task class
        return None
    return name if type(name) is str else None
