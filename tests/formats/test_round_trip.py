"""What a format can hold comes back as it was, whatever the names and numbers are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memwatch import formats
from memwatch.calltree import CallTree, Stack, stacks_of, walk
from memwatch.combine import diff
from memwatch.errors import FormatError
from memwatch.formats import checks
from memwatch.formats.growth import LEFT_OUT
from memwatch.frames import Frame
from memwatch.treebuilder import build

from ..properties import HealthCheck, example, given, settings, st

READABLE = [name for name, format in formats.FORMATS.items() if format.read is not None]
SIGNED = [name for name in READABLE if formats.FORMATS[name].signed]
UNSIGNED = [name for name in READABLE if not formats.FORMATS[name].signed]

NASTY = (
    *(
        "",
        " ",
        " (",
        "f (x:3)",
        "(",
        "a;b",
        ";",
        "a\nb",
        "\r\n",
        "\r",
        "\t",
        '"',
        "'",
        "''=1",
        "=1+1",
        "@SUM(A1)",
        "-2",
        "+3",
    ),
    *(
        "</script><script>alert(1)",
        "<!--",
        "\0",
        "\x85\u2028\u2029",
        "%3B",
        "%25",
        "%2",
        "%",
        "%zz",
        "100%;",
        "\\",
        "\\udc80",
    ),
    *("\ud800", "\udc80abc", "x\udfff", "größe", "計算", "🐍", "\u202egnp.exe", ",", "a,b", "main 12", "C:\\app\\x.py"),
    *(
        "http://x/a%20b?c=d",
        "x" * 10_000,
        "<module>",
        "f.<locals>.<lambda>",
        "(root) ",
        "null",
        "{}",
        "\ufeff",
        "id,parent_id",
    ),
)

names = st.one_of(st.sampled_from(NASTY), st.text(st.characters(), max_size=12)).filter(lambda name: name != "(root)")
numbers = st.integers(0, 2**31 - 1)
frames = st.builds(Frame, names, names, numbers, numbers, numbers)
few_frames = st.lists(frames, min_size=1, max_size=4).flatmap(lambda few: st.lists(st.sampled_from(few), max_size=8))
buckets = st.lists(
    st.tuples(st.integers(1, 2**40), st.integers(1, 2**12)), min_size=1, max_size=3, unique_by=lambda pair: pair[0]
)


@st.composite
def sized(draw: st.DrawFn) -> Stack:
    """A stack whose sizes are known."""
    found = draw(buckets)
    total = sum(size * count for size, count in found)
    return Stack(tuple(draw(few_frames)), total, sum(count for _, count in found), tuple(sorted(found)))


unsized = st.builds(Stack, few_frames.map(tuple), st.integers(1, 2**62 // 8), st.integers(0, 2**40))
trees = st.builds(
    CallTree,
    st.lists(st.one_of(sized(), unsized), max_size=8).map(build),
    name=st.sampled_from(["heap", "shop", "x: y", ""]),
    source=st.sampled_from(["", "tracemalloc"]),
    sample_interval=st.integers(1, 2**40),
    time=st.floats(0, 2e9),
    duration=st.floats(0, 1e6),
    pid=st.integers(0, 2**22),
    notes=st.lists(st.sampled_from(["a note", "memwatch", "näher\nbei"]), unique=True, max_size=2).map(tuple),
)


def escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def kept(stack: Stack, name: str) -> Stack:
    """What the format *name* keeps of a stack."""
    frames, count, allocations = list(stack.frames), stack.count, stack.allocations
    if name != "pprof":
        frames = [replace(frame, first_line=0) for frame in frames]
    if name in ("pprof", "csv"):
        frames = [replace(frame, function=escaped(frame.function), file=escaped(frame.file)) for frame in frames]
    if name == "collapsed":
        frames = [replace(frame, column=0) for frame in frames]
        count = 0
    if name in ("speedscope", "collapsed"):
        allocations = ()
    if name == "pprof" and allocations and sum(size * count for size, count in allocations) != stack.size_bytes:
        allocations = ()
    return Stack(tuple(frames), stack.size_bytes, count, allocations)


def numbers_of(tree: CallTree, name: str | None = None) -> dict[tuple[Frame, ...], Stack]:
    stacks = stacks_of(tree.root)
    rebuilt = build(kept(stack, name) for stack in stacks) if name else tree.root
    return {stack.frames: stack for stack in stacks_of(rebuilt)}


@pytest.mark.parametrize("name", READABLE)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tree=trees)
@example(tree=CallTree(build([Stack((Frame("", " "), Frame("\ud800", "\ud800")), 1, 1)])))
def test_a_tree_comes_back(name: str, tree: CallTree) -> None:
    data = formats.write(tree, name)
    if not data:
        return
    again = formats.read(data)
    assert numbers_of(again) == numbers_of(tree, name)
    assert formats.write(again, name) == formats.write(formats.read(formats.write(again, name)), name)
    if name in ("heapprofile", "speedscope", "pprof"):
        about = ("name", "source", "sample_interval", "pid", "difference", "notes")
        assert [getattr(again, key) for key in about] == [getattr(tree, key) for key in about]
        assert (again.time, again.duration) == pytest.approx((tree.time, tree.duration), abs=1e-9)


@pytest.mark.parametrize("name", ["heapprofile", "pprof", "csv"])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tree=st.builds(CallTree, st.lists(sized(), max_size=6).map(build)))
def test_a_node_keeps_its_id(name: str, tree: CallTree) -> None:
    plain = build(kept(stack, name) for stack in stacks_of(tree.root))
    again = formats.read(formats.write(tree, name))
    assert sorted(node.id for node in walk(again.root)) == sorted(node.id for node in walk(plain))


@pytest.mark.parametrize("name", SIGNED)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(new=st.lists(sized(), max_size=5), old=st.lists(sized(), max_size=5))
def test_a_difference_keeps_what_shrank(name: str, new: list[Stack], old: list[Stack]) -> None:
    change = diff(CallTree(build(new)), CallTree(build(old)))
    again = formats.read(formats.write(change, name))
    assert numbers_of(again) == numbers_of(change, name)
    assert again.root.total_bytes == sum(s.size_bytes for s in new) - sum(s.size_bytes for s in old)


@pytest.mark.parametrize("name", UNSIGNED)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(new=st.lists(sized(), max_size=5), old=st.lists(sized(), max_size=5))
def test_a_format_without_negative_numbers_keeps_what_grew(name: str, new: list[Stack], old: list[Stack]) -> None:
    change = diff(CallTree(build(new)), CallTree(build(old)))
    data = formats.write(change, name)
    shrank = any(
        s.size_bytes < 0 or s.count < 0 or min(n for _, n in s.allocations) < 0 for s in stacks_of(change.root)
    )
    assert (LEFT_OUT.encode() in data) == (shrank and name != "collapsed")
    grown = build(kept(s, name) for s in stacks_of(change.root) if s.size_bytes > 0)
    again = formats.read(data) if data else CallTree(build([]))
    assert again.root.total_bytes == grown.total_bytes
    assert all(node.self_bytes >= 0 and node.self_count >= 0 for node in walk(again.root))


@pytest.mark.parametrize("depth", [256, 3000])
@pytest.mark.parametrize("name", READABLE)
def test_a_path_may_be_deep(name: str, depth: int) -> None:
    frame = Frame("again", "r.py", 3)
    tree = CallTree(build([Stack((frame,) * depth, 8, 1, ((8, 1),))]))
    again = formats.read(formats.write(tree, name))
    assert numbers_of(again) == numbers_of(tree, name)


@pytest.mark.parametrize("name", READABLE)
def test_a_path_deeper_than_the_limit_is_written_and_refused_when_read(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert formats.MAX_DEPTH == checks.MAX_DEPTH == 10_000
    monkeypatch.setattr(checks, "MAX_DEPTH", 400)
    deepest, too_deep = (CallTree(build([Stack((Frame("again"),) * depth, 8, 1)])) for depth in (400, 401))
    assert formats.read(formats.write(deepest, name)).root.total_bytes == 8
    with pytest.raises(FormatError, match="nested too deep: a path of more than 400 frames"):
        formats.read(formats.write(too_deep, name))


@pytest.mark.parametrize("total", [2**53 + 1, 2**63 - 1, 2**63, 2**80 + 1])
@pytest.mark.parametrize("name", READABLE)
def test_a_number_is_exact_or_refused(name: str, total: int) -> None:
    tree = CallTree(build([Stack((Frame("huge"),), total, 1)]))
    if name == "pprof" and total >= 2**63:
        with pytest.raises(FormatError, match=r"pprof holds numbers up to 2\*\*63 - 1, and here are .*; write csv"):
            formats.write(tree, name)
    else:
        assert formats.read(formats.write(tree, name)).root.total_bytes == total


def test_pprof_refuses_numbers_that_overflow_together() -> None:
    tree = CallTree(build([Stack((Frame("a"),), 2**62, 1), Stack((Frame("b"),), 2**62, 1)]))
    with pytest.raises(FormatError, match="2\\*\\*63"):
        formats.write(tree, "pprof")
