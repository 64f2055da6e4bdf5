"""Reports for coding agents: `memwatch report FILE --for-agents`, and what the MCP server answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..render.markdown import BUDGET, LEAST, markdown_of


def for_agents(reports: Sequence[Mapping[str, Any]], file: str, budget: int = BUDGET) -> str:
    """The *reports* of a recording as Markdown, together within *budget* tokens; those without room are counted."""
    if not reports:
        return (
            f"No leak was reported in {file}. Either nothing leaks, or it was watched for too short a time: "
            "`memwatch run` needs a bit over a minute, a service hours.\n"
        )
    shown = reports[: max(1, min(len(reports), budget // LEAST))]
    texts = [
        markdown_of(report, max(LEAST, budget // len(shown)), command=f"memwatch report {file} {number}")
        for number, report in enumerate(shown, 1)
    ]
    more = len(reports) - len(shown)
    if more:
        texts.append(f"{more} more leaks are in {file}: `memwatch report {file} --for-agents --budget {2 * budget}`.\n")
    return "\n".join(texts)
