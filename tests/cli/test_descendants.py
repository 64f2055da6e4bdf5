"""What processes below `memwatch run` found is the run's: its last line and its status, however they were started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from memwatch.cli.descendants import Diary, choose_folder, gather
from memwatch.cli.screen import finish

FORKED = """
import os, rounds
child = os.fork()
if child == 0:
    rounds.leak()
    {end}
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
SPAWNED = """
import subprocess, sys
print(subprocess.run([sys.executable, "-c", "import memwatch.autostart, rounds; rounds.leak()"]).returncode)
"""
POOLED = """
import multiprocessing, rounds
if __name__ == "__main__":
    process = multiprocessing.get_context("fork").Process(target=rounds.leak, name="worker-7")
    process.start()
    process.join()
    print(process.exitcode)
"""
OTHER_USER = """
import os, rounds
rounds.leak()  # what a verdict needs is loaded: another user may not be able to read it
rounds.kept.clear()
child = os.fork()
if child == 0:
    os.setuid(65534)
    rounds.leak()
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
PROGRAMS = {
    "forked": FORKED.format(end="os._exit(0)"),
    "killed": FORKED.format(end="os.kill(os.getpid(), 9)"),
    "ended": FORKED.format(end="raise SystemExit"),
    "spawned": SPAWNED,
    "multiprocessing": POOLED,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_child_s_leak_is_the_run_s(leaky, kind):
    leaky.write("x.py", PROGRAMS[kind])
    (leaky.folder / "tmp").mkdir()
    ended = leaky.watched("--fail-on-leak", "x.py", flags=("-W", "ignore"), TMPDIR=str(leaky.folder / "tmp"))
    assert ended.stdout == ("-9\n" if kind == "killed" else "0\n"), "the child's status is its own"
    assert ended.status == 1
    assert ended.own[-1].startswith("memwatch: 1 leak in ") and " in pid " in ended.own[-1]
    assert ("worker-7" in ended.own[-1]) == (kind == "multiprocessing")
    assert os.listdir(leaky.folder / "tmp") == [], "the folder is removed"


@pytest.mark.skipif(getattr(os, "geteuid", os.getpid)() != 0, reason="root alone can become another user")
def test_the_leak_of_a_child_that_has_become_another_user_is_the_run_s(leaky):
    leaky.write("x.py", OTHER_USER)
    ended = leaky.watched("--fail-on-leak", "--profile", "heap.csv", "x.py")
    assert (ended.status, ended.stdout) == (1, "0\n")
    assert " in pid " in ended.own[-1] or " in 2 processes" in ended.own[-1]
    assert any(line.endswith(" runs as another user: its profile is not gathered") for line in ended.own)


def make_diary(folder, readings=0, run_pid=None, stopped=()):
    run_pid = os.getpid() if run_pid is None else run_pid
    status = SimpleNamespace(leaks=(), stopped=stopped)
    return Diary(str(folder), SimpleNamespace(readings=readings, suspicion=None, gap="", status=status), run_pid)


def make_leak(fingerprint):
    report = SimpleNamespace(to_dict=lambda: {"fingerprint": fingerprint, "suspects": []})
    return SimpleNamespace(report=report, verdict=fingerprint)


def test_a_page_says_what_is_open(tmp_path):
    diary = make_diary(tmp_path)
    diary.leak(make_leak("a"))
    diary.leak(make_leak("b"))
    diary.recovered(make_leak("a"))
    (result,) = gather(str(tmp_path), "")
    assert (result.pid, result.leaks, result.recovered) == (os.getpid(), ("b",), 1)
    assert os.listdir(tmp_path) == [os.path.basename(diary.path)]
    assert gather(str(tmp_path), diary.path) == ()


def test_a_leak_that_has_stopped_and_is_held_stays_a_leak(tmp_path):
    diary = make_diary(tmp_path, stopped=(make_leak("a"),))
    diary.leak(make_leak("a"))
    diary.recovered(make_leak("a"))
    (result,) = gather(str(tmp_path), "")
    assert (result.leaks, result.recovered) == (("a, no longer growing",), 1)


def test_a_forked_child_begins_with_an_empty_page(tmp_path, monkeypatch):
    diary = make_diary(tmp_path, readings=3)
    diary.leak(make_leak("a"))
    diary._follow_fork()
    child = os.getpid() + 1
    monkeypatch.setattr(os, "getpid", lambda: child)
    diary._watcher.readings = 0  # its own
    diary.tick(SimpleNamespace(clock=10.0))
    diary._watcher.readings = 3
    diary.tick(SimpleNamespace(clock=10.5))
    diary.tick(SimpleNamespace(clock=11.0))
    pages = {result.pid: (result.leaks, result.readings) for result in gather(str(tmp_path), "")}
    assert pages == {child - 1: (("a",), 3), child: ((), 3)}


def test_what_cannot_be_written_or_read_harms_nothing(tmp_path):
    diary = make_diary(tmp_path / "no" / "folder")
    diary.leak(make_leak("a"))
    (tmp_path / "1-1.json").write_text("{")
    (tmp_path / "2-2.json").write_text(json.dumps({"pid": 2}))
    assert gather(str(tmp_path), "") == ()


def test_a_run_within_a_run_leaves_its_folder_to_the_outer_one(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    outer = choose_folder(None)
    inner = choose_folder(outer)
    assert os.path.dirname(inner) == outer and not os.path.exists(outer)
    diary = make_diary(inner)
    diary.leak(make_leak("a"))
    if sys.platform != "win32":
        assert {os.stat(folder).st_mode & 0o777 for folder in (outer, inner)} == {0o700}
    told = []
    screen = SimpleNamespace(pid=os.getpid(), end=lambda watcher, watched, others: told.append(others))
    finish(screen, diary, None, True)
    finish(screen, make_diary(outer), None, True)
    assert told[0] == () and [result.leaks for result in told[1]] == [("a",)]
    assert os.listdir(tmp_path) == []


def test_a_run_that_was_killed_leaves_its_folder_to_its_children_who_remove_it(tmp_path):
    folder = tmp_path / "memwatch-run-1"
    make_diary(folder).leak(make_leak("a"))
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    make_diary(folder, run_pid=gone.pid).leak(make_leak("b"))
    assert os.listdir(tmp_path) == []


def test_a_run_without_children_makes_no_folder(lab):
    lab.write("x.py", "import os, time; time.sleep(0.1); os._exit(0)")
    (lab.folder / "tmp").mkdir()
    assert lab.watched("--tick", "0.01", "x.py", TMPDIR=str(lab.folder / "tmp")).status == 0
    assert os.listdir(lab.folder / "tmp") == []
