"""Rows of builtin containers divided, so that they say which dicts came: by their keys, or by who refers to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..backend.census.contract import ObjectSet
from ..backend.census.splitting import SPLIT_LABELS, SPLITS, Parts, Split, split_containers
from ..errors import OptionError
from .change import Diff, TypeChange
from .compare import in_order
from .counts import least, make_count, most
from .snapshot import Snapshot

_MOST = 100  # rows that one type is divided into; what is left stays in its plain row

__all__ = ["Split", "check_split", "split_diff", "split_totals"]


def check_split(split: object) -> Split | None:
    """*split*, if it is one; raises OptionError."""
    if split is None:
        return None
    known = next((it for it in SPLITS if type(split) is str and it == split), None)
    if known is None:
        given = repr(split) if type(split) is str else f"a {type(split).__name__}"
        raise OptionError(f"split must be None, {' or '.join(map(repr, SPLITS))}, not {given}")
    return known


def split_diff(diff: Diff, before: Snapshot, after: Snapshot, split: Split) -> Diff:
    """*diff*, the rows of what came divided. What went cannot be asked any more: it stays in the plain rows."""
    labels = [row.what for row in diff.change.details if least(row.allocated) and row.what in SPLIT_LABELS[split]]
    if not labels:
        return diff
    came = before.identity.came(after.identity, labels)
    parts = _largest(split_containers(split, came, after.identity, None))
    rows: list[TypeChange] = []
    for row in diff.change.details:
        rows += _divided(row, parts.get(row.what, {}))
    return replace(diff, change=replace(diff.change, details=in_order(rows)))


def split_totals(
    identity: ObjectSet, split: Split, should_cancel: Callable[[], bool] | None
) -> Mapping[str, tuple[int, int]]:
    """The totals of *identity*, those of containers divided."""
    totals = dict(identity.totals)
    parts = _largest(split_containers(split, identity.addresses(), identity, should_cancel))
    for label, row in parts.items():
        count, size = totals.pop(label)
        left = count - sum(count for count, _ in row.values()), size - sum(size for _, size in row.values())
        totals.update(row)
        if left != (0, 0):
            totals[label] = left
    return totals


def _divided(row: TypeChange, parts: Mapping[str, tuple[int, int]]) -> Sequence[TypeChange]:
    """The rows that *row* consists of; their net numbers and bytes add up to its own."""
    doubtful = most(row.allocated) - least(row.allocated)
    rows = [
        TypeChange(what, size, make_count(count, doubtful), make_count(0, doubtful), row.exact)
        for what, (count, size) in parts.items()
    ]
    count, size = sum(count for count, _ in parts.values()), sum(size for _, size in parts.values())
    allocated = make_count(least(row.allocated) - count, doubtful)
    left = replace(row, size_bytes=row.size_bytes - size, allocated=allocated)
    if least(left.allocated) or least(left.freed) or left.grown or left.size_bytes:
        rows.append(left)
    return rows


def _largest(parts: Parts) -> dict[str, dict[str, tuple[int, int]]]:
    """Of each type the parts with most bytes."""
    ordered = {label: sorted(row.items(), key=lambda item: (-item[1][1], item[0])) for label, row in parts.items()}
    return {label: dict(row[:_MOST]) for label, row in ordered.items()}
