"""`.heapprofile` as V8 writes it today, and what is read of its older and stranger relatives."""

from __future__ import annotations

import json

import pytest

from memwatch.calltree import CallTree, Stack, stacks_of, walk
from memwatch.errors import FormatError
from memwatch.formats import heapprofile
from memwatch.frames import Frame
from memwatch.treebuilder import build


def node(name: str, size: int, *children: dict, line: int = -1, number: int = 0, **more: object) -> dict:
    call_frame = {"functionName": name, "scriptId": "3", "url": "a.js", "lineNumber": line, "columnNumber": 0}
    return {"callFrame": call_frame, "selfSize": size, "id": number, "children": list(children), **more}


def read(value: object) -> CallTree:
    return heapprofile.read(json.dumps(value).encode())


def test_the_form_is_v8_s(sample_tree: CallTree) -> None:
    file = json.loads(heapprofile.write(sample_tree))
    assert list(file) == ["head", "samples", "memwatch"]
    waiting, ids = [file["head"]], []
    assert file["head"]["callFrame"] == {
        "functionName": "(root)",
        "scriptId": "0",
        "url": "",
        "lineNumber": -1,
        "columnNumber": -1,
    }
    while waiting:
        found = waiting.pop()
        assert set(found) == {"callFrame", "selfSize", "id", "selfCount", "children"}
        assert isinstance(found["callFrame"]["scriptId"], str)
        ids.append(found["id"])
        waiting += found["children"]
    assert sorted(ids) == sorted(n.id for n in walk(sample_tree.root))


def test_each_file_is_a_script_of_its_own_that_no_page_has() -> None:
    frames = [Frame("f", "a.py", 1), Frame("f", "b.py", 1), Frame("g", "a.py", 2), Frame("read")]
    found = json.loads(heapprofile.write(CallTree(build([Stack(tuple(frames), 8, 1)]))))["head"]
    scripts = []
    while found["children"]:
        found = found["children"][0]
        scripts.append(found["callFrame"]["scriptId"])
    assert scripts == ["-1", "-2", "-1", "0"]


def test_lines_and_columns_count_from_zero(sample_tree: CallTree) -> None:
    (main, *_) = json.loads(heapprofile.write(sample_tree))["head"]["children"]
    assert (main["callFrame"]["lineNumber"], main["callFrame"]["columnNumber"]) == (11, 4)


def test_samples_add_up_to_their_nodes(sample_tree: CallTree) -> None:
    samples = json.loads(heapprofile.write(sample_tree))["samples"]
    by_node: dict[int, int] = {}
    for sample in samples:
        by_node[sample["nodeId"]] = by_node.get(sample["nodeId"], 0) + sample["size"]
    assert by_node == {n.id: n.self_bytes for n in walk(sample_tree.root) if n.self_bytes}
    assert [sample["ordinal"] for sample in samples] == list(range(1, len(samples) + 1))
    assert len(samples) == sum(len(n.allocations) for n in walk(sample_tree.root))


def test_a_script_tag_in_a_name_is_just_text() -> None:
    tree = CallTree(build([Stack((Frame('</script>"\\\ud800'),), 1, 1)]))
    assert (
        next(iter(stacks_of(heapprofile.read(heapprofile.write(tree)).root))).frames[0].function == '</script>"\\\ud800'
    )


def test_a_file_of_v8_counts_its_samples() -> None:
    samples = [{"size": 70, "nodeId": 2, "ordinal": 9}, {"size": 30, "nodeId": 2, "ordinal": 4}]
    tree = read({"head": node("(root)", 0, node("f", 100, line=4, number=2), number=1), "samples": samples})
    assert list(stacks_of(tree.root)) == [Stack((Frame("f", "a.js", 5, 1),), 100, 2)]
    assert (tree.source, tree.notes) == ("V8", (heapprofile.COUNTS_ARE_SAMPLES,))


def test_the_flat_form_of_heap_profile_counts_from_one() -> None:
    leaf = {
        "functionName": "f",
        "scriptId": 7,
        "lineNumber": 5,
        "columnNumber": 2,
        "url": "a.js",
        "selfSize": 80,
        "children": [],
    }
    head = {**leaf, "functionName": "(root)", "url": "", "lineNumber": 0, "columnNumber": 0, "selfSize": 0}
    tree = read({"head": {**head, "children": [leaf]}})
    assert list(stacks_of(tree.root)) == [Stack((Frame("f", "a.js", 5, 2),), 80, 0)]


def test_a_head_that_is_no_root_is_the_outermost_frame() -> None:
    tree = read({"head": node("main", 5), "samples": []})
    assert [stack.frames for stack in stacks_of(tree.root)] == [(Frame("main", "a.js", 0, 1),)]


def test_fractions_are_rounded() -> None:
    assert read({"head": node("f", 2.6)}).root.total_bytes == 3  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ([], "the file is a list, not an object"),
        ({}, "head is missing, not an object"),
        ({"head": {"selfSize": 1}}, "a node has no callFrame and no functionName"),
        ({"head": node("f", "much")}, "a node's selfSize is 'much', not a number"),  # type: ignore[arg-type]
        ({"head": node("f", True)}, "a node's selfSize is True, not a number"),
        ({"head": node(None, 1)}, "a node's functionName is missing, not a text"),  # type: ignore[arg-type]
        ({"head": {**node("f", 1), "children": {}}}, "a node's children is an object, not a list"),
        ({"head": {**node("f", 1), "id": []}}, "a node's id is a list, not a number"),
        ({"head": node("f", 1, 3)}, "a node is 3, not an object"),  # type: ignore[arg-type]
        ({"head": node("f", 1), "samples": 1}, "samples is 1, not a list"),
        ({"head": node("f", 1), "samples": [{}]}, "a sample's nodeId is missing, not a number"),
        ({"head": node("f", 1), "memwatch": {"time": "now"}}, "memwatch.time is 'now', not a number"),
        ({"head": node("f", float("inf"))}, "a node's selfSize is inf, not a finite number"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_value_is_named(file: object, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        read(file)
    assert str(caught.value) == message
