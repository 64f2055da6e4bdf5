"""The bytes of Python's small blocks, read from the arenas, against what the interpreter says and what is asked for."""

import gc
import sys

import pytest

from memwatch.backend import name
from memwatch.backend.meters.meters import EXACT, count_blocks

pytestmark = pytest.mark.skipif(name != "native", reason="the C extension reads arenas")
MIB = 1 << 20

debugs = sys.flags.dev_mode or not sys.getallocatedblocks()


@pytest.fixture
def no_collection():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.skipif(sys.platform != "linux" or debugs, reason="nothing is known of arenas")
def test_arenas_are_found():
    assert EXACT


def missed():
    """How many blocks the interpreter tells beside: those of other interpreters, and what these have left."""
    return sys.getallocatedblocks() - count_blocks()[0]


def test_no_block_is_missed(no_collection):
    before = missed()
    kept = [[bytes(16 * n) for n in range(64)] for _ in range(1000)]
    assert -4 <= missed() - before <= 4 and before >= -4
    kept.clear()
    assert -4 <= missed() - before <= 4


@pytest.mark.skipif(not EXACT or debugs, reason="blocks are larger, or not read")
@pytest.mark.parametrize(
    ("make", "bytes_each"),
    [
        (object, 16),
        (lambda: bytes(489 - 33), 496),
        (lambda: bytes(512 - 33), 512),
        (lambda: bytes(513 - 33), 0),
        (lambda: bytes(5000), 0),
    ],
)
def test_every_block_counts_as_what_it_takes(no_collection, make, bytes_each):
    kept = [None] * 20_000
    blocks, before = count_blocks()
    for number in range(len(kept)):
        kept[number] = make()
    blocks_after, after = count_blocks()
    assert blocks_after - blocks == pytest.approx(20_000, abs=20)
    assert after - before == pytest.approx(20_000 * bytes_each, abs=20_000)
    kept.clear()
    assert count_blocks()[1] == pytest.approx(before, abs=20_000)


@pytest.mark.skipif(not EXACT or debugs, reason="blocks are larger, or not read")
def test_the_table_of_arenas_is_followed_when_it_moves(no_collection):
    kept, before = [], missed()
    for _ in range(3):  # more arenas than there was room for: 64 MiB, 128 MiB
        kept.append([bytes(512 - 33) for _ in range(90_000)])
        assert -4 <= missed() - before <= 4 and count_blocks()[1] > len(kept) * 43 * MIB
    kept.clear()
    assert -4 <= missed() - before <= 4


@pytest.mark.skipif(not EXACT, reason="nothing is known of arenas")
def test_what_is_answered_is_no_object_for_the_collector():
    assert not gc.is_tracked(count_blocks())
