"""The values of this room: a path that holds an object, and what one walk found to hold many."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..internal import internal
from ..notebook_display import Shown, text_html
from . import drawing, holder_names
from .steps import ANY_ITEM, SMALL_VIEW, Root, Step


@internal
@dataclass(frozen=True, slots=True)
class RetainingPath(Shown):
    """A chain of references from a root to an object.

    `root` is where it begins. `steps` are its references, each with what it leads to. `fingerprint` is 16 hexadecimal
    digits made from names and types, without addresses, keys, indexes and lengths: the same leak has the same
    fingerprint in every process. `into_items` says that the path means the items of the container at its end.

    One of the references from step number `suspect` on is wrong; the root is number 0. Before it are modules, classes
    and running functions, which live as long as they should. `known` says why a library is known to keep such objects,
    or is None.
    """

    root: Root
    steps: tuple[Step, ...]
    fingerprint: str = ""
    suspect: int = 1
    known: str | None = None
    into_items: bool = False

    @property
    def reach(self) -> tuple[Step, ...]:
        """The steps, with one more for the items of a large container at the end."""
        return (*self.steps, ANY_ITEM) if self.into_items else self.steps

    @property
    def normalized(self) -> tuple[Step, ...]:
        """The same path without what differs between processes."""
        return tuple(step.normalized for step in self.reach)

    @property
    def lines(self) -> tuple[str, ...]:
        """The root and each step as text: ``("module app", ".CACHE: dict, 640 items", "[str key]")``.

        Each step names the reference, then what it leads to; the last one, where it is an item of a container, names
        the reference alone unless it leads to a large container.
        """
        return holder_names.path_lines(self.root, self.steps)

    @property
    def text(self) -> str:
        """The path on one line, a module's variable without its dot: ``module app > CACHE: dict, 640 items``."""
        return " > ".join(self.parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """The root and each step as they stand on one line."""
        return holder_names.path_parts(self.root, self.steps)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """For each step the text of its reference and that of what it leads to; either may be empty."""
        return holder_names.path_pairs(self.root, self.steps)

    @property
    def holder(self) -> str:
        """The named beginning of the path: ``app.CACHE``."""
        return holder_names.holder_text(self.root, self.steps)

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return text_html(self.drawing)

    @property
    def drawing(self) -> str:
        """The path with a line for each step, those that are suspect marked by ``~``."""
        return holder_names.draw_lines(self.root, self.steps, self.suspect, self.known)

    def to_dict(self) -> dict[str, Any]:
        """What machines read, the steps as text."""
        return {
            "steps": list(self.lines),
            "fingerprint": self.fingerprint,
            "suspect": self.suspect,
            "known": self.known,
        }

    def to_dot(self) -> str:
        """The path as a graph in the DOT language of Graphviz."""
        return drawing.draw_dot(self.root, self.steps, self.suspect)

    def to_svg(self) -> str:
        """The path as an SVG picture, drawn by Graphviz; `UnsupportedError` where its program dot is not installed."""
        return drawing.draw_svg(self.to_dot())


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
    `target_address` is that of the object which `path` leads to, `inner_address` that of the object that it was put
    around, where it is a mere list, tuple, dict or set (0: nothing that users know). `others` are the paths of
    those that hold the same objects as well, so that these stay as long as one of all is left. `seconds_kept` is
    how old items become where there is no bound and code takes them out by their age. `owners` has for each type
    below the latest topmost object the types that the way there passes, as far as they were looked at; `notes` are
    the types of new objects to which it refers weakly; `beside` are the types of what came into the same container
    beside the topmost. `in_use` is off where the bound, or the age, is only kept by code that has not been run so
    far. `kept_up` says that by the times which its items store none is older than that age. `rows` are those of the one
    table that came, in place of an older one.
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
    used: int | None = None
    bounded_bytes: int = 0
    weak: bool = False
    target_address: int = 0
    inner_address: int = 0
    others: tuple[RetainingPath, ...] = ()
    seconds_kept: float | None = None
    owners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()
    in_use: bool = True
    kept_up: bool = False
    rows: int | None = None

    @property
    def pins(self) -> bool:
        """Whether they are small views of large buffers: a bound of their number says nothing of these."""
        return bool(self.path.steps) and SMALL_VIEW in self.path.steps[-1].traits

    @property
    def is_bounded(self) -> bool:
        """Whether nothing of it came anywhere but into containers within their bound."""
        return self.bounded_bytes > 0 and self.bounded_bytes >= self.retained_bytes

    def to_dict(self) -> dict[str, Any]:
        """The fields by name; without the address, which means nothing in another process."""
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


def with_fingerprint(path: RetainingPath) -> RetainingPath:
    """*path* with the fingerprint of its steps."""
    text = holder_names.normalized_text(path.root, path.normalized).encode("utf-8", "backslashreplace")
    return replace(path, fingerprint=hashlib.blake2b(text, digest_size=8).hexdigest())
