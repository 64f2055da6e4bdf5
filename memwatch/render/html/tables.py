"""The other sections of the page: the curve, the types that grew, what is missing, and what memwatch cost."""

from __future__ import annotations

from ...calltree import CallTree
from ...diagnosis import Account, Report
from ...diagnosis.causes import BY_VERDICT
from ...units import format_bytes, format_duration
from ..words import cost_text, counts_of, growing_rows, share_text, shrunk_text
from .curve import draw_curve
from .elements import Markup, bar, element, join

_ROWS = 20
_NOTES = 20
_METERS = {
    "base": "What the allocators of Python and of C have given to the program.",
    "rss": "Resident memory: what the process has of the machine.",
}
_HEADS = ("Type", "Objects", "Allocated", "Freed", "Growth", "Share")


def draw_curve_section(report: Report) -> Markup:
    """What the meter has read since watching began."""
    drawn = draw_curve(report.curve, report.meter, report.since_seconds)
    if not drawn:
        return Markup()
    note = element("p", _METERS.get(report.meter, report.meter), class_="note")
    return element("section", element("h2", "Growth"), note, element("figure", drawn))


def draw_types(report: Report) -> Markup:
    """The types that grew since the suspicion."""
    rows, rest = growing_rows(report.account, _ROWS)
    if not rows:
        return Markup()
    head = element("tr", *(element("th", name, scope="col") for name in _HEADS))
    body = [_row(row.what, (f"{row.count:+,}", *counts_of(row)), row.size_bytes, report.account) for row in rows]
    body += [_row(name, ("", "", ""), size, report.account) for name, size in rest]
    notes = [f"Since the suspicion, {format_duration(report.since_seconds)} before the verdict."]
    notes.append(_sentence(shrunk_text(report.account)))
    if report.ratchets:
        names = ", ".join(ratchet.what for ratchet in report.ratchets[:3])
        notes.append(f"{names} grew at each of {report.ratchets[0].readings} looks.")
    table = element("table", element("thead", head), element("tbody", *body), class_="types")
    note = element("p", " ".join(filter(None, notes)), class_="note")
    return element("section", element("h2", "What grew"), note, element("div", table, class_="scroll"))


def _sentence(text: str) -> str:
    return text and f"{text[0].upper()}{text[1:]}."


def _row(name: str, counts: tuple[str, ...], size: int, account: Account) -> Markup:
    share = size / account.total
    cells = (element("td", text) for text in (*counts, format_bytes(size, signed=True)))
    return element(
        "tr",
        element("th", name, scope="row"),
        *cells,
        element("td", bar(share), element("span", share_text(share))),
    )


def draw_words_alone(report: Report) -> Markup:
    """What the verdict alone can say, where nobody is suspected."""
    words = BY_VERDICT.get(report.verdict)
    if words is None:
        return Markup()
    lines = ("Cause", words.cause), ("Hint", words.hint)
    said = (join(element("dt", name), element("dd", text)) for name, text in lines)
    return element("section", element("h2", "What it may be"), element("dl", *said, class_="advice"))


def growth_note(tree: CallTree) -> str:
    """What the flame graph shows."""
    root = tree.root
    interval = f"{tree.sample_interval >> 10} KiB" if tree.sample_interval >= 1024 else f"{tree.sample_interval} B"
    return (
        f"What was allocated in the {format_duration(tree.duration)} since the suspicion and is still alive: "
        f"{format_bytes(root.total_bytes)} in about {root.total_count:,} blocks, sampled once in {interval}. "
        "The wider a function, the more it and what it calls have allocated."
    )


def draw_missing(report: Report) -> Markup:
    """What was skipped and why, and what the report has cost."""
    notes = (element("li", line) for line in report.missing[:_NOTES])
    missing = (element("h2", "What is missing"), element("ul", *notes, class_="missing")) if report.missing else ()
    cost = element("h2", "What memwatch cost"), element("p", cost_text(report.cost), class_="note")
    return element("section", *missing, *cost)
