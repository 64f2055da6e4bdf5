"""Profiles of the processes below a `memwatch run`, in its private folder.

A copy holds all that a call tree knows, which no format of other tools does. Only the run that owns the folder reads
it.
"""

from __future__ import annotations

import marshal
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import astuple, fields, replace
from typing import Any

from ..calltree import CallTree, Stack, stacks_of
from ..estimates import Part
from ..frames import Frame
from ..treebuilder import build

SUFFIX = ".profile"
MOST_READ = 1000
"""Copies; of more the newest are read."""

_ABOUT = tuple(field.name for field in fields(CallTree) if field.name != "root")


def encode(tree: CallTree) -> bytes:
    """The copy's content: what is known of the tree, its frames each once, and its stacks."""
    numbers: dict[Frame, int] = {}
    stacks = [
        (
            [numbers.setdefault(frame, len(numbers)) for frame in stack.frames],
            stack.size_bytes,
            stack.count,
            stack.allocations,
            [astuple(part) for part in stack.parts],
        )
        for stack in stacks_of(tree.root)
    ]
    about = {name: getattr(tree, name) for name in _ABOUT}
    return marshal.dumps((about, [astuple(frame) for frame in numbers], stacks))


def decode(data: bytes) -> CallTree:
    """The tree in a copy. Raises ValueError, EOFError or TypeError for anything else."""
    about, frames, stacks = marshal.loads(data)
    known = [Frame(*frame) for frame in frames]
    root = build(_stack(known, *stack) for stack in stacks)
    return replace(CallTree(root), **about)


def _stack(known: list[Frame], path: list[int], size_bytes: int, count: int, sizes: Any, parts: list[Any]) -> Stack:
    return Stack(tuple([known[number] for number in path]), size_bytes, count, sizes, tuple([Part(*p) for p in parts]))


def read_copies(folder: str) -> tuple[list[CallTree], int]:
    """The copies in *folder* and in the folders of runs within, the oldest first, and how many were left out."""
    paths = sorted(_find(folder))
    trees = []
    for _, path in paths[-MOST_READ:]:
        with suppress(OSError, ValueError, EOFError, TypeError, IndexError), open(path, "rb", opener=_open) as file:
            trees.append(decode(file.read()))
    return trees, len(paths) - len(trees)


def _open(path: str, flags: int) -> int:
    """A descriptor; raises PermissionError for a file of another user, whose content could do harm."""
    descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))
    if hasattr(os, "geteuid") and os.fstat(descriptor).st_uid != os.geteuid():
        os.close(descriptor)
        raise PermissionError
    return descriptor


def _find(folder: str) -> Iterator[tuple[float, str]]:
    for place, _, names in os.walk(folder):
        for path in (os.path.join(place, name) for name in names if name.endswith(SUFFIX)):
            with suppress(OSError):
                yield os.stat(path).st_mtime, path
