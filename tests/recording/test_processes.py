"""Recordings that real processes write: forks, kills, numbers that are used again, programs beside each other."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from memwatch.recording import lives as room
from memwatch.recording.lives import Reader

from .conftest import make_sample

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

HEAD = """
import os, random, select, signal, sys, time
from memwatch.recording.writer import Writer
from memwatch.watch import Sample

def sample(clock):
    return Sample(1.7e9 + clock, clock, "tick", 1 << 20, 1 << 21, 1000, 500, 500, 100, 1, 10, 0.0, ("heap",))

path = sys.argv[1]
begun = time.monotonic() + 1
"""

KILLED = """
random.seed(17)
acknowledged = {}
for number in range(int(sys.argv[2])):
    heard, said = os.pipe()
    child = os.fork()
    if not child:
        writer, begun = Writer(path), time.monotonic() + 1
        for second in range(10**6):
            writer.tick(sample(begun + second))
            os.write(said, b"." * (len(writer._waiting) == 0))
    os.close(said)
    if number % 2:
        select.select([heard], [], [], 60)  # the others may die before they have written anything
    time.sleep(random.uniform(0.002, 0.08))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    acknowledged[child] = sum(iter(lambda: len(os.read(heard, 1 << 16)), 0))
    os.close(heard)
print(acknowledged)
"""

FORKED = """
writer = Writer(path)
children = []
for second in range(100):
    writer.tick(sample(begun + second))
    children.append(os.fork())
    if not children[-1]:
        for later in range(3):
            writer.tick(sample(begun + second + later + 1))
        writer.end()
        os._exit(bool(writer.problem))
print(sum(os.waitpid(child, 0)[1] for child in children), writer.problem)
writer.end()
"""

BROKEN = """
writer = Writer(path)
writer.tick(sample(begun))
writer._lock.acquire()  # as a write that hangs in the disk
before = time.monotonic()
child = os.fork()
if not child:
    writer.tick(sample(begun + 1))
    print(writer.problem)
    sys.stdout.flush()
    os._exit(0)
os.waitpid(child, 0)
print(time.monotonic() - before < 10)
writer._lock.release()
writer.tick(sample(begun + 1))
writer.end()
"""

READ_ONLY = """
import tempfile
folder = tempfile.mkdtemp()
path = os.path.join(folder, "shop.db")
Writer(path).close()
os.chmod(path, 0o444)
os.chmod(folder, 0o755)
from memwatch.errors import RecordingError
from memwatch.recording.connection import open_for_writing
from memwatch.recording.lives import Reader
os.setresuid(65534, 65534, 0)
try:
    open_for_writing(path)
except RecordingError as error:
    print(str(error).rpartition(": ")[2])
print(len(Reader(path).lives()))
os.setresuid(0, 0, 0)
os.unlink(path)
os.rmdir(folder)
"""


def run(program: str, *arguments: object, timeout: float = 120.0) -> str:
    done = subprocess.run(
        [sys.executable, "-c", HEAD + program, *map(str, arguments)], capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("times", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_what_was_acknowledged_is_there_however_the_process_dies(path, rows, times):
    acknowledged = eval(run(KILLED, path, times))
    assert len(acknowledged) == times and sum(acknowledged.values()) > 0
    written = dict(rows("select pid, (select count(*) from meters where life = id) from lives"))
    assert {pid: n for pid, n in acknowledged.items() if n > written.get(pid, 0)} == {}
    assert rows("pragma integrity_check") == [("ok",)]
    with Reader(path) as reader:
        assert {life.state for life in reader.lives()} == {"lost"}


@pytest.mark.slow
def test_each_of_a_hundred_forked_between_two_writes_has_a_life_of_its_own(path, rows):
    assert run(FORKED, path).split() == ["0"]
    assert rows("select count(*), sum(ending = 'exit') from lives") == [(101, 101)]
    counts = rows("select count(*) from meters group by life order by 1")
    assert counts == [(3,)] * 100 + [(100,)]
    assert {role for (role,) in rows("select role from lives")} == {"-c", "-c worker"}


def test_a_child_that_was_forked_in_the_middle_of_a_write_lets_sqlite_be(path, rows):
    """Its locks would never be released; the fork waits for a quarter of a second, no longer."""
    assert run(BROKEN, path).splitlines() == ["it was forked in the middle of a write", "True"]
    assert rows("select count(*), sum(ending = 'exit') from lives") == [(1, 1)]
    assert rows("select count(*) from meters") == [(2,)]


@pytest.mark.slow
def test_two_programs_write_into_one_file(path, tmp_path):
    program = "import memwatch, time; memwatch.record({!r}, release='{}'); time.sleep(1.5)"
    scripts = [tmp_path / name for name in ("shop.py", "mail.py")]
    for number, script in enumerate(scripts):
        script.write_text(program.format(path, number))
    started = [subprocess.Popen([sys.executable, str(script)]) for script in scripts]
    assert [process.wait(60) for process in started] == [0, 0]
    with Reader(path) as reader:
        lives = reader.lives()
    assert {(life.birth.program, life.birth.role, life.birth.release, life.state) for life in lives} == {
        ("shop.py", "shop.py", "0", "exit"),
        ("mail.py", "mail.py", "1", "exit"),
    }
    assert {life.birth.pid for life in lives} == {process.pid for process in started}


def test_the_variable_records_and_a_pool_s_workers_have_their_names(path, tmp_path):
    script = tmp_path / "pooled.py"
    script.write_text(
        "import memwatch.autostart, multiprocessing, time\n"
        "from memwatch.recording.lives import Reader\n"
        "def wait_for_both(_):\n"
        "    deadline = time.monotonic() + 40\n"
        "    while time.monotonic() < deadline:\n"
        "        time.sleep(0.05)\n"
        f"        with Reader({path!r}) as reader:\n"
        "            if sum(life.birth.worker is not None for life in reader.lives()) == 2:\n"
        "                break\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    pool.map(wait_for_both, [1, 2])\n"
        "    pool.close(); pool.join()\n"
    )
    environ = {**os.environ, "MEMWATCH_RECORD": path, "MEMWATCH_RELEASE": "2.0", "MEMWATCH_PACE": "job"}
    subprocess.run([sys.executable, str(script)], check=True, timeout=60, env=environ)
    with Reader(path) as reader:
        lives = reader.lives()
    assert sorted((life.birth.role, life.birth.worker) for life in lives if life.birth.worker) == [
        ("pooled.py ForkPoolWorker", 1),
        ("pooled.py ForkPoolWorker", 2),
    ]
    assert {(life.state, life.birth.release) for life in lives} == {("exit", "2.0")} and len(lives) == 3


def test_a_worker_of_celery_says_that_it_ends(path, make_writer, rows):
    """Its pool ends it by os._exit, past all finalizers, after a signal of celery's own."""
    signals = pytest.importorskip("celery.signals")
    writer = make_writer()
    writer._is_forked = True
    writer._last = 0.0
    writer.tick(make_sample(1.0))
    signals.worker_process_shutdown.send(sender=None, pid=os.getpid(), exitcode=0)
    assert rows("select ending from lives") == [("exit",)]


def test_a_number_that_was_given_to_another_process_is_not_taken_for_the_old_one(path, make_writer, monkeypatch):
    writer = make_writer()
    writer._last = 0.0
    run("Writer(path).tick(sample(begun)); print(os.getpid())", path)
    connection = sqlite3.connect(path)
    connection.execute("update lives set pid = ?", (os.getpid(),))
    connection.commit()
    connection.close()
    with Reader(path) as reader:
        assert [life.state for life in reader.lives()] == ["lost"], "this process has that number, and is another"
    monkeypatch.setattr(room, "is_alive", lambda pid, mark: True)
    with Reader(path) as reader:
        assert [life.state for life in reader.lives()] == ["runs"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_a_read_only_file_is_refused_and_can_be_read(path):
    assert run(READ_ONLY, path).splitlines() == ["it is read-only", "1"]


def test_a_process_that_died_with_all_of_its_memory_taken_is_told_from_others(path, rows):
    run("Writer(path).tick(sample(begun))", path)
    connection = sqlite3.connect(path)
    connection.execute("update lives set limit_bytes = 2200000")
    connection.commit()
    connection.close()
    with Reader(path) as reader:
        (life,) = reader.lives()
    assert life.state == "lost" and life.died_at_limit and life.peak == 2 << 20


def test_no_file_beside_sqlite_s_own_is_left(path, tmp_path):
    run("writer = Writer(path); writer.tick(sample(begun)); writer.end()", path)
    assert [it.name for it in Path(tmp_path).iterdir()] == ["shop.db"]
