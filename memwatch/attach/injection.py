"""Brings memwatch into a process and waits until it watches there, or says why it does not."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from ..errors import MemwatchError, ProcessError
from .gdb import run_by_gdb
from .script import DONE, make_script
from .target import Target, find_target, run_interpreter, waits_in_kernel

_PATIENCE = 30.0  # seconds until memwatch is loaded there, at most
_SOON = 0.7  # seconds in which a main thread that runs Python comes to the place where it runs what is pending
_STILL = 0.05  # seconds in which a main thread that waits in the kernel is not seen to wake
_POLL = 0.02
_REMOTE = "import sys; sys.remote_exec(int(sys.argv[1]), sys.argv[2])"


def attach(pid: int, **options: Any) -> None:
    """Have the process *pid* watch itself with these options of `memwatch.start`, and listen to its user.

    Raises ProcessError where there is no such process, where it is another's, or where it ends or refuses; and
    UnsupportedError where its Python is too old, or gdb is missing.
    """
    target = find_target(pid)
    with _place_for(target) as folder:
        answer = os.path.join(folder, "answer")
        text = make_script(answer, options)
        by_gdb = shutil.which("gdb") is not None or not target.has_remote_exec
        waits = by_gdb and waits_in_kernel(target, _STILL)
        if target.has_remote_exec and not waits:
            _run_remotely(target, folder, text)
        else:
            run_by_gdb(target, text, waits, folder)
        if not _wait_for(f"{answer}.begun", target, _SOON) and by_gdb:  # it has come to wait meanwhile
            run_by_gdb(target, text, True, folder)
        if not _wait_for(answer, target, _PATIENCE):
            raise ProcessError(f"process {pid} has not run what it was given within {_PATIENCE:g} s: {_WHY}")
        said = _read(answer)
    if said != DONE:
        raise ProcessError(f"memwatch cannot watch process {pid}: {said}")


@contextlib.contextmanager
def _place_for(target: Target) -> Iterator[str]:
    """A folder that the process can write to, and nobody else's user."""
    folder = tempfile.mkdtemp(prefix="memwatch-attach-")
    try:
        if target.uid != os.geteuid():
            os.chown(folder, target.uid, -1)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_remotely(target: Target, folder: str, text: str) -> None:
    """By its own interpreter, which knows how: ours may be another version."""
    script = os.path.join(folder, "script.py")
    with open(script, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(script, 0o644)
    done = run_interpreter(target, _REMOTE, str(target.pid), script)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["it says nothing"]
        raise ProcessError(f"process {target.pid} cannot be made to run code: {lines[-1]}")


def _wait_for(path: str, target: Target, seconds: float) -> bool:
    """Whether *path* is there in time. Raises ProcessError if the process ends before that."""
    deadline = time.monotonic() + seconds
    while not os.path.exists(path):
        if not os.path.exists(f"/proc/{target.pid}"):
            raise ProcessError(f"process {target.pid} ended before memwatch was there")
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True


def _read(path: str) -> str:
    """The line in it, when it is written to its end."""
    for _ in range(100):
        with open(path, encoding="utf-8", errors="replace") as file:
            if (said := file.read()).endswith("\n"):
                return said.rstrip("\n")
        time.sleep(_POLL)
    raise MemwatchError("the process has written no answer")


_WHY = "its main thread is busy in C, or stopped, or waits in the kernel, which takes gdb"
