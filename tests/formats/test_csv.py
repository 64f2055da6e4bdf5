"""CSV: a row a node with its totals, harmless in a spreadsheet, and read back."""

from __future__ import annotations

import csv as stdlib
import io

import pytest

from memwatch.calltree import CallTree, Stack, stacks_of, walk
from memwatch.combine import diff
from memwatch.errors import FormatError
from memwatch.formats import csv
from memwatch.frames import Frame
from memwatch.treebuilder import build


def rows(tree: CallTree) -> list[dict[str, str]]:
    return list(stdlib.DictReader(io.StringIO(csv.write(tree).decode(), newline="")))


def test_a_row_is_a_node(sample_tree: CallTree) -> None:
    table = rows(sample_tree)
    nodes = list(walk(sample_tree.root))
    assert [int(row["id"]) for row in table] == [node.id for node in nodes]
    assert [int(row["total_bytes"]) for row in table] == [node.total_bytes for node in nodes]
    assert (table[0]["parent_id"], table[0]["depth"], table[0]["function"]) == ("", "0", "(root)")
    put = next(row for row in table if row["function"] == "Cache.put")
    assert {
        key: put[key] for key in ("depth", "file", "line", "column", "self_bytes", "self_count", "allocations")
    } == {
        "depth": "3",
        "file": "shop/cache.py",
        "line": "7",
        "column": "13",
        "self_bytes": "1040000",
        "self_count": "1250",
        "allocations": "64x250 1024x1000",
    }


def test_a_parent_stands_above_its_children(sample_tree: CallTree) -> None:
    seen = {""}
    for row in rows(sample_tree):
        assert row["parent_id"] in seen
        seen.add(row["id"])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'"])
def test_a_name_is_never_a_formula(start: str) -> None:
    frame = Frame(f"{start}HYPERLINK(1)", f"{start}x.py", 1)
    tree = CallTree(build([Stack((frame,), 5, 1)]))
    row = rows(tree)[1]
    assert row["function"][0] == row["file"][0] == "'"
    assert next(iter(stacks_of(csv.read(csv.write(tree)).root))).frames == (frame,)


def test_a_difference_keeps_negative_numbers(sample_tree: CallTree, older_tree: CallTree) -> None:
    change = diff(sample_tree, older_tree)
    parse = next(row for row in rows(change) if row["function"].startswith("parse"))
    assert (parse["self_bytes"], parse["self_count"], parse["allocations"]) == ("-204800", "-400", "512x-400")


def test_sizes_that_no_cell_holds_are_left_out() -> None:
    pairs = tuple((size, 1) for size in range(1, 10_000))
    tree = CallTree(build([Stack((Frame("f"),), sum(size for size, _ in pairs), len(pairs), pairs)]))
    assert rows(tree)[1]["allocations"] == ""
    assert csv.read(csv.write(tree)).root.total_count == len(pairs)


def test_four_columns_are_enough_in_any_order() -> None:
    tree = csv.read(b'\xef\xbb\xbf"self_bytes","function","parent_id","id"\n0,r,,1\n5,f,1,x\n7,g,x,y\n')
    assert [(stack.frames, stack.size_bytes) for stack in stacks_of(tree.root)] == [
        ((Frame("f"),), 5),
        ((Frame("f"), Frame("g")), 7),
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("id,function\n", "no table of nodes: there is no column parent_id, self_bytes"),
        ("id,parent_id,function,self_bytes\n1,,r,0\n1,,r,0\n", "line 3 has the id 1 of a row above it"),
        ("id,parent_id,function,self_bytes\n2,1,f,3\n", "line 2 has the parent 1, which is in no row above it"),
        ("id,parent_id,function,self_bytes\n1,,r,many\n", "line 2, self_bytes is 'many', not a whole number"),
        ("id,parent_id,function,self_bytes\n1,,r\n", "line 2, self_bytes is '', not a whole number"),
        ("id,parent_id,function,self_bytes,allocations\n1,,r,1,5y2\n", "line 2, a size is '5y2', not a whole number"),
        ("id,parent_id,function,self_bytes\n", "truncated table: its rows hold 0 bytes, and there should be anything"),
        (
            "id,parent_id,function,self_bytes,total_bytes\n1,,r,4,9\n",
            "truncated table: its rows hold 4 bytes, and there should be 9 bytes",
        ),
        ('id,parent_id,function,self_bytes\n1,,"r,0\n', "broken CSV: unexpected end of data"),
    ],
)
def test_a_wrong_row_is_named(data: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        csv.read(data.encode())
    assert str(caught.value) == message


def test_other_encodings_are_refused() -> None:
    with pytest.raises(FormatError, match="no UTF-8 text"):
        csv.read("id,parent_id,function,self_bytes\n1,,größe,0".encode("latin-1"))
