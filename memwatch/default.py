"""The default watcher: one in a process, wired once from watch, diagnosis, thresholds and the signals.

It starts when the first receiver is connected, or by `start`; `stop` lasts until `start`. The room that watches is
imported inside `start`, in the caller's thread, so that `import memwatch` stays cheap and memwatch's own thread imports
nothing; the judge when growth is suspected, or when the program looks by itself.
"""

from __future__ import annotations

import _thread
import atexit
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from . import backend, receivers
from .backend.forks import on_fork
from .backend.process import is_main_interpreter, uninterrupted
from .environment import read_variables
from .errors import AlreadyStartedError, UnsupportedError
from .lazy_imports import at_once
from .logs import Log
from .options import Options, describe_keywords

if TYPE_CHECKING:
    from typing import Unpack

    from .backend.allocations.recorder import Recorder
    from .backend.allocations.sampler import Sampling
    from .loading import Loader
    from .options import StartOptions
    from .reach.listener import Listener
    from .watch import Stats, Watcher
    from .watch.sample import Sample

_log = Log()


class _State:
    """The process's watcher, how it came to be, and whether it may come by itself."""

    watcher: Watcher | None = None
    recorder: Recorder | None = None
    loader: Loader | None = None
    listener: Listener | None = None
    options: Options | None = None
    automatic: bool = True
    stopped_by_hand: bool = False
    hooked: bool = False
    ended: bool = False
    problems: frozenset[str] = frozenset()


_state = _State()
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


def sampling() -> Sampling | None:
    """What samples allocations on behalf of the running watcher, if anything does."""
    recorder = _state.recorder
    return recorder.sampling if recorder is not None and recorder.running else None


def listener() -> Listener | None:
    """What listens for others on behalf of the running watcher, if anything does."""
    return _state.listener


def start(**options: Unpack[StartOptions]) -> Watcher:
    """Start to watch this process, and return the watcher.

    An option that is not given is what its variable says (MEMWATCH_PACE for `pace`, docs/reference.md).
    A watcher that came by itself, with a first receiver, is replaced. Raises OptionError for an unknown option or
    value, AlreadyStartedError if one that was started by hand runs with other options, UnsupportedError in a
    subinterpreter, while the interpreter ends, and where no thread can be had.
    """
    wanted = _with_variables(Options.of_start(options))
    return uninterrupted(lambda: _start(wanted))


start.__doc__ = f"{start.__doc__}\n    Options and their defaults:\n\n{describe_keywords()}\n    "


def _start(wanted: Options) -> Watcher:
    with _starting(), at_once():
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


def start_for_program(**options: Unpack[StartOptions]) -> Watcher:
    """As `start`, on behalf of a face: the program's own `start` replaces this watcher instead of being refused."""
    made = start(**options)
    _state.automatic = True
    return made


def stop() -> None:
    """Stop watching. Receivers stay connected and get events again after the next `start`."""
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


def loader() -> Loader:
    """What loads the judge's room, once in this process."""
    from .loading import Loader

    _state.loader = _state.loader or Loader()
    return _state.loader


def current_options() -> Options:
    """What the running watcher was told; without one what the variables say."""
    running = _state.options if _state.watcher is not None else None
    return running or _with_variables(Options())


def _start_automatically() -> None:
    """A receiver was connected: watch, unless told not to. Never raises: the program asked for a receiver, no more."""
    running = _state.watcher
    if running is not None:
        running.wake()
    if running is not None or _state.stopped_by_hand or _state.ended:
        return
    try:
        with _starting(), at_once():
            if _state.watcher is None:
                uninterrupted(_launch_alone)
    except Exception as error:
        _state.stopped_by_hand = True
        _log.warning("memwatch does not watch this process: %s", error)


def _launch_alone() -> None:
    """Meters and trend only, unless a variable says else: a receiver alone asks for no hook in the allocators."""
    options = Options(profile=False) | _with_variables(Options())
    _launch(*_make(options), options, automatic=True)


def _with_variables(options: Options) -> Options:
    """*options* over those of the variables; what is wrong with a variable is warned about once in a process."""
    variables, problems = read_variables(os.environ)
    reported, _state.problems = _state.problems, _state.problems | set(problems)
    if new := [problem for problem in problems if problem not in reported]:
        _log.warning("memwatch watches with defaults for: %s", "; ".join(new))
    return variables.for_start() | options


def _make(options: Options) -> tuple[Watcher, Recorder | None]:
    """A watcher that is not started yet; whatever is wrong with *options* or with this process is raised here."""
    if not is_main_interpreter():
        raise UnsupportedError("memwatch watches from the main interpreter only; this is a subinterpreter")
    if _state.ended:
        raise UnsupportedError("memwatch cannot start while the interpreter ends: nobody would stop it")
    from .backend.allocations.recorder import Recorder
    from .loading import LateJudge
    from .watch import Watcher, choose_pace, make_detectors

    pace = choose_pace(options.pace, options.tick, options.sample)
    detectors = make_detectors(pace, options.detector)
    recorder = Recorder(options.sample_interval, options.native) if options.profile else None
    accepted = {"ignore": options.ignore, "min_growth": options.min_growth}
    judge = LateJudge(
        loader(), lambda room: room.Diagnosis(options.pause_budget, recorder, options.show_keys, **accepted)
    )
    return Watcher(pace, detectors, judge, _publish, options.stats_interval), recorder


def _launch(made: Watcher, recorder: Recorder | None, options: Options, automatic: bool) -> Watcher:
    from .watch import describe_plan

    if not _state.hooked:
        _hook()
    made.at_tick.append(_at_tick)
    receivers.begin_readings(anew=False)
    try:
        made.start()
    except RuntimeError as error:
        raise UnsupportedError(f"no thread can be started: {error}") from None
    _state.watcher, _state.options, _state.automatic = made, options, automatic
    _state.recorder = recorder
    _listen(made, options)
    if recorder is not None:
        recorder.start()
        if recorder.problem:
            _log.debug("memwatch does not sample allocations: %s", recorder.problem)
    if backend.stale:
        _log.warning("memwatch reads this process in Python alone: %s", backend.reason)
    _log.info("memwatch is %s", describe_plan(made.pace))
    return made


def _listen(made: Watcher, options: Options) -> None:
    """Let other processes of this user ask it, unless that is switched off."""
    from .reach.folder import is_supported

    if options.socket and is_supported():
        from .reach.listener import Listener

        _state.listener = Listener(made)
        _state.listener.open()
        made.at_tick.append(_state.listener.tick)


def _at_tick(sample: Sample) -> Iterator[Callable[[], object]]:
    """A call for each threshold that is crossed at *sample*, and one for the exporters."""
    if _state.recorder is not None:
        _state.recorder.follow()
    return receivers.at_tick(sample)


def _hook() -> None:
    """Be told of forks and of the exit, for as long as the process lives: neither can be taken back."""
    on_fork("watcher", _before_fork, _after_fork_in_parent, _after_fork_in_child)
    atexit.register(_end)
    _state.hooked = True


def _end() -> None:
    _state.ended = True
    try:
        _halt()
    finally:  # a signal handler of the program may raise in there
        if _state.loader is not None:
            _state.loader.end()


def _halt() -> None:
    if _state.watcher is not None:
        uninterrupted(_halt_now)


def _halt_now() -> None:
    running, _state.watcher = _state.watcher, None
    recorder, _state.recorder = _state.recorder, None
    listener, _state.listener = _state.listener, None
    if running is not None:
        running.stop()
    if listener is not None:  # when the thread that looks after it has ended
        listener.close()
    if recorder is not None:
        recorder.stop()


def _publish(event: str, watcher: Watcher, value: object) -> None:
    receivers.publish(event, watcher, value)


def _before_fork() -> None:
    for part in _parts():
        part.park()


def _after_fork_in_parent() -> None:
    for part in reversed(_parts()):
        part.resume(in_child=False)


def _after_fork_in_child() -> None:
    receivers.begin_readings(anew=True)
    for part in reversed(_parts()):
        part.resume(in_child=True)


def _parts() -> list[Any]:
    """What a fork must wait for, the first one first; what it has not waited for is resumed last."""
    return [part for part in (_state.watcher, _state.loader, _state.listener) if part is not None]


receivers.Hook.first = staticmethod(_start_automatically)
