"""A recording as a page for a browser that needs nothing beside itself: the cases, each with its newest report."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ..units import printable
from .cases import Case, Role
from .compare import Change
from .lives import Life
from .text import case_lines, heading, role_rows

# The colours are those of a leak's own page.
_STYLE = """
:root { color-scheme: light dark; --paper: light-dark(#fff, #16171b); --ink: light-dark(#1c1d22, #ececec);
  --quiet: light-dark(#63656e, #9a9ba3); --line: light-dark(#e2e3e8, #303138); --card: light-dark(#f7f7f9, #1e1f24);
  --leak: light-dark(#b3201a, #ff8c80); --fine: light-dark(#1d7a46, #6fce9a);
  --code: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
body { max-width: 1100px; margin: 0 auto; padding: 30px 24px 40px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 28px; line-height: 1.2; }
h2 { margin: 34px 0 8px; font-size: 17px; }
p { margin: 4px 0; }
.quiet { color: var(--quiet); }
.case { margin-top: 14px; padding: 14px 18px; border: 1px solid var(--line); border-radius: 9px;
  background: var(--card); }
.case h3 { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 10px; margin: 0 0 6px;
  font: 650 16px/1.4 var(--code); }
.number { min-width: 1.6em; border-radius: 1em; background: var(--leak); color: var(--paper); text-align: center;
  font-size: 14px; }
.outcome { padding: 0 9px; border: 1px solid; border-radius: 5px; font: 600 13px/1.6 system-ui, sans-serif; }
.outcome.gone { color: var(--fine); }
.outcome.maybe { color: var(--quiet); }
summary { margin-top: 8px; color: var(--quiet); cursor: pointer; }
pre { margin: 8px 0 0; overflow-x: auto; font: 13px/1.45 var(--code); overflow-wrap: normal; }
pre.wrapped { white-space: pre-wrap; }
table { width: 100%; border-collapse: collapse; }
th { color: var(--quiet); font-size: 13px; font-weight: 400; }
th, td { padding: 7px 0 7px 20px; border-bottom: 1px solid var(--line); text-align: right; }
:is(th, td):first-child { padding-left: 0; text-align: left; font-family: var(--code); }
@media (max-width: 640px) {
  body { padding: 18px 14px 30px; }
  thead { display: none; }
  tr { display: block; padding: 8px 0; border-bottom: 1px solid var(--line); }
  td, td:first-child { display: flex; justify-content: space-between; padding: 1px 0; border: 0; }
  td:first-child { font-weight: 650; }
  td:not(:first-child)::before { content: attr(data-name); color: var(--quiet); }
}
"""


def write(
    path: str,
    lives: Sequence[Life],
    roles: Sequence[Role],
    cases: Sequence[tuple[Case, Change | None, str]],
    suspected: Sequence[str],
    now: float,
) -> str:
    """The page; each case comes with what newer processes tell of it, and the text of its newest report; *suspected*
    are the lines about growth that nobody reported."""
    title, name = heading(path, lives, roles, now), printable(path)
    found = "".join(_case(number, *case, now) for number, case in enumerate(cases, 1))
    parts = [
        f'<h1>{escape(name)}</h1><p class="quiet">{escape(title[len(name) + 2 :])}</p>',
        f"<h2>Leaks</h2>{found or '<p>No leak was reported.</p>'}",
    ]
    if suspected:
        lines = escape("\n".join(line[2:] for line in suspected))
        parts.append(f'<h2>Growth that was suspected</h2><pre class="wrapped">{lines}</pre>')
    parts.append(f"<h2>Processes</h2>{_table(role_rows(roles))}")
    return (
        f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def _case(number: int, case: Case, since: Change | None, text: str, now: float) -> str:
    _, *seen = case_lines(number, case, now, since)
    subject = escape(printable(case.subject) or case.verdict)
    known = since.outcome if since else ""
    outcome = f'<span class="outcome {known}">{escape(known)}</span>' if known else ""
    return (
        f'<section class="case"><h3><span class="number">{number}</span> {subject} {outcome}</h3>'
        + "".join(f"<p>{escape(line.strip())}</p>" for line in seen)
        + f"<details><summary>newest report</summary><pre>{escape(text)}</pre></details></section>"
    )


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    """The first row has the names of the columns; in a narrow window each cell bears its own."""
    names, *others = [tuple(map(escape, row)) for row in rows]
    head = "".join(f"<th>{name}</th>" for name in names)
    cells = (
        "".join(f'<td data-name="{name}">{cell}</td>' for name, cell in zip(names, row, strict=True)) for row in others
    )
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
