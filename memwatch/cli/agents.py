"""Reports for coding agents: `memwatch report FILE --for-agents`, and what the MCP server answers."""

from __future__ import annotations

import argparse
import os
import shlex
from time import time
from typing import Any

from ..diagnosis.places import own_frames
from ..errors import OptionError
from ..recording.cases import put_together
from ..recording.compare import since_reported
from ..recording.lives import Reader
from ..recording.text import old_text
from ..render.markdown import BUDGET, LEAST, characters_of, fitted


def tokens(text: str) -> int:
    """A budget from the command line; raises ArgumentTypeError."""
    try:
        characters_of(budget := int(text))
    except OptionError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of tokens") from None
    return budget


def for_agents(reader: Reader, file: str, budget: int = BUDGET) -> str:
    """The leaks of a recording as Markdown, together within *budget* tokens; leaks without room are counted. It says
    which leaks newer processes have not reported. Raises OptionError if the budget is too small."""
    room = characters_of(budget)
    lives, leaks = reader.lives(), reader.leaks()
    cases = put_together(lives, leaks)
    if not cases:
        return (
            f"No leak was reported in {file}. Either nothing leaks, or it was watched for too short a time: "
            "`memwatch run` needs a bit over a minute, a service hours.\n"
        )
    show = f"memwatch report {shlex.quote(file)}"
    shown = cases[: budget // LEAST]
    more = len(cases) - len(shown)
    ending = f"\n{more} more in {file}: `{show} --for-agents --budget {2 * budget}`.\n" if more else ""
    each = (room - len(ending)) // len(shown) - 1
    texts = [
        fitted(
            report := reader.report(case.leak),
            each,
            _is_unchanged(report, case.last),
            command=f"{show} {number}",
            age=old_text(case, since_reported(case, lives, leaks), time()),
        )
        for number, case in enumerate(shown, 1)
    ]
    return "\n".join(texts) + ending


def _is_unchanged(report: dict[str, Any], since: float) -> bool:
    """Whether no file of a suspect was written since a moment: then its lines are still those of the report."""
    frames = (suspect["allocated_at"] for suspect in report["suspects"])
    return all(_written(own_frames(each)[0]["file"]) <= since for each in frames if each)


def _written(file: str) -> float:
    try:
        return os.stat(file).st_mtime
    except (OSError, ValueError):
        return 0.0
