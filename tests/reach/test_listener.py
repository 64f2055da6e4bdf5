"""The socket of a watched process, at every place where it could do harm."""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import time
from types import SimpleNamespace

import pytest

import memwatch
from memwatch import default
from memwatch.reach import client, folder, listener

from .conftest import until

pytestmark = pytest.mark.skipif(not folder.is_supported(), reason="there are no such sockets")

QUIET = "import memwatch, time; memwatch.start(tick=0.02); print('ready', flush=True); time.sleep(60)"


def at(sockets: str, name: str = "") -> str:
    return os.path.join(sockets, name or f"{os.getpid()}.sock")


def test_a_watched_process_listens_and_takes_its_socket_away(sockets):
    memwatch.start(tick=0.02)
    status = os.stat(at(sockets))
    assert stat.S_ISSOCK(status.st_mode) and status.st_mode & 0o777 == 0o600
    assert client.ask(os.getpid(), "status")["pid"] == os.getpid()
    memwatch.stop()
    assert os.listdir(sockets) == []
    with pytest.raises(memwatch.ProcessError, match="is not watched by memwatch"):
        client.ask(os.getpid(), "status")


@pytest.mark.parametrize("off", [{"MEMWATCH_SOCKET": "0"}, {}])
def test_it_can_be_switched_off(sockets, monkeypatch, off):
    for name, value in off.items():
        monkeypatch.setenv(name, value)
    memwatch.start(**({} if off else {"socket": False}))
    try:
        assert default._state.listener is None and not os.path.exists(at(sockets))
    finally:
        memwatch.stop()


def test_nothing_of_it_is_loaded_before_somebody_comes(start_program):
    code = """
import sys, memwatch, time
memwatch.start(tick=0.01)
time.sleep(0.1)
known = set(sys.modules)
print("ready", flush=True)
late = {"socket", "json", "memwatch.on_demand", "memwatch.reach.server", "memwatch.diagnosis"}
print(sorted(known & late), flush=True)
sys.stdin.read()
"""
    assert start_program(code).stdout.readline() == "[]\n"


def test_where_it_cannot_listen_the_program_is_watched_all_the_same(sockets, monkeypatch, caplog):
    os.mkdir(sockets)
    os.chmod(sockets, 0o777)
    watcher = memwatch.start(tick=0.02)
    try:
        assert watcher.running and "open to other users" in default._state.listener.problem
        os.chmod(sockets, 0o700)
        default._state.listener._next_check = 0.0
        until(lambda: default._state.listener.path)
        assert client.ask(os.getpid(), "status")
    finally:
        memwatch.stop()


def test_a_name_that_somebody_listens_at_is_left_to_him(sockets):
    folder.make_folder()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(at(sockets))
        other.listen()
        memwatch.start(tick=0.02)
        try:
            assert default._state.listener.path == at(sockets, f"{os.getpid()}.1.sock")
        finally:
            memwatch.stop()
        assert os.listdir(sockets) == [f"{os.getpid()}.sock"]


@pytest.mark.parametrize("plant", ["socket", "file", "link"])
def test_what_was_left_at_its_name_makes_room(sockets, plant, tmp_path):
    folder.make_folder()
    if plant == "socket":
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(at(sockets))
    elif plant == "file":
        open(at(sockets), "w").close()
    else:
        (tmp_path / "precious").write_text("data")
        os.symlink(tmp_path / "precious", at(sockets))
    memwatch.start(tick=0.02)
    try:
        assert client.ask(os.getpid(), "status")
    finally:
        memwatch.stop()
    if plant == "link":
        assert (tmp_path / "precious").read_text() == "data"


def test_a_stranger_gets_nothing(watched, monkeypatch):
    monkeypatch.setattr(folder, "is_trusted", lambda connected: connected.__class__.__module__ == "socket")
    with pytest.raises(memwatch.ProcessError, match="ended before it had answered"):
        client.ask(os.getpid(), "status")


def test_a_program_that_closes_descriptors_gets_its_number_back(watched, sockets, tmp_path):
    here = default._state.listener
    number = here._socket.fileno()
    with open(tmp_path / "own", "w") as file:
        os.dup2(file.fileno(), number)  # as a program does that has closed everything, and opens files of its own
        here._next_check = 0.0
        until(lambda: here._socket is not None and here._socket.fileno() != number)
        os.write(number, b"it is open")
        assert client.ask(os.getpid(), "status")["pid"] == os.getpid()
        os.close(number)


def test_a_socket_that_was_swept_away_comes_again(watched, sockets):
    os.unlink(at(sockets))
    default._state.listener._next_check = 0.0
    until(lambda: os.path.exists(at(sockets)))
    assert client.ask(os.getpid(), "status")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_has_its_own(watched, sockets):
    number = default._state.listener._socket.fileno()
    inherited = listener.identity(number)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(write)
            is_open = listener.identity(number) == inherited
            os.read(read, 1)  # until the parent has asked
        finally:
            os._exit(3 if is_open else 0)
    os.close(read)
    until(lambda: os.path.exists(at(sockets, f"{pid}.sock")))
    assert {it["pid"] for _, it in client.ask_all("status")} == {pid, os.getpid()}
    os.close(write)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert [it[0] for it in client.ask_all("status")] == [os.getpid()], "what it has left is taken away"
    assert os.listdir(sockets) == [f"{os.getpid()}.sock"]


def test_rare_ticks_let_nobody_wait(sockets):
    memwatch.start(tick=600)
    begun = time.monotonic()
    try:
        assert client.ask(os.getpid(), "status")["tick_seconds"] == 600
    finally:
        memwatch.stop()
    assert time.monotonic() - begun < 60


def test_in_a_hurry_it_loads_the_server_and_looks_until_it_is_closed(sockets):
    class Watching:
        pace = SimpleNamespace(tick=1.0)

        def call_later(self, seconds, function):
            asked.append((seconds, function))

    asked, watching = [], Watching()
    here = listener.Listener(watching)
    here.open()
    here.hurry()
    asked.pop()[1]()
    until(lambda: here._loaders[0].room)
    assert 0 < asked[-1][0] < 0.1
    here.close()
    asked.pop()[1]()
    assert asked == []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_a_process_that_is_stopped_is_said_to_be_silent(start_program):
    program = start_program(QUIET)
    program.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(client.NoAnswer, match="it is stopped, or busy in C"):
            client.ask(program.pid, "status", patience=0.3)
        (found,) = client.ask_all("status", patience=0.3)
        assert found[0] == program.pid and "has not answered" in str(found[1])
    finally:
        program.send_signal(signal.SIGCONT)
