"""Labels: what the program is doing, so that samples, profiles and reports can say for what memory was allocated.

    with memwatch.label(route="GET /orders"):
        handle(request)

A label belongs to the context (`contextvars`): to a thread, or to an asyncio task and all that it starts. Inner labels
go over outer ones of the same name. `frameworks` sets them for Flask, Django, FastAPI and Celery.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..backend import name
from ..backend.allocations.context_labels import CURRENT
from . import plain
from .plain import LONGEST

__all__ = ["LONGEST", "label"]

if TYPE_CHECKING or name != "native":
    from .plain import label
else:
    from ..backend import _native

    label = _native.label_type(CURRENT, plain.known, plain.make, plain.number_for) or plain.label
