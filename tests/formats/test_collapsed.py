"""Collapsed stacks: a line a path, safe for readers that split at semicolons, blanks and line ends."""

from __future__ import annotations

import pytest

from memwatch.calltree import CallTree, Stack, stacks_of
from memwatch.combine import diff
from memwatch.errors import FormatError
from memwatch.formats import collapsed
from memwatch.frames import Frame
from memwatch.treebuilder import build


def text(*frames: Frame) -> str:
    return collapsed.write(CallTree(build([Stack(frames, 12, 1)]))).decode()


def test_the_form(sample_tree: CallTree) -> None:
    assert collapsed.write(sample_tree).decode().splitlines() == [
        "(root) 2000",
        "main (shop/app.py:12);Server.handle (shop/server.py:40) 5600",
        "main (shop/app.py:12);Server.handle (shop/server.py:40);Cache.put (shop/cache.py:7) 1040000",
        "main (shop/app.py:12);Server.handle (shop/server.py:40);"
        "parse.<locals>.<lambda> (/usr/lib/python3.12/json/decoder.py:353) 256000",
        "main (shop/app.py:12);Server.handle (shop/server.py:40);read 62400",
        "main (shop/app.py:12);walk (shop/a tree%3Bof (things).py:3) 40000",
        "main (shop/app.py:12);walk (shop/a tree%3Bof (things).py:3);walk (shop/a tree%3Bof (things).py:3);"
        "walk (shop/a tree%3Bof (things).py:3) 176000",
        "<module> (shop/計算.py:9);größe_計算 (shop/計算.py:2) 18000",
    ]


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        (Frame("a;b\nc"), "a%3Bb%0Ac 12\n"),
        (Frame("f (x:3)"), "f %28x:3) 12\n"),
        (Frame("f (g)", "x.py", 3), "f %28g) (x.py:3) 12\n"),
        (Frame("50%; 100%25"), "50%%3B 100%2525 12\n"),
        (Frame("\udc80"), "%ED%B2%80 12\n"),
        (Frame("\ufeff"), "%EF%BB%BF 12\n"),
        (Frame(""), " 12\n"),
        (Frame("f", "C:\\a b\\x.py", 3), "f (C:\\a b\\x.py:3) 12\n"),
        (Frame("<module>", "x.py"), "<module> (x.py:0) 12\n"),
    ],
)
def test_what_the_form_uses_itself_is_escaped(frame: Frame, line: str) -> None:
    assert text(frame) == line
    (stack,) = stacks_of(collapsed.read(line.encode()).root)
    assert stack.frames == (frame,)


def test_files_of_other_producers() -> None:
    lines = "main;f 3\r\n\r\nmain;f 4\nmain;http://x/a%20b.js (q) 5\n\ufeffpy (a.py:7);<lambda> (b.py:1) 6"
    found = {stack.frames: stack.size_bytes for stack in stacks_of(collapsed.read(lines.encode()).root)}
    assert found == {
        (Frame("main"), Frame("f")): 7,
        (Frame("main"), Frame("http://x/a%20b.js (q)")): 5,
        (Frame("\ufeffpy", "a.py", 7), Frame("<lambda>", "b.py", 1)): 6,
    }


def test_of_a_difference_only_growth_is_written(sample_tree: CallTree, older_tree: CallTree) -> None:
    lines = collapsed.write(diff(sample_tree, older_tree)).decode()
    assert "Cache.put (shop/cache.py:7) 630400\n" in lines
    assert "parse" not in lines and "-" not in lines


def test_a_tree_without_bytes_is_an_empty_file() -> None:
    assert collapsed.write(CallTree(build([]))) == b""


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"main;f 1\nmain", "line 2 is no stack: there is no blank and number at its end"),
        (b"main;f 1\nmain;g ", "the number of line 2 is '', not a whole number"),
        (b"main;f 1.5", "the number of line 1 is '1.5', not a whole number"),
        ("main;f ³".encode(), "the number of line 1 is '³', not a whole number"),
        (b"main;f 1\n\xff 2", "no UTF-8 text: invalid start byte at byte 9"),
        (b"f " + b"9" * 5000, f"the number of line 1 is '{'9' * 38}…, not a whole number"),
    ],
)
def test_a_line_that_is_none_is_named(data: bytes, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        collapsed.read(data)
    assert str(caught.value) == message
