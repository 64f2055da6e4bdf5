"""pprof's file is Go's heap profile, field by field; and any producer's is read."""

from __future__ import annotations

import gzip
from collections.abc import Iterable

import pytest

from memwatch.calltree import CallTree, Stack, stacks_of
from memwatch.combine import diff
from memwatch.errors import FormatError
from memwatch.estimates import AGES, Part
from memwatch.formats import pprof
from memwatch.formats.pprof import fields as tag
from memwatch.formats.pprof.protobuf import Message, fields_of, integers, signed
from memwatch.formats.pprof.writer import LIVE_ONLY
from memwatch.frames import Frame
from memwatch.treebuilder import build

Fields = dict[int, list[int | bytes]]


def fields(data: bytes | int) -> Fields:
    found: Fields = {}
    assert isinstance(data, bytes)
    for field, value in fields_of(data):
        found.setdefault(field, []).append(value)
    return found


def file_of(tree: CallTree) -> tuple[Fields, list[str]]:
    """The file's fields and its texts."""
    file = fields(gzip.decompress(pprof.write(tree)))
    return file, [value.decode() for value in file[tag.Profile.STRING] if isinstance(value, bytes)]


def message(**values: int | bytes | list[int]) -> bytes:
    """A message, its fields named f1, f2, …"""
    made = Message()
    for name, value in values.items():
        field = int(name[1:])
        if isinstance(value, int):
            made.number(field, value)
        elif isinstance(value, list):
            made.packed(field, value)
        else:
            made.data(field, value)
    return bytes(made.content)


def profile(types: Iterable[tuple[str, str]], values: list[int], default: str = "") -> bytes:
    """A file of another producer: one sample with *values* at `leaf`, inlined into `outer`, called by an address."""
    texts = ["", "leaf", "outer", "x.go", "libc.so"]
    parts = []
    for kind, unit in types:
        texts += [text for text in (kind, unit) if text not in texts]
        parts.append(message(f1=message(f1=texts.index(kind), f2=texts.index(unit))))
    lines = message(f1=7, f4=message(f1=1, f2=11)) + message(f4=message(f1=2, f2=22))
    parts += [
        message(f2=message(f1=[7, 8], f2=values)),
        message(f3=message(f1=3, f5=4)),
        message(f4=lines),
        message(f4=message(f1=8, f2=3, f3=0xBEEF)),
        message(f5=message(f1=1, f2=1, f4=3)),
        message(f5=message(f1=2, f2=2, f4=3, f5=20)),
        *(message(f6=text.encode()) for text in texts),
        message(f14=texts.index(default)),
    ]
    return b"".join(parts)


def test_the_columns_are_go_s_in_go_s_order(sample_tree: CallTree) -> None:
    file, texts = file_of(sample_tree)
    types = [fields(value) for value in file[tag.Profile.SAMPLE_TYPE]]
    assert [(texts[int(t[1][0])], texts[int(t[2][0])]) for t in types] == [
        ("alloc_objects", "count"),
        ("alloc_space", "bytes"),
        ("inuse_objects", "count"),
        ("inuse_space", "bytes"),
    ]
    assert texts[0] == ""
    assert texts[int(file[tag.Profile.DEFAULT_SAMPLE_TYPE][0])] == "inuse_space"


def test_a_reader_that_takes_the_default_for_a_column_s_number_gets_the_last(sample_tree: CallTree) -> None:
    """speedscope does; the last is the right one."""
    file, _ = file_of(sample_tree)
    assert int(file[tag.Profile.DEFAULT_SAMPLE_TYPE][0]) > 3


def labels_of(tree: CallTree) -> list[tuple[int, dict[str, str | int]]]:
    """Of each sample its bytes and its labels."""
    file, texts = file_of(tree)
    found = []
    for sample in map(fields, file[tag.Profile.SAMPLE]):
        labels = [fields(label) for label in sample.get(tag.Sample.LABEL, [])]
        read = {
            texts[int(one[tag.Label.KEY][0])]: texts[int(one[tag.Label.STRING][0])]
            if tag.Label.STRING in one
            else int(one[tag.Label.NUMBER][0])
            for one in labels
        }
        found.append((integers(sample[tag.Sample.VALUE][0])[3], read))
    return found


def test_a_sample_is_labelled_with_the_thread_and_the_task_that_allocated() -> None:
    ages = (2, *[0] * (len(AGES) - 1))
    parts = (
        Part("MainThread", "serve", ((10, 3),), 2, 1.0, ages),
        Part("worker", "", ((10, 1), (50, 1)), 2, 1.0, ages),
    )
    tree = CallTree(build([Stack((Frame("f"),), 90, 5, ((10, 4), (50, 1)), parts)]), sample_interval=512)
    assert labels_of(tree) == [
        (30, {"bytes": 10, "thread": "MainThread", "task": "serve"}),
        (10, {"bytes": 10, "thread": "worker"}),
        (50, {"bytes": 50, "thread": "worker"}),
    ]
    (read,) = stacks_of(pprof.read(pprof.write(tree)).root)
    assert read == Stack((Frame("f"),), 90, 5, ((10, 4), (50, 1)))


def test_parts_that_do_not_explain_the_numbers_are_left_out() -> None:
    parts = (Part("worker", "", ((10, 1),), 1, 1.0, (0,) * len(AGES)),)
    tree = CallTree(build([Stack((Frame("f"),), 90, 9, ((10, 9),), parts)]))
    assert labels_of(tree) == [(90, {"bytes": 10})]


def test_the_period_is_the_sample_interval(sample_tree: CallTree) -> None:
    file, texts = file_of(sample_tree)
    period = fields(file[tag.Profile.PERIOD_TYPE][0])
    assert [texts[int(period[number][0])] for number in (1, 2)] == ["space", "bytes"]
    assert file[tag.Profile.PERIOD] == [65536]
    assert file[tag.Profile.TIME_NANOS] == [1_700_000_000_500_000_000]
    assert file[tag.Profile.DURATION_NANOS] == [60_250_000_000]


def test_samples_are_innermost_first_and_repeat_what_is_in_use(sample_tree: CallTree) -> None:
    file, texts = file_of(sample_tree)
    found = {}
    names = {}
    for value in file[tag.Profile.FUNCTION]:
        function = fields(value)
        names[function[1][0]] = texts[int(function[2][0])]
    places = {}
    for value in file[tag.Profile.LOCATION]:
        location = fields(value)
        assert location[tag.Location.MAPPING] == [1]
        places[location[1][0]] = names[fields(location[4][0])[1][0]]
    for value in file[tag.Profile.SAMPLE]:
        sample = fields(value)
        path = tuple(places[number] for number in integers(sample[1][0]))
        found[path, tuple(integers(sample[2][0]))] = "label" if tag.Sample.LABEL in sample else ""
    assert found[("Cache.put", "Server.handle", "main"), (1000, 1_024_000, 1000, 1_024_000)] == "label"
    assert found[("Cache.put", "Server.handle", "main"), (250, 16_000, 250, 16_000)] == "label"
    assert (("(root)",), (1, 2000, 1, 2000)) in found


def test_a_function_has_no_system_name_that_pprof_would_take_for_c_plus_plus(sample_tree: CallTree) -> None:
    file, _ = file_of(sample_tree)
    assert all(set(fields(value)) <= {1, 2, 4, 5} for value in file[tag.Profile.FUNCTION])


def test_the_mapping_says_that_nothing_is_left_to_look_up(sample_tree: CallTree) -> None:
    file, _ = file_of(sample_tree)
    assert fields(file[tag.Profile.MAPPING][0]) == {1: [1], 7: [1], 8: [1], 9: [1]}


def test_comments_hold_the_notes_and_say_what_the_first_columns_are(sample_tree: CallTree) -> None:
    file, texts = file_of(sample_tree)
    assert [texts[number] for number in integers(file[tag.Profile.COMMENT][0])] == [
        "one of two workers",
        LIVE_ONLY,
        "memwatch name: shop",
        "memwatch source: tracemalloc",
        "memwatch pid: 4321",
    ]


def test_the_same_tree_is_the_same_bytes(sample_tree: CallTree) -> None:
    data = pprof.write(sample_tree)
    assert data == pprof.write(sample_tree)
    assert data[:8] == b"\x1f\x8b\x08\0\0\0\0\0", "gzip's header bears no time"


def test_lines_columns_and_beginnings_of_functions_are_kept(sample_tree: CallTree) -> None:
    again = pprof.read(pprof.write(sample_tree))
    assert set(stacks_of(again.root)) == set(stacks_of(sample_tree.root))


def test_a_difference_has_negative_numbers(sample_tree: CallTree, older_tree: CallTree) -> None:
    change = diff(sample_tree, older_tree)
    file, _ = file_of(change)
    numbers = [[signed(n) for n in integers(fields(value)[2][0])] for value in file[tag.Profile.SAMPLE]]
    assert [-400, -204_800, -400, -204_800] in numbers
    assert pprof.read(pprof.write(change)).difference


HEAP = [("alloc_space", "bytes"), ("inuse_objects", "count"), ("inuse_space", "bytes"), ("other", "count")]


@pytest.mark.parametrize(
    ("types", "values", "default", "expected"),
    [
        (HEAP, [1, 2, 300, 4], "alloc_space", (300, 2)),
        ([("space", "bytes"), ("objects", "count")], [500, 6], "space", (500, 6)),
        ([("objects", "count"), ("space", "bytes")], [6, 500], "", (500, 6)),
    ],
)
def test_the_memory_in_use_is_read_or_else_the_default(
    types: list[tuple[str, str]], values: list[int], default: str, expected: tuple[int, int]
) -> None:
    (stack,) = stacks_of(pprof.read(profile(types, values, default)).root)
    assert (stack.size_bytes, stack.count) == expected


@pytest.mark.parametrize("types", [[("samples", "count"), ("cpu", "nanoseconds")], [("goroutine", "count")]])
def test_numbers_that_are_no_bytes_are_refused(types: list[tuple[str, str]]) -> None:
    with pytest.raises(FormatError, match=r"no memory profile: its numbers are .* \((nanoseconds|count)\)"):
        pprof.read(profile(types, [1] * len(types)))


def test_the_numbers_that_are_asked_for_are_read() -> None:
    (stack,) = stacks_of(pprof.read(profile(HEAP, [1, 2, 300, 4]), "alloc_space").root)
    assert stack.size_bytes == 1
    with pytest.raises(FormatError, match="it has no 'cpu' in bytes; it has alloc_space"):
        pprof.read(profile(HEAP, [1, 2, 3, 4]), "cpu")


def test_inlined_functions_are_frames_and_an_address_without_a_name_is_its_own() -> None:
    (stack,) = stacks_of(pprof.read(profile(HEAP, [0, 1, 2, 3])).root)
    assert stack.frames == (Frame("0xbeef", "libc.so"), Frame("outer", "x.go", 22, 0, 20), Frame("leaf", "x.go", 11))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no pprof profile: it has no sample types"),
        (message(f6=b"", f9=1), "no pprof profile: it has no sample types"),
        (profile(HEAP, [1, 2, 3]), "a sample has 3 numbers for 4 sample types"),
        (profile(HEAP, [1, 2, 3, 4])[:-30], "truncated protobuf"),
        (message(f2=message(f1=[77], f2=[1, 2, 3, 4])) + profile(HEAP, [1, 2, 3, 4]), "there is no location 77"),
        (message(f4=message(f1=9, f4=message(f1=55))) + profile(HEAP, [1, 2, 3, 4]), "there is no function 55"),
        (message(f1=message(f1=99)) + profile(HEAP, [1, 2, 3, 4]), "there is no text 99 among"),
        (message(f1=5), "a number where a message should be"),
        (message(f6=5), "a number where a text should be"),
        (message(f14=b"x") + profile(HEAP, [1, 2, 3, 4]), "broken protobuf"),
    ],
)
def test_what_is_no_profile_is_refused(data: bytes, reason: str) -> None:
    for form in (data, gzip.compress(data)):
        with pytest.raises(FormatError, match=reason):
            pprof.read(form)


def test_odd_times_are_unknown_times() -> None:
    tree = CallTree(build([Stack((Frame("f"),), 1, 1)]), time=float("nan"), duration=float("inf"))
    again = pprof.read(pprof.write(tree))
    assert (again.time, again.duration) == (0.0, 0.0)
