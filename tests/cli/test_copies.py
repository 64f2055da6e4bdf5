"""The copies of profiles in the folder of a run."""

import os
from dataclasses import replace

from memwatch.calltree import CallTree, Stack
from memwatch.cli.copies import SUFFIX, decode, encode, read_copies
from memwatch.estimates import AGES, Part
from memwatch.frames import Frame
from memwatch.treebuilder import build

MAIN, WORK = Frame("<module>", "app.py", 3, 1, 1), Frame("work\udc80", "app.py", 9, 5, 7)
PART = Part("worker", "handle", ((100, 3),), 2, 50.0, (1,) * len(AGES))


def make_tree(pid=7):
    stacks = [Stack((MAIN, WORK), 300, 3, ((100, 3),), (PART,)), Stack((MAIN,), 10, 1)]
    return CallTree(build(stacks), "heap", "sampler", 64, 5.0, 2.0, pid, False, ("a note",), 9, 8.5)


def test_a_copy_holds_all_that_a_tree_knows():
    tree = make_tree()
    again = decode(encode(tree))
    assert again.root.to_dict() == tree.root.to_dict()
    assert replace(again, root=tree.root).__reduce_ex__(4)[2] == tree.__reduce_ex__(4)[2]


def test_copies_are_read_from_runs_within_too_and_damaged_ones_left_out(tmp_path):
    (tmp_path / "inner").mkdir()
    for place, pid in ((tmp_path, 1), (tmp_path / "inner", 2)):
        (place / f"{pid}-1{SUFFIX}").write_bytes(encode(make_tree(pid)))
        os.utime(place / f"{pid}-1{SUFFIX}", (pid, pid))
    (tmp_path / f"3-1{SUFFIX}").write_bytes(encode(make_tree(3))[:-9])
    (tmp_path / f"4-1{SUFFIX}").write_bytes(b"")
    trees, left_out = read_copies(str(tmp_path))
    assert ([tree.pid for tree in trees], left_out) == ([1, 2], 2)
    assert read_copies(str(tmp_path / "absent")) == ([], 0)
