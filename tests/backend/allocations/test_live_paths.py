"""Call paths that are read again and again: what has not changed is the same object."""

from __future__ import annotations

import threading

import pytest

from memwatch import backend
from memwatch.errors import NotStartedError

pytestmark = pytest.mark.skipif(not backend.samples, reason="only the C extension samples allocations")

MIB = 1 << 20
KEPT: dict[str, list[bytearray]] = {}


@pytest.fixture
def heap():
    from memwatch.backend.allocations.sampled import SampledHeap

    made = SampledHeap()
    made.start(65536, 64)
    yield made
    made.stop()
    KEPT.clear()


@pytest.fixture
def paths(heap):
    from memwatch.backend.allocations.live_paths import LivePaths

    return LivePaths(heap)


def first(count):
    KEPT.setdefault("first", []).extend(bytearray(MIB) for _ in range(count))


def second(count):
    KEPT.setdefault("second", []).extend(bytearray(MIB) for _ in range(count))


def ours(reading):
    """The paths of what `first` and `second` keep by the function's name and thread. The tests' own small objects, this
    dict among them, are sampled now and then, too."""
    mine = [path for path in reading.paths if path.places[-1].file == __file__ and large(path)]
    return {(path.places[-1].function.partition(".")[0], path.thread): path for path in mine}


def large(path):
    """How many of the samples are of blocks of a MiB."""
    return sum(count for size, count in path.sizes if size >= MIB)


def test_a_path_is_the_same_object_until_something_of_it_changes(paths):
    first(8)
    readings = []
    for _ in range(2):
        second(4)
        readings.append(ours(paths.read()))
        assert ours(paths.read()) == readings[-1]
    (before, after), key = readings, ("second", "MainThread")
    assert after["first", "MainThread"] is before["first", "MainThread"]
    assert [large(before[key]), large(after[key])] == [4, 8]
    assert sum(size * count for size, count in after[key].sizes) == pytest.approx(8 * MIB, rel=0.01)


def test_what_was_freed_is_gone_and_what_has_shrunk_is_less(paths):
    first(8)
    second(8)
    paths.read()
    del KEPT["first"], KEPT["second"][2:]
    ((key, path),) = ours(paths.read()).items()
    assert key[0] == "second" and large(path) == 2


def test_it_is_what_the_source_reads(heap, paths):
    first(3)
    paths.read()
    for held in (5, 2):
        second(held)
        del KEPT["first"][1:]
        whole = [stack for stack in heap.read().stacks if stack.places[-1].file == __file__ and large(stack)]
        read = ours(paths.read()).values()
        assert {(path.places, path.thread, path.task, path.sizes, path.samples) for path in read} == {
            (stack.places, stack.thread, stack.task, stack.sizes, stack.samples) for stack in whole
        }


def test_a_block_that_grows_in_place_is_as_large_as_it_is(paths):
    first(1)
    paths.read()
    KEPT["first"][0].extend(bytes(3 * MIB))
    found = ours(paths.read())
    assert sum(size * count for path in found.values() for size, count in path.sizes) >= 4 * MIB


def test_each_thread_has_a_path_of_its_own_and_the_name_that_it_has_now(paths):
    done = threading.Event()

    def work():
        first(2)
        done.wait(60)

    thread = threading.Thread(target=work, name="before")
    first(2)
    thread.start()
    while len(KEPT["first"]) < 4:
        thread.join(0.01)
    assert ("first", "before") in ours(paths.read())
    thread.name = "after"
    found = ours(paths.read())
    done.set()
    thread.join()
    assert set(found) == {("first", "MainThread"), ("first", "after")}


def test_another_start_begins_anew_and_without_one_there_is_nothing(heap, paths):
    first(2)
    paths.read()
    heap.stop()
    with pytest.raises(NotStartedError):
        paths.read()
    heap.start(65536, 64)
    second(2)
    assert [name for name, _ in ours(paths.read())] == ["second"]
