"""Today's files are those that the real programs were given, and the programs read what the tree holds.

The files and the programs' answers are kept in `golden`; where a file's bytes are meant to change, run this and
test_clients.py with MEMWATCH_GOLDEN=write and look at the difference. pprof's file is compared unpacked, for every
zlib packs in its own way.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable

import pytest

from memwatch import formats
from memwatch.calltree import CallTree, walk
from memwatch.combine import diff
from memwatch.formats.packed import unpack

Golden = Callable[[str, bytes], bytes]
Answer = Callable[[str], str]
KIB, MIB = 1024, 1024 * 1024


def self_bytes(tree: CallTree) -> Counter[str]:
    """Bytes of each function itself, the root's left out."""
    found: Counter[str] = Counter()
    for node in walk(tree.root):
        if node is not tree.root and node.self_bytes:
            found[node.function] += node.self_bytes
    return found


def total_bytes(tree: CallTree) -> Counter[str]:
    """Bytes below each function, those below a recursion once."""
    found: Counter[str] = Counter()
    waiting = [(tree.root, frozenset[str]())]
    while waiting:
        node, above = waiting.pop()
        if node.function not in above:
            found[node.function] += node.total_bytes
        waiting += [(child, above | {node.function}) for child in node.children]
    return found


@pytest.mark.parametrize("name", ["heapprofile", "pprof", "speedscope", "collapsed", "csv"])
def test_what_is_written_is_what_the_programs_were_given(name: str, sample_tree: CallTree, golden: Golden) -> None:
    now = formats.write(sample_tree, name)
    kept = golden(f"sample{formats.FORMATS[name].suffixes[0]}", now)
    assert unpack(now) == unpack(kept)


def test_the_older_profile_is_what_pprof_was_given_as_its_base(older_tree: CallTree, golden: Golden) -> None:
    now = formats.write(older_tree, "pprof")
    assert unpack(now) == unpack(golden("older.pb.gz", now))


def shown(size: float) -> str:
    """As DevTools shows bytes: thousands, one digit below 100."""
    if size < 1000:
        return f"{size:.0f} B"
    size, unit = (size / 1000, "kB") if size < 1_000_000 else (size / 1_000_000, "MB")
    return f"{size:.0f} {unit}" if size >= 100 else f"{size:.1f} {unit}"


def test_devtools_read_every_function(sample_tree: CallTree, answer: Answer) -> None:
    """Its totals count a recursion at each of its levels, as it does with V8's own profiles."""
    rows = {row[2].partition(" ")[0]: (row[0], row[1]) for row in json.loads(answer("devtools.json"))}
    everything = sample_tree.root.total_bytes
    totals: Counter[str] = Counter()
    for node in walk(sample_tree.root):
        totals[node.function] += node.total_bytes
    own = self_bytes(sample_tree)
    assert rows == {
        name: tuple(f"{shown(size)}{100 * size / everything + 1e-9:.2f} %" for size in (own[name], total))
        for name, total in totals.items()
        if name != "(root)"
    }


def test_devtools_tell_the_place_as_an_editor_counts_lines(answer: Answer) -> None:
    places = dict(row[2].partition(" ")[::2] for row in json.loads(answer("devtools.json")))
    assert places["main"] == "shop/app.py:12"
    assert places["walk"] == "shop/a tree;of (things).py:3"
    assert places["read"] == "", "a function without a file has no place"


def speedscope_bytes(text: str) -> float:
    number, unit = text.split(" (")[0].replace(",", "").partition(" ")[::2]
    return float(number) * {"": 1, "B": 1, "KB": KIB, "MB": MIB}[unit]


@pytest.mark.parametrize("file", ["heapprofile", "pb.gz", "speedscope.json", "collapsed"])
def test_speedscope_read_every_function(file: str, sample_tree: CallTree, answer: Answer) -> None:
    found = json.loads(answer("speedscope.json"))[f"sample.{file}"]
    assert found["errors"] == []
    own, totals = self_bytes(sample_tree), total_bytes(sample_tree)
    rows = {row[2].split(" (")[0]: row for row in found["rows"] if row[2] != "(root)"}
    assert rows.keys() == totals.keys() - {"(root)"}
    for name, (total, itself, _) in rows.items():
        assert speedscope_bytes(total) == pytest.approx(totals[name], rel=0.005)
        assert speedscope_bytes(itself) == pytest.approx(own[name], rel=0.005)


def pprof_rows(text: str) -> dict[str, tuple[int, int]]:
    """flat and cum of each function in bytes, from `-top -unit=B`."""
    found = re.findall(r"^ *(-?\d+)B? +\S+% +\S+% +(-?\d+)B? +\S+%  (.*)$", text, re.MULTILINE)
    return {name: (int(flat), int(cum)) for flat, cum, name in found}


def test_pprof_read_every_function(sample_tree: CallTree, answer: Answer) -> None:
    rows = pprof_rows(answer("pprof-top.txt"))
    own, totals = self_bytes(sample_tree), total_bytes(sample_tree)
    assert {name: row for name, row in rows.items() if name != "(root)"} == {
        name: (own[name], totals[name]) for name in totals if name != "(root)"
    }


def test_pprof_subtracts_what_memwatch_subtracts(sample_tree: CallTree, older_tree: CallTree, answer: Answer) -> None:
    change = diff(sample_tree, older_tree)
    own = self_bytes(change)
    for name in ("pprof-base.txt", "pprof-difference.txt"):
        rows = pprof_rows(answer(name))
        assert {name: flat for name, (flat, _) in rows.items() if flat and name != "(root)"} == own
    assert own["parse.<locals>.<lambda>"] == -204_800


def test_another_decoder_read_every_sample(sample_tree: CallTree, answer: Answer) -> None:
    found = json.loads(answer("pprof-format.json"))
    assert found["sampleTypes"] == [
        "alloc_objects/count",
        "alloc_space/bytes",
        "inuse_objects/count",
        "inuse_space/bytes",
    ]
    assert (found["defaultSampleType"], found["period"]) == ("inuse_space", "65536 space/bytes")
    assert (found["timeNanos"], found["durationNanos"]) == ("1700000000500000000", "60250000000")
    values = [list(map(int, sample[-1].split())) for sample in found["samples"]]
    assert all(value[:2] == value[2:] for value in values)
    assert sum(value[3] for value in values) == sample_tree.root.total_bytes
    assert sum(value[2] for value in values) == sample_tree.root.total_count
