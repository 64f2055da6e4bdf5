"""A heap snapshot by the C extension: in a forked child, or with the interpreter held."""

from __future__ import annotations

import errno
import os

from ...errors import MemwatchError, UnsupportedError, WriteError
from ...internal import RECORDS, TYPES
from .. import _native
from ..census.contract import GaveUp
from ..census.exclude import PARTS
from ..census.in_child import CAN_LOOK
from .contract import Wish, Written
from .roots import named_roots, numpy_array, thread_names

IN_CHILD = CAN_LOOK
"""Whether a forked child can write it."""

_PATIENCE = 3600.0  # seconds of processor time; a hundred million objects take about a minute
_AS_IT_IS = (
    "a heap snapshot has 32 bits for {}, and this heap needs more. fold=True makes it smaller; "
    "HeapDiff(in_child=True) and retaining_paths() have no such limit"
)
_TOO_LARGE = {1: _AS_IT_IS.format("nodes and edges"), 2: _AS_IT_IS.format("the numbers of objects")}


def write_graph(file: int, wish: Wish) -> Written:
    """Write the whole heap to the descriptor *file*. Raises WriteError, UnsupportedError, GaveUp, MemwatchError."""
    try:
        answer = _native.write_graph(
            True, TYPES, PARTS, RECORDS, (), _PATIENCE, None, file, wish.in_child, named_roots(), thread_names(),
            numpy_array(), wish.told, wish.fold, wish.show_keys,
        )  # fmt: skip
    except (OSError, RuntimeError) as refused:
        raise UnsupportedError(
            f"the heap snapshot cannot be written by a forked child: {refused}. With in_child=False the program itself "
            "writes it, and waits meanwhile"
        ) from None
    except MemoryError:
        raise MemwatchError("there is not enough memory to take a heap snapshot") from None
    if answer is None:
        raise GaveUp("the collector is at work; a heap snapshot has to wait for its end")
    facts, pause, work = answer
    objects, size, nodes, edges, length, peak, error, too_large = facts
    if error:
        raise WriteError(error, os.strerror(error) + (f" after {length:,} bytes" if error == errno.ENOSPC else ""))
    if too_large:
        raise UnsupportedError(_TOO_LARGE[too_large])
    return Written(objects, size, nodes, edges, length, peak, pause, work)
