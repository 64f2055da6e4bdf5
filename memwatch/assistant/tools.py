"""What the tools answer: text of bounded length. Each asks by the socket of a user's own processes, or reads a file."""

from __future__ import annotations

import os
from typing import Any

from ..checks import check_whole
from ..cli.agents import for_agents
from ..cli.ps import table
from ..errors import MemwatchError, OptionError
from ..reach.client import ask, ask_all, ask_to_look
from ..recording.compare import compare as compare_lives
from ..recording.compare import split_by_release
from ..recording.lives import Reader
from ..recording.text import change_lines
from ..render.markdown import BUDGET, markdown_of

LONGEST = 24_000
"""Characters of an answer."""

_MOST_PATHS = 10
_LONGEST_LOOK = 600.0
_CUT = "\n... cut: this is the first part of a longer answer.\n"


def bounded(text: str) -> str:
    """*text*, or as much of it as an answer may have."""
    return text if len(text) <= LONGEST else text[: LONGEST - len(_CUT)] + _CUT


def list_processes() -> str:
    """The watched processes of this user, a line each."""
    found = ask_all("status")
    if not found:
        return "No process of this user is watched. Start one with `memwatch run app.py`, or with MEMWATCH=1."
    return bounded("\n".join(table(found, 0)))


def report_process(pid: int, seconds: float = 30.0, budget: int = BUDGET) -> str:
    """What grows in a process between two looks."""
    answer = ask_to_look(_pid(pid), "report", _seconds(seconds))
    return bounded(markdown_of(answer["report"], budget, command=f"memwatch report {pid}"))


def report_file(file: str, budget: int = BUDGET) -> str:
    """The leaks that processes have recorded."""
    with Reader(os.path.expanduser(file)) as reader:
        return bounded(for_agents(reader, file, budget))


def diff(pid: int, seconds: float = 30.0) -> str:
    """Which types come and go in a process."""
    return bounded(str(ask_to_look(_pid(pid), "diff", _seconds(seconds))["text"]))


def retaining_paths(pid: int, type: str, limit: int = 3) -> str:
    """Who holds the objects of a type in a process."""
    check_whole("limit", limit, 1, _MOST_PATHS)
    paths: list[dict[str, Any]] = ask(_pid(pid), "paths", type=type, limit=limit)["paths"]
    if not paths:
        return f"No object of {type} is held by anything that memwatch can see in process {pid}."
    return bounded("\n".join(f"{number}. {' > '.join(path['steps'])}" for number, path in enumerate(paths, 1)))


def compare(file: str, old: str, new: str) -> str:
    """What became of the leaks of one release in another."""
    with Reader(os.path.expanduser(file)) as reader:
        lives = reader.lives()
        changes = compare_lives(*split_by_release(lives, old, new), reader.leaks())
    lines = [line for number, change in enumerate(changes, 1) for line in change_lines(number, change)]
    return bounded("\n".join(lines) or f"No leak was reported in {old} or {new}.")


def _pid(pid: object) -> int:
    if type(pid) is not int or not 0 < pid < 1 << 32:
        raise OptionError(f"pid must be the number of a process, not {pid!r:.40}")
    return pid


def _seconds(seconds: float) -> float:
    if not 0.1 <= seconds <= _LONGEST_LOOK:
        raise OptionError(f"seconds must be 0.1 to {_LONGEST_LOOK:g}, not {seconds:g}")
    return seconds


def explain(error: MemwatchError | OSError) -> str:
    """What an agent is told of an error."""
    return str(error) or type(error).__name__
