"""Looks at the heap by a forked child, if a pause would be too long: the parent is held for the fork alone.

The fork copies the page tables of the process, not its memory, so its price is known beforehand; see `fork_price`.
What the program writes to while the child lives is copied too, page by page, and needs free memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import UnsupportedError
from ...internal import internal
from .. import name, reason
from ..meters.memory_limit import container, machine
from .contract import Look, ShouldCancel
from .fork_price import PAGE_BYTES, count_huge, read_tables

if TYPE_CHECKING:
    from .._native import SearchRequest

EXPECTED_PAUSE = 5e-9
"""Seconds for each object of the heap: the fork copies the tables of its pages."""

MOST_SHARE = 0.9
"""Of the memory that the process's container or machine has, what may be taken while a child lives."""

__all__ = ["CAN_LOOK", "PAGE_BYTES", "count_huge", "count_in_child", "look_in_child", "read_tables", "room", "used"]

resource: Any = import_module("resource") if sys.platform.startswith("linux") else None
_native: Any = import_module(".exact", __package__) if name == "native" else None
_count: Callable[..., tuple[Mapping[str, tuple[int, int]], float]] | None = _native and _native.count_in_child
CAN_LOOK = _native is not None and sys.platform.startswith("linux")
"""Whether `look_in_child` may be tried."""


@internal
class Used(NamedTuple):
    """The bytes of memory that threads other than the calling one were given, those of pages that they had copied among
    them; and the seconds of processor time of children that have ended."""

    given_bytes: int
    child_seconds: float


def count_in_child(deep: bool) -> tuple[Mapping[str, tuple[int, int]], float]:
    """By type label the number of objects and their bytes; and for how many seconds the program was held.

    Raises UnsupportedError where the platform or the backend cannot do it.
    """
    if not sys.platform.startswith("linux"):
        raise UnsupportedError(f"in_child=True needs Linux, and this is {sys.platform}")
    if _count is None:
        raise UnsupportedError(f"in_child=True needs a C extension that can do it; backend {name}: {reason}")
    return _count(deep, (), None)


def look_in_child(
    exclude: list[object],
    should_cancel: ShouldCancel,
    known: Any = None,
    question: SearchRequest | None = None,
    patience: float = 60.0,
) -> Look:
    """The objects, by a forked child; and the answer to *question* about what is not in *known*.

    *should_cancel* is called while the child works, which it may for *patience* seconds of processor time. Raises
    Cancelled, and UnsupportedError if there can be no child or it did not finish.
    """
    if not CAN_LOOK:
        raise UnsupportedError(f"a look in a forked child needs Linux and the C extension; backend {name}: {reason}")
    look: Look = _native.look_in_child(exclude, should_cancel, known, question, patience)
    return look


def used() -> Used:
    """What this process and its children have used so far."""
    if resource is None:
        return Used(0, 0.0)
    every, own = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_THREAD)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Used(PAGE_BYTES * (every.ru_minflt - own.ru_minflt), ended.ru_utime + ended.ru_stime)


def room() -> int:
    """Bytes that may still be taken, by the container's limit or the memory of the machine."""
    here, inside = machine(), container()
    if here is None:
        return 0
    left = here.available - (1 - MOST_SHARE) * here.total
    if inside is not None:
        left = min(left, MOST_SHARE * inside.limit - inside.usage)
    return int(left)
