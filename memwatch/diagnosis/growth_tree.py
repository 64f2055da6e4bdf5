"""Which calls allocated what grew? The samples as a tree, of a size that a report can keep."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from .. import calltree, treebuilder
from ..backend.allocations.live import Sampled
from ..frames import Frame
from ..internal import internal

_MOST_FRAMES = 3000  # a report that is kept takes about half a kilobyte for each
_LONGEST_NAME = 400  # characters
OTHER_PATHS = "(other paths)"


def growth_tree(
    by_path: Mapping[tuple[Frame, ...], Sequence[Sampled]], interval: int, now: float, seconds: float
) -> calltree.CallTree:
    """The samples of each path, innermost frame first, as a tree. They were taken until *now*, an epoch time, over so
    many *seconds*, with *interval* bytes between two of them in the mean.

    Of very many paths the lightest lose their ends. Sizes of single blocks are left out.
    """
    stacks, room = [], _Room(_MOST_FRAMES)
    sums = {path: (sum(it.size_bytes for it in samples), samples) for path, samples in by_path.items()}
    for path, (size, samples) in sorted(sums.items(), key=lambda item: -item[1][0]):
        stacks.append(calltree.Stack(room.take(path[::-1]), round(size), round(sum(it.count for it in samples))))
    return calltree.CallTree(
        treebuilder.build(stacks),
        name="growth",
        source="sampler",
        sample_interval=interval,
        time=now,
        duration=seconds,
        pid=os.getpid(),
    )


@internal
class _Room:
    """As many frames as a tree may have; paths with the same beginning share theirs."""

    def __init__(self, frames: int) -> None:
        self._left = frames
        self._taken: dict[Frame, Any] = {}
        self._frames: dict[Frame, Frame] = {}

    def take(self, path: Sequence[Frame]) -> tuple[Frame, ...]:
        """The frames of a *path*, outermost first; of one that there is no room for, the beginning."""
        taken, found = self._taken, []
        for place in path:
            if place not in taken:
                if not self._left:
                    found.append(_OTHERS)
                    break
                self._left -= 1
            taken = taken.setdefault(place, {})
            found.append(self._frames.get(place) or self._frames.setdefault(place, _tree_frame(place)))
        return tuple(found)


_OTHERS = Frame(OTHER_PATHS)


def _tree_frame(place: Frame) -> Frame:
    function, file = place.function[:_LONGEST_NAME], place.file[-_LONGEST_NAME:]
    return Frame(function, file, place.line, place.column, place.first_line)
