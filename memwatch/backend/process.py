"""What this process and interpreter are, and being told of forks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from types import FrameType
from typing import Any


def is_main_interpreter() -> bool:
    """False in a subinterpreter."""
    for name in ("_interpreters", "_xxsubinterpreters"):  # from 3.13, before
        try:
            interpreters: Any = import_module(name)
        except ImportError:
            continue
        return bool(interpreters.get_current() == interpreters.get_main())
    return True


def on_fork(before: Callable[[], None], in_parent: Callable[[], None], in_child: Callable[[], None]) -> None:
    """Have these called around every `os.fork()`, for as long as the process lives; nothing where there is no fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def forking_frame() -> FrameType | None:
    """The frame that forks, for a function that is called by a hook of `on_fork`; None where C code forks by itself."""
    frame: FrameType | None = sys._getframe()
    for _ in range(3):  # this function, who asks, the hook
        frame = frame and frame.f_back
    return frame
