"""The suspects of the page: what grew, the line that allocated it with its source, who holds it, cause and hint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...diagnosis import Report, Suspect
from ...diagnosis.places import own_frames, place_of, shown_file
from ...units import format_bytes, plural
from ..source import source_around
from ..words import objects_text, retained_text, samples_text, share_text
from .elements import Markup, bar, element, join
from .holders import draw_path

_MOST = 5
_AROUND = 3  # lines of source
_CALLERS = 7
_HOLDERS = 3  # beside the first


def draw_suspects(report: Report) -> Markup:
    """A section with an article for each; empty if nobody is suspected."""
    if not report.suspects:
        return Markup()
    shown = report.suspects[:_MOST]
    articles = (_suspect(number, suspect) for number, suspect in enumerate(shown, 1))
    return element("section", element("h2", "Suspects" if len(shown) > 1 else "Suspect"), *articles)


def _suspect(number: int, suspect: Suspect) -> Markup:
    size = format_bytes(suspect.bytes_growth, signed=True)
    head = element(
        "header",
        element("span", str(number), class_="rank"),
        element("h3", suspect.type),
        element("p", f"{objects_text(suspect)}, {size}"),
        element("p", bar(suspect.share), f"{share_text(suspect.share)} of the growth", class_="share"),
    )
    parts = [part for part in (_allocated(suspect), _held(suspect)) if part]
    evidence = element("div", *parts, class_="evidence") if parts else Markup()
    return element("article", head, _advice(suspect), evidence, class_="suspect")


def _advice(suspect: Suspect) -> Markup:
    words = [(name, said) for name, said in (("Cause", suspect.cause), ("Hint", suspect.hint)) if said]
    lines = (join(element("dt", name), element("dd", said)) for name, said in words)
    return element("dl", *lines, class_="advice") if words else Markup()


def _allocated(suspect: Suspect) -> Markup:
    frames = suspect.allocated_at
    if not frames:
        return Markup()
    own = own_frames(frames)[0]
    place = element(
        "p",
        element("b", f"{shown_file(own['file'])}:{own['line']}"),
        f" in {own['function']}",
        element("span", samples_text(suspect.samples)),
        class_="place",
    )
    return element("div", element("h4", "Allocated at"), place, _source(own), _stack(frames, own), class_="allocated")


def _source(frame: dict[str, Any]) -> Markup:
    rows = source_around(frame["file"], frame["line"], _AROUND)
    if not rows:
        return Markup()
    lines = (
        element(
            "span",
            element("i", str(number)),
            text,
            class_="here" if number == frame["line"] else None,
        )
        for number, text in rows
    )
    return element("pre", *lines, class_="source")


def _stack(frames: Sequence[dict[str, Any]], own: dict[str, Any]) -> Markup:
    """The other frames, innermost first, above and below the program's own line."""
    others = [frame for frame in frames if frame is not own][:_CALLERS]
    inner = frames.index(own)
    items = (
        element(
            "li",
            element("span", "in" if number < inner else "called from"),
            " ",
            place_of(frame),
            class_="ours" if frame["in_app"] else None,
        )
        for number, frame in enumerate(others)
    )
    return element("ul", *items, class_="stack") if others else Markup()


def _held(suspect: Suspect) -> Markup:
    if suspect.held_by is None:
        return Markup()
    count = f"{suspect.count_growth:,} x " if suspect.count_growth > 0 else ""
    leaked = f"{count}{suspect.type}"
    pictures = [element("h4", "Held by"), draw_path(suspect.held_by, leaked)]
    for path in suspect.also_held_by[:_HOLDERS]:
        pictures += [element("h4", "And by"), draw_path(path, leaked)]
    if (others := len(suspect.also_held_by) - _HOLDERS) > 0:
        pictures.append(element("p", f"and by {plural(others, 'other')}"))
    if suspect.retained_bytes is not None:
        pictures.append(element("p", f"The holder retains {retained_text(suspect)}."))
    return element("div", *pictures, class_="held")
