"""The MCP server of `memwatch mcp`, by the official SDK, on standard input and output: the tools and what they take."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from ..errors import MemwatchError
from ..version import __version__
from . import program, tools

_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_RUNS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True)
_ABOUT = (
    "Finds memory leaks in Python programs. Begin with list_processes, or with report on a recording; a report names "
    "the line that allocates, the holder and the fix, and says what to run next."
)


def make_server(allow_run: bool = False) -> Any:
    """The server; it offers to run programs only with *allow_run*."""
    server = MCPServer("memwatch", instructions=_ABOUT, version=__version__)
    for tool in (list_processes, report, diff, retaining_paths, compare):
        server.tool(annotations=_READS, structured_output=False)(tool)
    if allow_run:
        server.tool(annotations=_RUNS, structured_output=False)(run_program)
    return server


async def list_processes() -> str:
    """List the Python processes of this user that memwatch watches: state, growth, the culprit."""
    return await _answer(tools.list_processes)


async def report(pid: int | None = None, file: str | None = None, seconds: float = 30, budget: int = 2000) -> str:
    """Report a leak: file and line, holder, cause, fix. Of a running process (pid; takes `seconds`), or of a file that
    `memwatch run --record` has written. At most `budget` tokens."""
    if (pid is None) == (file is None):
        raise ToolError("give either pid or file")
    if file is not None:
        return await _answer(tools.report_file, file, budget)
    return await _answer(tools.report_process, pid, seconds, budget)


async def diff(pid: int, seconds: float = 30) -> str:
    """Show which types of objects came and went in a process within `seconds`."""
    return await _answer(tools.diff, pid, seconds)


async def retaining_paths(pid: int, type: str, limit: int = 3) -> str:
    """Show who holds the objects of a type, such as "app.Order", in a process."""
    return await _answer(tools.retaining_paths, pid, type, limit)


async def compare(file: str, old: str, new: str) -> str:
    """Show what became of the leaks of release `old` in release `new`, in a recording."""
    return await _answer(tools.compare, file, old, new)


async def run_program(command: list[str], seconds: float = 90) -> str:
    """Run a Python program under watch for `seconds` at most and report what leaks: `command` is a script and its
    arguments, or "-m", a module and its arguments. A leak is reported after 64 s of steady growth at the earliest."""
    return await _explained(program.run_program(command, seconds))


async def _answer(tool: Callable[..., str], *words: Any) -> str:
    """The answer of a tool, in a thread that is left alone where the call is cancelled."""
    return await _explained(anyio.to_thread.run_sync(lambda: tool(*words), abandon_on_cancel=True))


async def _explained(answer: Awaitable[str]) -> str:
    try:
        return await answer
    except (MemwatchError, OSError) as error:
        raise ToolError(tools.explain(error)) from None
