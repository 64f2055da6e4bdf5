"""The default watcher: one in a process, wired once from watch, diagnosis, thresholds and the signals.

It starts when the first receiver is connected, or by `start`; `stop` lasts until `start`. The room that watches is
imported inside `start`, in the caller's thread, so that `import memwatch` stays cheap and memwatch's own thread imports
nothing; the judge when growth is suspected, or when the program looks by itself.
"""

from __future__ import annotations

import _thread
import atexit
import logging
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack, overload

from . import signals
from .backend.forks import on_fork
from .backend.process import is_main_interpreter, uninterrupted
from .clock import Clock, to_wall
from .environment import read_settings
from .errors import AlreadyStartedError, ReceiverError, UnsupportedError
from .options import Options, checked
from .signals import Receiver

if TYPE_CHECKING:
    from .backend.allocations.recorder import Recorder
    from .loading import Loader
    from .thresholds import Conditions, Gauge, Rule, Threshold
    from .watch import Stats, Watcher
    from .watch.sample import Sample

_log = logging.getLogger("memwatch")


class _State:
    """The process's watcher, how it came to be, and whether it may come by itself."""

    watcher: Watcher | None = None
    recorder: Recorder | None = None
    loader: Loader | None = None
    options: Options | None = None
    automatic: bool = True
    stopped_by_hand: bool = False
    hooked: bool = False
    ended: bool = False
    problems: frozenset[str] = frozenset()
    gauge: Gauge | None = None


_state = _State()
_crossed = signals.Event("threshold", "A reading of this process has crossed a threshold, which is the sender.")
_handlers: dict[Threshold, signals.ValueOnly] = {}
_locks: dict[int, Any] = {}


def _starting() -> Any:
    """The lock under which a watcher comes to life. Each process has its own: a fork may have come while one was held.

    Re-entrant, as a signal handler of the program may start a watcher too.
    """
    return _locks.setdefault(os.getpid(), _thread.RLock())


def watcher() -> Watcher | None:
    """The running watcher of this process, or None."""
    return _state.watcher


def sampling_interval() -> int:
    """One byte in so many is sampled on behalf of the running watcher; 0 if none is."""
    recorder, options = _state.recorder, _state.options
    return options.sample_interval if recorder is not None and options is not None and recorder.running else 0


def start(**options: Any) -> Watcher:
    """Start to watch this process, and return the watcher.

    Options, times in seconds: `pace` ("service": for what runs for days; "job": quick, for minutes), `detector`
    ("ratchet" or "consecutive", node-memwatch's rule), `tick` (how often the meters are read), `sample`
    (over how long the least reading is taken), `pause_budget` (0.1: the longest that one step of memwatch's own may
    hold the interpreter), `stats_interval` (60: `stats` comes at least so often). `profile` (True) samples allocations
    where there is the C extension, so that a leak's report names the line: one byte in `sample_interval` (524288).
    `show_keys` (False) shows every key of a dict that a report passes; else only names from source code and numbers
    below 1000 are shown, of all other keys the type.
    `native` (True) lets it sample what C libraries allocate, on Linux with glibc, while growth is suspected that
    Python's blocks do not explain.

    An option that is not given is what its variable says (MEMWATCH_PACE for `pace`, docs/production.md).
    A watcher that came by itself, with a first receiver, is replaced. Raises OptionError for an unknown option or
    value, AlreadyStartedError if one that was started by hand runs with other options, UnsupportedError in a
    subinterpreter, while the interpreter ends, and where no thread can be had.
    """
    wanted = checked(_with_variables(options))
    return uninterrupted(lambda: _start(wanted))


def _start(wanted: Options) -> Watcher:
    with _starting():
        running = _state.watcher
        if running is not None and not _state.automatic:
            if wanted == _state.options:
                running.wake()
                return running
            raise AlreadyStartedError(f"memwatch is already started with {_state.options}; call memwatch.stop() first")
        made = _make(wanted)
        _halt()
        _state.stopped_by_hand = False
        return _launch(*made, wanted, automatic=False)


def start_for_program(**options: Any) -> Watcher:
    """As `start`, on behalf of a face: the program's own `start` replaces this watcher instead of being refused."""
    made = start(**options)
    _state.automatic = True
    return made


def stop() -> None:
    """Stop to watch. Receivers stay connected and get events again after the next `start`."""
    _state.stopped_by_hand = True
    _halt()


def gc() -> Stats:
    """Run a full collection, deliver its events, and return what it left.

    Waits at most 5 s for the receivers. Inside a receiver it does not wait: events are delivered when that has
    returned. With no watcher it collects and returns the reading alone.
    """
    running = _state.watcher  # the program may end in another thread meanwhile
    if running is not None:
        prepare()
        return running.collect()
    from .watch import collect_once

    return collect_once()


def prepare() -> None:
    """Load the judge now, in the caller's thread, where a watcher may need it.

    `gc` is to deliver its events before it returns, and who looks at the heap is not to find there what we load.
    """
    if _state.watcher is not None and _state.loader is not None:
        _state.loader.load()


@overload
def on_threshold(handler: None = None, **conditions: Unpack[Conditions]) -> Callable[[Receiver], Receiver]: ...
@overload
def on_threshold(handler: Receiver, **conditions: Unpack[Conditions]) -> Receiver: ...
def on_threshold(handler: Any = None, **conditions: Any) -> Any:
    """Call *handler* with a `Crossing` when this process takes much; usable as a decorator. Held until `off_threshold`.

    Conditions: `rss` (bytes in memory), `cpu` (per cent of one core), `limit_share` (`rss` as a share, 0.0 to 1.0, of
    the memory that this process may have: its container's, its own limit or the machine's). Each that is given is
    watched by itself. It is told once it has been at the threshold or above for `for_seconds` (0), and again only
    after it has been below by a share of `hysteresis` (0.1) and `cooldown` seconds (60) are over.

    Readings are taken at the ticks of the default watcher, which starts as for a receiver of an event; handlers are
    called as those of `on` are. A forked child is watched afresh. Raises OptionError and ReceiverError.
    """
    from .thresholds import make_rules

    rules = make_rules(**conditions)

    def connect(function: Receiver) -> Receiver:
        _watch_for(rules, function)
        return function

    return connect if handler is None else connect(handler)


def off_threshold(handler: Callable[..., Any]) -> None:
    """Stop calling *handler* at its thresholds; nothing happens if it was not given to `on_threshold`."""
    for threshold, receiver in list(_handlers.items()):
        if signals.is_same(receiver.handler, handler):
            _crossed.disconnect(receiver, threshold)
            _handlers.pop(threshold, None)


def _start_automatically() -> None:
    """A receiver was connected: watch, unless told not to. Never raises: the program asked for a receiver, no more."""
    running = _state.watcher
    if running is not None:
        running.wake()
    if running is not None or _state.stopped_by_hand or _state.ended:
        return
    try:
        with _starting():
            if _state.watcher is None:
                uninterrupted(_launch_alone)
    except Exception as error:
        _state.stopped_by_hand = True
        _log.warning("memwatch does not watch this process: %s", error)


def _launch_alone() -> None:
    """Meters and trend only, unless a variable says else: a receiver alone asks for no hook in the allocators."""
    options = checked({"profile": False} | _with_variables({}))
    _launch(*_make(options), options, automatic=True)


def _with_variables(options: dict[str, Any]) -> dict[str, Any]:
    """*options* over those of the variables; what is wrong with a variable is warned about once in a process."""
    settings, problems = read_settings(os.environ)
    told, _state.problems = _state.problems, _state.problems | set(problems)
    if new := [problem for problem in problems if problem not in told]:
        _log.warning("memwatch watches with defaults for: %s", "; ".join(new))
    given = settings.options()
    if "sample" in options:  # which was chosen for another tick
        given.pop("tick", None)
    return given | options


def _make(options: Options) -> tuple[Watcher, Recorder | None]:
    """A watcher that is not started yet; whatever is wrong with *options* or with this process is raised here."""
    if not is_main_interpreter():
        raise UnsupportedError("memwatch watches from the main interpreter only; this is a subinterpreter")
    if _state.ended:
        raise UnsupportedError("memwatch cannot start while the interpreter ends: nobody would stop it")
    from .backend.allocations.recorder import Recorder
    from .loading import LateJudge, Loader
    from .watch import Watcher, choose_pace, make_detectors

    pace = choose_pace(options.pace, options.tick, options.sample)
    detectors = make_detectors(pace, options.detector)
    recorder = Recorder(options.sample_interval, options.native) if options.profile else None
    loader = _state.loader = _state.loader or Loader()
    judge = LateJudge(loader, lambda room: room.Diagnosis(options.pause_budget, recorder, options.show_keys))
    return Watcher(pace, detectors, judge, _publish, options.stats_interval), recorder


def _launch(made: Watcher, recorder: Recorder | None, options: Options, automatic: bool) -> Watcher:
    from .watch import describe_plan

    if not _state.hooked:
        _hook()
    made.at_tick.append(_at_tick)
    _begin_readings(anew=False)
    try:
        made.start()
    except RuntimeError as error:
        raise UnsupportedError(f"no thread can be started: {error}") from None
    _state.watcher, _state.options, _state.automatic = made, options, automatic
    _state.recorder = recorder
    if recorder is not None:
        recorder.start()
        if recorder.problem:
            _log.debug("memwatch does not sample allocations: %s", recorder.problem)
    _log.info("memwatch is %s", describe_plan(made))
    return made


def _watch_for(rules: tuple[Rule, ...], handler: Callable[..., Any]) -> None:
    from .backend.meters.memory_limit import memory_limit
    from .thresholds import Gauge, Threshold

    if _state.gauge is None:
        _state.gauge = Gauge(Clock.monotonic, Clock.process_time, memory_limit)
    for rule in rules:
        threshold, receiver = Threshold(rule), signals.ValueOnly(_crossed, handler, only_once=False)
        _handlers[threshold] = receiver  # first, as connecting starts the watcher
        try:
            _crossed.connect(receiver, sender=threshold, weak=False)
        except ReceiverError:
            del _handlers[threshold]
            raise


def _at_tick(sample: Sample) -> Iterator[Callable[[], object]]:
    """A call for each threshold that is crossed at *sample*."""
    if _state.recorder is not None:
        _state.recorder.follow()
    if _state.gauge is not None:
        readings = _state.gauge.read(sample.rss)
        for threshold in tuple(_handlers):
            crossing = threshold.update(sample.clock, to_wall(sample.time), readings)
            if crossing is not None:
                yield partial(_crossed.publish, threshold, crossing)


def _begin_readings(anew: bool) -> None:
    """There were none for a while, or, *anew*, none in this process."""
    if _state.gauge is not None:
        _state.gauge.reset()
        for threshold in tuple(_handlers):
            threshold.reset() if anew else threshold.interrupt()


def _hook() -> None:
    """Be told of forks and of the exit, for as long as the process lives: neither can be taken back."""
    on_fork(_before_fork, _after_fork_in_parent, _after_fork_in_child)
    atexit.register(_end)
    _state.hooked = True


def _end() -> None:
    _state.ended = True
    _halt()
    if _state.loader is not None:
        _state.loader.end()


def _halt() -> None:
    if _state.watcher is not None:
        uninterrupted(_halt_now)


def _halt_now() -> None:
    running, _state.watcher = _state.watcher, None
    recorder, _state.recorder = _state.recorder, None
    if running is not None:
        running.stop()
    if recorder is not None:
        recorder.stop()


def _publish(event: str, watcher: Watcher, value: object) -> None:
    signals.EVENTS[event].publish(watcher, value)


def _before_fork() -> None:
    if _state.watcher is not None:
        _state.watcher.park()
    if _state.loader is not None:
        _state.loader.park()


def _after_fork_in_parent() -> None:
    if _state.loader is not None:
        _state.loader.resume(in_child=False)
    if _state.watcher is not None:
        _state.watcher.resume(in_child=False)


def _after_fork_in_child() -> None:
    _begin_readings(anew=True)
    if _state.loader is not None:
        _state.loader.resume(in_child=True)
    if _state.watcher is not None:
        _state.watcher.resume(in_child=True)


signals.Event.on_receiver = staticmethod(_start_automatically)
