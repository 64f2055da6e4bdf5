"""A recording as a page for a browser that needs nothing beside itself: the cases, each with its newest report."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .cases import Case, Role
from .compare import Change
from .lives import Life
from .text import case_lines, heading, role_lines

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
pre { overflow-x: auto; font: 13px/1.45 ui-monospace, monospace; }
summary { cursor: pointer; }
"""


def write(
    path: str,
    lives: Sequence[Life],
    roles: Sequence[Role],
    cases: Sequence[tuple[Case, Change | None, str]],
    now: float,
) -> str:
    """The page; each case comes with what newer processes tell of it, and the text of its newest report."""
    title = escape(heading(path, lives, roles, now))
    parts = [f"<h1>{title}</h1>"]
    for number, (case, since, text) in enumerate(cases, 1):
        name, *seen = (escape(line.strip()) for line in case_lines(number, case, now, since))
        parts.append(f"<h2>{name}</h2><p>{'<br>'.join(seen)}</p>")
        parts.append(f"<details><summary>newest report</summary><pre>{escape(text)}</pre></details>")
    if not cases:
        parts.append("<p>No leak was reported.</p>")
    table = "\n".join(role_lines(roles))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style><body>{''.join(parts)}<pre>{escape(table)}</pre></body></html>\n"
    )
