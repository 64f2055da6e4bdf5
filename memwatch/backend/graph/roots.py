"""Where does a heap snapshot begin? At what has a name of its own and holds the rest."""

from __future__ import annotations

import gc
import sys
import threading
from typing import Any

from ..forks import FORK_HOOKS

Named = list[tuple[str, Any]]


def named_roots() -> tuple[Named, Named]:
    """The imported modules, and what the interpreter keeps of the process, each with its name."""
    modules = [(name, module) for name, module in list(sys.modules.items()) if type(name) is str and module is not None]
    kept = [("sys.modules", sys.modules), ("gc.callbacks", gc.callbacks), ("gc.garbage", gc.garbage)]
    return modules, kept


def known_lists() -> list[tuple[str, int]]:
    """What the interpreter keeps in lists that nothing else refers to: a name, and the address of an item, for each."""
    return [(f"fork callbacks (os.register_at_fork, {when})", address) for address, when in FORK_HOOKS.items()]


def thread_names() -> list[tuple[int, str]]:
    """The threads that `threading` knows, by identifier."""
    return [(thread.ident, str(thread.name)) for thread in threading.enumerate() if thread.ident is not None]


def numpy_array() -> Any:
    """numpy's array type where numpy is imported, else None."""
    return vars(sys.modules.get("numpy", sys)).get("ndarray")
