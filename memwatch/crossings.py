"""Thresholds of this process: what `on_threshold` was given, and what the default watcher reports at its ticks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack, overload

from . import receivers, signals
from .callbacks import is_same
from .clock import Clock, to_wall
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
    """Call *handler* with a `Crossing` when this process takes too much. A decorator too; held until `off_threshold`.

    Conditions are `rss` (bytes of resident memory), `cpu` (per cent of one core) and `limit_share` (0.0 to 1.0: `rss`
    as a share of the memory that this process may have by its container, its own limit or the machine). `base_growth`,
    `gc_share` and `count` are those of `rule`, of which this is the short form. Each condition is watched by itself.

    *handler* is called when a condition has held for `for_seconds` (0). It is called again only after the reading has
    fallen below the threshold by a share of `hysteresis` (0.1) and `cooldown` seconds (60) have passed.

    The default watcher takes the readings at its ticks, and starts as for a receiver of an event; handlers are called
    as those of `on` are. A forked child begins anew. Raises OptionError and ReceiverError.
    """
    from .thresholds import make_rules

    rules = make_rules(**conditions)

    def connect(function: Receiver) -> Receiver:
        watch_for(rules, function)
        return function

    return connect if handler is None else connect(handler)


def off_threshold(handler: Callable[..., Any]) -> None:
    """Stop calling *handler* at its thresholds. Nothing happens if it was not given to `on_threshold`."""
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
        _crossed.connect(receiver, sender=threshold, weak=False)
        _handlers[threshold] = receiver  # last, as a tick tells what is crossed once, to those connected by then
