"""The parts of one object reported as one: its dict, str and list come in the same number as its class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from ..internal import internal
from .classes import is_programs, is_standard
from .lines import HANDFUL, NO_OBJECT, Site

_TIMES = (1, 2, 3)  # so many of a kind may one object have
_TOLERANCE = 0.1
_LEAST = 0.01  # of the bytes: less is no class that others could be part of
_WIDEST = 0.25  # more than that is no equal number
_ERRORS = 2.0  # standard errors
_MANY = 500  # samples: a count is within five per cent


@internal
@dataclass(frozen=True, slots=True)
class Part:
    """So many objects of one type and their bytes, counted or, where there are `samples`, estimated from them.

    `labels` are the types of what has been joined to it.
    """

    label: str
    count: int
    size_bytes: float
    samples: int = 0
    site: Site | None = None
    labels: tuple[str, ...] = ()


def join_parts(parts: Iterable[Part], cycles: bool = False) -> list[Part]:
    """*parts* with what came in equal number as a class joined to it, most bytes first.

    The program's own classes take theirs first, a library's where it is the only one; no class is part of another of
    its origin. What hangs together in *cycles* belongs to a class in any number.
    """
    left = sorted(parts, key=_rank)
    owners = _owners(left)
    joined: list[Part] = []
    while left:
        first, *left = left
        mates = [it for it in left if first.label in owners and _belongs(it, first, cycles)]
        left = [it for it in left if it not in mates]
        joined.append(_joined(first, mates))
    return sorted(joined, key=lambda part: -part.size_bytes)


def _owners(parts: Sequence[Part]) -> frozenset[str]:
    programs = frozenset(part.label for part in parts if is_programs(part.label))
    total = sum(part.size_bytes for part in parts)
    others = [it.label for it in parts if "." in it.label and not is_standard(it.label) and it.label not in programs]
    large = [it.label for it in parts if it.label in others and it.size_bytes >= _LEAST * total]
    return programs or frozenset(large if len(large) == 1 else ())


def _rank(part: Part) -> tuple[bool, bool, bool, float]:
    return not is_programs(part.label), "." not in part.label, is_standard(part.label), -part.size_bytes


def _belongs(part: Part, owner: Part, cycles: bool) -> bool:
    if part.label == NO_OBJECT or is_programs(part.label):
        return False
    simple = "." not in part.label or is_standard(part.label)
    if not simple and not is_programs(owner.label):
        return False
    if cycles and simple:
        return part.count >= owner.count
    within = _tolerance(part, owner)
    return any(abs(part.count - n * owner.count) <= within * n * owner.count for n in (_TIMES if simple else (1,)))


def _tolerance(part: Part, owner: Part) -> float:
    """How far from equal two counts may be; negative where they are too uncertain to tell."""
    sampled = [it.samples for it in (part, owner) if it.samples]
    if any(samples < HANDFUL for samples in sampled):
        return -1.0
    error = _ERRORS * sqrt(sum(1 / samples for samples in sampled))
    return min(_WIDEST, _TOLERANCE + error)


def _joined(first: Part, mates: Sequence[Part]) -> Part:
    """The class with the bytes of all; the line is that of most bytes where the class itself was hardly sampled."""
    sites = [it.site for it in mates if it.site is not None]
    heaviest = max(sites, key=lambda site: site.size_bytes, default=first.site)
    site = heaviest if first.site is None or first.site.samples < HANDFUL else first.site
    size, labels = sum(it.size_bytes for it in (first, *mates)), tuple(it.label for it in mates)
    return replace(first, size_bytes=size, site=site, labels=labels)


def count_of(sites: Sequence[Site]) -> int:
    """How many objects, or blocks, there are, with no more figures than the samples can tell."""
    count, samples = sum(site.count for site in sites), sum(site.samples for site in sites)
    figures = 2 if samples < _MANY else 3
    return int(round(count, min(0, figures - len(str(int(count))))))
