"""Call paths become a tree and back; a path is a true calling context, and trees can be compared and added up."""

from __future__ import annotations

import json

from memwatch.calltree import CallTree, Node, Stack, stacks_of, walk
from memwatch.combine import NO_COUNTS, diff, keep, merge
from memwatch.frames import Frame
from memwatch.treebuilder import build

from .properties import given, st

MAIN, LOAD, PARSE = Frame("main", "app.py", 3), Frame("load", "app.py", 7, 5), Frame("parse", "lib.py", 2)

names = st.sampled_from("abcd")
frames = st.builds(Frame, names, st.just("f.py"), st.integers(1, 3))
pairs = st.lists(
    st.tuples(st.integers(1, 50), st.integers(1, 5)), min_size=1, max_size=3, unique_by=lambda pair: pair[0]
)


def stack(path: tuple[Frame, ...], *allocations: tuple[int, int]) -> Stack:
    return Stack(path, sum(s * n for s, n in allocations), sum(n for _, n in allocations), tuple(sorted(allocations)))


stacks = st.lists(st.builds(lambda path, found: stack(tuple(path), *found), st.lists(frames, max_size=5), pairs))


def drawn(root: Node) -> str:
    """The tree as text: a node a line, below its parent."""
    depth = {root.id: 0}
    lines = []
    for node in walk(root):
        depth.update(dict.fromkeys(node.child_ids, depth[node.id] + 1))
        lines.append("  " * depth[node.id] + f"{node.function} {node.self_bytes}/{node.total_bytes}")
    return "\n".join(lines)


def test_paths_that_begin_alike_share_their_beginning() -> None:
    root = build([stack((MAIN, LOAD), (10, 2)), stack((MAIN, PARSE), (50, 1)), stack((MAIN,), (1, 1))])
    assert drawn(root) == "(root) 0/71\n  main 1/71\n    parse 50/50\n    load 20/20"


def test_the_same_function_from_two_places_is_two_nodes() -> None:
    root = build([stack((MAIN, PARSE), (10, 1)), stack((LOAD, PARSE), (20, 1))])
    assert drawn(root) == "(root) 0/30\n  load 0/20\n    parse 20/20\n  main 0/10\n    parse 10/10"


def test_recursion_is_a_path_and_no_circle() -> None:
    deep = build([stack((PARSE,) * 5000, (8, 1))])
    assert len(list(walk(deep))) == 5001
    assert len({node.id for node in walk(deep)}) == 5001
    assert len(next(iter(stacks_of(deep))).frames) == 5000


def test_an_empty_tree_is_its_root() -> None:
    assert drawn(build([])) == "(root) 0/0"
    assert build([]).id == 1


def test_id_depends_on_the_path_alone() -> None:
    one = build([stack((MAIN, LOAD), (10, 1))])
    two = build([stack((PARSE,), (99, 9)), stack((MAIN,), (1, 1)), stack((MAIN, LOAD), (500, 1))])
    ids = {node.function: node.id for node in walk(two)}
    assert all(ids[node.function] == node.id for node in walk(one))
    assert all(0 < node.id < 2**48 for node in walk(two))


def test_to_dict_nests_what_flat_names() -> None:
    root = build([stack((MAIN, LOAD), (10, 2))])
    nested = json.loads(json.dumps(root.to_dict()))
    assert nested["child_ids"] == [nested["children"][0]["id"]]
    leaf = nested["children"][0]["children"][0]
    assert (leaf["function"], leaf["file"], leaf["line"], leaf["column"]) == ("load", "app.py", 7, 5)
    assert (leaf["self_bytes"], leaf["total_count"], leaf["allocations"]) == (20, 2, [[10, 2]])


def test_difference_tells_what_came_and_what_went() -> None:
    old = CallTree(build([stack((MAIN, LOAD), (10, 2)), stack((MAIN, PARSE), (7, 1))]), time=100.0)
    new = CallTree(build([stack((MAIN, LOAD), (10, 5)), stack((LOAD,), (1, 1))]), time=160.0)
    change = diff(new, old)
    assert drawn(change.root) == "(root) 0/24\n  main 0/23\n    load 30/30\n    parse -7/-7\n  load 1/1"
    assert change.difference
    assert change.duration == 60.0


def test_sizes_that_changed_hands_show_although_their_bytes_are_equal() -> None:
    change = diff(CallTree(build([stack((MAIN,), (4, 1))])), CallTree(build([stack((MAIN,), (2, 2))])))
    assert [(node.self_bytes, node.allocations) for node in change.root.children] == [(0, ((2, -2), (4, 1)))]


@given(stacks, stacks)
def test_difference_and_sum_undo_each_other(first: list[Stack], second: list[Stack]) -> None:
    one, two = CallTree(build(first)), CallTree(build(second))
    again = merge([diff(two, one), one])
    assert again.root.to_dict() == two.root.to_dict()
    assert drawn(diff(one, one).root) == "(root) 0/0"


@given(stacks)
def test_nothing_is_lost_between_stacks_and_tree(given_stacks: list[Stack]) -> None:
    root = build(given_stacks)
    assert root.total_bytes == sum(given.size_bytes for given in given_stacks)
    assert root.total_count == sum(given.count for given in given_stacks)
    assert build(stacks_of(root)).to_dict() == root.to_dict()
    nodes = list(walk(root))
    assert len({node.id for node in nodes}) == len(nodes)
    assert all(node.self_bytes == sum(size * count for size, count in node.allocations) for node in nodes)


def test_merged_processes_have_no_pid_in_common() -> None:
    one = CallTree(build([stack((MAIN,), (4, 1))]), pid=1, time=5.0, sample_interval=64)
    two = CallTree(build([stack((MAIN,), (4, 2))]), pid=2, time=9.0, sample_interval=512, notes=("half",))
    both = merge([one, two])
    assert (both.root.total_bytes, both.pid, both.time, both.sample_interval) == (12, 0, 9.0, 512)
    assert both.notes == ("half",)


def test_only_wanted_paths_are_kept() -> None:
    tree = CallTree(build([stack((MAIN, LOAD), (10, 2)), stack((MAIN, PARSE), (7, 1))]))
    left = keep(tree, lambda found: found.frames[-1].file == "lib.py")
    assert drawn(left.root) == "(root) 0/7\n  main 0/7\n    parse 7/7"


def test_a_difference_has_no_duration_where_a_time_is_not_known() -> None:
    new, old = (CallTree(build([Stack((Frame("f"),), 10, 1)]), time=time) for time in (1_800_000_000.0, 0.0))
    assert diff(new, old).duration == 0.0


def test_counts_are_left_out_where_one_tree_has_none() -> None:
    counted = CallTree(build([Stack((Frame("f"),), 30, 3, ((10, 3),))]))
    bare = CallTree(build([Stack((Frame("f"),), 10, 0)]))
    for tree, size in ((diff(counted, bare), 20), (merge([counted, bare]), 40)):
        (stack,) = stacks_of(tree.root)
        assert (stack.size_bytes, stack.count, stack.allocations) == (size, 0, ())
        assert tree.notes == (NO_COUNTS,)
    assert diff(counted, CallTree(build([]))).root.total_count == 3


def test_a_node_equals_itself_alone() -> None:
    one, other = (build([Stack((Frame("f"),), 8, 1)]) for _ in range(2))
    assert one.id == other.id
    assert one == one and one != other
    assert len({one, other}) == 2


def test_frames_that_change_places_are_another_path() -> None:
    there, back = ((Frame("f"), Frame("g"), Frame("h")), (Frame("h"), Frame("g"), Frame("f")))
    root = build([Stack(there, 8, 1), Stack(back, 8, 1)])
    assert len({node.id for node in walk(root)}) == 7


def test_a_frame_that_holds_something_of_its_own_on_a_long_path() -> None:
    frames = tuple(Frame(f"f{depth}") for depth in range(50))
    stacks = [Stack(frames, 3, 1), Stack(frames[:20], 5, 1), Stack((*frames[:20], Frame("other")), 7, 1)]
    assert sorted(stacks_of(build(stacks)), key=lambda it: it.size_bytes) == stacks
