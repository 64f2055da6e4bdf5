"""What is done at every tick beside watching: calls that others have asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from ..errors import describe_error
from .cost import Ledger
from .sample import Sample
from .thread import forget_dummy

_log = logging.getLogger("memwatch")

AtTick = Callable[[Sample], Iterable[Callable[[], object]]]
"""Gets the sample of a tick; the calls that it returns are made as those of receivers are."""


def call_at_tick(functions: list[AtTick], sample: Sample, ledger: Ledger) -> list[AtTick]:
    """Those of *functions* that have not failed; one that has is logged, and is not called again."""
    failed = [function for function in tuple(functions) if not _calls(function, sample, ledger)]
    return [function for function in functions if function not in failed]


def _calls(function: AtTick, sample: Sample, ledger: Ledger) -> bool:
    try:
        with ledger.busy():
            calls = tuple(function(sample))
        for call in calls:
            with ledger.receivers():
                call()
            forget_dummy()
    except Exception as error:
        _log.error("memwatch no longer does this at each tick: %s", describe_error(error))
        return False
    return True
