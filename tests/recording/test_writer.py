"""What is written, and that it neither blocks nor raises when it cannot be."""

from __future__ import annotations

import functools
import logging
import os
import sqlite3
import threading
import time

import pytest

from memwatch.errors import RecordingError
from memwatch.recording import connection as room
from memwatch.recording import writer as writing
from memwatch.recording.connection import begin
from memwatch.recording.lives import Reader
from memwatch.recording.store import Over, Reading, Reported
from memwatch.recording.upkeep import bring_into_file
from memwatch.recording.waiting import Waiting

from .conftest import MIB, make_leak, make_sample


def test_a_life_is_its_readings_once_a_second_with_the_peak_between(make_writer, rows):
    writer = make_writer(release="1.4")
    start = time.monotonic() + 1.0
    for tick in range(12):
        writer.tick(make_sample(start + tick / 4, base=(10 + tick) * MIB, rss=(90 if tick == 2 else 20) * MIB))
    assert rows("select base / 1048576, rss / 1048576, peak / 1048576 from meters order by time") == [
        (10, 20, 20), (14, 20, 90), (18, 20, 20),
    ]  # fmt: skip
    assert rows("select pid, release, ending from lives") == [(os.getpid(), "1.4", "")]
    writer.end()
    assert rows("select ending from lives") == [("exit",)]


def test_the_file_is_its_owner_s_alone_and_one_recording_for_many(make_writer, path):
    first, second = make_writer(), make_writer()
    for writer in (first, second):
        writer.tick(make_sample(time.monotonic() + 1))
    assert os.stat(path).st_mode & 0o777 == 0o600
    with Reader(path) as reader:
        assert [life.state for life in reader.lives()] == ["runs", "runs"]


def test_a_leak_is_kept_with_its_report_its_text_its_page_and_its_types(make_writer, path, rows):
    writer = make_writer()
    writer.leak(make_leak())
    writer.recovered(make_leak())
    with Reader(path) as reader:
        (leak,) = reader.leaks()
        assert (leak.fingerprint, leak.subject, leak.growth) == ("0123456789ab", "app.Order held by app.CACHE", 5 * MIB)
        assert leak.recovered is not None
        assert reader.report(leak.id)["rows"][0]["what"] == "app.Order"
        assert reader.text(leak.id) == "LEAK  0123456789ab" and reader.page(leak.id) == "<p>0123456789ab é</p>"
    assert rows("select what, count, size_bytes from types") == [("app.Order", 12, 4096)]


def test_a_file_that_another_holds_blocks_nobody_and_loses_nothing(make_writer, path, rows):
    writer = make_writer()
    start = time.monotonic() + 1.0
    writer.tick(make_sample(start))
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("begin immediate")
    took = []
    for second in range(1, 60):
        begun = time.perf_counter()
        writer.tick(make_sample(start + second))
        took.append(time.perf_counter() - begun)
    assert sorted(took)[-2] < 0.3, "it waits 25 ms, at the first of these alone"
    assert sum(it > 0.02 for it in took) <= 2
    holder.execute("rollback")
    holder.close()
    writer._retry = 0.0  # the time to rest is over
    writer.tick(make_sample(start + 60))
    assert rows("select count(*) from meters") == [(61,)] and writer.lost == 0


def test_one_of_all_brings_what_is_written_into_the_file_from_its_second_write_on(make_writer, path, rows, monkeypatch):
    brought = []
    monkeypatch.setattr(writing, "bring_into_file", lambda connection: brought.append(connection))
    first, second = make_writer(), make_writer()
    begun = time.monotonic() + 1
    for later in range(3):
        first.tick(make_sample(begun + later))
        assert brought == [first._connection] * (later > 0)
        second.tick(make_sample(begun + later))
    assert len(brought) == 1 and rows("select job from upkeep") == [("file",)]
    monkeypatch.undo()
    size = os.path.getsize(path)
    bring_into_file(second._connection)
    assert os.path.getsize(path) > size


def test_the_last_write_waits_for_one_that_is_under_way(make_writer, rows, monkeypatch):
    monkeypatch.setattr(writing, "_LAST_PATIENCE", 60.0)
    writer = make_writer()
    writer.tick(make_sample(time.monotonic() + 1))
    writer._lock.acquire()
    threading.Timer(0.05, writer._lock.release).start()
    writer.end()
    assert rows("select ending from lives") == [("exit",)]


def test_a_begin_waits_by_the_clock_and_says_who_is_busy(make_writer, path):
    writer = make_writer()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("begin immediate")
    begin_twice = functools.partial(begin, writer._connection, 0.0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        begin_twice()
    holder.close()
    begin_twice()
    writer._connection.execute("rollback")


def test_one_that_is_locked_from_the_start_is_joined_later(make_writer, path, rows, caplog):
    make_writer().tick(make_sample(time.monotonic() + 1))
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("begin exclusive")
    writer = make_writer()
    for _ in range(5):
        writer._retry = 0.0
        writer.flush()
    writer.leak(make_leak())
    holder.execute("rollback")
    holder.close()
    writer._retry = 0.0
    writer.flush()
    assert rows("select count(*) from lives") == [(2,)] and rows("select count(*) from leaks") == [(1,)]
    assert len([it for it in caplog.records if "cannot record" in it.message]) <= 1


def test_a_full_disk_is_said_once_and_nothing_is_lost(make_writer, rows, caplog):
    writer = make_writer()
    start = time.monotonic() + 1.0
    writer.tick(make_sample(start))
    pages = writer._connection.execute("pragma page_count").fetchone()[0]
    writer._connection.execute(f"pragma max_page_count = {pages}")
    for second in range(1, 300):
        writer._retry = 0.0
        writer.tick(make_sample(start + second))
    writer.leak(make_leak())
    assert [it.message for it in caplog.records if it.levelno == logging.WARNING and "full" in it.message] != []
    assert sum("cannot record" in it.message for it in caplog.records) == 1 and writer.problem == ""
    writer._connection.execute("pragma max_page_count = 100000")
    writer._retry = 0.0
    writer.tick(make_sample(start + 300))
    assert rows("select count(*) from meters") == [(301,)] and rows("select count(*) from leaks") == [(1,)]


def test_what_waits_is_bounded():
    waiting = Waiting()
    for number in range(4000):
        waiting.add(Reading(float(number), 1.0, 1, 1, 1, 1))
    for number in range(100):
        waiting.add(Reported(float(number), "f", "objects", "", 1, 1.0, "x" * 100_000, "", b""))
    waiting.add(Over(1.0, "f"))
    kept = list(waiting)
    assert sum(isinstance(it, Reading) for it in kept) == 3600
    assert sum(len(it.report) for it in kept if isinstance(it, Reported)) <= 4 << 20
    assert waiting.lost == 4101 - len(kept)


def test_a_damaged_file_ends_the_recording_not_the_program(make_writer, path, caplog):
    writer = make_writer()
    start = time.monotonic() + 1.0
    for second in range(300):
        writer.tick(make_sample(start + second))
    writer._shut()
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        for place in range(4096, size, 4096):
            file.seek(place)
            file.write(b"\xff" * 2048)
    for second in range(300, 310):
        writer.tick(make_sample(start + second))
    assert writer._connection is None, "nothing is left open"
    assert writer.problem and sum("stops recording" in it.message for it in caplog.records) == 1
    with pytest.raises(RecordingError, match="damaged"), Reader(path) as reader:
        reader.lives()


def test_a_file_that_was_taken_away_is_begun_anew(make_writer, path, rows):
    writer = make_writer()
    start = time.monotonic() + 1.0
    writer.tick(make_sample(start))
    for suffix in ("", "-wal", "-shm"):
        os.rename(path + suffix, f"{path}.old{suffix}")
    writer.tick(make_sample(start + 1))
    writer._tended = 0.0
    writer.tick(make_sample(start + 2))
    writer.tick(make_sample(start + 3))
    assert rows("select count(*) from meters") == [(1,)] and rows("select count(*) from lives") == [(1,)]


def test_a_clock_that_is_set_back_neither_loses_readings_nor_their_order(make_writer, path):
    """Times are of a clock that is never set; a process that begins after the step has its own."""
    writer = make_writer()
    start = time.monotonic() + 1.0
    for second in range(5):
        writer.tick(make_sample(start + second))
    late = make_writer()
    for second in range(5):
        late.tick(make_sample(start + second, time=1.0e9 + second))
    late._tend(1.0e9)
    with Reader(path) as reader:
        lives = reader.lives()
        assert [len(reader.meters(life.id)) for life in lives] == [5, 5]
        assert lives[0].birth.started < lives[1].birth.started and all(
            life.seconds == pytest.approx(4, abs=0.1) for life in lives
        )


REFUSED = {
    "other program": ("it is a database of another program", "create table x (y); insert into x values (1)"),
    "newer": (
        "written by a newer memwatch: version 99",
        "pragma user_version = 99; pragma application_id = 0x6d656d77",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_recording_of_ours_is_refused_and_untouched(kind, path, make_writer):
    message, script = REFUSED[kind]
    other = sqlite3.connect(path)
    other.executescript(script)
    other.close()
    with open(path, "rb") as file:
        before = file.read()
    with pytest.raises(RecordingError, match=message):
        make_writer()
    with pytest.raises(RecordingError, match=message):
        Reader(path)
    with open(path, "rb") as file:
        assert file.read() == before


def test_other_bad_places_are_refused_with_the_reason(tmp_path, path, make_writer, monkeypatch):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to be taken for one by its first bytes " * 20)
    open_to_all = tmp_path / "all"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    cases = {
        str(text): "some other file",
        str(tmp_path): "it is no file",
        str(tmp_path / "none" / "a.db"): "there is no directory",
        str(open_to_all / "a.db"): "others can write into its folder",
    }
    for where, message in cases.items():
        with pytest.raises(RecordingError, match=message):
            make_writer(where)
    monkeypatch.setattr(room, "type_of", lambda folder: "nfs4")
    with pytest.raises(RecordingError, match=r"network file system \(nfs4\)"):
        make_writer()
    assert not os.path.exists(path)
