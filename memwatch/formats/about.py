"""What a file says about its tree as a whole: a JSON object named `memwatch`, which other readers skip."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..calltree import CallTree
from .checks import integer, items, mapping, text_of

KEY = "memwatch"


def describe(tree: CallTree) -> dict[str, Any]:
    """All that `CallTree` holds beside its root."""
    return {
        "name": tree.name,
        "source": tree.source,
        "sampleInterval": tree.sample_interval,
        "time": tree.time,
        "duration": tree.duration,
        "pid": tree.pid,
        "difference": tree.difference,
        "notes": list(tree.notes),
    }


def restore(tree: CallTree, found: object) -> CallTree:
    """*tree* with what `describe` had said; a key that is missing leaves what *tree* has."""
    said = {**describe(tree), **mapping(found, KEY)}
    return replace(
        tree,
        name=text_of(said["name"], "memwatch.name"),
        source=text_of(said["source"], "memwatch.source"),
        sample_interval=integer(said["sampleInterval"], "memwatch.sampleInterval"),
        time=_seconds(said["time"], "memwatch.time"),
        duration=_seconds(said["duration"], "memwatch.duration"),
        pid=integer(said["pid"], "memwatch.pid"),
        difference=said["difference"] is True,
        notes=tuple(text_of(note, "memwatch.notes") for note in items(said["notes"], "memwatch.notes")),
    )


def _seconds(value: object, where: str) -> float:
    integer(value, where)
    return float(value)  # type: ignore[arg-type]  # integer() lets numbers through only
