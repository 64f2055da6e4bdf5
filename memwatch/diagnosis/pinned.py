"""What does not hold, though it looks so, and what holds more than it shows: weak registries, and objects that pin.

The stacks of suspended greenlets are told with what the functions on them hold.

A view or a handle is small and keeps a large block of C memory alive, which no walk meets. It is told with that memory
where one function of the program made both, or one came for each other; else it is said to be likely at most, where no
other objects may keep it: as a slice that one function takes of what another has made for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..internal import internal
from ..retain import Holding, RetainingPath, RootKind
from .account import Account, is_alike, is_stack
from .classes import keepers_of_native, unseen_keepers
from .lines import NO_OBJECT, ShownFrame, Site

_OFTEN = 0.5  # of the topmost objects: what comes with so many of them belongs to each
_MOST = 0.5
NATIVE = "native memory"
_SEVERAL = 10  # objects, before it is said what each of them most likely keeps


@internal
@dataclass(frozen=True, slots=True)
class Pinned:
    """Memory that the objects below a holder keep, or most likely keep where it is not `sure`; `what` calls it. `sites`
    are empty where it was not sampled."""

    size_bytes: int
    sites: tuple[Site, ...] = ()
    sure: bool = False
    what: str = NATIVE

    @property
    def samples(self) -> int:
        """How many tell of it."""
        return sum(site.samples for site in self.sites)


@internal
class Pins:
    """The *loose* sites, of which *holdings* take what their objects keep. `left` are the others.

    Where *verdict* is native memory and *account* explains little of the growth, it is memory that nobody has sampled:
    `likely` is the path to the objects that may keep it, if there are such.
    """

    def __init__(self, holdings: Sequence[Holding], loose: Sequence[Site], account: Account, verdict: str) -> None:
        self.left = list(loose)
        self.likely: RetainingPath | None = None
        unseen = verdict == "native" and account.rest >= _MOST * account.total
        self._unseen = account.rest if unseen else 0
        raw = self._unseen or any(site.label == NO_OBJECT for site in loose)
        classes = keepers_of_native({label for it in holdings for label in _types_of(it)}) if raw else frozenset()
        self._keepers = [it for it in holdings if not classes.isdisjoint(_types_of(it))]
        objects = account.walked and any(site.label != NO_OBJECT for site in loose)
        self._unseen_keepers = unseen_keepers({it.frontier_type for it in holdings}) if objects else frozenset()

    def may_take(self, holding: Holding) -> bool:
        """Whether the objects of *holding* are such that may keep memory that no walk meets."""
        keeps = holding.frontier_type in self._unseen_keepers or any(it is holding for it in self._keepers)
        return keeps or holding.path.root.kind is RootKind.GREENLET

    def take(self, holding: Holding, frames: Sequence[ShownFrame]) -> Pinned | None:
        """What the objects of *holding* keep, that the *frames* have made; None if they keep nothing that is known."""
        stacks = [site for site in self.left if is_stack(site, holding)]
        if stacks:
            return self._taken(stacks, True, "its stack")
        if holding.frontier_type in self._unseen_keepers and (objects := self._objects(holding, frames)):
            return self._taken([*objects, *self._sites(holding, frames)], True, "memory that no walk sees")
        if not any(it is holding for it in self._keepers):
            return None
        sites = self._sites(holding, frames)
        alone = not sites and len(self._keepers) == 1
        sites = [it for it in self.left if it.native and _is_made_for(it, frames)] if alone else sites
        if sites:
            return self._taken(sites, not alone)
        if not self._unseen or holding.targets < _SEVERAL:
            return None
        size, self._unseen, self.likely = self._unseen, 0, holding.path
        return Pinned(size)

    def _taken(self, sites: Sequence[Site], sure: bool, what: str = NATIVE) -> Pinned:
        self.left = [site for site in self.left if site not in sites]
        return Pinned(round(sum(site.size_bytes for site in sites)), tuple(sites), sure, what)

    def _sites(self, holding: Holding, frames: Sequence[ShownFrame]) -> list[Site]:
        """What the same function has made; where it is not known which, what there is as much of, and what its function
        has made beside it."""
        own = next(((it["function"], it["file"]) for it in frames if it["in_app"]), None)
        raw = [site for site in self.left if site.label == NO_OBJECT]
        made = {own} if own else {it.function for it in raw if is_alike(it.count, holding.targets)}
        return [it for it in raw if it.function in made]

    def _objects(self, holding: Holding, frames: Sequence[ShownFrame]) -> list[Site]:
        """Objects that no walk has met, one for each of *holding*, and from where these come."""
        met = [site for site in self.left if site.label != NO_OBJECT and not site.native]
        return [it for it in met if frames and is_alike(it.count, holding.targets) and _is_made_for(it, frames)]


def _is_made_for(site: Site, frames: Sequence[ShownFrame]) -> bool:
    """Whether the function that *frames* tell of has called what made *site*, if it is known."""
    made = next(((it["function"], it["file"]) for it in frames if it["in_app"]), None)
    return not frames or any((it["function"], it["file"]) == made for it in site.frames)


def _types_of(holding: Holding) -> tuple[str, ...]:
    """Those that come with nearly every item."""
    often = (label for label, count in holding.type_counts.items() if count >= _OFTEN * holding.targets)
    return (holding.frontier_type, *often)


def strong_of(holdings: Sequence[Holding]) -> list[Holding]:
    """The *holdings* that keep something alive: not those that are weak, nor those that note by weak references what
    others hold, as many of which there are."""
    return [it for it in holdings if not it.weak and not any(_is_noted(other, it) for other in holdings)]


def _is_noted(held: Holding, noting: Holding) -> bool:
    """Whether the objects of *held* are what *noting* refers to weakly, one each, and not the other way round too."""
    if held is noting or held.weak or not noting.notes.isdisjoint(noting.type_counts):
        return False
    counts = (held.type_counts[label] for label in noting.notes if label in held.type_counts)
    return any(is_alike(count, noting.targets) for count in counts) and held.notes.isdisjoint(noting.type_counts)
