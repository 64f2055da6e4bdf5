"""Records become files and a tree of what the blocks left."""

from __future__ import annotations

import csv
import json

import pytest

from memwatch import FormatError, WriteError, trace
from memwatch.calltree import walk
from memwatch.trace.records import FIELDS, Record
from memwatch.trace.tree import build_tree


def make_trace() -> None:
    trace.init(unit="KiB")
    with trace.trace_block('a "quoted",\nname'):
        trace.trace_memory("\ud800 ümlaut")
    trace.trace_block("never ended").__enter__()


def test_csv_has_every_field_of_every_record(tmp_path) -> None:
    make_trace()
    path = trace.export_trace_to_csv(tmp_path / "trace.csv")
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == FIELDS
    for row, record in zip(rows, trace.export_trace(), strict=True):
        assert row["record_name"] == record.record_name.replace("\ud800", "\\ud800")
        assert float(row["heap_used"]) == record.heap_used
        assert row["growth"] == ("" if record.growth is None else str(record.growth))


def test_json_tells_what_fell_out_and_what_has_not_ended(tmp_path) -> None:
    make_trace()
    with open(trace.export_trace_to_json(tmp_path / "trace.json"), encoding="utf-8") as file:
        found = json.load(file)
    assert found["records"] == [record.to_dict() for record in trace.export_trace()]
    assert (found["dropped"], found["memory_unit"], found["capacity"]) == (0, "KiB", 20_000)
    assert [block["record_name"] for block in found["open_blocks"]] == ["never ended-block-start"]
    assert found["trace_key"] == found["records"][0]["trace_key"]


@pytest.mark.parametrize(
    "export", [trace.export_trace_to_csv, trace.export_trace_to_json, trace.export_trace_to_profile]
)
def test_a_file_that_cannot_be_written_is_said_and_the_records_stay(export, tmp_path) -> None:
    make_trace()
    with pytest.raises(WriteError, match="missing"):
        export(tmp_path / "missing" / "trace.html")
    assert len(trace.export_trace()) == 4


def test_an_empty_trace_can_be_exported(tmp_path) -> None:
    trace.init()
    assert trace.export_trace() == () and trace.dropped() == 0 and trace.open_blocks() == ()
    with open(trace.export_trace_to_csv(tmp_path / "trace.csv"), encoding="utf-8") as file:
        assert file.read() == ",".join(FIELDS) + "\n"
    assert trace.call_tree().root.children == ()


def test_a_trace_becomes_a_page_by_its_suffix_and_other_files_by_name(tmp_path) -> None:
    trace.init()
    with trace.trace_block("load-everything"):
        held = bytearray(1 << 20)
    with open(trace.export_trace_to_profile(tmp_path / "trace.html"), encoding="utf-8") as file:
        assert "load-everything" in file.read()
    with open(trace.export_trace_to_profile(tmp_path / "x", format="collapsed"), encoding="utf-8") as file:
        assert "load-everything" in file.read()
    with pytest.raises(FormatError, match="flamegraph"):
        trace.export_trace_to_profile(tmp_path / "trace.xyz")
    del held


def record(number, name, kind, block, parent=None, parent_block=None, growth=None, unit="B") -> Record:
    return Record(
        record_name=f"{name}-{kind}" if kind != "mark" else name,
        memory_unit=unit,
        heap_total=0,
        heap_used=0,
        external=None,
        rss=0,
        trace_datetime=1000 * number,
        trace_key="k",
        number=number,
        kind=kind,
        parent=parent,
        parent_block=parent_block,
        depth=0,
        thread="t",
        task=None,
        collect_seconds=None,
        age_seconds=0.0,
        block=block,
        growth=growth,
    )


def start(number, name, block, parent=None, parent_block=None) -> Record:
    return record(number, name, "block-start", block, parent, parent_block)


def end(number, name, block, growth, parent=None, parent_block=None, unit="B") -> Record:
    return record(number, name, "block-end", block, parent, parent_block, growth, unit)


def drawn(*records: Record, open_blocks=(), dropped=0) -> str:
    """The tree as text: a block a line, its own bytes, those with all below it, and how often it ended."""
    tree = build_tree(records, open_blocks, dropped, 1)
    depth = {tree.root.id: -1}
    text = []
    for node in walk(tree.root):
        depth.update(dict.fromkeys(node.child_ids, depth[node.id] + 1))
        text.append("  " * depth[node.id] + f"{node.function} {node.self_bytes}/{node.total_bytes} x{node.self_count}")
    return "\n".join(text[1:])


def test_a_block_holds_what_stayed_without_that_of_the_blocks_in_it() -> None:
    assert (
        drawn(
            start(1, "outer", 1),
            start(2, "inner", 2, "outer", 1),
            end(3, "inner", 2, 70, "outer", 1),
            start(4, "inner", 3, "outer", 1),
            end(5, "inner", 3, 20, "outer", 1),
            end(6, "outer", 1, 100),
        )
        == "outer 10/100 x1\n  inner 90/90 x2"
    )


def test_what_a_block_let_go_is_negative() -> None:
    tree = build_tree([end(2, "inner", 2, 70, "outer", 1), end(3, "outer", 1, 20)], (), 0, 1)
    assert tree.difference
    assert drawn(end(2, "inner", 2, 70, "outer", 1), end(3, "outer", 1, 20)) == "outer -50/20 x1\n  inner 70/70 x1"


def test_a_block_that_ended_after_the_one_around_it_adds_to_it() -> None:
    late = [end(2, "outer", 1, 100), end(3, "late", 2, 30, "outer", 1)]
    assert drawn(*late) == "outer 100/130 x1\n  late 30/30 x1"


def test_a_block_around_that_is_open_or_lost_is_known_by_its_name() -> None:
    inner = end(5, "inner", 3, 7, "middle", 2)
    assert drawn(inner) == "middle 0/7 x0\n  inner 7/7 x1"
    known = [start(1, "outer", 1), start(2, "middle", 2, "outer", 1), inner]
    assert drawn(*known) == "outer 0/7 x0\n  middle 0/7 x0\n    inner 7/7 x1"


def test_units_are_turned_back_into_bytes() -> None:
    assert drawn(end(1, "b", 1, 12345 / 1000, unit="KB")) == "b 12345/12345 x1"


def test_names_that_look_like_records_stay_whole() -> None:
    assert drawn(start(1, "x-block-end", 1), end(2, "x-block-end", 1, 5)) == "x-block-end 5/5 x1"


def test_notes_tell_what_is_left_out() -> None:
    unended = [start(number, f"b{number % 12}", number) for number in range(24)]
    notes = build_tree([], unended, 9, 1).notes
    assert notes[1].startswith("left out because they have not ended: b0, b1,") and notes[1].endswith("b9 and 2 more")
    assert notes[2] == "9 older records were dropped from the ring and are missing"


def test_a_real_trace_adds_up() -> None:
    trace.init()
    held = []
    with trace.trace_block("outer"):
        for _ in range(3):
            with trace.trace_block("inner"):
                held.append(bytearray(2 << 20))
    tree = trace.call_tree()
    outer = tree.root.children[0]
    ends = {record.block: record.growth for record in trace.export_trace() if record.kind == "block-end"}
    assert outer.total_bytes == ends[trace.export_trace()[0].block]
    assert (outer.function, outer.children[0].function, outer.children[0].self_count) == ("outer", "inner", 3)
    assert 5.9 * 2**20 < outer.children[0].self_bytes < 7 * 2**20
