"""Sends records to a receiver in compressed batches. It retries after a failure, within limits of time and tries.

Each record is delivered at least once. A batch counts as delivered when the receiver answers 2xx, so a batch whose
answer is lost is sent again. A record is unique by `trace_key` and `number`: a receiver can drop what it has already.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass

from ..checks import check_whole
from ..errors import ExportError, OptionError
from ..http import Clock, Sender
from ..targets import Target
from .export import to_packet
from .records import Record
from .tracer import Tracer

_MOST_RECEIVERS = 16  # a trace remembers what so many receivers have


@dataclass(frozen=True, slots=True)
class Effort:
    """Limits: records per request, tries per batch, seconds per try, seconds for everything. Raises OptionError."""

    batch: int
    tries: int
    timeout: float
    total_timeout: float

    def __post_init__(self) -> None:
        for name, most in (("batch", 100_000), ("tries", 100)):
            check_whole(name, getattr(self, name), 1, most)
        for name in ("timeout", "total_timeout"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 < value <= 86400:
                raise OptionError(f"{name} must be a number of seconds above 0 and up to 86400")


def deliver(trace: Tracer, target: Target, effort: Effort, clock: type[Clock] = Clock) -> int:
    """Send the records that *target* does not have yet. Returns how many.

    Raises ExportError, which says why and how many are left. What was delivered by then is not sent again.
    """
    deadline = clock.now() + effort.total_timeout
    if not trace.sending.acquire(timeout=effort.total_timeout):
        raise ExportError(f"another export to {target.shown} is under way")
    sender = Sender(target, effort.tries, effort.timeout, deadline, clock)
    try:
        return _deliver_all(trace, sender, effort.batch)
    finally:
        sender.close()
        trace.sending.release()


def _deliver_all(trace: Tracer, sender: Sender, batch_size: int) -> int:
    records = trace.ring.records()
    delivered = _delivered_to(trace, sender.target, records)
    waiting = [record for record in records if record.number not in delivered]
    done = 0
    for batch in (waiting[start : start + batch_size] for start in range(0, len(waiting), batch_size)):
        try:
            _deliver_batch(trace, batch, sender)
        except ExportError as error:
            raise ExportError(f"{error}; {done} records were delivered, {len(waiting) - done} are left") from None
        delivered.update(record.number for record in batch)
        done += len(batch)
    return done


def _delivered_to(trace: Tracer, target: Target, records: Sequence[Record]) -> set[int]:
    """The numbers of records in the ring that *target* has. *target* becomes the most recently used receiver."""
    delivered = trace.delivered.pop(target.url, set())
    delivered.intersection_update({record.number for record in records})
    trace.delivered[target.url] = delivered
    while len(trace.delivered) > _MOST_RECEIVERS:
        del trace.delivered[next(iter(trace.delivered))]
    return delivered


def _deliver_batch(trace: Tracer, batch: Sequence[Record], sender: Sender) -> None:
    headers = {
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "Idempotency-Key": f"{trace.key}-{batch[0].number}-{batch[-1].number}",
    }
    sender.post(gzip.compress(to_packet(trace.about(), batch), mtime=0), headers)
