"""The four events, and how they reach their receivers.

Each event is a blinker signal whose receivers are called as ``receiver(watcher, <event>=value)``; `on` is the short
way, with the value alone. `publish` isolates receivers: one that raises is logged once and the others still get the
event; a coroutine function is scheduled on the loop that ran when it was connected.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from types import CoroutineType
from typing import Any, Literal, TypeVar, overload

import blinker

from . import receivers
from .callbacks import Faults, is_same, key_of, load_colours, makes_coroutines
from .errors import ReceiverError, UnknownEventError

Receiver = TypeVar("Receiver", bound=Callable[..., Any])

EventName = Literal["stats", "suspect", "leak", "recovered"]
"""The events that a program can listen to."""


class Event(blinker.Signal):
    """A signal that reports each connected receiver to `on_receiver`, so that watching can begin."""

    on_receiver: Callable[[], object] = staticmethod(lambda: receivers.Hook.first())

    def __init__(self, name: str, doc: str) -> None:
        super().__init__(doc)
        self.name = name
        self._loops: dict[Any, weakref.ref[Any]] = {}
        self._faults = Faults(f"a receiver of {name!r}", traceback=True)

    def connect(self, receiver: Receiver, sender: Any = blinker.ANY, weak: bool = True) -> Receiver:
        """Connect *receiver*, weakly unless ``weak=False``; it is called as ``receiver(watcher, <event>=value)``.

        Raises ReceiverError for what cannot be called, and for a coroutine function where no event loop runs.
        """
        loop = _loop_for(receiver)
        load_colours()
        super().connect(receiver, sender, weak)
        key = key_of(receiver)
        self._faults.forget(receiver)
        self._loops.pop(key, None)  # of a receiver that has died at the same address
        if loop is not None:
            self._loops[key] = weakref.ref(loop)
        self.on_receiver()
        return receiver

    def disconnect(self, receiver: Callable[..., Any], sender: Any = blinker.ANY) -> None:
        """Disconnect *receiver*; nothing happens if it was not connected."""
        super().disconnect(receiver, sender)
        self._loops.pop(key_of(receiver), None)

    def publish(self, sender: Any, value: object) -> None:
        """Call every receiver; whatever one of them raises is logged, the first time, and goes no further."""
        for receiver in list(self.receivers_for(sender)):
            try:
                result = receiver(sender, **{self.name: value})
                if type(result) is CoroutineType:
                    self._schedule(receiver, result)
            except BaseException as error:
                self._faults.tell(receiver, error)

    def _schedule(self, receiver: Callable[..., Any], coroutine: CoroutineType[Any, Any, Any]) -> None:
        reference = self._loops.get(key_of(receiver))
        loop = reference() if reference else None
        if loop is None or loop.is_closed():
            coroutine.close()
            raise ReceiverError(
                "the event loop that this coroutine receiver was connected on is gone"
                if reference
                else "this receiver made a coroutine, and no event loop was running when it was connected"
            )
        sys.modules["asyncio"].run_coroutine_threadsafe(coroutine, loop).add_done_callback(
            lambda done: self._end(receiver, done)
        )

    def _end(self, receiver: Callable[..., Any], done: Any) -> None:
        error = None if done.cancelled() else done.exception()
        if error is not None:
            self._faults.tell(receiver, error)


def _loop_for(receiver: object) -> Any:
    """The event loop that runs now, or None; raises ReceiverError where *receiver* needs one and none does."""
    function: Any = receiver.handler if type(receiver) is ValueOnly else receiver
    if not callable(function):
        raise ReceiverError(f"a receiver must be callable; got an instance of {type(function).__qualname__}")
    asyncio = sys.modules.get("asyncio")
    loop = asyncio._get_running_loop() if asyncio else None
    if loop is None and makes_coroutines(function):
        raise ReceiverError(
            f"{getattr(function, '__qualname__', type(function).__qualname__)} is a coroutine function: connect it "
            "while the event loop that shall run it is running, for instance in the application's start-up hook"
        )
    return loop


class ValueOnly:
    """Stands between the signal's way of calling and a handler that takes the value alone."""

    __slots__ = ("__weakref__", "event", "handler", "only_once")

    def __init__(self, event: Event, handler: Callable[[Any], Any], only_once: bool) -> None:
        self.event, self.handler, self.only_once = event, handler, only_once

    def __call__(self, sender: object, **values: Any) -> Any:
        if self.only_once:
            _forget(self.event, self.handler)
        return self.handler(values[self.event.name])


stats = Event("stats", "What is left after a collection: receiver(watcher, stats=Stats).")
suspect = Event("suspect", "Growth that begins to look like a leak: receiver(watcher, suspect=Suspicion).")
leak = Event("leak", "A leak, confirmed, with its report: receiver(watcher, leak=Leak).")
recovered = Event("recovered", "A leak that was reported has stopped growing: receiver(watcher, recovered=Leak).")

tick = Event("tick", "For exporters: the meters were read, receiver(None, tick=Sample). Starts no watcher.")
tick.on_receiver = lambda: None

EVENTS = {event.name: event for event in (stats, suspect, leak, recovered)}
_connected: list[ValueOnly] = []


def _event(name: str) -> Event:
    try:
        return EVENTS[name]
    except (KeyError, TypeError):
        raise UnknownEventError(f"no event {name!r}; there are {', '.join(map(repr, EVENTS))}") from None


def _subscribe(event: str, handler: Callable[[Any], Any] | None, only_once: bool) -> Any:
    signal = _event(event)

    def connect(function: Receiver) -> Receiver:
        receiver = ValueOnly(signal, function, only_once)
        signal.connect(receiver, weak=False)
        _connected.append(receiver)
        return function

    return connect if handler is None else connect(handler)


@overload
def on(event: EventName) -> Callable[[Receiver], Receiver]: ...
@overload
def on(event: EventName, handler: Receiver) -> Receiver: ...
def on(event: EventName, handler: Any = None) -> Any:
    """Call *handler* with the value of every *event*. Usable as a decorator. The handler is held until `off`.

    Events are "stats", "suspect", "leak" and "recovered". Handlers run one after the other on memwatch's own thread. A
    coroutine function runs on the event loop that was running when it was connected. Connecting starts the default
    watcher. Raises UnknownEventError and ReceiverError.
    """
    return _subscribe(event, handler, only_once=False)


@overload
def once(event: EventName) -> Callable[[Receiver], Receiver]: ...
@overload
def once(event: EventName, handler: Receiver) -> Receiver: ...
def once(event: EventName, handler: Any = None) -> Any:
    """As `on`, for the next event of that name only."""
    return _subscribe(event, handler, only_once=True)


def off(event: EventName, handler: Callable[..., Any]) -> None:
    """Stop calling *handler* for *event*. Nothing happens if it was not given to `on` or `once`."""
    _forget(_event(event), handler)


def _forget(signal: Event, handler: Callable[..., Any]) -> None:
    for receiver in [r for r in tuple(_connected) if r.event is signal and is_same(r.handler, handler)]:
        signal.disconnect(receiver)
        _connected.remove(receiver)


class _Tick:
    """The exporters' signal at the ticks of the watcher."""

    def at_tick(self, sample: Any) -> Iterator[Callable[[], object]]:
        if tick.receivers:
            yield partial(tick.publish, None, sample)

    def begin_readings(self, anew: bool) -> None:
        """Exporters keep no readings."""


receivers.EVENTS.update(EVENTS)
receivers.ROOMS.append(_Tick())
