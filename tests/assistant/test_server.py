"""The MCP server, driven by the official SDK's own client over standard input and output."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memwatch.assistant.tools import list_processes

mcp: Any = pytest.importorskip("mcp", minversion=None)
stdio: Any = pytest.importorskip("mcp.client.stdio")

pytestmark = [pytest.mark.clients, pytest.mark.slow]

GROWING = """
import time
class Order:
    def __init__(self): self.note = bytes(1000)
KEPT = []
print("ready", flush=True)
end = time.monotonic() + 60
while time.monotonic() < end:
    KEPT.append(Order())
    time.sleep(0.002)
"""


def _server(*options: str) -> Any:
    """How to start it; the SDK gives it few of our variables, and the folder of the sockets is one of the others."""
    folder = {"XDG_RUNTIME_DIR": os.environ["XDG_RUNTIME_DIR"]}
    return stdio.StdioServerParameters(command=sys.executable, args=["-m", "memwatch", "mcp", *options], env=folder)


async def call(name: str, words: dict[str, Any], *options: str) -> tuple[bool, str]:
    """Whether a tool failed, and what it said."""
    parameters = _server(*options)
    async with mcp.Client(parameters) as client:
        answer = await client.call_tool(name, words)
        return bool(answer.is_error), str(answer.content[0].text)


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A watched process that grows, by its number."""
    script = tmp_path_factory.mktemp("growing") / "growing.py"
    script.write_text(GROWING, encoding="utf-8")
    command = [sys.executable, "-m", "memwatch", "run", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as started:
        try:
            assert started.stdout is not None and started.stdout.readline() == b"ready\n"
            deadline = time.monotonic() + 20
            while str(started.pid) not in list_processes() and time.monotonic() < deadline:
                time.sleep(0.2)
            yield started.pid
        finally:
            started.kill()


def test_only_reading_tools_are_offered_by_default() -> None:
    async def names(*options: str) -> dict[str, bool]:
        parameters = _server(*options)
        async with mcp.Client(parameters) as client:
            found = (await client.list_tools()).tools
            return {tool.name: tool.annotations.read_only_hint for tool in found}

    reading = dict.fromkeys(("list_processes", "report", "diff", "retaining_paths", "compare"), True)
    assert asyncio.run(names()) == reading
    assert asyncio.run(names("--allow-run")) == {**reading, "run_program": False}


def test_a_process_is_listed_and_told(growing: int) -> None:
    failed, text = asyncio.run(call("list_processes", {}))
    assert not failed and str(growing) in text and "growing.py" in text
    failed, text = asyncio.run(call("report", {"pid": growing, "seconds": 2}))
    assert not failed and text.startswith("# What grows now in growing.py")
    assert "KEPT" in text and "growing.py:9" in text
    failed, text = asyncio.run(call("diff", {"pid": growing, "seconds": 0.5}))
    assert not failed and "__main__.Order" in text
    failed, text = asyncio.run(call("retaining_paths", {"pid": growing, "type": "__main__.Order"}))
    assert not failed and text.startswith("1. module __main__ > .KEPT: list")


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("report", {"pid": 4_000_000_000}, "4000000000"),
        ("report", {}, "give either pid or file"),
        ("diff", {"pid": -3}, "pid must be the number of a process"),
        ("compare", {"file": "/nowhere", "old": "1", "new": "2"}, "nowhere"),
        ("run_program", {"command": ["a.py"]}, "run_program"),
    ],
)
def test_what_cannot_be_is_an_error_that_says_why(name: str, words: dict[str, Any], message: str) -> None:
    async def ask() -> tuple[bool, str]:
        try:
            return await call(name, words)
        except (Exception, BaseExceptionGroup) as error:  # a tool that is not offered is an error of the protocol
            return True, repr(error.exceptions if isinstance(error, BaseExceptionGroup) else error)

    failed, text = asyncio.run(ask())
    assert failed and message in text


def test_a_program_that_is_run_is_told(tmp_path: Path) -> None:
    script = tmp_path / "short.py"
    script.write_text("print('hello')\n", encoding="utf-8")
    failed, text = asyncio.run(call("run_program", {"command": [str(script)], "seconds": 30}, "--allow-run"))
    assert not failed and "No leak was reported" in text
    assert "The program ended by itself with status 0." in text and "hello" in text


def test_a_call_that_is_cancelled_ends_its_program(tmp_path: Path) -> None:
    script, mark = tmp_path / "long.py", tmp_path / "pid"
    script.write_text(f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(300)\n")

    async def cancelled() -> None:
        parameters = _server("--allow-run")
        async with mcp.Client(parameters) as client:
            calling = asyncio.create_task(client.call_tool("run_program", {"command": [str(script)], "seconds": 300}))
            while not (mark.exists() and mark.read_text()):
                await asyncio.sleep(0.1)
            calling.cancel()
            await asyncio.gather(calling, return_exceptions=True)
            assert not (await client.call_tool("list_processes", {})).is_error
            await _until_gone(int(mark.read_text()))

    asyncio.run(asyncio.wait_for(cancelled(), 60))


async def _until_gone(pid: int) -> None:
    while Path(f"/proc/{pid}").exists():
        await asyncio.sleep(0.1)
