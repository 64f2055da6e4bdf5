"""A path as text, as DOT and as a picture."""

from __future__ import annotations

from dataclasses import replace
from shutil import which

import pytest

import memwatch
from memwatch.retain import Edge, EdgeKind, RetainingPath, Root, RootKind, Step

from ..paths import ITEM, attribute, key, path

PATH = path(
    "app",
    replace(attribute("Cache", "type"), name="app.Cache"),
    attribute("items", "dict", 640),
    key("'a: \\'b\\''", "list", 20),
    ITEM,
    suspect=2,
    known="kept on purpose",
)


def test_the_suspect_references_are_underlined() -> None:
    assert PATH.drawing.splitlines() == [
        "module app",
        "  > .Cache: class app.Cache",
        "  > .items: dict, 640 items",
        "    ~~~~~~",
        "  > ['a: \\'b\\'']: list, 20 items",
        "    ~~~~~~~~~~~~",
        "  > [index]",
        "    ~~~~~~~",
        "  (kept on purpose)",
    ]


def test_a_graph_has_a_node_for_each_object() -> None:
    assert PATH.to_dot().splitlines()[3:] == [
        '  n0 [label="module app", style=bold];',
        '  n1 [label="class app.Cache"];',
        '  n0 -> n1 [label=".Cache"];',
        '  n2 [label="dict, 640 items"];',
        '  n1 -> n2 [label=".items", color="#c01515", fontcolor="#c01515"];',
        '  n3 [label="list, 20 items"];',
        '  n2 -> n3 [label="[\'a: \\\\\'b\\\\\'\']", color="#c01515", fontcolor="#c01515"];',
        "  n4 [shape=point];",
        '  n3 -> n4 [label="[index]", color="#c01515", fontcolor="#c01515"];',
        "}",
    ]


def test_a_picture_needs_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(memwatch.UnsupportedError, match="Graphviz"):
        PATH.to_svg()


@pytest.mark.clients
@pytest.mark.skipif(which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_draws_it() -> None:
    drawn = PATH.to_svg()
    assert drawn.rstrip().endswith("</svg>") and "class app.Cache" in drawn and "dict, 640 items" in drawn


def test_the_dict_has_all_fields() -> None:
    assert PATH.to_dict() == {
        "steps": list(PATH.lines),
        "fingerprint": "0123456789abcdef",
        "suspect": 2,
        "known": "kept on purpose",
    }


@pytest.mark.parametrize(
    ("steps", "name"),
    [
        ((), "app"),
        ((attribute("CACHE", "dict"), key("str key", "str")), "app.CACHE"),
        ((attribute("Config", "type"), attribute("seen", "list", 640), ITEM, attribute("x", "str")), "app.Config.seen"),
        ((attribute("first", "app.Node"), *[attribute("next", "app.Node")] * 90), "app.first.next"),
    ],
)
def test_a_holder_in_short(steps: tuple[Step, ...], name: str) -> None:
    assert path("app", *steps).holder == name


def test_a_variable_of_a_running_function_in_short() -> None:
    rows = Step(Edge(EdgeKind.LOCAL, "rows"), "list")
    held_by = RetainingPath(Root(RootKind.FUNCTION, "app.main", main=True), (rows,))
    assert held_by.holder == "app.main, local rows"
    assert held_by.text == "main thread, function app.main > local rows: list"
