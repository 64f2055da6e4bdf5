"""A process that memwatch is to be brought into: which Python it runs, and whether that may be done. Linux."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass

from ..errors import ProcessError, UnsupportedError
from ..internal import internal

_PYTHON = re.compile(r"(?:lib)?python(3\.[0-9]+)t?(?:\.so[.0-9]*)?")
_REMOTE = (3, 14)
NOT_PERMITTED = (
    "the system does not permit it (ptrace). Be root, give the container SYS_PTRACE, or look at "
    "/proc/sys/kernel/yama/ptrace_scope"
)


@internal
@dataclass(frozen=True, slots=True)
class Target:
    """The process `pid` of the user `uid`; `executable` is its interpreter, of `version` (major, minor)."""

    pid: int
    uid: int
    executable: str
    version: tuple[int, int]

    @property
    def has_remote_exec(self) -> bool:
        """Whether its interpreter can be asked to run something."""
        return self.version >= _REMOTE


def find_target(pid: int) -> Target:
    """The process, if memwatch can be brought into it. Raises ProcessError and UnsupportedError, which say why not."""
    if sys.platform != "linux":
        raise UnsupportedError("attach works on Linux alone")
    if pid == os.getpid():
        raise ProcessError("this is the process that asks: call memwatch.start() instead")
    root = f"/proc/{pid}"
    try:
        uid = os.stat(root).st_uid
        status = _read(f"{root}/status")
        executable, maps = os.readlink(f"{root}/exe"), _read(f"{root}/maps")
        is_near = os.readlink(f"{root}/ns/mnt") == os.readlink("/proc/self/ns/mnt")
    except FileNotFoundError:
        raise ProcessError(f"there is no process {pid}, or it is ending") from None
    except PermissionError:
        why = NOT_PERMITTED if os.geteuid() in (0, uid) else "it belongs to another user"
        raise ProcessError(f"process {pid} may not be looked into: {why}") from None
    if tracer := _field(status, "TracerPid"):
        raise ProcessError(f"process {pid} is being debugged by process {tracer}")
    if not is_near:
        raise ProcessError(f"process {pid} lives in another container: attach from inside of it")
    return Target(pid, uid, executable, _version(pid, executable, maps))


def _version(pid: int, executable: str, maps: str) -> tuple[int, int]:
    """That of its interpreter, by the names of its files."""
    names = [os.path.basename(executable), *(os.path.basename(line.split()[-1]) for line in maps.splitlines())]
    for name in names:
        if found := _PYTHON.fullmatch(name):
            major, minor = found[1].split(".")
            version = int(major), int(minor)
            if version < (3, 11):
                raise UnsupportedError(f"process {pid} runs Python {found[1]}; memwatch needs 3.11 or newer")
            return version
    raise ProcessError(f"process {pid} runs {executable!r}, which is no CPython")


def waits_in_kernel(target: Target, seconds: float) -> bool:
    """Whether its main thread sleeps, and is not seen to wake within so many *seconds*: it runs no Python then."""
    before = _main_thread(target.pid)
    time.sleep(seconds)
    return bool(before) and before == _main_thread(target.pid)


def _main_thread(pid: int) -> tuple[int, ...]:
    """How often the main thread has left the processor; empty where it does not sleep."""
    try:
        status = _read(f"/proc/{pid}/task/{pid}/status")
    except OSError:
        return ()
    sleeps = re.search(r"^State:\s*S", status, re.MULTILINE)
    return tuple(_field(status, f"{kind}voluntary_ctxt_switches") for kind in ("", "non")) if sleeps else ()


def run_interpreter(target: Target, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run *code* with the same interpreter, isolated, in a process of its own."""
    command = [f"/proc/{target.pid}/exe", "-I", "-S", "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _field(status: str, name: str) -> int:
    found = re.search(rf"^{name}:\s*([0-9]+)$", status, re.MULTILINE)
    return int(found[1]) if found else 0
