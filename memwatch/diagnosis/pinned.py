"""Who holds nothing, though it looks so, and who keeps more than it shows? Weak registries, and objects that pin.

The stacks of suspended greenlets are reported with what the functions on them hold.

A view or a handle is small and keeps a large block of C memory alive, which no walk meets. It is reported with that
memory where one function of the program made both, or one came for each other; else it is said to be likely at most,
where no other objects may keep it: as a slice that one function takes of what another has made for it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..estimates import is_alike
from ..internal import internal
from ..retain import Holding, RetainingPath, RootKind
from .account import Account, is_stack
from .classes import keepers_of_native, unseen_keepers
from .lines import NO_OBJECT, ShownFrame, Site

_OFTEN = 0.5  # of the topmost objects: what comes with so many of them belongs to each
_MOST = 0.5
NATIVE = "native memory"
_LITTLE = 0.1  # of what nobody has sampled: less does not say where that is
_FAR_MORE = 4  # times
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
        beside = self._made_for(holding, frames, sites) if self._is_alone(holding) else []
        found, unseen = [*sites, *beside], self._unseen if holding.targets >= _SEVERAL else 0
        if found and _size(found) >= _LITTLE * unseen:
            return self._taken(found, _size(beside) <= _size(sites))
        if not unseen:
            return None
        size, self._unseen, self.likely = self._unseen, 0, holding.path
        return Pinned(size)

    def _taken(self, sites: Sequence[Site], sure: bool, what: str = NATIVE) -> Pinned:
        self.left = [site for site in self.left if site not in sites]
        largest = sorted(sites, key=lambda site: -site.size_bytes)
        return Pinned(round(_size(sites)), tuple(largest), sure, what)

    def _sites(self, holding: Holding, frames: Sequence[ShownFrame]) -> list[Site]:
        """What the same function has made. Where that is a library's, what there is as much of counts as such too."""
        raw = [site for site in self.left if site.label == NO_OBJECT]
        made = _own(frames) or {it.function for it in raw if is_alike(it.count, holding.targets)}
        made |= {(it["function"], it["file"]) for it in frames[:1]}
        return [it for it in raw if it.function in made]

    def _is_alone(self, holding: Holding) -> bool:
        """Whether there is nobody else who may keep memory, but for single objects beside many."""
        several = [it for it in self._keepers if it.targets >= _SEVERAL] or self._keepers
        return len(several) == 1 and several[0] is holding

    def _made_for(self, holding: Holding, frames: Sequence[ShownFrame], sites: Sequence[Site]) -> list[Site]:
        """What was called by the function that has made the objects, or what keeps *sites*; all, if it is not known."""
        made = _own(frames) or {site.function for site in sites}
        native = [site for site in self.left if site.native and site not in sites]
        return [it for it in native if _is_called_by(it, made)] if made or not frames else []

    def _objects(self, holding: Holding, frames: Sequence[ShownFrame]) -> list[Site]:
        """Objects that no walk has met, one for each of *holding*, and from where these come."""
        own = _own(frames)
        met = [site for site in self.left if site.label != NO_OBJECT and not site.native]
        return [it for it in met if own and is_alike(it.count, holding.targets) and _is_called_by(it, own)]


def _own(frames: Sequence[ShownFrame]) -> set[tuple[str, str]]:
    """The program's own function among *frames*, if there is one: its name and file."""
    return {(it["function"], it["file"]) for it in [next((it for it in frames if it["in_app"]), None)] if it}


def _is_called_by(site: Site, made: Collection[tuple[str, str]]) -> bool:
    """Whether one of the functions *made* has called what made *site*, if one is known."""
    return not made or any((it["function"], it["file"]) in made for it in site.frames)


def _size(sites: Sequence[Site]) -> float:
    return sum(site.size_bytes for site in sites)


def _types_of(holding: Holding) -> tuple[str, ...]:
    """Those that come with nearly every item."""
    often = (label for label, count in holding.type_counts.items() if count >= _OFTEN * holding.targets)
    return (holding.frontier_type, *often)


def strong_of(holdings: Sequence[Holding]) -> list[Holding]:
    """The *holdings* that keep something alive: not those that are weak, nor those that note by weak references what
    others hold, as many of which there are."""
    return [it for it in holdings if not it.weak and not any(_is_noted(other, it) for other in holdings)]


def _is_noted(held: Holding, noting: Holding) -> bool:
    """Whether the objects of *held* are what *noting* refers to weakly, one each, and not the other way round too. Who
    keeps far more than these do, as by the callbacks of weak references, holds that."""
    if held is noting or held.weak or noting.retained_bytes > _FAR_MORE * held.retained_bytes:
        return False
    if not noting.notes.isdisjoint(noting.type_counts):
        return False
    counts = (held.type_counts[label] for label in noting.notes if label in held.type_counts)
    return any(is_alike(count, noting.targets) for count in counts) and held.notes.isdisjoint(noting.type_counts)
