"""Where sockets are, and what is not trusted."""

from __future__ import annotations

import os
import socket

import pytest

from memwatch.reach import folder

pytestmark = pytest.mark.skipif(not folder.is_supported(), reason="there are no such sockets")


def test_the_run_folder_of_the_user_comes_first(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    user = os.geteuid()
    assert folder.folders() == [f"{tmp_path}/memwatch", f"/run/user/{user}/memwatch", f"/tmp/memwatch-{user}"]
    monkeypatch.setenv("XDG_RUNTIME_DIR", "somewhere")
    assert folder.folders() == [f"/run/user/{user}/memwatch", f"/tmp/memwatch-{user}"]


def test_a_folder_is_made_for_its_user_alone(sockets):
    assert folder.make_folder() == sockets
    assert os.stat(sockets).st_mode & 0o777 == 0o700
    assert folder.make_folder() == sockets


def test_a_folder_that_others_can_enter_is_refused(sockets):
    os.mkdir(sockets)
    os.chmod(sockets, 0o755)
    with pytest.raises(PermissionError, match="open to other users"):
        folder.make_folder()
    assert folder.find_sockets() == []


def test_a_folder_of_another_user_is_refused(sockets, monkeypatch):
    folder.make_folder()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(PermissionError, match="belongs to another user"):
        folder.make_folder()


@pytest.mark.parametrize("plant", [lambda path: os.symlink("/tmp", path), lambda path: open(path, "w").close()])
def test_what_was_planted_in_its_place_is_refused(sockets, plant):
    plant(sockets)
    with pytest.raises(NotADirectoryError):
        folder.make_folder()


def test_a_folder_that_is_too_long_for_a_socket_is_passed_over(sockets, monkeypatch, tmp_path):
    deep = str(tmp_path / ("x" * 100))
    monkeypatch.setattr(folder, "folders", lambda: [deep, sockets])
    assert folder.make_folder() == sockets
    monkeypatch.setattr(folder, "folders", lambda: [deep])
    with pytest.raises(OSError, match="too long for the path of a socket"):
        folder.make_folder()


def test_only_names_of_processes_are_found(sockets):
    folder.make_folder()
    for name in ("12.sock", "7.sock", "7.2.sock", "07.sock", "x.sock", "7.sock.part", "99999999999.sock"):
        open(os.path.join(sockets, name), "w").close()
    assert [(pid, os.path.basename(path)) for pid, path in folder.find_sockets()] == [
        (7, "7.2.sock"),
        (7, "7.sock"),
        (12, "12.sock"),
    ]
    assert [pid for pid, _ in folder.find_sockets(12)] == [12]


def test_who_is_at_the_other_end_is_told(monkeypatch):
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert folder.is_trusted(one)
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
        assert folder.is_trusted(one) is (os.getuid() == 0)
