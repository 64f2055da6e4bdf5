"""A path as lines of text, as DOT, and as the picture that Graphviz makes of it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from shutil import which

from ..errors import UnsupportedError

_SECONDS = 30


def draw_lines(steps: Sequence[str], suspect: int, known: str | None) -> str:
    """A line for each of *steps*; below those from *suspect* on, the name of the reference is underlined by ``~``."""
    lines = [steps[0]]
    for number, step in enumerate(steps[1:], 1):
        lines.append(f"  > {step}")
        if number >= suspect:
            lines.append("    " + "~" * len(split_step(step)[0]))
    if known is not None:
        lines.append(f"  ({known})")
    return "\n".join(lines)


def draw_dot(steps: Sequence[str], suspect: int) -> str:
    """A graph with a node for each object and an edge for each reference; those from *suspect* on are red."""
    lines = ["digraph path {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];']
    lines.append(f"  n0 [label={_quoted(steps[0])}, style=bold];")
    for number, step in enumerate(steps[1:], 1):
        edge, target = split_step(step)
        colour = ', color="#c01515", fontcolor="#c01515"' if number >= suspect else ""
        lines.append(f"  n{number} [label={_quoted(target)}];" if target else f"  n{number} [shape=point];")
        lines.append(f"  n{number - 1} -> n{number} [label={_quoted(edge)}{colour}];")
    return "\n".join([*lines, "}", ""])


def draw_svg(dot: str) -> str:
    """What Graphviz draws of *dot*. Raises `UnsupportedError` where it is not installed or fails."""
    program = which("dot")
    if program is None:
        raise UnsupportedError("a picture needs Graphviz: its program dot is not on the PATH")
    try:
        done = subprocess.run([program, "-Tsvg"], input=dot.encode(), capture_output=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise UnsupportedError(f"Graphviz could not draw the path: {error}") from None
    return done.stdout.decode()


def split_step(step: str) -> tuple[str, str]:
    """The name of a step's reference, and what it leads to; either may be empty."""
    place = _end_of_name(step)
    return (step[:place], step[place + 2 :]) if step[place : place + 2] == ": " else (step, "")


def _end_of_name(step: str) -> int:
    """Where the name of the reference ends: what a key has in quotation marks may be anything."""
    if step.startswith("["):
        return _end_of_key(step)
    place = step.find(": ")
    return len(step) if place < 0 else place


def _end_of_key(step: str) -> int:
    quote, place = "", 1
    while place < len(step):
        char = step[place]
        if quote and char == "\\":
            place += 1
        elif quote or char in "'\"":
            quote = "" if char == quote else quote or char
        elif char == "]":
            return place + 1
        place += 1
    return len(step)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
