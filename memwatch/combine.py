"""Call trees added up, subtracted, and reduced to some of their paths."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from .calltree import CallTree, Stack, stacks_of, walk
from .treebuilder import Builder, build

NO_COUNTS = "numbers of allocations are left out: one of the profiles has none"


def diff(new: CallTree, old: CallTree) -> CallTree:
    """What *new* has more than *old*, path by path; less is negative, and paths that hold the same are left out.

    Without samples: many are in both trees, so that their variances do not add up. The duration is 0 where a time is
    not known, and there are no counts where either tree has none.
    """
    builder, counts = Builder(), _have_counts((new, old))
    builder.add(new.root, 1, counts, parts=False)
    builder.add(old.root, -1, counts, parts=False)
    return replace(
        new,
        root=builder.build(),
        duration=max(0.0, new.time - old.time) if new.time and old.time else 0.0,
        difference=True,
        notes=_noted((new,), counts),
        samples_taken=None,
        samples_expected=None,
    )


def merge(trees: Iterable[CallTree]) -> CallTree:
    """All of *trees* (at least one) added up, as when several processes run the same program.

    What the trees do not agree on is unknown: the process, and which interval was sampled at (the largest stands).
    There are no counts where one of them has none.
    """
    trees = list(trees)
    builder, counts = Builder(), _have_counts(trees)
    for tree in trees:
        builder.add(tree.root, 1, counts)
    latest = max(trees, key=lambda tree: tree.time)
    return replace(
        latest,
        root=builder.build(),
        sample_interval=max(tree.sample_interval for tree in trees),
        duration=max(tree.duration for tree in trees),
        pid=latest.pid if len({tree.pid for tree in trees}) == 1 else 0,
        difference=any(tree.difference for tree in trees),
        notes=_noted(trees, counts),
        samples_taken=_sum(tree.samples_taken for tree in trees),
        samples_expected=_sum(tree.samples_expected for tree in trees),
    )


def keep(tree: CallTree, wanted: Callable[[Stack], bool]) -> CallTree:
    """The paths of *tree* for which *wanted* answers True."""
    return replace(tree, root=build(filter(wanted, stacks_of(tree.root))))


def _sum(numbers: Iterable[Any]) -> Any:
    """None if any of them is."""
    found = list(numbers)
    return None if None in found else sum(found)


def _have_counts(trees: Iterable[CallTree]) -> bool:
    """Whether all of *trees* know how many allocations their bytes are; so does an empty one."""
    counted = (any(it.self_count or it.allocations for it in walk(tree.root)) for tree in trees if tree.root.children)
    return all(counted)


def _noted(trees: Iterable[CallTree], counts: bool) -> tuple[str, ...]:
    notes = [note for tree in trees for note in tree.notes]
    return tuple(dict.fromkeys(notes if counts else [*notes, NO_COUNTS]))
