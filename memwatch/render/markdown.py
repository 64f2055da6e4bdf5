"""A report for a coding agent: Markdown in whole sentences, file and line first, and what to run next.

It is made of the report's dict, so that what was recorded or sent as JSON reads the same. Over the budget the line,
the holder, the cause and the fix of the first suspect stay; the rest is left out from the end, and that is said.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..checks import check_whole
from ..diagnosis import Report
from ..diagnosis.places import own_frames, place_of, shown_file
from ..internal import internal
from ..tables import shorten, shorten_start
from ..units import format_bytes, format_duration, format_rate, plural, printable
from .source import source_line
from .words import VERDICTS, share_text

BUDGET = 2000
"""Tokens that a report takes at most, if nobody says otherwise."""

LEAST = 300
"""Tokens that a report needs."""

TOKEN = 3  # characters, at least: of code and English a token has about four
_STEP = 120
_PATH = 8  # steps
_SUSPECTS = 5
_ROWS = 6
_LEFT_OUT = "\nThe rest of the report was left out to keep within the budget.\n"
_SHORTEST = 20  # characters of a sentence that stays
_UNHELD = {
    "garbage": "Nothing holds it but the reference cycles that it is part of.",
    "native": "Nothing in Python was found to hold it: C code has allocated it, below the named line.",
    "untracked": "Nothing in Python holds it, so nothing in Python can let go of it.",
}

Data = Mapping[str, Any]


@internal
class _Part(NamedTuple):
    """Text in its place; what is `needed` stays, whatever the budget is."""

    text: str
    needed: bool = False


def render_markdown(report: Report, budget: int = BUDGET, source: bool = True) -> str:
    """The text of *report*, of at most *budget* tokens of three characters each, from 300 on; with *source* the text of
    the allocating lines. Raises OptionError."""
    return markdown_of(report.to_dict(), budget, source)


def markdown_of(data: Data, budget: int = BUDGET, source: bool = True, command: str = "") -> str:
    """The same of a report's dict; *command* is what shows the whole report."""
    return fitted(data, characters_of(budget), source, command)


def characters_of(budget: int) -> int:
    """How many characters *budget* tokens are; raises OptionError where these are too few for a report."""
    return check_whole("budget", budget, LEAST, unit="tokens") * TOKEN


def fitted(data: Data, room: int, source: bool = True, command: str = "", age: str = "") -> str:
    """The text of a report in *room* characters; *age* says how old it is."""
    parts = [part for part in _parts(data, source, command, age) if part.text]
    if sum(len(part.text) for part in parts) <= room:
        return "".join(part.text for part in parts)
    return _first_of(parts, room - len(_LEFT_OUT)) + _LEFT_OUT


def _first_of(parts: Sequence[_Part], room: int) -> str:
    """What is needed, shortened where that is long, and as much of the rest as there is room for, in its order."""
    texts = _needed(parts, room)
    room -= sum(map(len, texts))
    for place, part in enumerate(parts):
        if not part.needed:
            room -= len(part.text)
            if room < 0:
                break
            texts[place] = part.text
    return "".join(texts)


def _needed(parts: Sequence[_Part], room: int) -> list[str]:
    """The texts of what is needed, the long ones as short as they have to be, and nothing for the rest."""
    texts = [part.text if part.needed else "" for part in parts]
    longest = max(map(len, texts))
    while sum(map(len, texts)) > room and longest > _SHORTEST:
        longest -= 1
        texts = [_shortened(text, longest) for text in texts]
    return texts


def _shortened(text: str, most: int) -> str:
    line = text.rstrip("\n")
    return shorten(line, most) + text[len(line) :] if len(line) > most else text


def _parts(data: Data, source: bool, command: str, age: str) -> Iterator[_Part]:
    """What there is to say, the most needed first."""
    suspects = data["suspects"]
    yield _Part(f"# {_title(data)}\n\n", True)
    yield _Part(f"{age}\n\n" if age else "", True)
    if suspects:
        yield from _suspect(1, suspects[0], source, data["verdict"])
    else:
        yield _Part(_without_suspect(data), True)
    yield _Part(_growth(data))
    yield _Part(_next(data, command))
    for number, suspect in enumerate(suspects[1:_SUSPECTS], 2):
        text = "".join(part.text for part in _suspect(number, suspect, source, data["verdict"]))
        yield _Part(f"\n{text}")
    yield from map(_Part, _unknown(data))
    yield from map(_Part, _rows(data))


def _title(data: Data) -> str:
    program = f" in {printable(data['program'])}" if data.get("program") else ""
    where = f"{program}, process {data['pid']}" if data.get("pid") else program
    kind = VERDICTS.get(data["verdict"], data["verdict"])
    return f"{'What grows now' if data.get('asked') else 'Memory leak'}{where}: {kind}"


def _suspect(number: int, suspect: Data, source: bool, verdict: str) -> Iterator[_Part]:
    yield _Part(f"## {number}. {_headline(suspect)}\n\n", True)
    frames = suspect["allocated_at"]
    if frames:
        yield from (_Part(f"{line}\n") for line in _allocation(frames, suspect, source))
    else:
        yield _Part("The allocating line is not known: nothing of it was sampled.\n")
    yield _Part(f"{_amount(suspect)}\n")
    for place, line in enumerate(_holders(suspect, verdict)):
        yield _Part(f"{line}\n", place == 0)
    if suspect["cause"]:
        yield _Part(f"The likely cause is {_sentence(suspect['cause'])}\n", True)
    if suspect["hint"]:
        yield _Part(f"To fix it, {_sentence(suspect['hint'])}\n", True)


def _headline(suspect: Data) -> str:
    """``app.py:33 in load: str, held by module app > CACHE``"""
    frames = suspect["allocated_at"]
    what = shorten_start(suspect["type"])
    return f"{place_of(own_frames(frames)[0])}: {what}" if frames else what


def _allocation(frames: Sequence[Data], suspect: Data, source: bool) -> Iterator[str]:
    own = own_frames([dict(frame) for frame in frames])
    samples = suspect["samples"]
    sure = "" if samples >= 5 else ", which is too few to be sure"
    yield f"`{place_of(own[0])}` allocates it ({plural(samples, 'sample')}{sure})."
    text = source_line(own[0]["file"], own[0]["line"]) if source else ""
    if text:
        yield f"That line is `{text.replace('`', chr(39))}`."
    if own[0] != frames[0]:
        yield f"The allocation itself is made in `{place_of(dict(frames[0]))}`."
    callers = [f"`{place_of(frame)}`" for frame in own[1:4]]
    if callers:
        yield f"It is called from {', then '.join(callers)}."


def _amount(suspect: Data) -> str:
    count, size = suspect["count_growth"], format_bytes(suspect["bytes_growth"], signed=True)
    share = share_text(suspect["share"])
    if not count:
        return f"It grew in place, by {size}: {share} of the growth."
    return f"{count:+,} objects of `{shorten_start(suspect['type'])}` came and stayed, {size}: {share} of the growth."


def _holders(suspect: Data, verdict: str) -> Iterator[str]:
    if not suspect["held_by"]:
        yield _UNHELD.get(verdict, "No Python object that holds it was found.")
        return
    items = suspect["retained_items"]
    now = f", which has {items:,} items" if items else ""
    yield f"It is held by `{_path(suspect['held_by'])}`{now}."
    if suspect.get("retained_bytes"):
        yield f"That holder's end would free {format_bytes(suspect['retained_bytes'])}."
    for path in suspect.get("also_held_by", ())[:2]:
        yield f"It is also held by `{_path(path)}`, so both have to let go of it."


def _path(steps: Sequence[str]) -> str:
    shown = [shorten(step, _STEP) for step in steps]
    if len(shown) > _PATH:
        shown = [*shown[: _PATH // 2], f"({len(shown) - _PATH} steps)", *shown[-_PATH // 2 :]]
    return " > ".join(shown)


def _without_suspect(data: Data) -> str:
    lines = ["No type or line is suspected by itself."]
    if data.get("cause"):
        lines.append(f"The likely cause is {_sentence(data['cause'])}")
    if data.get("hint"):
        lines.append(f"To find it, {_sentence(data['hint'])}")
    return "\n".join(lines) + "\n"


def _growth(data: Data) -> str:
    lines = ["", "## How much", ""]
    grew, seconds = data["growth_bytes"], data.get("window_seconds") or 0.0
    over = f" over {format_duration(seconds)}" if seconds else ""
    if grew <= 0:
        lines.append(f"The process did not grow{over}.")
        return "\n".join(lines) + "\n"
    rate = format_rate(data["rate_bytes_per_hour"])
    lines.append(f"The process grew by {format_bytes(grew)}{over}, which is {rate}.")
    left = data.get("time_to_limit_seconds")
    if left is not None and data.get("limit_bytes"):
        lines.append(f"It reaches its limit of {format_bytes(data['limit_bytes'])} in about {format_duration(left)}.")
    if data.get("explained") is not None:
        lines.append(f"{share_text(data['explained'])} of the growth is explained by what was found.")
    return "\n".join(lines) + "\n"


def _next(data: Data, command: str) -> str:
    """What to run, in order: see it, prove it by a test, prove the fix."""
    lines = ["", "## Next", ""]
    if command:
        lines.append(f"- See the whole report: `{command}`")
    lines += [
        "- Make it fail in a test: call the code above in `memwatch.check(lambda: ...)`, or run "
        "`pytest --memwatch-loops=2 TEST`; a leak fails and names its line.",
        f"- After the fix, run it again for as long, as it was started: `memwatch run --fail-on-leak {_started(data)}` "
        "ends with status 1 while it leaks.",
    ]
    return "\n".join(lines) + "\n"


def _started(data: Data) -> str:
    """How the program is named on a command line: its script by the path that a suspect's lines have, if it is among
    them; what is no script is a package that runs as a module."""
    program = str(data.get("program") or "PROGRAM.py")
    files = (frame["file"] for suspect in data["suspects"] for frame in suspect["allocated_at"] if frame["in_app"])
    program = printable(next((shown_file(it) for it in files if os.path.basename(it) == program), program))
    return f"{shlex.quote(program)} ..." if program.endswith(".py") else f"-m {shlex.quote(program)} ..."


def _unknown(data: Data) -> Iterator[str]:
    if data["missing"]:
        yield "\n## What is not known\n\n"
        for text in data["missing"]:
            yield f"- {_sentence(printable(text))}\n"


def _rows(data: Data) -> Iterator[str]:
    rows = [row for row in data.get("rows", ()) if row["size_bytes"] > 0][:_ROWS]
    if not rows:
        return
    yield "\n## All that grew\n\n"
    for row in rows:
        size, share = format_bytes(row["size_bytes"], signed=True), share_text(row["share"])
        yield f"- {shorten_start(row['what'])}: {row['count']:+,} objects, {size}, {share}\n"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
