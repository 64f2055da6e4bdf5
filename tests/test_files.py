"""A file is written whole or not at all, for its owner only; what was there before survives a failure."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from memwatch import WriteError, files
from memwatch.files import write_file


def test_writes_and_returns_the_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert write_file("a.csv", b"1") == str(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == b"1"


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a", b"1")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_an_existing_file_is_replaced_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    write_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_file(tmp_path / "link", b"1")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"1"


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reading, True)
    got = bytearray()

    def read() -> None:
        while len(got) < 300_000:
            got.extend(os.read(reading, 1 << 16))

    reader = threading.Thread(target=read)
    reader.start()
    write_file(pipe, b"1" * 300_000)  # more than a pipe holds
    reader.join()
    os.close(reading)
    assert got == b"1" * 300_000
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_pipe_without_a_reader_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WriteError, match="nobody reads it"):
        write_file(tmp_path / "pipe", b"1")


def test_a_reader_that_does_not_read_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_PATIENCE", 0.0)
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(WriteError, match="cannot write"):
        write_file(tmp_path / "pipe", b"1" * 3_000_000)
    os.close(reading)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"missing.*No such file or directory") as caught:
        write_file(tmp_path / "missing" / "a", b"1")
    assert caught.value.errno == errno.ENOENT


def test_a_name_with_nul_is_said(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="a name has no NUL"):
        write_file(tmp_path / "a\0b", b"new")


def test_a_folder_cannot_be_replaced(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="directory"):
        write_file(tmp_path, b"1")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no device that is always full")
def test_a_full_device_is_said(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="No space left"):
        write_file("/dev/full", b"1" * 100_000)


def test_a_full_disk_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"old")
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(WriteError, match="File too large"):
            write_file(tmp_path / "a", b"1" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_an_exit_meanwhile_leaves_no_piece(tmp_path: Path) -> None:
    program = """
import os, sys, threading
from memwatch import files

files._LAST_PATIENCE = 0.0
begun = threading.Event()

def write():
    with files.replacing(sys.argv[1], "a heap snapshot") as descriptor:
        os.write(descriptor, b"{")
        begun.set()
        threading.Event().wait()

threading.Thread(target=write, daemon=True).start()
begun.wait()
pid = os.fork() if hasattr(os, "fork") else 0
if pid:
    os.waitpid(pid, 0)
    print(len(os.listdir(os.path.dirname(sys.argv[1]))))  # its child has ended, too
elif hasattr(os, "fork"):
    sys.exit()
"""
    command = [sys.executable, "-W", "ignore", "-c", program, str(tmp_path / "a.heapsnapshot")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == ("1\n" if hasattr(os, "fork") else "")
    assert list(tmp_path.iterdir()) == []
