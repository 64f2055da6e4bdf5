"""Brings records to a receiver: in batches, packed, again after a failure, within bounds of time and tries.

Delivery is at least once: a batch counts as delivered when the receiver has answered 2xx, so one whose answer was lost
is sent again. `trace_key` and `number` tell a record from all others; a receiver can drop what it has already.
"""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..errors import ExportError, OptionError
from .export import to_packet
from .http import Answer, Target, post
from .records import Record
from .tracer import Tracer

_FIRST_WAIT = 0.5  # seconds, doubled with each try
_LONGEST_WAIT = 30.0
_BUSY = frozenset((408, 425, 429))  # beside 5xx: the receiver may take the same batch later
_MOST_RECEIVERS = 16  # of which a trace remembers what they have


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to try: records a request, tries a batch, seconds a try, seconds for everything. Raises OptionError."""

    batch: int
    tries: int
    timeout: float
    total_timeout: float

    def __post_init__(self) -> None:
        for name, most in (("batch", 100_000), ("tries", 100)):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise OptionError(f"{name} is a whole number from 1 to {most:,}")
        for name in ("timeout", "total_timeout"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 < value <= 86400:
                raise OptionError(f"{name} is a number of seconds above 0 and up to 86400")


@dataclass(frozen=True, slots=True)
class Clock:
    """Where time comes from and goes to. `jitter` gives a factor from 0.5 to 1, so that processes do not retry at once
    together.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    jitter: Callable[[], float] = lambda: random.uniform(0.5, 1.0)


def deliver(trace: Tracer, target: Target, effort: Effort, clock: Clock | None = None) -> int:
    """Send what *target* does not have yet; how many records that were.

    Raises ExportError, which says why and how much is left; what was delivered until then is not sent again.
    """
    clock = clock or Clock()
    deadline = clock.now() + effort.total_timeout
    if not trace.sending.acquire(timeout=effort.total_timeout):
        raise ExportError(f"another export to {target.shown} is under way")
    try:
        return _deliver_all(trace, target, effort, clock, deadline)
    finally:
        trace.sending.release()


def _deliver_all(trace: Tracer, target: Target, effort: Effort, clock: Clock, deadline: float) -> int:
    records = trace.ring.records()
    delivered = _delivered_to(trace, target, records)
    waiting = [record for record in records if record.number not in delivered]
    done = 0
    for batch in _batches(waiting, effort.batch):
        try:
            _deliver_batch(trace, batch, target, effort, clock, deadline)
        except ExportError as error:
            raise ExportError(f"{error}; {done} records were delivered, {len(waiting) - done} are left") from None
        delivered.update(record.number for record in batch)
        done += len(batch)
    return done


def _delivered_to(trace: Tracer, target: Target, records: Sequence[Record]) -> set[int]:
    """The numbers that *target* has, of those that the ring still holds; it becomes the receiver asked for last."""
    delivered = trace.delivered.pop(target.url, set())
    delivered.intersection_update({record.number for record in records})
    trace.delivered[target.url] = delivered
    while len(trace.delivered) > _MOST_RECEIVERS:
        del trace.delivered[next(iter(trace.delivered))]
    return delivered


def _batches(records: Sequence[Record], size: int) -> Iterator[Sequence[Record]]:
    return (records[start : start + size] for start in range(0, len(records), size))


def _deliver_batch(
    trace: Tracer, batch: Sequence[Record], target: Target, effort: Effort, clock: Clock, deadline: float
) -> None:
    body = gzip.compress(to_packet(trace.about(), batch), mtime=0)
    headers = {
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "User-Agent": "memwatch",
        "Idempotency-Key": f"{trace.key}-{batch[0].number}-{batch[-1].number}",
    }
    for tried in range(1, effort.tries + 1):
        left = max(0.001, deadline - clock.now())
        answer = post(target, body, headers, min(effort.timeout, left))
        if 200 <= answer.status < 300:
            return
        said = f"{target.shown} {_say(answer)}"
        if not _may_help(answer):
            raise ExportError(said)
        if tried == effort.tries:
            raise ExportError(f"{said} ({tried} {'try' if tried == 1 else 'tries'})")
        wait = _pause(tried, answer, clock)
        left = deadline - clock.now()
        if wait >= left:
            raise ExportError(f"{said}; the next try would be in {wait:.0f} s, and {max(0, left):.0f} s are left")
        clock.sleep(wait)


def _may_help(answer: Answer) -> bool:
    """Whether the same batch may be taken later."""
    return not answer.is_final and (answer.status == 0 or answer.status in _BUSY or answer.status >= 500)


def _pause(tried: int, answer: Answer, clock: Clock) -> float:
    """Seconds until the next try: twice as long each time, unless the receiver wants more."""
    doubled = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** (tried - 1))
    return max(doubled * clock.jitter(), answer.retry_after)


def _say(answer: Answer) -> str:
    if answer.status == 0:
        return f"cannot be reached: {answer.trouble}"
    lost = ", a redirect that cannot be followed" if 300 <= answer.status < 400 else ""
    return f"answered {answer.status}{lost}"
