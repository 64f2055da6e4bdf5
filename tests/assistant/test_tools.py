"""What the tools for agents answer, without the SDK: bounded text, and clear errors for what cannot be."""

from __future__ import annotations

import asyncio
import sys
import types
from typing import Any

import pytest

import memwatch
from memwatch.assistant import tools
from memwatch.assistant.program import run_program
from memwatch.cli import main


@pytest.mark.parametrize("pid", [0, -1, True, "4211", 1 << 40])
def test_what_is_no_process_is_refused(pid: Any) -> None:
    with pytest.raises(memwatch.OptionError, match="pid must be the number of a process"):
        tools.diff(pid)


def test_a_process_that_is_not_there_is_named() -> None:
    with pytest.raises(memwatch.ProcessError, match="4000000000"):
        tools.report_process(4_000_000_000, 0.1)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), 1e9])
def test_a_look_has_its_bounds(seconds: float) -> None:
    with pytest.raises(memwatch.OptionError, match=r"seconds must be 0\.1 to 600"):
        tools.report_process(1, seconds)


def test_a_huge_answer_is_cut_and_says_so() -> None:
    assert tools.bounded("short") == "short"
    text = tools.bounded("x" * 1_000_000)
    assert len(text) == tools.LONGEST and text.endswith("... cut: this is the first part of a longer answer.\n")


def test_a_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(memwatch.MemwatchError, match="nowhere"):
        tools.report_file("/nowhere/leaks.memwatch")
    with pytest.raises(memwatch.MemwatchError, match="nowhere"):
        tools.compare("/nowhere/leaks.memwatch", "1", "2")


@pytest.mark.parametrize(
    ("command", "seconds", "message"),
    [
        ([], 5, "command must be a script"),
        (["a.py", ""], 5, "command must"),
        (["a.py"], 0, "seconds must be 1 to 3600"),
    ],
)
def test_a_program_without_a_name_or_an_end_is_not_run(command: list[str], seconds: float, message: str) -> None:
    with pytest.raises(memwatch.OptionError, match=message):
        asyncio.run(run_program(command, seconds))


@pytest.mark.parametrize("found", [None, types.ModuleType("mcp.server")], ids=["not installed", "too old"])
def test_without_its_sdk_the_command_says_what_to_install(
    found: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("mcp", "mcp.server"):
        monkeypatch.setitem(sys.modules, name, found)
    monkeypatch.setitem(sys.modules, "anyio", found and types.ModuleType("anyio"))
    monkeypatch.setitem(sys.modules, "anyio.to_thread", found and types.ModuleType("anyio.to_thread"))
    monkeypatch.delitem(sys.modules, "memwatch.assistant.server", raising=False)
    assert main(["mcp"]) == 1
    assert "release 2 or later: pip install 'memwatch[mcp]'" in capsys.readouterr().err
