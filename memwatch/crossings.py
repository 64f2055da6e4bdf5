"""Thresholds of this process: what `on_threshold` was given, and what is told at the ticks of the default watcher."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack, overload

from . import receivers, signals
from .callbacks import is_same
from .clock import Clock, to_wall
from .errors import ReceiverError
from .signals import Receiver

if TYPE_CHECKING:
    from .extra_readings import ExtraReadings
    from .thresholds import Conditions, Gauge, Rule, Threshold
    from .watch.sample import Sample

_crossed = signals.Event("threshold", "A reading of this process has crossed a threshold, which is the sender.")
_handlers: dict[Threshold, signals.ValueOnly] = {}


class _State:
    gauge: Gauge | None = None
    extra: ExtraReadings | None = None


_state = _State()


@overload
def on_threshold(handler: None = None, **conditions: Unpack[Conditions]) -> Callable[[Receiver], Receiver]: ...
@overload
def on_threshold(handler: Receiver, **conditions: Unpack[Conditions]) -> Receiver: ...
def on_threshold(handler: Any = None, **conditions: Any) -> Any:
    """Call *handler* with a `Crossing` when this process takes much; usable as a decorator. Held until `off_threshold`.

    Conditions: `rss` (bytes in memory), `cpu` (per cent of one core), `limit_share` (`rss` as a share, 0.0 to 1.0, of
    the memory that this process may have: its container's, its own limit or the machine's). Each that is given is
    watched by itself; there are also `base_growth`, `gc_share` and `count`, as in `rule`, of which this is the short
    form. It is told once it has been at the threshold or above for `for_seconds` (0), and again only
    after it has been below by a share of `hysteresis` (0.1) and `cooldown` seconds (60) are over.

    Readings are taken at the ticks of the default watcher, which starts as for a receiver of an event; handlers are
    called as those of `on` are. A forked child is watched afresh. Raises OptionError and ReceiverError.
    """
    from .thresholds import make_rules

    rules = make_rules(**conditions)

    def connect(function: Receiver) -> Receiver:
        watch_for(rules, function)
        return function

    return connect if handler is None else connect(handler)


def off_threshold(handler: Callable[..., Any]) -> None:
    """Stop calling *handler* at its thresholds; nothing happens if it was not given to `on_threshold`."""
    for threshold, receiver in list(_handlers.items()):
        if is_same(receiver.handler, handler):
            _crossed.disconnect(receiver, threshold)
            _handlers.pop(threshold, None)


class _Crossings:
    """What the thresholds do at the ticks of the watcher."""

    def at_tick(self, sample: Sample) -> Iterator[Callable[[], object]]:
        """A call for each threshold that is crossed at *sample*."""
        if _state.gauge is not None:
            readings = _state.gauge.read(sample.rss)
            if _state.extra is not None:
                readings = _state.extra.add_to(readings, sample, [threshold.rule for threshold in tuple(_handlers)])
            for threshold in tuple(_handlers):
                crossing = threshold.update(sample.clock, to_wall(sample.time), readings)
                if crossing is not None:
                    yield partial(_crossed.publish, threshold, crossing)

    def begin_readings(self, anew: bool) -> None:
        """There were none for a while, or, *anew*, none in this process."""
        if _state.gauge is not None:
            _state.gauge.reset()
            if _state.extra is not None and anew:
                _state.extra.reset()
            for threshold in tuple(_handlers):
                threshold.reset() if anew else threshold.interrupt()


receivers.ROOMS.append(_Crossings())


def watch_for(rules: tuple[Rule, ...], handler: Callable[..., Any]) -> None:
    """Call *handler* with the crossings of *rules*, until `off_threshold`."""
    from .backend.meters.memory_limit import memory_limit
    from .thresholds import EXTRA, Gauge, Threshold

    if _state.gauge is None:
        _state.gauge = Gauge(Clock.monotonic, Clock.process_time, memory_limit)
    if _state.extra is None and any(rule.name in EXTRA for rule in rules):
        from .extra_readings import ExtraReadings

        _state.extra = ExtraReadings()
    for rule in rules:
        threshold, receiver = Threshold(rule), signals.ValueOnly(_crossed, handler, only_once=False)
        _handlers[threshold] = receiver  # first, as connecting starts the watcher
        try:
            _crossed.connect(receiver, sender=threshold, weak=False)
        except ReceiverError:
            del _handlers[threshold]
            raise
