"""The heap as a graph by the C extension: in a forked child, or with the interpreter held."""

from __future__ import annotations

import errno
import json
import os
from array import array
from collections.abc import Callable
from typing import Any

from ...errors import MemwatchError, UnsupportedError, WriteError
from ...internal import RECORDS, TYPES
from .. import _native
from ..census.contract import Cancelled
from ..census.exclude import PARTS
from ..census.in_child import CAN_LOOK
from ..holds import note_hold
from .contract import NONE, Wish, Written
from .roots import known_lists, named_roots, numpy_array, thread_names

IN_CHILD = CAN_LOOK
"""Whether a forked child can do it."""

_PATIENCE = 3600.0  # seconds of processor time; a hundred million objects take about a minute
_AS_IT_IS = (
    "a heap snapshot has 32 bits for {}, and this heap needs more. fold=True makes it smaller; "
    "HeapDiff(in_child=True) and retaining_paths() have no such limit"
)
_TOO_LARGE = {1: _AS_IT_IS.format("nodes and edges"), 2: _AS_IT_IS.format("the numbers of objects")}
_BUSY = "the collector is at work; a look at the whole heap has to wait for its end"
_REFUSED = "no forked child could do it: {}. With in_child=False the program itself does, and waits meanwhile"
_NO_MEMORY = "there is not enough memory to look at the whole heap, or it has more objects than 32 bits can number"


def write_graph(file: int, wish: Wish) -> Written:
    """Write the whole heap to the descriptor *file*. Raises WriteError, UnsupportedError, Cancelled, MemwatchError."""
    groups, threads = (*named_roots(), known_lists()), thread_names()
    try:
        answer = _native.write_graph(
            True, TYPES, PARTS, RECORDS, (), _PATIENCE, None, wish.in_child, groups, threads, numpy_array(),
            file, wish.allocations, wish.fold, wish.show_keys,
        )  # fmt: skip
    except (OSError, RuntimeError) as refused:
        raise UnsupportedError(_REFUSED.format(refused)) from None
    except MemoryError:
        raise MemwatchError(_NO_MEMORY) from None
    if answer is None:
        raise Cancelled(_BUSY)
    facts, pause, price, work = answer
    note_hold(pause, price)
    objects, size, nodes, edges, length, peak, error, too_large = facts
    if error:
        raise WriteError(error, os.strerror(error) + (f" after {length:,} bytes" if error == errno.ENOSPC else ""))
    if too_large:
        raise UnsupportedError(_TOO_LARGE[too_large])
    return Written(objects, size, nodes, edges, length, peak, pause, work)


def retained(
    top: int, wanted: int, in_child: bool, ask: Callable[[], None] | None = None, patience: float = _PATIENCE
) -> dict[str, Any]:
    """What the heap retains, at most *top* points, and the object at the address *wanted* (unless that is 0), as
    graph/retained.h says. `work` is in seconds.

    *ask* is called while a child works, for *patience* seconds of processor time at most, and may raise. Raises
    UnsupportedError, Cancelled, MemwatchError.
    """
    groups = *named_roots(), known_lists()
    threads = thread_names() if top else []  # that asks for a lock, for names that points show
    try:
        answer = _native.retained(
            True, TYPES, PARTS, RECORDS, (), patience, ask, in_child, groups, threads, numpy_array(), top, wanted
        )
    except (OSError, RuntimeError) as refused:
        raise UnsupportedError(_REFUSED.format(refused)) from None
    except MemoryError:
        raise MemwatchError(_NO_MEMORY) from None
    if answer is None:
        raise Cancelled(_BUSY)
    text, pause, price, work = answer
    note_hold(pause, price)
    sizes: dict[str, Any] = json.loads(text.decode("utf-8", "surrogatepass"))
    return sizes | {"work": work}


def retained_of(
    starts: array[int],
    targets: array[int],
    sizes: array[int],
    classes: array[int],
    most_classes: int,
    top: int,
    group_class: int = NONE,
) -> dict[str, Any]:
    """The same of columns, in which vertices and classes are numbers; what has *group_class* is no object.

    Raises MemwatchError without memory.
    """
    try:
        text = _native.retained_of(starts, targets, sizes, classes, most_classes, top, group_class)
    except MemoryError:
        raise MemwatchError(_NO_MEMORY) from None
    sizes_of_columns: dict[str, Any] = json.loads(text)
    return sizes_of_columns


def dominators_of(starts: array[int], targets: array[int], sizes: array[int]) -> tuple[array[int], array[int]]:
    """For each vertex its immediate dominator and the bytes that it retains; 2^32 - 1 and 0 where it is not reached."""
    above, retained_bytes = array("I"), array("Q")
    found = _native.dominators_of(starts, targets, sizes)
    above.frombytes(found[0])
    retained_bytes.frombytes(found[1])
    return above, retained_bytes
