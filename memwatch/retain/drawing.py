"""A path as a graph in the DOT language, and as the picture that Graphviz makes of it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from shutil import which

from ..errors import UnsupportedError
from .holder_names import edge_text, root_text, target_text
from .steps import Root, Step

_SECONDS = 30


def draw_dot(root: Root, steps: Sequence[Step], suspect: int) -> str:
    """A graph with a node for each object and an edge for each reference; those from *suspect* on are red."""
    lines = ["digraph path {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];']
    lines.append(f"  n0 [label={_quoted(root_text(root))}, style=bold];")
    for number, step in enumerate(steps, 1):
        colour = ', color="#c01515", fontcolor="#c01515"' if number >= suspect else ""
        shape = "shape=point" if step.bare else f"label={_quoted(target_text(step))}"
        lines.append(f"  n{number} [{shape}];")
        lines.append(f"  n{number - 1} -> n{number} [label={_quoted(edge_text(step.edge))}{colour}];")
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


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
