"""A cause, and the pattern of the paths that it is told for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...retain import Link


@dataclass(frozen=True, slots=True)
class Cause:
    """What is known of one way to leak.

    `name` is stable and stands in the documents. `cause` and `hint` are for a person; in both ``{holder}`` stands for
    the kind of container, ``{drop}`` for how to empty or bound such a one, ``{name}`` for what the path's marked step
    is called. `paths` are patterns as `Pattern` reads them. Where `counted`, how many items came and how many there are
    is said after the cause. `below` is a type of which one hangs below each item at least. `many` is True where several
    must have come, or one large container grown; False where it was one object; None where it does not matter.
    """

    name: str
    cause: str
    hint: str
    paths: tuple[str, ...] = ()
    counted: bool = False
    below: str = ""
    many: bool | None = None


class Element(NamedTuple):
    """One step of a pattern: what the edge and what the kind may be, and whether it may be missing or is marked."""

    edges: tuple[str, ...]
    kinds: tuple[str, ...]
    optional: bool = False
    marked: bool = False

    def fits(self, link: Link) -> bool:
        """Whether *link* is such a step; names are compared without case, for constants are written in capitals."""
        edge = link.edge.lower()
        return any(is_like(edge, it) for it in self.edges) and (
            self.kinds == ("*",) or any(is_like(kind, it) for it in self.kinds for kind in link.kinds)
        )


class Pattern:
    """The end of a path: steps as ``edge: kind``, joined by ``>``.

    In both ``*`` stands for any text and ``|`` separates what may stand there; the edge of an item is ``[]``, that of
    the first step the root. An edge alone leads to anything. ``?`` is a step that may be there or not. A step behind
    ``@`` is the marked one, whose name the words may use.
    """

    __slots__ = ("_elements",)

    def __init__(self, text: str) -> None:
        self._elements = tuple(map(_element, text.split(" > ")))

    def match(self, links: Sequence[Link]) -> str | None:
        """The name of the marked step if *links* end so ("" if none is marked or it has no name), else None."""
        return _match(self._elements, links)


def _element(text: str) -> Element:
    if text == "?":
        return Element(("*",), ("*",), optional=True)
    edge, _, kind = text.removeprefix("@").partition(": ")
    return Element(tuple(edge.lower().split("|")), tuple(kind.split("|")) if kind else ("*",), False, text[0] == "@")


def _match(elements: Sequence[Element], links: Sequence[Link]) -> str | None:
    if not elements:
        return ""
    last = elements[-1]
    if last.optional and (found := _match(elements[:-1], links)) is not None:
        return found
    if not links or not last.fits(links[-1]):
        return None
    found = _match(elements[:-1], links[:-1])
    return links[-1].name if last.marked and found is not None else found


def is_like(text: str, glob: str) -> bool:
    """Whether *text* is *glob*, in which ``*`` stands for any text."""
    first, *rest = glob.split("*")
    if not rest:
        return text == glob
    *middle, last = rest
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    place, end = len(first), len(text) - len(last)
    for part in middle:
        place = text.find(part, place, end)
        if place < 0:
            return False
        place += len(part)
    return True
