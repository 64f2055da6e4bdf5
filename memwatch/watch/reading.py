"""The meters as one sample, less what memwatch itself has taken."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..backend.meters.collector import read_collections
from ..backend.meters.meters import Blocks, Meters
from ..backend.quiet import collect
from ..clock import Clock, steady_epoch
from ..errors import describe_error
from ..internal import internal
from ..logs import Log
from .cost import LOADED, Ledger
from .sample import Sample, Stats, Trigger
from .trend import Trend, make_stats

_log = Log()


@internal
class Unread:
    """Leaves out readings that cannot be taken: a program that has no descriptor left may have one later. `reported`
    says that it was logged."""

    def __init__(self) -> None:
        self.reported = False

    @contextmanager
    def left_out(self) -> Iterator[None]:
        """Around readings."""
        try:
            yield
        except OSError as error:
            if not self.reported:
                self.reported = True
                _log.warning("memory cannot be read at present, so readings are left out (%s)", describe_error(error))


def read_sample(
    meters: Meters,
    trigger: Trigger,
    gc_seconds: float,
    ledger: Ledger,
    force: bool = False,
    counted: Blocks | None = None,
) -> Sample:
    """One sample: *gc_seconds* were spent in collections, *ledger* says what memwatch has taken.

    With *force* every meter is read now; *counted* are Python's blocks as of a moment ago.
    """
    most, reading, counts, loaded = LOADED.most, meters.read(force, counted), read_collections(), ledger.loaded
    heap, resident = ledger.held
    base, rss = (reading.base, reading.rss) if most is None else map(min, (reading.base, reading.rss), most)
    return Sample(
        time=steady_epoch(),
        clock=Clock.monotonic(),
        trigger=trigger,
        base=max(0, base - heap - loaded.heap),
        rss=max(0, rss - resident - loaded.resident),
        blocks=reading.blocks,
        small=max(0, reading.small - loaded.small),
        native=reading.native,
        modules=len(sys.modules) - loaded.modules,
        full=counts.full,
        young=counts.young,
        gc_seconds=gc_seconds,
        meters=meters.names,
    )


def collect_once() -> Stats:
    """A full collection and what it left, with no watcher: the averages are the reading itself."""
    collect()
    sample = read_sample(Meters(), "forced", 0.0, Ledger(), force=True)
    return make_stats(sample, Trend().advance(sample.base))
