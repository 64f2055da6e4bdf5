"""The allocating line of native memory: sampled from a suspicion that Python's blocks do not explain to its verdict."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from memwatch.backend.allocations.recorder import Recorder
from memwatch.diagnosis import Diagnosis
from memwatch.diagnosis.lines import Lines
from memwatch.retain.search import IN_C

if not IN_C:
    pytest.skip("the sampler is in the C extension", allow_module_level=True)

from memwatch.backend import _native

PRELOADED = os.environ.get("LD_PRELOAD", "")  # another allocator has meters of its own


@pytest.fixture(autouse=True)
def _of_any_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples are as old as they are, and a verdict at once would find all of them young."""
    monkeypatch.setattr(Lines, "is_young", lambda *_: False)


@pytest.fixture
def record() -> Iterator[Callable[..., Recorder]]:
    started: list[Recorder] = []

    def start(native: bool = True) -> Recorder:
        made = Recorder(1 << 20, native)
        made.start()
        started.append(made)
        return made

    yield start
    for recorder in started:
        recorder.stop()
    assert not _native.sampling_native_stats()["on"]


def is_on() -> bool:
    return _native.sampling_native_stats()["on"]


def test_what_a_library_allocates_is_told_with_its_line(case: Any, app: Any, record: Any) -> None:
    if not any(name.startswith("libsqlite3") for name, *_ in _native.sampling_native_slots()):
        pytest.skip("sqlite is no library of its own here, or the platform is not known")
    case.diagnosis, app.kept = Diagnosis(0.5, record()), []

    def grow() -> None:
        assert is_on()
        for _ in range(4):
            database = sqlite3.connect(":memory:")
            database.execute("create table texts (text)")
            database.executemany("insert into texts values (?)", [(f"{number:01000}",) for number in range(1000)])
            app.kept.append(database)

    leak = case.judge(grow)
    assert is_on()  # the leak may be told again
    grow()
    again = case.verdict()
    for database in app.kept:
        database.close()
    case.diagnosis.forget()
    assert not is_on()
    kept, kept_again = leak.report.suspects[0], again.report.suspects[0]
    assert leak.verdict == again.verdict == "native"
    assert kept_again.allocated_at[0] == kept.allocated_at[0] and kept_again.bytes_growth > kept.bytes_growth
    assert kept.type == "sqlite3.Connection" and kept.held_by.lines[1].startswith(".kept")
    assert kept.allocated_at[0]["function"].endswith("grow")
    assert kept.allocated_at[0]["line"] == grow.__code__.co_firstlineno + 5
    assert kept.samples > 20 and (kept.share > 0.5 or PRELOADED) and "each keeps native memory alive" in kept.cause


def test_it_is_off_where_pythons_blocks_explain_the_growth(case: Any, app: Any, record: Any) -> None:
    case.diagnosis, app.kept = Diagnosis(0.5, record()), []
    case.past.append(case.read())
    app.kept += [[number] for number in range(50_000)]
    case.suspect()
    assert not is_on()


def test_it_is_off_where_it_was_declined_and_when_the_suspicion_is_over(case: Any, record: Any) -> None:
    case.diagnosis = Diagnosis(0.5, record(native=False))
    case.suspect()
    assert not is_on()
    case.diagnosis = Diagnosis(0.5, record())
    case.past.clear()
    case.suspect()
    on = is_on()
    case.diagnosis.forget()
    assert not is_on() and (on or not _native.sampling_native_slots())


def test_where_it_cannot_be_had_the_rest_goes_on(case: Any, record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(wanted: bool) -> None:
        if wanted:
            raise RuntimeError("not here")

    recorder = record()
    monkeypatch.setattr(_native, "sampling_native", refuse)
    case.diagnosis = Diagnosis(0.5, recorder)
    case.suspect()
    assert not is_on() and recorder.running and _native.sampling_stats()["interval"] == 65536


def test_it_is_turned_on_where_what_comes_after_the_suspicion_is_past_pythons_blocks(
    case: Any, app: Any, record: Any
) -> None:
    if not _native.sampling_native_slots():
        pytest.skip("the platform is not known")
    case.diagnosis, app.kept = Diagnosis(0.5, record()), []
    case.past.append(case.read())
    app.kept += [[number] for number in range(50_000)]
    case.suspect()
    assert not is_on()
    app.kept += [[number] for number in range(50_000)]
    case.follow()
    assert not is_on()
    app.kept += [bytearray(1 << 20) for _ in range(30)]
    case.follow()
    assert is_on()
    case.diagnosis.forget()
    assert not is_on()
