"""What `dominators` gives: the points of a heap where much hangs, as values and as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..checks import check_whole
from ..internal import internal
from ..tables import aligned, shorten_start
from ..units import format_bytes, printable

_MOST_CLASSES = 4
_MOST_STEPS = 8
_UNNAMED = ("__dict__", "reference")
_ROOT = "(GC roots)"


@internal
@dataclass(frozen=True, slots=True)
class PathStep:
    """A reference on the way from the roots: its kind and name, and what it leads to."""

    kind: str
    name: str
    what: str


@internal
@dataclass(frozen=True, slots=True)
class ClassRetained:
    """The objects of one class: how many, their own bytes, and what would be freed with all of them."""

    what: str
    objects: int
    size_bytes: int
    retained_bytes: int
    retained_objects: int


@internal
@dataclass(frozen=True, slots=True)
class Point:
    """An object below which retained size falls steeply, because it holds many small things.

    `what` is its class, or its own name. It retains `size_bytes` in `objects`, and `share` of the whole heap (0 to 1);
    `own_bytes` are its own. `path` is a shortest way to it, `accumulated` what hangs there by class, the largest first.
    """

    what: str
    size_bytes: int
    objects: int
    own_bytes: int
    share: float
    path: tuple[PathStep, ...]
    accumulated: tuple[ClassRetained, ...]

    @property
    def drawn(self) -> str:
        """The names on the path: ``(Modules) > app > cache > store``."""
        return draw(self.path)


@internal
@dataclass(frozen=True, slots=True)
class Dominators:
    """What the heap retains: `points`, the largest first, and `classes`, by retained bytes."""

    size_bytes: int
    objects: int
    points: tuple[Point, ...]
    classes: tuple[ClassRetained, ...]
    pause_seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)

    def table(self, top: int = 20) -> str:
        """A line for each of the first *top* points, and below it what hangs there."""
        check_whole("top", top, 0)
        head = ("retained", "objects", "share", "point")
        lines: list[Sequence[str]] = [head]
        for point in self.points[:top]:
            cells = format_bytes(point.size_bytes), f"{point.objects:,}", f"{100 * point.share:.0f} %"
            lines.append((*cells, f"{shorten_start(point.what)} at {point.drawn or 'the roots'}"))
            lines.append(("", "", "", f"  {_listed(point.accumulated)}"))
        return "\n".join(aligned(lines, left=(3,)))

    def class_table(self, top: int = 20) -> str:
        """A line for each of the first *top* classes, by what they retain."""
        check_whole("top", top, 0)
        lines = [("class", "objects", "size", "retained")]
        for it in self.classes[:top]:
            sizes = format_bytes(it.size_bytes), format_bytes(it.retained_bytes)
            lines.append((shorten_start(it.what), f"{it.objects:,}", *sizes))
        return "\n".join(aligned(lines))

    def __str__(self) -> str:
        return self.table()


def draw(path: Sequence[PathStep]) -> str:
    """The names on *path*, after the group of roots: ``(Modules) > app > cache > store``."""
    groups = [step.what for step in path[1:2]]
    shown = [*groups, *(step.name for step in path[2:] if step.name not in _UNNAMED)]
    shown = shown if len(shown) <= _MOST_STEPS else [*shown[:3], "...", *shown[3 - _MOST_STEPS :]]
    return printable(" > ".join(shown))


def placed(holder: str, path: Sequence[PathStep]) -> str:
    """A holder with the way to it; of a group of roots its name, and "several" where it is all of them."""
    way = draw(path)
    if way:
        return f"{shorten_start(holder)} at {way}"
    return "several" if holder == _ROOT else holder


def _listed(classes: Sequence[ClassRetained]) -> str:
    parts = [f"{it.objects:,} {shorten_start(it.what)} {format_bytes(it.size_bytes)}" for it in classes[:_MOST_CLASSES]]
    return ", ".join([*parts, *(["..."] if len(classes) > _MOST_CLASSES else [])])


def from_answer(
    answer: dict[str, Any],
    path_of: Callable[[dict[str, Any]], Sequence[PathStep]],
    name_of: Callable[[dict[str, Any]], str],
    class_of: Callable[[Any], str],
    top: int,
) -> Dominators:
    """The values of what a backend has answered, whose names the functions give; the *top* classes alone."""
    points = []
    for point in answer["points"]:
        classes = sorted((_retained(row, class_of) for row in point["classes"]), key=lambda it: -it.size_bytes)
        share = point["bytes"] / max(1, answer["bytes"])
        path = tuple(path_of(point))
        points.append(
            Point(name_of(point), point["bytes"], point["objects"], point["own"], share, path, tuple(classes))
        )
    by_class = sorted((_retained(row, class_of) for row in answer["classes"]), key=lambda it: -it.retained_bytes)
    points.sort(key=lambda it: -it.size_bytes)
    pause = answer.get("pause", 0.0)
    return Dominators(answer["bytes"], answer["objects"], tuple(points), tuple(by_class[:top]), pause)


def _retained(row: Sequence[Any], class_of: Callable[[Any], str]) -> ClassRetained:
    return ClassRetained(class_of(row[0]), *row[1:])
