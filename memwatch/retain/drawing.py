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
    """Where the name of the reference ends: keys are in quotation marks and may hold anything."""
    if step[:2] in ("['", '["'):
        quote, place = step[1], 2
        while place < len(step) and step[place] != quote:
            place += 2 if step[place] == "\\" else 1
        return step.find("]", place) + 1 or len(step)
    place = step.find(": ")
    return len(step) if place < 0 else place


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
