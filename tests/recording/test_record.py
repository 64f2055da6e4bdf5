"""`memwatch.record`: what a program calls."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import memwatch
from memwatch.recording import writer as room
from memwatch.recording.lives import Reader


@pytest.fixture(autouse=True)
def _forget_writers():
    yield
    room._writers.clear()


def test_recording_starts_the_watcher_and_ends_with_close(path):
    recording = memwatch.record(path, release="1.4")
    assert isinstance(recording, memwatch.Recording) and memwatch.watcher() is not None
    recording.close()
    with Reader(path) as reader:
        (life,) = reader.lives()
    assert (life.birth.pid, life.birth.release, life.state) == (os.getpid(), "1.4", "closed")
    assert recording.problem == "it was closed" and repr(recording) == f"<Recording {path!r}: it was closed>"


def test_a_place_that_cannot_be_recorded_into_is_refused(tmp_path):
    with pytest.raises(memwatch.RecordingError, match="there is no directory"):
        memwatch.record(tmp_path / "none" / "shop.db")
    assert memwatch.watcher() is None, "nothing was begun"


def run(arguments, environ=None):
    environ = {**os.environ, **(environ or {})}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60, env=environ)


@pytest.mark.slow
def test_the_command_records_the_program_and_refuses_a_bad_file(path, tmp_path):
    script = tmp_path / "app.py"
    script.write_text("import time; time.sleep(1.5)")
    words = ["-m", "memwatch", "run", "--record"]
    assert run([*words, path, "--release", "3", str(script)]).returncode == 0
    with Reader(path) as reader:
        (life,) = reader.lives()
        assert (life.birth.role, life.birth.release, life.state) == ("app.py", "3", "exit") and len(
            reader.meters(life.id)
        ) >= 2
    done = run([*words, str(script), str(script)])
    assert done.returncode == 2 and "it is no recording, but some other file" in done.stderr


def test_a_variable_that_names_a_bad_file_stops_no_program(tmp_path):
    environ = {"MEMWATCH_RECORD": str(tmp_path / "none" / "a.db")}
    done = run(["-c", "import memwatch.autostart; print('served')"], environ)
    assert done.stdout == "served\n" and "MEMWATCH_RECORD: cannot record into" in done.stderr
