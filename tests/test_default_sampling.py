"""When memwatch samples by itself: where watching was asked for and not declined; never for a receiver alone."""

from __future__ import annotations

import os

import pytest

import memwatch
from memwatch import default, signals
from memwatch.errors import OptionError
from memwatch.retain.search import IN_C

if not IN_C:
    pytest.skip("the sampler is in the C extension", allow_module_level=True)

from memwatch.backend import _native


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    memwatch.stop()
    monkeypatch.setattr(default._state, "stopped_by_hand", False)
    yield
    for event in signals.EVENTS.values():
        event.receivers.clear()
    signals._connected.clear()
    memwatch.profile.stop()
    memwatch.stop()
    assert not _native.sampling_running()


def interval() -> float:
    return _native.sampling_stats()["interval"]


def test_a_receiver_alone_puts_no_hook_into_the_allocators():
    memwatch.on("leak", lambda leak: None)
    assert memwatch.watcher().running and not _native.sampling_running() and default.sampling_interval() == 0


def test_start_samples_and_stop_ends_it():
    memwatch.start()
    assert _native.sampling_running() and interval() == default.sampling_interval() == 524288
    memwatch.stop()
    assert not _native.sampling_running() and default.sampling_interval() == 0


def test_it_can_be_declined():
    memwatch.start(profile=False)
    assert memwatch.watcher().running and not _native.sampling_running()


def test_start_after_a_receiver_begins_to_sample():
    memwatch.on("leak", lambda leak: None)
    memwatch.start(sample_interval=100_000)
    assert _native.sampling_running() and interval() == 100_000


@pytest.mark.parametrize(
    "options", [{"profile": "no"}, {"profile": 1}, {"sample_interval": 0}, {"sample_interval": 1.5}]
)
def test_values_that_cannot_be(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        memwatch.start(**options)
    assert memwatch.watcher() is None and not _native.sampling_running()


def test_a_profile_of_the_programs_own_goes_on_beside_it():
    memwatch.start()
    memwatch.profile.start(sample_interval=4096)
    kept = [bytearray(10_000) for _ in range(200)]
    assert interval() == 4096
    assert memwatch.profile.get().root.total_bytes == pytest.approx(len(kept) * 10_000, rel=0.5)
    memwatch.stop()
    assert memwatch.profile.is_running() and interval() == 4096
    memwatch.start()
    memwatch.profile.stop()
    assert _native.sampling_running() and interval() == 524288


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_goes_on():
    memwatch.start()
    child = os.fork()
    if not child:
        os._exit(0 if _native.sampling_running() and default.sampling_interval() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_where_no_sampler_can_be_had_watching_goes_on(monkeypatch, caplog):
    caplog.set_level("DEBUG", "memwatch")
    monkeypatch.setattr("memwatch.backend.allocations.sampler.self_test", lambda: "the stacks are strange")
    memwatch.start()
    assert memwatch.watcher().running and default.sampling_interval() == 0
    assert "memwatch does not sample allocations: the stacks are strange" in caplog.messages
