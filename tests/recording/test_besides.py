"""What a recording holds besides readings and leaks: which types grew while growth was suspected, and profiles."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace

import pytest

import memwatch
from memwatch import backend, default, formats
from memwatch.cli import main
from memwatch.clock import Clock
from memwatch.errors import NotStartedError
from memwatch.recording import profiles as profiles_room
from memwatch.recording import writer as room
from memwatch.recording.lives import Reader
from memwatch.recording.type_growth import TypeGrowth
from memwatch.watch import Suspicion
from memwatch.watch.sample import as_datetime

from .conftest import MIB, make_leak, make_sample

samples = pytest.mark.skipif(not backend.samples, reason="profiles are of the sampler in C")


@pytest.fixture
def judge(monkeypatch):
    """A judge that has looked."""
    made = SimpleNamespace(rows=(("app.Order", 688, 3 * MIB), ("str", 12, 4096)))
    made.growing = lambda: made.rows
    monkeypatch.setattr(default, "loader", lambda: SimpleNamespace(judge=made))
    return made


@pytest.fixture
def record(path):
    """Makes recordings of this process, and ends them."""
    made = []

    def make(**options):
        made.append(memwatch.record(path, **options))
        return made[-1]

    yield make
    for recording in made:
        recording.close()
    room._writers.clear()
    memwatch.profile.stop()


def suspect(writer):
    at = as_datetime(1000.0)
    writer.suspect(
        Suspicion(
            start=at, end=at, growth=MIB, reason="heap growth", rate_per_hour=1.0, detector="ratchet", meter="base"
        )
    )


def test_types_that_grow_are_written_when_the_judge_has_looked_again(
    judge, make_writer, path, monkeypatch, fake_clock, capsys
):
    monkeypatch.setattr(Clock, "monotonic", fake_clock)
    writer = make_writer()
    growth = TypeGrowth(writer)
    suspect(writer)
    for look in range(4):
        judge.rows = (("app.Order", 600 + look, (2 + look) * MIB), *judge.rows[1:])
        growth.tick()
        growth.tick()
        fake_clock.advance(20)
        writer.tick(make_sample(fake_clock()))
    with Reader(path) as reader:
        order, text = reader.types()
        assert (order.what, order.count, order.size_bytes) == ("app.Order", 603, 5 * MIB)
        assert order.time - order.since == pytest.approx(60) and text.what == "str"
    assert main(["report", path]) == 0
    assert "app.Order  +603 objects, +5.00 MiB" in capsys.readouterr().out


def test_nothing_is_written_while_nothing_is_suspected(judge, make_writer, monkeypatch, fake_clock):
    monkeypatch.setattr(Clock, "monotonic", fake_clock)
    writer = make_writer()
    judge.rows = ()
    TypeGrowth(writer).tick()
    assert not len(writer._waiting)


def test_of_a_life_that_reported_a_leak_the_report_says_it(make_writer, path, capsys):
    writer = make_writer()
    suspect(writer)
    writer.leak(make_leak())
    assert main(["report", path]) == 0
    assert "suspected, not reported" not in capsys.readouterr().out


@samples
def test_a_profile_is_kept_when_asked_for_and_with_a_leak_and_written_out(record, path, tmp_path, capsys):
    recording = record(profile=True)
    kept = [bytearray(MIB) for _ in range(64)]
    recording.keep_profile()
    recording._keep_with_leak(make_leak())
    recording.close()
    with Reader(path) as reader:
        asked, with_leak = reader.profiles()
    assert (asked.reason, with_leak.reason) == ("asked for", "leak 0123456789ab")
    assert main(["report", path]) == 0
    assert f"2 profiles kept: memwatch report {path} --profiles FOLDER" in capsys.readouterr().out
    assert main(["report", path, "--profiles", str(tmp_path)]) == 0
    name = f"profile-{os.getpid()}-{asked.id}.pb.gz"
    assert name in capsys.readouterr().out
    tree = formats.read((tmp_path / name).read_bytes())
    assert tree.root.total_bytes >= 0.5 * len(kept) * MIB


@samples
def test_of_a_life_the_last_ten_profiles_stay(record, path, monkeypatch):
    monkeypatch.setattr(profiles_room, "_MOST", 100)
    recording = record(profile=True)
    recording._profiles._waiting = type(recording._profiles._waiting)(maxlen=100)
    for _ in range(13):
        recording.keep_profile()
    recording.close()
    with Reader(path) as reader:
        assert len(reader.profiles()) == 10


@samples
def test_a_rule_keeps_a_profile_on_the_watcher_s_thread(record, path):
    memwatch.start(pace="job", tick=0.05, sample=0.05)
    recording = record(profile=True)
    rule = memwatch.rule(when={"rss": 1}, do=recording.keep_profile)
    try:
        with Reader(path) as reader:
            deadline = time.monotonic() + 60
            while not reader.profiles() and time.monotonic() < deadline:
                time.sleep(0.05)
            assert reader.profiles()
    finally:
        rule.cancel()


@samples
def test_without_profile_there_is_none(record):
    recording = record()
    with pytest.raises(NotStartedError, match="profile=True"):
        recording.keep_profile()


@samples
def test_a_profile_that_the_program_ended_is_not_kept_with_a_leak(record):
    recording = record(profile=True)
    memwatch.profile.stop()
    recording._keep_with_leak(make_leak())
    with pytest.raises(NotStartedError):
        recording.keep_profile()


def test_a_folder_that_is_not_there_is_said(make_writer, path, capsys):
    make_writer().keep(profiles_room.Profiled(1.7e9, "asked for", b"x"))
    room._writers[-1].tick(make_sample(time.monotonic() + 1))
    assert main(["report", path, "--profiles", f"{path}-none"]) == 1
    assert "none" in capsys.readouterr().err
