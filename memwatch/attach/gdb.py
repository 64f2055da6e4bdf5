"""Has a process run a line of Python by gdb, for interpreters that cannot be asked.

gdb stops the process, puts the text into a page of its own, and enters it among the interpreter's pending calls: the
main thread runs it at the next place where it could run a signal handler as well. A main thread that waits in the
kernel gets to no such place. It has no GIL then, so that it can be made to take it, run the text, and go on waiting.
That it is inside a system call, and without the GIL, is asked when it stands still, for it may have gone on meanwhile.

gdb is given addresses, and is kept from reading symbols: the process would stand still for that.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess

from ..errors import ProcessError, UnsupportedError
from .symbols import find_symbols
from .target import NOT_PERMITTED, Target

_PATIENCE = 30.0  # seconds
_ROOM = 8192  # bytes, two pages
_FILES = re.compile(r"(?:lib)?python3[^/]*|libc[.-][^/]*so[^/]*")
_NAMES = (
    "mmap",
    "Py_AddPendingCall",
    "PyRun_SimpleString",
    "PyGILState_Check",
    "PyGILState_Ensure",
    "PyGILState_Release",
)
_IN_KERNEL = {  # whether the last instruction was a system call
    "x86_64": "*(unsigned short *) ($pc - 2) == 0x050f",
    "aarch64": "*(unsigned int *) ($pc - 4) == 0xd4000001",
}
_PREPARE = """\
set pagination off
set confirm off
set print thread-events off
set auto-solib-add off
set debug-file-directory {folder}
set libthread-db-search-path {folder}
file /proc/{pid}/exe
attach {pid}
set unwindonsignal on
set $at = ((long (*)(void *, unsigned long, int, int, int, long)) {mmap})(0, {room}, 3, 34, -1, 0)
set {{char [{size}]}} $at = "{text}"
"""
_PENDING = """\
set $said = ((int (*)(void *, long)) {Py_AddPendingCall})((void *) {PyRun_SimpleString}, $at)
"""
_AT_ONCE = """\
thread 1
set $holds = ((int (*)(void)) {PyGILState_Check})()
if {in_kernel} && $holds == 0
set $state = ((int (*)(void)) {PyGILState_Ensure})()
set $said = ((int (*)(long)) {PyRun_SimpleString})($at)
call ((void (*)(int)) {PyGILState_Release})($state)
else
{pending}end
"""
_END = """\
printf "memwatch: entered %d\\n", $said
detach
"""


def run_by_gdb(target: Target, text: str, at_once: bool, folder: str) -> None:
    """Have the main thread of *target* run *text*: soon, or *at_once* if it waits in the kernel when it is stopped.

    What gdb is to do is written into *folder*. Raises UnsupportedError where there is no gdb or the interpreter exports
    nothing, ProcessError where it may not or cannot be done.
    """
    gdb = shutil.which("gdb")
    if gdb is None:
        raise UnsupportedError("attach needs gdb for Python below 3.14: install it (apt-get install gdb)")
    path = os.path.join(folder, "commands.gdb")
    with open(path, "w", encoding="ascii") as file:
        file.write(_commands(target, text, at_once, folder))
    try:
        done = subprocess.run(
            [gdb, "-nx", "-batch", "-iex", "set auto-load off", "-x", path],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ProcessError(f"gdb has not come to an end with process {target.pid}, and was ended") from None
    if "memwatch: entered 0" not in done.stdout:
        raise ProcessError(f"gdb cannot make process {target.pid} run code: {_reason(done.stderr)}")


def _commands(target: Target, text: str, at_once: bool, folder: str) -> str:
    addresses = find_symbols(target.pid, _NAMES, _FILES)
    missing = [name for name in _NAMES if name not in addresses]
    if missing:
        raise UnsupportedError(f"the interpreter of process {target.pid} does not export {', '.join(missing)}")
    size = len(text.encode()) + 1
    if size > _ROOM:
        raise UnsupportedError("the options are too long")
    begin = _PREPARE.format(pid=target.pid, folder=folder, room=_ROOM, size=size, text=_quoted(text), **addresses)
    pending = _PENDING.format(**addresses)
    in_kernel = _IN_KERNEL.get(os.uname().machine, "1")
    act = _AT_ONCE.format(in_kernel=in_kernel, pending=pending, **addresses) if at_once else pending
    return begin + act + _END


def _quoted(text: str) -> str:
    """*text* between the quotes of a string of C."""
    plain = " ._=()"
    return "".join(
        chr(byte) if byte < 128 and (chr(byte).isalnum() or chr(byte) in plain) else f"\\{byte:03o}"
        for byte in text.encode()
    )


def _reason(said: str) -> str:
    """What went wrong, in a line."""
    if re.search(r"ptrace: Operation not permitted|Could not attach", said):
        return NOT_PERMITTED
    lines = [line for line in said.splitlines() if line and not line.lower().startswith("warning")]
    return lines[-1] if lines else "it says nothing"
