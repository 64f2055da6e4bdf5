"""Starts the best source of live allocations that there is here: the sampler in C, else tracemalloc."""

from __future__ import annotations

from ..errors import UnsupportedError
from . import name
from ._tracing import Tracing
from .stacks import Source

if name == "native":
    from ._sampling import Sampling


def start_source(sample_interval: int, stack_depth: int) -> tuple[Source, str]:
    """A source that watches from now on; and why it is not the sampler, empty if it is or if that is not installed.

    Raises UnsupportedError in a subinterpreter.
    """
    refused = ""
    if name == "native":
        sampling = Sampling()
        try:
            sampling.start(sample_interval, stack_depth)
            return sampling, ""
        except UnsupportedError as error:
            refused = str(error)
    tracing = Tracing()
    tracing.start(sample_interval, stack_depth)
    return tracing, refused
