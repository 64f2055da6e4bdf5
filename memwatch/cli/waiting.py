"""Shows on a terminal that a command waits, and for what: by rich, where that is installed."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any


def waiting(text: str) -> AbstractContextManager[Any]:
    """While it lasts *text* stands at standard error, if that is a terminal that can take it away again."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return nullcontext()
    try:
        from rich.console import Console
    except ModuleNotFoundError:
        return nullcontext()
    shown: AbstractContextManager[Any] = Console(stderr=True).status(text, spinner="line")
    return shown
