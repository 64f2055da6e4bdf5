"""What a heap snapshot has in it: one small program writes some, and the reader looks for what the program made."""

from __future__ import annotations

import subprocess
import sys
from bisect import bisect_right
from pathlib import Path

import pytest

import memwatch
from memwatch.formats.heapsnapshot import HeapSnapshot, read

NATIVE = memwatch.backend.name == "native"
native_only = pytest.mark.skipif(not NATIVE, reason="the C extension alone sees it")

PROGRAM = """
import collections, gc, os, sys, weakref
import memwatch
from memwatch.heap.census import take_census

gc.disable()

class Session:
    def __init__(self, user):
        self.user, self.items = user, [object()]

class Slotted:
    __slots__ = ("left", "right")

class Named: pass
class Held: pass
class Watched: pass
class Lone: pass
class Cyclic: pass
class Kept: pass
class Local: pass
class Suspended: pass

class Forked:
    def __call__(self): pass
os.register_at_fork(before=Forked())

secret = "".join(["hunter", "2-"])
store = {f"{secret} {number}": Session(f"{secret} {number}") for number in range(30)}
numbers = {7: Named(), -3: Named(), 10**6: Named()}
slotted = Slotted(); slotted.left, slotted.right = Held(), (Held(), Held())
watched = Watched(); reference = weakref.ref(watched)
buffer = bytearray(5000)
module_in_c = collections.deque([Kept()])

def closure():
    captured = Lone()
    return lambda: captured
inner = closure()
def generator():
    paused = Suspended()
    yield paused
paused = generator(); next(paused)
try:
    import numpy
    crops = [numpy.zeros(100_000, dtype="u1")[:10]]
except ImportError:
    crops = []
cycle = Cyclic(); cycle.self = cycle; del cycle

def running(path, **options):
    variable = Local()
    memwatch.write_heap_snapshot(path, **options)

folder = sys.argv[1]
child = {"in_child": memwatch.backend.name == "native"}
running(f"{folder}/folded.heapsnapshot", **child)
store["new"] = Session("new")
running(f"{folder}/whole.heapsnapshot.gz", fold=False, in_child=False)
running(f"{folder}/keys.heapsnapshot", show_keys=True)
census = take_census(deep=True)
print(census.nodes, census.size_bytes)
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    folder = tmp_path_factory.mktemp("snapshots")
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(folder)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return folder, [int(number) for number in done.stdout.split()]


@pytest.fixture(scope="module")
def folded(written: tuple[Path, list[int]]) -> HeapSnapshot:
    return read(written[0] / "folded.heapsnapshot")


@pytest.fixture(scope="module")
def whole(written: tuple[Path, list[int]]) -> HeapSnapshot:
    return read(written[0] / "whole.heapsnapshot.gz")


def nodes(snapshot: HeapSnapshot, name: str) -> list[int]:
    return [node for node in range(len(snapshot)) if snapshot.name_of(node) == name]


def holders(snapshot: HeapSnapshot, node: int) -> list[tuple[str, str, str]]:
    """Who refers to *node*: the kind and the name of the reference, and what has it."""
    found, edge = [], -1
    while node in snapshot.targets[edge + 1 :]:
        edge = snapshot.targets.index(node, edge + 1)
        reference = snapshot.reference(bisect_right(snapshot.starts, edge) - 1, edge)
        found.append((reference.kind, reference.name, snapshot.name_of(reference.owner)))
    return sorted(found)


def below(snapshot: HeapSnapshot, node: int) -> dict[str, str]:
    return {it.name: snapshot.name_of(it.target) for it in snapshot.references(node)}


def test_the_roots_are_one_node_above_groups(folded: HeapSnapshot) -> None:
    (first,) = folded.references(0)
    groups = [folded.name_of(it.target) for it in folded.references(first.target)]
    assert groups[:2] == (["(Modules)", "(Threads)"] if NATIVE else ["(Modules)", "(Interpreter)"])
    modules = below(folded, nodes(folded, "(Modules)")[0])
    assert modules["__main__"] == "<module __main__>"


def test_every_node_can_be_reached_and_has_a_number_of_its_own(folded: HeapSnapshot, whole: HeapSnapshot) -> None:
    for snapshot in (folded, whole):
        reached, waiting = bytearray(len(snapshot)), [0]
        reached[0] = 1
        while waiting:
            for it in snapshot.references(waiting.pop()):
                if not reached[it.target] and it.kind != "weak":
                    reached[it.target] = 1
                    waiting.append(it.target)
        assert sum(reached) == len(snapshot)
        assert len(set(snapshot.ids)) == len(snapshot)


def test_an_instance_has_its_attributes_and_its_class(folded: HeapSnapshot) -> None:
    session = nodes(folded, "__main__.Session")[0]
    found = below(folded, session)
    assert found["__class__"] == "<class __main__.Session>"
    assert "list" in found.values()
    if NATIVE:
        assert found["items"] == "list"


def test_slots_items_and_small_keys_have_their_names(folded: HeapSnapshot) -> None:
    slotted = below(folded, nodes(folded, "__main__.Slotted")[0])
    assert slotted["left"] == "__main__.Held"
    assert slotted["right"] == "tuple"
    held = [name for node in nodes(folded, "__main__.Held") for _, name, owner in holders(folded, node)]
    assert sorted(held) == ["[0]", "[1]", "left"]
    named = [name for node in nodes(folded, "__main__.Named") for _, name, owner in holders(folded, node)]
    assert "[7]" in named
    assert "[int key]" in named


def test_what_is_data_is_not_shown(written: tuple[Path, list[int]], folded: HeapSnapshot) -> None:
    assert b"hunter2-" not in (written[0] / "folded.heapsnapshot").read_bytes()
    assert "[str key]" in {name for node in nodes(folded, "__main__.Session") for _, name, _ in holders(folded, node)}
    shown = read(written[0] / "keys.heapsnapshot")
    assert "hunter2- 3" in {name for node in nodes(shown, "__main__.Session") for _, name, _ in holders(shown, node)}


@native_only
def test_what_is_called_at_a_fork_is_in_a_list_of_the_interpreter(folded: HeapSnapshot) -> None:
    (interpreter,) = nodes(folded, "(Interpreter)")
    name = "fork callbacks (os.register_at_fork, before)"
    kept = next(it.target for it in folded.references(interpreter) if it.name == name)
    assert "__main__.Forked" in below(folded, kept).values()


@native_only
def test_weak_references_and_buffers_are_shown_beside(folded: HeapSnapshot) -> None:
    (watched,) = nodes(folded, "__main__.Watched")
    assert ("weak", "(weak)", "weakref.ReferenceType") in holders(folded, watched)
    sizes = [folded.sizes[node] for node in nodes(folded, "bytearray buffer")]
    assert bytearray(5000).__alloc__() in sizes


@native_only
def test_a_view_of_an_array_keeps_the_whole(folded: HeapSnapshot) -> None:
    pytest.importorskip("numpy")
    sizes = {folded.sizes[node]: node for node in nodes(folded, "numpy.ndarray buffer")}
    assert holders(folded, sizes[100_000]) == [("internal", "(buffer)", "numpy.ndarray")]


@native_only
def test_variables_of_functions_that_run_or_wait_or_are_closed_over(folded: HeapSnapshot) -> None:
    (local,) = nodes(folded, "__main__.Local")
    assert holders(folded, local) == [("context", "variable", "__main__.running")]
    (suspended,) = nodes(folded, "__main__.Suspended")
    assert ("context", "paused", "generator") in holders(folded, suspended)
    (lone,) = nodes(folded, "__main__.Lone")
    assert holders(folded, lone) == [("internal", "cell_contents", "cell")]
    threads = below(folded, nodes(folded, "(Threads)")[0])
    assert threads["MainThread"] == "MainThread"


@native_only
def test_a_cycle_that_nothing_holds_is_garbage(folded: HeapSnapshot) -> None:
    (cyclic,) = nodes(folded, "__main__.Cyclic")
    owners = {owner for _, _, owner in holders(folded, cyclic)}
    assert owners == {"(Garbage)", "__main__.Cyclic"}


def test_objects_have_the_same_number_in_two_snapshots(folded: HeapSnapshot, whole: HeapSnapshot) -> None:
    before = {folded.ids[node] for node in nodes(folded, "__main__.Session")}
    after = {whole.ids[node] for node in nodes(whole, "__main__.Session")}
    assert before < after
    assert len(after - before) == 1


@native_only
def test_the_sizes_are_those_of_the_census(
    written: tuple[Path, list[int]], folded: HeapSnapshot, whole: HeapSnapshot
) -> None:
    objects, size = written[1]
    assert abs(len(whole) - objects) < 0.01 * objects
    for snapshot in (folded, whole):
        assert snapshot.total_bytes == pytest.approx(size, rel=0.01)


def test_folding_leaves_out_what_is_small_or_shared(folded: HeapSnapshot, whole: HeapSnapshot) -> None:
    if NATIVE:
        assert len(folded) < 0.8 * len(whole)
    assert not nodes(folded, "NoneType") or not NATIVE
    assert nodes(whole, "NoneType")


def test_only_the_owner_can_read_it(written: tuple[Path, list[int]]) -> None:
    for path in written[0].iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    assert len(list(written[0].iterdir())) == 3
