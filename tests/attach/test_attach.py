"""Attach and detach: programs that were started without memwatch, and all that can be wrong with a process."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time

import pytest

import memwatch
from memwatch.attach import gdb, injection, script, symbols, target
from memwatch.reach import client, folder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="attach works on Linux alone")

BUSY = "while time.monotonic() < end: kept.append(bytearray(2000)); time.sleep(0.002)"
IDLE = "import select; select.select([], [], [], 60)"
PROGRAM = (
    "import sys, time; kept = []; end = time.monotonic() + 60; before = set(globals()); print('ready', flush=True)\n"
)


@pytest.fixture
def start():
    """Start a program, with a socket folder that this test alone looks into."""
    started = []

    def begin(code, *options, command=None):
        program = subprocess.Popen(
            command or [sys.executable, *options, "-c", PROGRAM + code], stdout=subprocess.PIPE, text=True
        )
        started.append(program)
        if command is None:
            assert program.stdout.readline() == "ready\n"
        return program

    yield begin
    for program in started:
        program.kill()
        program.communicate()


def needs_a_way() -> bool:
    return sys.version_info >= (3, 14) or shutil.which("gdb") is not None


@pytest.mark.slow
@pytest.mark.skipif(not needs_a_way(), reason="there is no gdb")
@pytest.mark.parametrize("code", [BUSY, IDLE], ids=["busy", "waiting in the kernel"])
def test_a_program_is_watched_and_left_as_it_was(start, code):
    program = start(code)
    tasks = f"/proc/{program.pid}/task"
    injection.attach(program.pid, pace="job")
    found = client.ask(program.pid, "status")
    assert (found["attached"], found["pace"], found["state"]) == (True, "job", "starting")
    deadline = time.monotonic() + 60
    while len(os.listdir(tasks)) != 2:  # the program's thread and the watcher's, when what loads has ended
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(memwatch.ProcessError, match="it is watched already"):
        injection.attach(program.pid)
    left = client.ask(program.pid, "detach")
    assert "memwatch" in left["modules"] and left["hooks"] == ["os.register_at_fork", "atexit"]
    deadline = time.monotonic() + 60
    while len(os.listdir(tasks)) > 1 or folder.find_sockets(program.pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    injection.attach(program.pid)
    assert client.ask(program.pid, "status")["attached"]
    assert program.poll() is None


@pytest.mark.slow
@pytest.mark.skipif(not needs_a_way(), reason="there is no gdb")
def test_where_memwatch_cannot_be_imported_it_says_so_and_leaves_no_name(start):
    program = start("while time.monotonic() < end and not kept: time.sleep(0.01)", "-I", "-S")
    with pytest.raises(memwatch.ProcessError, match=r"cannot watch process \d+: there is no module memwatch for /"):
        injection.attach(program.pid)
    assert program.poll() is None


def test_the_script_runs_once_and_leaves_no_name(tmp_path, monkeypatch):
    place = tmp_path / "answer"
    answer = str(place)
    monkeypatch.setitem(sys.modules, "memwatch.attach.inside", None)
    names = {"__builtins__": __builtins__}
    for _ in range(2):
        exec(script.make_script(answer, {"pace": "job"}), names)
    deadline = time.monotonic() + 5
    while not place.exists() or not place.read_text().endswith("\n"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "there is no module memwatch.attach.inside" in place.read_text()
    assert set(names) == {"__builtins__"} and sorted(os.listdir(tmp_path)) == ["answer", "answer.begun"]


def test_a_process_that_watches_by_its_own_doing_is_not_detached(monkeypatch):
    with tempfile.TemporaryDirectory(prefix="mw") as home:
        monkeypatch.setattr(folder, "folders", lambda: [f"{home}/memwatch"])
        memwatch.start(tick=0.02)
        try:
            with pytest.raises(memwatch.NotStartedError, match="the process itself started it"):
                client.ask(os.getpid(), "detach")
        finally:
            memwatch.stop()


def test_what_is_no_process_to_attach_to(start):
    with pytest.raises(memwatch.ProcessError, match="there is no process"):
        injection.attach(2**22 + 1)
    with pytest.raises(memwatch.ProcessError, match="this is the process that asks"):
        injection.attach(os.getpid())
    with pytest.raises(memwatch.ProcessError, match="which is no CPython"):
        injection.attach(start("", command=["sleep", "60"]).pid)


@pytest.mark.parametrize(
    ("reads", "links", "words"),
    [
        ({"status": "TracerPid:\t4211\n"}, {}, "is being debugged by process 4211"),
        ({"status": "TracerPid:\t0\n"}, {"/proc/7/ns/mnt": "mnt:[1]"}, "lives in another container"),
        (
            {"status": "", "maps": "0-1 r-xp 0 0 0 /usr/lib/libpython3.8.so.1.0\n"},
            {},
            "runs Python 3.8; memwatch needs",
        ),
        ({"status": "", "maps": "0-1 r-xp 0 0 0 /usr/bin/perl\n"}, {}, "runs '/usr/bin/perl', which is no CPython"),
    ],
)
def test_what_is_read_of_a_process(monkeypatch, reads, links, words):
    monkeypatch.setattr(os, "stat", lambda path: os.stat_result([0] * 10))
    monkeypatch.setattr(
        os, "readlink", lambda path: links.get(path, "/usr/bin/perl" if path.endswith("exe") else "mnt")
    )
    monkeypatch.setattr(target, "_read", lambda path: reads.get(path.rpartition("/")[2], ""))
    with pytest.raises(memwatch.MemwatchError, match=words):
        target.find_target(7)


@pytest.mark.parametrize(
    ("asks", "owns", "words"),
    [(1000, 0, "belongs to another user"), (0, 1000, r"permit it \(ptrace\)"), (1000, 1000, r"permit it \(ptrace\)")],
)
def test_what_may_not_be_looked_into_is_said_to_be_anothers_only_if_it_is(monkeypatch, asks, owns, words):
    def refuse(path):
        raise PermissionError

    monkeypatch.setattr(os, "stat", lambda path: os.stat_result([0, 0, 0, 0, owns, 0, 0, 0, 0, 0]))
    monkeypatch.setattr(os, "geteuid", lambda: asks)
    monkeypatch.setattr(os, "readlink", refuse)
    with pytest.raises(memwatch.ProcessError, match=words):
        target.find_target(1)


@pytest.fixture
def fake_gdb(tmp_path, monkeypatch):
    """Put a script in the place of gdb."""

    def put(script: str) -> None:
        path = tmp_path / "gdb"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(gdb.shutil, "which", lambda name: str(path))
        monkeypatch.setattr(target.Target, "has_remote_exec", False)

    return put


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ("echo 'ptrace: Operation not permitted.' >&2", r"does not permit it \(ptrace\)"),
        ("echo 'No such thing' >&2; exit 1", "run code: No such thing"),
        ("exit 0", "it says nothing"),
    ],
)
def test_what_gdb_cannot_do_is_told(start, fake_gdb, says, words):
    fake_gdb(says)
    with pytest.raises(memwatch.ProcessError, match=words):
        injection.attach(start(IDLE).pid)


def test_without_gdb_it_says_what_to_install(start, fake_gdb, monkeypatch):
    fake_gdb("")
    monkeypatch.setattr(gdb.shutil, "which", lambda name: None)
    with pytest.raises(memwatch.UnsupportedError, match="attach needs gdb"):
        injection.attach(start(IDLE).pid)


def test_a_process_that_ends_meanwhile(start, fake_gdb):
    fake_gdb("echo 'memwatch: entered 0'")
    program = start(IDLE)

    def end() -> None:
        program.send_signal(signal.SIGKILL)
        program.wait()

    threading.Timer(0.3, end).start()
    with pytest.raises(memwatch.ProcessError, match="ended before memwatch was there"):
        injection.attach(program.pid)


def test_a_main_thread_that_waits_is_made_to_run_it_also_where_the_interpreter_was_asked(start, monkeypatch, fake_gdb):
    program, asked = start(IDLE), []

    def run(target, text, at_once, folder):
        asked.append(at_once)
        for name in ("answer.begun", "answer"):
            with open(os.path.join(folder, name), "w") as file:
                file.write("done\n")

    fake_gdb("")
    monkeypatch.setattr(injection.shutil, "which", lambda name: name)
    monkeypatch.setattr(target.Target, "has_remote_exec", True)
    monkeypatch.setattr(injection, "_run_remotely", lambda *given: None)
    monkeypatch.setattr(injection, "run_by_gdb", run)
    injection.attach(program.pid)
    assert asked == [True]


def test_whether_a_main_thread_waits(start):
    waiting, busy = start(IDLE), start("while time.monotonic() < end: pass")
    found = target.find_target(waiting.pid)
    deadline = time.monotonic() + 30
    while not target.waits_in_kernel(found, 0.05):
        assert time.monotonic() < deadline
    assert not target.waits_in_kernel(target.find_target(busy.pid), 0.01)
    waiting.kill()
    waiting.wait()
    assert not target.waits_in_kernel(found, 0.0)


def test_gdb_asks_for_the_gil_only_where_the_thread_stands_in_a_call_without_it(start):
    found = target.find_target(start(IDLE).pid)
    commands = gdb._commands(found, "x = 1", True, "/nowhere").splitlines()
    asks, begins, otherwise = (
        next(place for place, line in enumerate(commands) if line.startswith(word))
        for word in ("if ", "set $state", "else")
    )
    assert "$holds == 0" in commands[asks] and asks < begins < otherwise
    assert commands[otherwise + 1] in gdb._commands(found, "x = 1", False, "/nowhere").splitlines()


def test_addresses_are_those_that_the_process_has():
    import ctypes

    names = ("Py_AddPendingCall", "PyRun_SimpleString", "mmap")
    found = symbols.find_symbols(os.getpid(), names, gdb._FILES)
    own = ctypes.CDLL(None)
    for name in names[:2]:
        assert found[name] == ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value
    assert found["mmap"] == ctypes.cast(own.mmap, ctypes.c_void_p).value


def test_a_file_that_is_no_program_is_told(tmp_path):
    (tmp_path / "libpython3.so").write_bytes(b"\x7fELF" + bytes(100))
    with pytest.raises(memwatch.UnsupportedError, match=r"cannot be read|no program of 64 bits"):
        list(symbols._exports(str(tmp_path / "libpython3.so"), ("mmap",)))
