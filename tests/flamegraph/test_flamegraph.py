"""The flame graph's page holds the tree whole, lets no name out of its data, and asks nobody for anything."""

from __future__ import annotations

import base64
import configparser
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import memwatch
from memwatch.calltree import ROOT, CallTree, Stack, walk
from memwatch.combine import diff
from memwatch.flamegraph.columns import LIMIT, SIZES, describe
from memwatch.formats import flamegraph
from memwatch.frames import Frame
from memwatch.treebuilder import build

from ..properties import given, st

PACKAGE = Path(memwatch.__file__).parent
MAIN, LOAD, PARSE = (
    Frame("main", "/srv/app.py", 3),
    Frame("load", "/srv/app.py", 7, 5, 6),
    Frame("parse", "/srv/lib.py", 2),
)
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "-->]]>",
    "\u2028\u2029",
    "\ud800",
    "\x00\x1b[31m",
    "\u202eevil",
    "<img src=x onerror=alert(1)>",
    "$data ${script} $$",
    "\"'\\&amp;",
    "a" * 5000,
    "",
]

names = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(), max_size=8))
numbers = st.one_of(st.integers(1, 1000), st.integers(2**53 - 2, 2**70))
frames = st.builds(Frame, names, names, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
pairs = st.lists(st.tuples(numbers, st.integers(1, 99)), min_size=1, max_size=3, unique_by=lambda pair: pair[0])


def stack(path: tuple[Frame, ...], *allocations: tuple[int, int]) -> Stack:
    return Stack(path, sum(s * n for s, n in allocations), sum(n for _, n in allocations), tuple(sorted(allocations)))


def tree_of(*stacks: Stack, **about: Any) -> CallTree:
    return CallTree(build(stacks), **about)


stacks = st.lists(st.builds(lambda path, found: stack(tuple(path), *found), st.lists(frames, max_size=4), pairs))


class Page(HTMLParser):
    """The elements of a page in their order: tag, attributes, text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.inside = False
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(page.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = True
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.elements[-1][2].append(data)

    def texts(self, tag: str) -> list[str]:
        return ["".join(text) for found, _, text in self.elements if found == tag]

    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.texts("script")[0])
        return found


def rows(data: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The nodes of a page: depth, frame, self and total bytes and counts."""
    strings, columns = data["strings"], data["frames"]
    made = [
        Frame(strings[function], strings[file], *place)
        for function, file, *place in zip(
            *(columns[name] for name in ("function", "file", "line", "column", "first_line")), strict=True
        )
    ]
    nodes = data["nodes"]
    numbers = ("self_bytes", "self_count", "total_bytes", "total_count")
    found = zip(nodes["depth"], nodes["frame"], *(map(int, nodes[name]) for name in numbers), strict=True)
    return [(depth, made[frame], *values) for depth, frame, *values in found]


def expected(tree: CallTree) -> list[tuple[Any, ...]]:
    depth = {tree.root.id: 0}
    for node in walk(tree.root):
        depth.update(dict.fromkeys(node.child_ids, depth[node.id] + 1))
    return [
        (depth[node.id], node.frame, node.self_bytes, node.self_count, node.total_bytes, node.total_count)
        for node in walk(tree.root)
    ]


def drawn(data: dict[str, Any]) -> str:
    return "\n".join(f"{'  ' * depth}{frame.function} {own}/{total}" for depth, frame, own, _, total, _ in rows(data))


@given(stacks, names)
def test_page_gives_back_the_tree_whatever_its_names_are(given_stacks: list[Stack], name: str) -> None:
    tree = tree_of(*given_stacks, name=name, source=name, notes=(name, name))
    page = Page(flamegraph.write(tree))
    data = page.data()
    assert rows(data) == expected(tree)
    assert (data["name"], data["source"], data["notes"]) == (name, name, [name, name])
    assert [tag for tag, _, _ in page.elements] == [tag for tag, _, _ in Page(flamegraph.write(tree_of())).elements]
    nodes = list(walk(tree.root))
    assert [number for number, *_ in data["sizes"]] == [at for at, node in enumerate(nodes) if node.allocations]
    for number, others, *found in data["sizes"]:
        told = set(zip(map(int, found[::2]), map(int, found[1::2]), strict=True))
        assert told <= set(nodes[number].allocations)
        assert len(told) + others == len(nodes[number].allocations)


def test_what_the_program_says_stays_in_the_data() -> None:
    quiet = flamegraph.write(tree_of()).decode("ascii", "replace")
    loud = flamegraph.write(
        tree_of(*(stack((Frame(name, name),), (1, 1)) for name in HOSTILE), name=HOSTILE[0], notes=tuple(HOSTILE))
    ).decode("ascii", "replace")
    begin, end = '<script type="application/json" id="data">', "</script>"
    before, _, rest = loud.partition(begin)
    inside, _, after = rest.partition(end)
    assert before == quiet.partition(begin)[0]
    assert after == quiet.partition(begin)[2].partition(end)[2]
    assert inside.isascii()
    assert not re.search(r"[<>&\x00-\x1f]", inside)


def test_policy_allows_the_page_s_own_style_and_script_and_nothing_else() -> None:
    page = Page(flamegraph.write(tree_of(stack((MAIN,), (10, 1)))))
    policy = next(a["content"] for _, a, _ in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    [style], [_, script] = page.texts("style"), page.texts("script")

    def own(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert rules == {
        "default-src": "'none'",
        "style-src": own(style),
        "script-src": own(script),
        "worker-src": "blob:",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_page_refers_to_nothing_outside() -> None:
    page = Page(flamegraph.write(tree_of(stack((MAIN,), (10, 1)))))
    attributes = [pair for _, attrs, _ in page.elements for pair in attrs.items()]
    assert [value for name, value in attributes if name in {"src", "href", "srcset", "action"}] == ["data:,"]
    assert not [name for name, _ in attributes if name.startswith("on") or name == "style"]
    text = flamegraph.write(tree_of(stack((MAIN,), (10, 1)))).decode()
    assert "://" not in text
    assert not re.search(r"url\(|@import|\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|\bimport\b", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function", text)


@pytest.mark.parametrize(
    ("file", "kind", "group"),
    [
        ("", 0, "f"),
        ("/srv/shop/views.py", 1, "views.py"),
        ("C:\\shop\\views.py", 1, "views.py"),
        ("<string>", 1, "<string>"),
        ("/srv/lib/python/shop.py", 1, "shop.py"),
        ("/v/lib/python3.12/site-packages/flask/app.py", 2, "flask"),
        ("/v/lib/python3.12/site-packages/six.py", 2, "six"),
        ("/usr/lib/python3/dist-packages/yaml/loader.py", 2, "yaml"),
        ("C:\\v\\Lib\\site-packages\\flask\\app.py", 2, "flask"),
        ("/usr/lib/python3.12/json/decoder.py", 3, "json"),
        ("/opt/py/lib64/python3.13t/ast.py", 3, "ast"),
        ("C:\\Python312\\Lib\\json\\decoder.py", 3, "json"),
        ("/opt/python312.zip/json/decoder.py", 3, "json"),
        ("<frozen importlib._bootstrap>", 3, "importlib"),
    ],
)
def test_a_path_tells_whose_code_it_is(file: str, kind: int, group: str) -> None:
    data = describe(tree_of(stack((Frame("f", file, 1),), (1, 1))))
    assert data["frames"]["kind"][1] == kind
    assert data["strings"][data["frames"]["group"][1]] == group


def test_smallest_frames_are_drawn_together_and_counted() -> None:
    tree = tree_of(
        stack((MAIN, LOAD), (50, 1)),
        stack((MAIN, PARSE), (3, 1)),
        stack((MAIN, PARSE, LOAD), (2, 1)),
        stack((PARSE,), (1, 1)),
    )
    data = describe(tree, limit=3)
    assert drawn(data) == "(root) 0/56\n  (smaller) 1/1\n  main 0/55\n    (smaller) 5/5\n    load 50/50"
    assert (data["left_out"], data["limit"]) == (3, 3)
    assert describe(tree, limit=6)["left_out"] == 0


def test_growth_and_shrink_do_not_hide_each_other_among_the_smallest() -> None:
    old = tree_of(stack((MAIN, PARSE), (4, 1)), stack((LOAD,), (9, 9)))
    new = tree_of(stack((MAIN, LOAD), (5, 1)), stack((PARSE,), (700, 1)))
    data = describe(diff(new, old), limit=3)
    assert drawn(data) == "(root) 0/620\n  (smaller) 5/5\n  (smaller) -4/-4\n  parse 700/700\n  load -81/-81"


@given(stacks, st.integers(1, 6))
def test_no_byte_is_lost_where_frames_are_left_out(given_stacks: list[Stack], limit: int) -> None:
    tree = tree_of(*given_stacks)
    data = describe(tree, limit=limit)
    found = rows(data)
    assert found[0][1] == ROOT
    assert sum(own for _, _, own, _, _, _ in found) == tree.root.total_bytes
    assert sum(count for _, _, _, count, _, _ in found) == tree.root.total_count
    assert len(found) <= 2 * limit
    assert all(below[0] <= above[0] + 1 for above, below in pairwise(found))


def test_a_page_holds_no_more_than_its_limit() -> None:
    wide = tree_of(*(stack((Frame(f"f{number}"),), (number + 1, 1)) for number in range(LIMIT + 5)))
    data = Page(flamegraph.write(wide)).data()
    assert (data["left_out"], data["limit"]) == (6, LIMIT)
    assert len(data["nodes"]["depth"]) == LIMIT + 1
    assert rows(data)[1][1:4] == (Frame("(smaller)"), sum(range(1, 7)), 6)


def test_five_thousand_nodes_are_a_few_hundred_kilobytes() -> None:
    found = [
        stack(
            (Frame(f"function_{a}", f"/srv/shop/module_{a}.py", a + 1), Frame(f"method_{b}", "/srv/b.py", b)),
            (4145, 480),
        )
        for a in range(50)
        for b in range(99)
    ]
    assert len(flamegraph.write(tree_of(*found))) < 300_000


def test_a_path_of_any_depth_is_written() -> None:
    assert Page(flamegraph.write(tree_of(stack((PARSE,) * 9000, (8, 1))))).data()["nodes"]["depth"][-1] == 9000


def test_sizes_that_hold_most_come_first_and_the_rest_is_counted() -> None:
    data = describe(tree_of(stack((MAIN,), *((size, 1) for size in range(1, SIZES + 4)), (2000, 3))))
    [[node, others, *pairs]] = data["sizes"]
    assert (node, others, pairs[:4]) == (1, 4, [2000, 3, SIZES + 3, 1])
    assert len(pairs) == 2 * SIZES


def test_numbers_that_no_double_holds_keep_every_digit() -> None:
    data = Page(flamegraph.write(tree_of(stack((MAIN,), (2**53 + 1, 1)), pid=2**80, sample_interval=2**60))).data()
    assert data["nodes"]["total_bytes"] == [str(2**53 + 1)] * 2
    assert (data["pid"], data["sample_interval"]) == (str(2**80), str(2**60))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_a_time_that_is_none_is_left_out(value: float) -> None:
    data = Page(flamegraph.write(tree_of(time=value, duration=value))).data()
    assert (data["time"], data["duration"]) == (0, 0)


@pytest.mark.parametrize("package", ["flamegraph", "formats.flamegraph", "render.html"])
def test_assets_are_packaged(package: str) -> None:
    config = configparser.ConfigParser()
    config.read(PACKAGE.parent / "setup.cfg")
    patterns = re.split(r"[\s,]+", config["options.package_data"][f"memwatch.{package}"])
    files = PACKAGE.joinpath(*package.split(".")).iterdir()
    assets = [path.name for path in files if path.is_file() and path.suffix not in {".py", ".pyc"}]
    assert assets
    assert [name for name in assets if not any(fnmatch(name, pattern) for pattern in patterns)] == []


def test_page_is_written_from_a_zip_as_well(tmp_path: Path) -> None:
    archive = tmp_path / "memwatch.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in PACKAGE.rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                file.write(path, path.relative_to(PACKAGE.parent))
    program = (
        f"import sys; sys.path.insert(0, {str(archive)!r}); from memwatch.calltree import *; "
        "from memwatch.treebuilder import build; "
        "from memwatch.formats import flamegraph; assert '.zip' in flamegraph.__file__; "
        "sys.stdout.buffer.write(flamegraph.write(CallTree(build([]))))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, cwd=tmp_path)
    assert done.stderr == b""
    assert done.stdout == flamegraph.write(tree_of())
