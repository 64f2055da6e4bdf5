"""The values of this room: a path that holds an object, and what one walk found to hold many."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..internal import internal
from .drawing import draw_dot, draw_lines, draw_svg


class Root(NamedTuple):
    """Where a path begins: the words for it, and for its reference to the first object of the chain, which is None
    where that object is the root itself, and empty where there is no name for it."""

    label: str
    edge: str | None = None


class Link(NamedTuple):
    """One step of a path for those that look for patterns in it.

    `edge` is the reference's name without what differs between processes: ``.CACHE``, ``cell memo``, ``[]`` for every
    item; of the first link, the root. `kinds` say what it leads to: the labels of its type and of that type's bases,
    the type first, and whatever `links` tells of it. `name` is what a class, a function or a cache is called, else "".
    """

    edge: str
    kinds: tuple[str, ...] = ()
    name: str = ""


@internal
@dataclass(frozen=True, slots=True)
class RetainingPath:
    """A chain of references from a root to an object.

    `steps` is text, the root first: ``("module app", ".CACHE: dict, 640 items", "[str key]")``. Each step after the
    first names the reference, then what it leads to; the last one, where it is an item of a container, names the
    reference alone unless it leads to a large container. `fingerprint` is 16 hexadecimal digits over names and types,
    without addresses, keys, indexes and lengths: the same leak has the same one in every process.

    What is wrong is one of the references from step number `suspect` on: before it are modules, classes and running
    functions, which live as long as they should. `known` says why a library is known to keep such objects, or None.
    """

    steps: tuple[str, ...]
    fingerprint: str
    suspect: int = 1
    known: str | None = None

    @property
    def text(self) -> str:
        """The path on one line, a module's variable without its dot: ``module app > CACHE: dict, 640 items``."""
        return join_steps(self.steps)

    def __str__(self) -> str:
        return self.text

    @property
    def drawing(self) -> str:
        """The path with a line for each step, those that are suspect marked by ``~``."""
        return draw_lines(self.steps, self.suspect, self.known)

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, steps as a list."""
        return {
            "steps": list(self.steps),
            "fingerprint": self.fingerprint,
            "suspect": self.suspect,
            "known": self.known,
        }

    def to_dot(self) -> str:
        """The path as a graph in the DOT language of Graphviz."""
        return draw_dot(self.steps, self.suspect)

    def to_svg(self) -> str:
        """The path as an SVG picture, drawn by Graphviz; `UnsupportedError` where its program dot is not installed."""
        return draw_svg(self.to_dot())


@internal
@dataclass(frozen=True, slots=True)
class Holding:
    """What hangs below one class of path: where old objects hold new ones, counted over the whole heap.

    `path` leads to the last of the topmost new objects. `targets` counts those topmost ones, `frontier_type` is their
    type. `retained_bytes` and `retained_items` are over all asked objects whose shortest path passes through them,
    themselves included; `type_counts` counts these per type, the most frequent first. The holder is the container
    that the topmost new object was put into, or that object itself where it is one large container:
    `holder_type` names it, `holder_items` is its length (None where it has none that can be read without running the
    program's code), `holder_address` its address, `bound` what it cannot exceed (None: no known bound) and `used` what
    it has of that; many holders alike are added up. `bounded_bytes` is the part of `retained_bytes` that came into
    containers within their bound, `weak` says that the holder is a weak dict or set, whose members others keep.
    `target_address` is that of the object which `path` leads to. `links` are the steps of the path, the root first;
    behind one large container stands a link for its items.
    """

    path: RetainingPath
    targets: int
    retained_bytes: int
    retained_items: int
    type_counts: dict[str, int]
    frontier_type: str
    holder_type: str
    holder_items: int | None
    holder_address: int
    bound: int | None
    links: tuple[Link, ...] = ()
    used: int | None = None
    bounded_bytes: int = 0
    weak: bool = False
    target_address: int = 0

    @property
    def is_bounded(self) -> bool:
        """Whether nothing of it came anywhere but into containers within their bound."""
        return self.bounded_bytes > 0 and self.bounded_bytes >= self.retained_bytes

    def to_dict(self) -> dict[str, Any]:
        """The fields by name; without the address, which means nothing in another process, and links."""
        return {
            "path": self.path.to_dict(),
            "targets": self.targets,
            "retained_bytes": self.retained_bytes,
            "retained_items": self.retained_items,
            "type_counts": dict(self.type_counts),
            "frontier_type": self.frontier_type,
            "holder_type": self.holder_type,
            "holder_items": self.holder_items,
            "bound": self.bound,
        }


def join_steps(steps: Sequence[str]) -> str:
    """The steps of a path on one line, a module's variable without its dot."""
    if len(steps) > 1 and steps[0].startswith("module "):
        steps = (steps[0], steps[1].removeprefix("."), *steps[2:])
    return " > ".join(steps)


def make_path(
    steps: tuple[str, ...], wiped: tuple[str, ...], suspect: int = 1, known: str | None = None
) -> RetainingPath:
    """The path of *steps*; *wiped* are the same without all that differs between processes."""
    text = "\n".join(wiped).encode("utf-8", "backslashreplace")
    return RetainingPath(steps, hashlib.blake2b(text, digest_size=8).hexdigest(), suspect, known)
