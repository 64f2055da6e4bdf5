"""What memwatch takes of Python's cyclic collector, in one place: it is what versions change.

Taken are its counts, its list of callbacks, which collections are full, and whether these come by themselves. Nothing
depends on their coming: a reading at each tick stands in for the one after a collection, and the judge collects in full
before it decides.
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
    """Whether a collection that a callback is told of as this *generation* goes through all objects."""
    return generation >= _OLDEST


def read_collections() -> Collections:
    """The collector's counts; the oldest generation's are the full collections on every supported version."""
    counts = read_generations()
    return Collections(full=counts[-1], young=sum(counts[:-1]))


def read_generations() -> tuple[int, ...]:
    """How many collections of each generation there were, the oldest last."""
    return tuple(generation["collections"] for generation in gc.get_stats())


def collector_runs() -> bool:
    """Whether the collector comes by itself; a threshold of 0 is off as well."""
    return gc.isenabled() and gc.get_threshold()[0] > 0


def young_limit() -> int:
    """How many young objects the collector waits for; those that are garbage lie about until then."""
    return gc.get_threshold()[0]
