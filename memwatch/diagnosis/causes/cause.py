"""A cause, and the pattern of the paths that it is reported for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...internal import internal
from ...retain import ATTRIBUTES, ITEMS, UNREACHED, EdgeKind, RetainingPath, Root, RootKind, Step

_EDGES: tuple[tuple[str, frozenset[EdgeKind | RootKind]], ...] = (
    ("[]", ITEMS),
    (".", ATTRIBUTES),
    ("cell ", frozenset((EdgeKind.CELL,))),
    ("local ", frozenset((EdgeKind.LOCAL,))),
    ("context variable ", frozenset((EdgeKind.CONTEXT_VARIABLE,))),
    ("module ", frozenset((RootKind.MODULE,))),
    ("greenlet, ", frozenset((RootKind.GREENLET,))),
    ("thread, ", frozenset((RootKind.THREAD,))),
    ("interpreter, ", frozenset((RootKind.INTERPRETER,))),
    ("no Python reference", UNREACHED),
)
"""How a pattern writes a reference or a root, before its name; any other text is the name of a field."""

_FIELD = frozenset((EdgeKind.FIELD,))


@internal
@dataclass(frozen=True, slots=True)
class Cause:
    """What is known of one way to leak.

    `name` is stable and stands in the documents. `cause` and `hint` are for a person; in both ``{holder}`` stands for
    the kind of container, ``{drop}`` for how to empty or bound such a one, ``{name}`` for what the path's marked step
    is called. `paths` are patterns as `Pattern` reads them. Where `counted`, how many items came and how many there are
    is said after the cause. `below` is a type of which one hangs below each item at least. `inside` says that it is the
    same where what a path leads to lies in a tuple or another mere container, one of each. `many` is True where several
    must have come, or one large container grown; False where it was one object; None where it does not matter.
    `for_owner` says that the hint is for who wrote the code that the container belongs to, `for_maker` for who wrote
    the class of what is held: with a library's the program cannot follow it. `kind` is the class by which users know
    what is held, where the library puts an object of its own before each.
    """

    name: str
    cause: str
    hint: str
    paths: tuple[str, ...] = ()
    counted: bool = False
    below: str = ""
    inside: bool = False
    many: bool | None = None
    for_owner: bool = False
    for_maker: bool = False
    kind: str = ""


@internal
class Reference(NamedTuple):
    """What a pattern says of one reference, or of a root: its kinds (None for any) and its name."""

    kinds: frozenset[EdgeKind | RootKind] | None
    name: str

    def fits(self, place: Root | Step) -> bool:
        """Whether *place* is such a one; names are compared without case, for constants are written in capitals."""
        found = place.edge if isinstance(place, Step) else place
        if self.kinds is None:
            return True
        return found.kind in self.kinds and (found.kind in ITEMS or is_like(found.name.lower(), self.name))


@internal
class Element(NamedTuple):
    """One step of a pattern: what the reference and the type may be, and whether it may be missing or is marked."""

    references: tuple[Reference, ...]
    types: tuple[str, ...]
    optional: bool = False
    marked: bool = False

    def fits(self, place: Root | Step) -> bool:
        """Whether *place* is such a step."""
        labels = place.kinds if isinstance(place, Step) else ()
        return any(it.fits(place) for it in self.references) and (
            self.types == ("*",) or any(is_like(label, it) for it in self.types for label in labels)
        )


@internal
class Pattern:
    """The end of a path: steps as ``reference: type``, joined by ``>``.

    In both ``*`` stands for any text and ``|`` separates what may stand there; ``[]`` is any item. A reference alone
    leads to anything; the first one may be a root. ``?`` is a step that may be there or not. A step behind ``@`` is the
    marked one, whose name the words may use.
    """

    __slots__ = ("_elements",)

    def __init__(self, text: str) -> None:
        self._elements = tuple(map(_element, text.split(" > ")))

    def match(self, path: RetainingPath) -> str | None:
        """The name of the marked step if *path* ends so ("" if none is marked or it has no name), else None."""
        return _match(self._elements, (path.root, *path.reach))


def _element(text: str) -> Element:
    if text == "?":
        return Element((Reference(None, ""),), ("*",), optional=True)
    edge, _, kind = text.removeprefix("@").partition(": ")
    references = tuple(map(_reference, edge.split("|")))
    return Element(references, tuple(kind.split("|")) if kind else ("*",), False, text[0] == "@")


def _reference(text: str) -> Reference:
    if text == "*":
        return Reference(None, "")
    for before, kinds in _EDGES:
        if text.startswith(before):
            return Reference(kinds, text.removeprefix(before).lower() or "*")
    return Reference(_FIELD, text.lower())


def _match(elements: Sequence[Element], places: Sequence[Root | Step]) -> str | None:
    if not elements:
        return ""
    last = elements[-1]
    if last.optional and (found := _match(elements[:-1], places)) is not None:
        return found
    if not places or not last.fits(places[-1]):
        return None
    found = _match(elements[:-1], places[:-1])
    return places[-1].name if last.marked and found is not None else found


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
