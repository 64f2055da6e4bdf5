"""Starts the best source of live allocations that there is here: the sampler in C, else tracemalloc."""

from __future__ import annotations

from ...errors import UnsupportedError
from .. import samples
from .live import AllocationSource
from .tracing import Tracing

if samples:
    from .sampled import SampledHeap


_NO_NATIVE = "native allocations can be sampled by the C extension alone, which is not in use here"


def start_source(sample_interval: int, stack_depth: int, native: bool = False) -> tuple[AllocationSource, str]:
    """A source that watches from now on; and why it is not the sampler, empty if it is or if that is not installed.

    Raises UnsupportedError in a subinterpreter, and if *native* allocations are asked for and cannot be sampled.
    """
    refused = ""
    if samples:
        sampling = SampledHeap()
        try:
            sampling.start(sample_interval, stack_depth, native)
            return sampling, ""
        except UnsupportedError as error:
            if native:
                raise
            refused = str(error)
    elif native:
        raise UnsupportedError(_NO_NATIVE)
    tracing = Tracing()
    tracing.start(sample_interval, stack_depth)
    return tracing, refused
