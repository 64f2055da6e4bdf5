"""The watcher: one thread that waits for a collection or a tick, reads the meters and publishes what follows.

Everything that changes after `start` is written by that thread alone. Others talk to it through one SimpleQueue.
"""

from __future__ import annotations

import sys
import weakref
from _queue import Empty, SimpleQueue
from collections.abc import Callable
from typing import Any

from ..backend.forks import forget_other_threads, forking_frame, hold_walks, let_walks_go_on
from ..backend.meters.collector import read_collections
from ..backend.meters.gc_callback import Collected
from ..backend.meters.meters import Blocks, Meters
from ..backend.pending import runs_signal_handlers
from ..backend.quiet import collect, end_interrupted
from ..clock import Clock
from ..internal import internal
from ..logs import Log
from .agenda import Agenda, AtTick, Later, call_at_tick
from .contract import Candidate, Detector, Judge, Publish
from .cost import Cost, Ledger
from .describe import FORKED_BY_C, NOT_DELIVERED, describe, describe_gap
from .observer import Observer
from .pace import Pace
from .patience import EXIT_PATIENCE, GC_PATIENCE, PARK_PATIENCE, Patience
from .reading import Unread, read_sample
from .sample import Growth, Sample, Stats, Trigger
from .status import Status
from .thread import RawThread, acquire, forget_dummy, original
from .trend import make_stats
from .triggers import Forced, GcTrigger, Halt, Ticker

_log = Log()


@internal
class Watcher:
    """Watches this process. Made by `memwatch.start`; `latest` is the newest Stats, `cost` what watching costs.

    `pace` holds the intervals in seconds, `started` is in epoch seconds, `readings` counts samples. The functions in
    `at_tick` get the sample of every tick; the calls that they return are made as those of receivers are.
    """

    def __init__(
        self, pace: Pace, detectors: list[Detector], judge: Judge, publish: Publish, stats_interval: float = 60.0
    ) -> None:
        self.pace = pace
        self.started = Clock.wall()
        self.at_tick: list[AtTick] = []
        self._publish_event = publish
        self._stats_interval = stats_interval
        self._ledger = Ledger()
        self._meters = Meters()
        self._observer = self._make_observer(detectors, judge)
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._trigger = GcTrigger(self._queue)
        self._thread = RawThread()
        self._ticker = Ticker(pace.tick)
        self._agenda = Agenda()
        self._inherited = 0  # samples, of the process that has forked this one
        self._running, self._forked_in_main = False, True
        self._halting: Halt | None = None  # by what the thread was asked to end for a fork, until it is started again
        self._waking = original("_thread", "allocate_lock")()  # only ever tried: whoever has it starts the thread
        self._collected: Collected | None = None  # a full collection whose stats wait for the tick
        self._unread = Unread()
        self._patience = Patience()
        self._is_delivering_nested = False  # events of a `collect` that a receiver called
        self._last_stats = Clock.monotonic() - pace.tick
        self._last_tick = (Clock.monotonic(), read_collections())

    def _make_observer(self, detectors: list[Detector], judge: Judge) -> Observer:
        """It has a weak reference to the watcher, which is freed once stopped, even if the program never collects."""
        watcher, pace = weakref.proxy(self), self.pace
        return Observer(
            detectors,
            judge,
            self._ledger,
            read=lambda: watcher._read("tick", force=True),
            should_cancel=lambda: watcher._patience.is_over(),
            patience=pace.hold + pace.slow_confirm,
            looks=pace.looks,
        )

    def __repr__(self) -> str:
        known = describe(self.running, self.pace, self.readings, self.age, self.latest, self.gap)
        return f"<{type(self).__name__}: {known}>"

    @property
    def latest(self) -> Stats | None:
        """The newest Stats, None before the first."""
        return self._observer.latest

    @property
    def suspicion(self) -> Growth | None:
        """The growth that is suspected now, if any."""
        return self._observer.suspicion

    @property
    def status(self) -> Status:
        """All that is known now, for any thread; it costs microseconds."""
        return self._observer.status()

    @property
    def cost(self) -> Cost:
        """What watching has cost so far."""
        return self._ledger.cost()

    @property
    def readings(self) -> int:
        """How many samples were taken in this process."""
        return self._observer.history.seen - self._inherited

    @property
    def gap(self) -> str:
        """Why fewer than half of the due readings were taken, in words; empty where more were."""
        return describe_gap(self._ticker, self.readings, bool(self._halting), self._unread.reported)

    @property
    def age(self) -> float:
        """Seconds since watching began in this process."""
        return self._ticker.age

    @property
    def running(self) -> bool:
        """Whether this process is being watched, also while the thread is parked for a fork."""
        return self._running

    def learn(self, detector: Detector, settled: float | None) -> None:
        """Add *detector*, which knows earlier lives: they had warmed up at the age of *settled* seconds, if known."""
        self._observer.learn(detector, settled)

    # ---- from any thread

    def start(self) -> None:
        """Begin to watch; raises RuntimeError where no thread can be had."""
        self._ticker = Ticker(self.pace.tick)
        self._thread.start(self._run)
        self._running = True
        self._trigger.callback.on_unseen_fork = self._give_child_up
        self._trigger.attach()

    def stop(self, patience: float = EXIT_PATIENCE) -> None:
        """End the thread, wait for it unless called on it, and leave `gc.callbacks`. Takes a last reading first."""
        if self._running:
            self._running = False
            self._trigger.retire()
            self._patience.shorten()
            self._queue.put(Halt(final=True))
            self._thread.join(patience)

    def collect(self) -> Stats:
        """Run a full collection and wait, at most 5 s, until its events are delivered; returns what it left.

        On memwatch's own thread (inside a receiver) the events are delivered after the receiver has returned. A call
        during that delivery brings no events, or a receiver of `stats` that collects would be called for ever.
        """
        self.wake()
        collect()
        sample = self._read("forced", force=True)
        delivered = original("_thread", "allocate_lock")()
        delivered.acquire()
        stats = make_stats(sample, self._observer.trend.advance(sample.base))
        is_nested = self._thread.is_current()
        if not self._running or (is_nested and self._is_delivering_nested):
            return stats
        self._queue.put(Forced(sample, delivered, is_nested))
        if not is_nested and not self._await(delivered):
            _log.warning(NOT_DELIVERED, GC_PATIENCE)
        return stats

    def call_later(self, seconds: float, function: Callable[[], object]) -> None:
        """Have *function* called once on the watcher's thread, in so many *seconds*; not if watching ends before that.

        It must neither wait nor import. In a forked child nothing is called that its parent has asked for.
        """
        self.wake()
        self._queue.put(Later(Clock.monotonic() + seconds, function))

    def candidate(self, growth: Growth) -> Candidate:
        """*growth* with all that a judge needs to look into it, on the watcher's thread."""
        return self._observer.candidate(growth)

    def _await(self, delivered: Any) -> bool:
        """Wait for a lock, and see to it that the thread which releases it runs: another thread may have forked."""
        deadline = Clock.monotonic() + GC_PATIENCE
        while not delivered.acquire(timeout=PARK_PATIENCE):
            if Clock.monotonic() > deadline:
                return False
            self.wake()
        return True

    def park(self) -> None:
        """End the thread for a fork, and wait for it: 50 ms if it is busy. Walks over the heap get as long to rest."""
        self._trigger.call_at_next(None)  # what another fork has left must not wake the thread in this one
        self._forked_in_main = runs_signal_handlers()
        hold_walks(PARK_PATIENCE)
        if self._running and not self._halting and not self._thread.is_current():
            self._halting = halt = Halt(final=False)
            self._queue.put(halt)
            self._thread.join_unless(lambda: self._ledger.is_busy, PARK_PATIENCE)

    def resume(self, in_child: bool) -> None:
        """After a fork, from its hook: start the thread again as soon as it is harmless. In the parent that is at once
        before 3.13; later versions count threads when all hooks are done, to warn. The next tick is due when it was."""
        let_walks_go_on()
        if not self._running:
            return
        if in_child:
            self._become_child()
        elif self._halting:
            self._halting.over = True
        if not in_child and sys.version_info < (3, 13):
            self.wake()
        else:
            # Where another thread forks, nobody has to be alone: there are two threads anyway, or this is the child.
            self._trigger.call_after_fork(self._wake_inside, forking_frame() if self._forked_in_main else None)

    def _wake_inside(self) -> None:
        self.wake(inside_collection=True)

    def wake(self, inside_collection: bool = False) -> None:
        """Start the thread again if it was parked. Inside a collection no lock is waited for, not even logging's."""
        if self._running and self._halting and acquire(self._waking, blocking=False):
            try:
                self._restart(inside_collection)
            finally:
                self._waking.release()

    def _restart(self, inside_collection: bool) -> None:
        if not (halt := self._halting):
            return
        if not self._thread.join(0.0):  # still busy with a receiver: its turn to end has not come
            self._trigger.call_at_next(self._wake_inside)
            return
        self._halting = None
        try:
            self._thread.start(self._run)
        except RuntimeError as error:
            if inside_collection:  # the next one tries again, as does the next call, which says so
                self._halting = halt
                self._trigger.call_at_next(self._wake_inside)
                return
            self._running = False
            _log.warning("memwatch stops watching this process: no thread can be started (%s)", error)

    def _give_child_up(self) -> None:
        """In a child that C code has made without Python's hooks: its GIL may wait for a thread of the parent's."""
        self._running = False
        self._trigger.retire()
        _log.warning(FORKED_BY_C)

    def _become_child(self) -> None:
        forget_other_threads()
        self.started, self._inherited = Clock.wall(), self._observer.history.seen
        self._observer.begin_anew()
        self._ledger.begin_anew()
        self._ticker.begin_anew()
        self._agenda = Agenda()
        self._halting = Halt(final=False)
        self._waking = original("_thread", "allocate_lock")()
        self._queue = SimpleQueue()
        self._trigger.callback.queue = self._queue
        self._thread = RawThread()

    # ---- on memwatch's own thread

    def _run(self) -> None:
        try:
            self._loop()
        except BaseException:
            self._running = False
            self._trigger.detach()
            raise
        finally:
            self._ledger.settle(thread_ends=True)

    def _loop(self) -> None:
        while True:
            if self._ticker.due():  # asked first: a program may fork so often that there is a halt each time
                with self._unread.left_out():
                    self._tick()
            self._agenda.call_due(self._ledger)
            self._ledger.settle()
            try:
                item = self._queue.get(timeout=min(self._ticker.remaining(), self._agenda.remaining()))
            except Empty:
                item = None
            self._ticker.wake()
            if isinstance(item, Halt):
                if item.over:  # it came too late, because a receiver was busy
                    self._halting = None
                    continue
                if item.final:
                    with self._unread.left_out():
                        self._deliver(self._read("exit", force=True), with_stats=True)
                return
            with self._unread.left_out():
                self._handle(item)

    def _handle(self, item: object) -> None:
        if isinstance(item, Forced):
            self._is_delivering_nested = item.is_nested
            try:
                self._deliver(item.sample, with_stats=True)
            finally:
                self._is_delivering_nested = False
                item.delivered.release()
        elif isinstance(item, Later):
            self._agenda.add(item)
        elif isinstance(item, Collected):
            if item.counted is not None:
                self._meters.note_blocks(item.counted, item.cost)
            self._collected = item
            if Clock.monotonic() - self._last_stats >= self.pace.tick:
                self._after_collection()

    def _after_collection(self) -> Sample:
        counted, self._collected = self._collected.counted if self._collected else None, None
        return self._deliver(self._read("gc", counted=counted), with_stats=True)

    def _tick(self) -> None:
        end_interrupted()
        now, counts = Clock.monotonic(), read_collections()
        (before, seen), self._last_tick = self._last_tick, (now, counts)
        unseen = not self._trigger.attached and counts.full > seen.full
        self._trigger.adapt(counts.full + counts.young - seen.full - seen.young, now - before)
        collected, due = unseen or self._collected is not None, now - self._last_stats >= self._stats_interval
        sample = self._after_collection() if collected else self._deliver(self._read("tick"), with_stats=due)
        call_at_tick(self.at_tick, sample, self._ledger)

    def _read(self, trigger: Trigger, force: bool = False, counted: Blocks | None = None) -> Sample:
        self._ledger.pause(self._meters.longest, self._meters.longest)
        sample = read_sample(self._meters, trigger, self._trigger.callback.seconds, self._ledger, force, counted)
        self._trigger.callback.blocks_cost = self._meters.blocks_cost
        return sample

    def _deliver(self, sample: Sample, with_stats: bool) -> Sample:
        self._patience.begin(last=not self._running)
        if with_stats:
            self._last_stats = Clock.monotonic()
        for event, value in self._observer.observe(sample, with_stats):
            with self._ledger.receivers():
                self._publish_event(event, self, value)
            forget_dummy()
        return sample
