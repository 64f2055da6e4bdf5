"""What memwatch takes from Python's cyclic collector, in one place, since versions change it.

Taken are its counts, its list of callbacks, which collections are full, and whether full ones come by themselves.
Nothing depends on their coming: a reading at each tick replaces the one after a collection, and the judge runs a full
collection before it decides.
"""

from __future__ import annotations

import gc
import sys
from typing import NamedTuple

from ...internal import internal

CALLBACKS = gc.callbacks
"""The collector's own list: a program may give the name in `gc` to something else."""

COMES_FULL = not (3, 14) <= sys.version_info < (3, 14, 5) and sys.version_info < (3, 16)
"""Whether the collector runs full collections by itself. The incremental one of 3.14.0 to 3.14.4, and the one that is
proposed for 3.16, collect a part of the heap at a time; then a full one is what somebody has asked for."""

_OLDEST = 2  # the generation of a full collection; incremental ones are told as generation 1


@internal
class Collections(NamedTuple):
    """How many collections this interpreter has run since it started, full ones and all others."""

    full: int
    young: int


def is_full(generation: int) -> bool:
    """Whether a collection of this *generation*, as callbacks are told it, covers all objects."""
    return generation >= _OLDEST


def read_collections() -> Collections:
    """The collector's counts; the oldest generation's are the full collections on every supported version."""
    counts = read_generations()
    return Collections(full=counts[-1], young=sum(counts[:-1]))


def read_generations() -> tuple[int, ...]:
    """How many collections of each generation there were, the oldest last."""
    return tuple(generation["collections"] for generation in gc.get_stats())


def collector_runs() -> bool:
    """Whether the collector runs by itself; with a threshold of 0 it is off as well."""
    return gc.isenabled() and gc.get_threshold()[0] > 0


def young_limit() -> int:
    """How many young objects the collector waits for; garbage among them stays until then."""
    return gc.get_threshold()[0]
