"""The callback adds to numbers and wakes; full collections are seen on every version, in every thread."""

import gc
import threading
from _queue import SimpleQueue

import pytest

from memwatch.backend.meters.collector import read_collections
from memwatch.backend.meters.gc_callback import Collected
from memwatch.backend.quiet import quiet
from memwatch.watch.triggers import BUSY, GcTrigger, Ticker

SEVEN = (7).conjugate  # a C function that answers 7


@pytest.fixture
def trigger():
    made = GcTrigger(SimpleQueue(), SEVEN)
    made.attach()
    yield made
    if made.attached:
        gc.callbacks.remove(made.callback)


def records(trigger):
    return [trigger.callback.queue.get() for _ in range(trigger.callback.queue.qsize())]


def test_a_full_collection_puts_one_record_with_its_blocks(trigger):
    gc.collect()
    (record,) = records(trigger)
    assert isinstance(record, Collected) and record.counted == 7


def test_young_collections_put_none(trigger):
    for generation in (0, 1):
        gc.collect(generation)
    assert records(trigger) == []


def test_seconds_of_full_collections_add_up(trigger):
    gc.collect()
    first = trigger.callback.seconds
    gc.collect()
    assert 0 < first < trigger.callback.seconds


def test_at_most_64_wait_and_the_rest_is_counted(trigger):
    for _ in range(70):
        gc.collect()
    assert (trigger.callback.queue.qsize(), trigger.callback.dropped) == (64, 6)


def test_memwatchs_own_collections_put_none_in_their_thread_only(trigger):
    with quiet:
        gc.collect()
        assert records(trigger) == []
        other = threading.Thread(target=gc.collect)
        other.start()
        other.join()
    assert len(records(trigger)) == 1


def test_counts_are_exact_with_collections_from_several_threads():
    rounds, threads = 25, 4
    before = read_collections()
    workers = [threading.Thread(target=lambda: [gc.collect() for _ in range(rounds)]) for _ in range(threads)]
    gc.disable()
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        gc.enable()
    # a collection that is asked for while another runs does nothing, in CPython itself
    done = read_collections().full - before.full
    assert 1 <= done <= rounds * threads
    gc.collect()
    gc.collect(0)
    after = read_collections()
    assert after.full == before.full + done + 1
    assert after.young >= before.young + 1


def test_detaching_never_takes_out_an_entry_in_the_middle(trigger):
    def theirs(phase, info):
        pass

    gc.callbacks.append(theirs)
    try:
        assert not trigger.detach() and trigger.attached
        gc.callbacks.remove(theirs)
        assert trigger.detach() and not trigger.attached
    finally:
        if theirs in gc.callbacks:
            gc.callbacks.remove(theirs)


def test_a_busy_collector_is_left_alone_until_it_is_quiet_again(trigger):
    trigger.adapt(collections=BUSY * 2 + 2, seconds=2.0)
    assert not trigger.attached
    trigger.adapt(collections=BUSY, seconds=1.5)
    assert not trigger.attached
    trigger.adapt(collections=10, seconds=1.0)
    assert trigger.attached
    trigger.adapt(collections=0, seconds=0.0)
    assert trigger.attached


def test_callbacks_that_the_program_cleared_come_back_with_the_next_tick(trigger):
    gc.callbacks.clear()
    trigger.adapt(collections=0, seconds=1.0)
    assert trigger.attached


@pytest.mark.parametrize("theirs", [None, (), type("Callbacks", (list,), {})()])
def test_a_program_may_give_the_name_to_something_else(trigger, monkeypatch, theirs):
    monkeypatch.setattr(gc, "callbacks", theirs)
    trigger.adapt(collections=0, seconds=1.0)
    gc.collect()
    assert len(records(trigger)) == 1
    assert trigger.detach() and not trigger.attached


def test_a_collection_under_way_when_it_is_attached_has_no_seconds(trigger):
    trigger.callback("stop", {"generation": 2})
    assert trigger.callback.seconds == 0.0
    trigger.callback("start", {"generation": 2})
    trigger.detach()
    trigger.attach()
    trigger.callback("stop", {"generation": 2})
    assert trigger.callback.seconds == 0.0


def test_what_could_not_leave_is_silent_and_taken_out_by_the_next(trigger):
    def theirs(phase, info):
        pass

    gc.callbacks.append(theirs)
    trigger.retire()
    gc.collect()
    assert trigger.attached and records(trigger) == []
    gc.callbacks.remove(theirs)
    following = GcTrigger(SimpleQueue(), SEVEN)
    following.attach()
    assert following.attached and not trigger.attached
    following.retire()
    assert not following.attached


def test_attaching_twice_is_attaching_once(trigger):
    trigger.attach()
    assert sum(callback is trigger.callback for callback in gc.callbacks) == 1


def test_on_any_is_called_once_at_the_next_young_collection(trigger):
    calls = []
    trigger.callback.on_any = lambda: calls.append("woken")
    gc.collect(0)
    gc.collect(0)
    assert calls == ["woken"]


def test_ticks_come_in_order_and_missed_ones_are_not_made_up_for(fake_clock):
    ticker = Ticker(2.0, now=fake_clock)
    assert not ticker.due() and ticker.remaining() == 2.0
    fake_clock.advance(2.5)
    assert ticker.due() and not ticker.due()
    assert ticker.remaining() == 1.5
    fake_clock.advance(100.0)
    assert ticker.due()
    assert ticker.remaining() == 0.0
    assert ticker.due() and not ticker.due()
    assert ticker.remaining() == 2.0


def test_late_ticks_are_the_threads_that_did_not_run_or_its_own(fake_clock):
    ticker = Ticker(2.0, now=fake_clock)
    fake_clock.advance(7.0)
    ticker.wake()
    fake_clock.advance(1.0)
    assert ticker.due() and (ticker.kept_out, ticker.busy, ticker.expected) == (5.0, 1.0, 4)
    fake_clock.advance(4.0)
    assert ticker.due() and (ticker.kept_out, ticker.busy, ticker.expected) == (5.0, 5.0, 6)
    ticker.begin_anew()
    assert (ticker.kept_out, ticker.busy, ticker.expected, ticker.remaining()) == (0.0, 0.0, 0, 0.0)
