"""Runs a program under watch for an agent: for a time that is bounded, ended with all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Sequence

from ..errors import OptionError
from .tools import bounded, report_file

LEAST, MOST = 1.0, 3600.0
"""Seconds that a program may run."""

_GRACE = 10.0  # seconds between the request to end and the end
_TAIL = 2000  # characters of what it has printed


async def run_program(command: Sequence[str], seconds: float = 90.0) -> str:
    """Run *command*, a script or ``-m module`` with arguments, for *seconds* at most; the report of what it leaked.

    What it prints goes into the answer, its last 2,000 characters. Where the call is cancelled the program is ended.
    Raises OptionError.
    """
    if not command or not all(type(word) is str and word for word in command):
        raise OptionError("command must be a script and its arguments, or '-m', a module and its arguments")
    if not LEAST <= seconds <= MOST:
        raise OptionError(f"seconds must be {LEAST:g} to {MOST:g}, not {seconds:g}")
    with tempfile.TemporaryDirectory(prefix="memwatch-") as folder:
        record = os.path.join(folder, "leaks.memwatch")
        output, ending = await _run([*_memwatch(record), *command], seconds)
        report = report_file(record) if os.path.exists(record) else "The program was not watched."
    return bounded(f"{report.replace(record, 'RECORDING')}\n## How it ended\n\n{ending}\n\n```text\n{output}\n```\n")


def _memwatch(record: str) -> list[str]:
    return [sys.executable, "-m", "memwatch", "run", "--record", record]


async def _run(command: Sequence[str], seconds: float) -> tuple[str, str]:
    """The end of its output, and how it ended."""
    started = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    reading = asyncio.create_task(_last_part(started))
    try:
        async with asyncio.timeout(seconds):
            await started.wait()
        ending = f"The program ended by itself with status {started.returncode}."
    except TimeoutError:
        ending = f"The program was ended after {seconds:g} s."
    finally:
        await _end(started)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([reading], timeout=1)
        reading.cancel()
    return (reading.result() if reading.done() and not reading.cancelled() else ""), ending


async def _last_part(started: asyncio.subprocess.Process) -> str:
    kept = b""
    while started.stdout is not None and (part := await started.stdout.read(1 << 16)):
        kept = (kept + part)[-4 * _TAIL :]
    return kept.decode("utf-8", "backslashreplace")[-_TAIL:].replace("```", "'''")


async def _end(started: asyncio.subprocess.Process) -> None:
    """Ask the program and all that it started to end, then end them; also while the call is cancelled."""
    for how in (signal.SIGINT, signal.SIGKILL):
        if started.returncode is None or how is signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(started.pid, how)
        if started.returncode is None:
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(asyncio.shield(started.wait()), _GRACE)
