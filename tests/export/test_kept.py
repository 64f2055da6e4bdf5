"""An export works out what has changed, and its tables stay bounded."""

from __future__ import annotations

import pytest

from memwatch.backend.allocations.live import LivePath
from memwatch.export import kept
from memwatch.export.kept import Kept
from memwatch.frames import Frame


def make_path(line):
    return LivePath((Frame("load", "app.py", line),), "MainThread", "", "", ((64, 2),), 2, 0)


class Encoder:
    """Remembers each line that it has met."""

    def __init__(self):
        self.met = []

    @property
    def size(self):
        return len(self.met)

    def encode(self, stack):
        self.met.append(stack.frames[-1].line)
        return stack.frames[-1].line, stack.size_bytes, stack.count


def test_only_what_is_new_is_encoded():
    begun = []
    parts = Kept(lambda: begun.append(Encoder()) or begun[-1])
    paths = [make_path(line) for line in (1, 2, 3)]
    assert list(parts.update(paths)) == [(1, 128, 2), (2, 128, 2), (3, 128, 2)]
    changed = [paths[0], make_path(2)]
    assert list(parts.update(changed)) == [(1, 128, 2), (2, 128, 2)]
    assert parts.encoder.met == [1, 2, 3, 2]


@pytest.mark.parametrize("held", [1, 50])
def test_what_is_gone_does_not_fill_the_tables_for_ever(held, monkeypatch):
    monkeypatch.setattr(kept, "_SPARE", 10)
    parts = Kept(Encoder)
    sizes = set()
    for turn in range(500):
        found = list(parts.update([make_path(turn * held + line) for line in range(held)]))
        assert [part[0] for part in found] == list(range(turn * held, (turn + 1) * held))
        sizes.add(parts.encoder.size)
    assert max(sizes) <= 3 * held + 10
