"""Which format a name means, and which a file has, whatever it is called; what is none is refused with the reason."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import pickle
import tracemalloc
from pathlib import Path

import pytest

from memwatch import formats
from memwatch.calltree import CallTree, Stack, stacks_of
from memwatch.errors import FormatError
from memwatch.formats import packed
from memwatch.frames import Frame
from memwatch.treebuilder import build

from ..properties import HealthCheck, given, settings, st

READABLE = [name for name, format in formats.FORMATS.items() if format.read is not None]


def refused(data: bytes) -> str:
    with pytest.raises(FormatError) as caught:
        formats.read(data)
    return str(caught.value)


def test_the_formats() -> None:
    assert {name: format.suffixes for name, format in formats.FORMATS.items()} == {
        "heapprofile": (".heapprofile",),
        "pprof": (".pb.gz", ".pprof"),
        "speedscope": (".speedscope.json", ".json"),
        "collapsed": (".collapsed", ".folded", ".txt"),
        "flamegraph": (".html",),
        "csv": (".csv",),
    }
    assert [name for name in formats.FORMATS if name not in READABLE] == ["flamegraph"]


def packed_by_gzip(data: bytes) -> bytes:
    """*data* without the time in its head: such bytes name tests, and every process must give the same names."""
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize(
    ("path", "format", "chosen"),
    [
        ("a.heapprofile", None, "heapprofile"),
        ("dir.csv/A.PB.GZ", None, "pprof"),
        ("a.speedscope.json", None, "speedscope"),
        ("a.json", None, "speedscope"),
        (Path("a.folded"), None, "collapsed"),
        ("a.html", None, "flamegraph"),
        ("a.html", "csv", "csv"),
        ("nothing", "pprof", "pprof"),
        (None, "collapsed", "collapsed"),
        (None, None, "heapprofile"),
    ],
)
def test_a_format_is_chosen_by_its_name_or_by_the_suffix(
    path: str | Path | None, format: str | None, chosen: str
) -> None:
    assert formats.choose(path, format) == chosen


def test_an_unknown_format_or_suffix_lists_those_that_exist(sample_tree: CallTree) -> None:
    for call in (lambda: formats.choose("a.csv", "svg"), lambda: formats.write(sample_tree, "svg")):
        with pytest.raises(FormatError) as caught:
            call()
        listed = "heapprofile, pprof, speedscope, collapsed, flamegraph, csv"
        assert str(caught.value) == f"there is no format 'svg'; there are {listed}"
    with pytest.raises(
        FormatError, match=r"no format has the suffix of 'a\.png'; there are \.heapprofile \(heapprofile\)"
    ):
        formats.choose("a.png", None)


@pytest.mark.parametrize("name", READABLE)
def test_a_file_is_recognised_by_its_content(name: str, sample_tree: CallTree, tmp_path: Path) -> None:
    data = formats.write(sample_tree, name)
    for content in (data, gzip.decompress(data) if name == "pprof" else gzip.compress(data)):
        path = tmp_path / "profile.misleading"
        path.write_bytes(content)
        tree = formats.read_file(path)
        assert tree.root.total_bytes == 1_600_000
        assert tree.name == ("profile.misleading" if name in ("collapsed", "csv") else "shop")


def test_a_profile_whose_names_are_those_of_columns_is_no_table() -> None:
    for length in range(3300, 3900):  # so that the beginning that is looked at ends anywhere in a node
        frames = (Frame("id,parent_id"), Frame("x" * length), Frame("f"))
        tree = CallTree(build([Stack(frames, 8, 1)]))
        assert formats.read(formats.write(tree, "heapprofile")).root.total_bytes == 8


@pytest.mark.parametrize("first", ["<module> (x.py:1);f", "{closure};f", "[unknown]", "", " a", "id,parent_id"])
def test_collapsed_stacks_may_begin_like_something_else(first: str) -> None:
    tree = formats.read(f"{first} 5\nmain;g 7\n".encode())
    assert sum(stack.size_bytes for stack in stacks_of(tree.root)) == 12


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b" \r\n\t\n", "it is empty"),
        (packed_by_gzip(b""), "it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
        (b"<!doctype html><html>", "it is a page (HTML or XML), which memwatch writes and does not read"),
        (b'\xef\xbb\xbf  <?xml version="1.0"?>', "it is a page"),
        (b'{"snapshot": {}, "nodes": []}', "it is a heap snapshot, which holds objects and not who allocated them"),
        (b'{"nodes": [], "samples": []}', "it is a CPU profile"),
        (b'[{"ph": "X"}]', "it is JSON of no known format"),
        (b"heap profile: 1: 64 [2: 128] @ heap/1048576", "it is a text heap profile of Go or tcmalloc"),
        (b"heap_v2/524288\n  t*: 1: 64 [0: 0]", "it is a text heap profile of jemalloc"),
        (b'{"resourceProfiles": []}', "it is a profile of OpenTelemetry (OTLP)"),
        (b"hello\nworld", "it is a text of no known format"),
        (b'\x04"M\x18@@\xc0G4\0\0\xf9\x05memray\0', "it is memray's own file, which memray alone reads; `memray"),
        (pickle.dumps(tracemalloc.Snapshot([], 1)), "it is a snapshot of tracemalloc, a pickle, and reading one may"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "it is binary of no known format"),
        (b"\x7fELF\x02\x01\x01\0", "it is binary of no known format"),
        ("größe".encode("utf-16"), "it is binary of no known format"),
        (packed_by_gzip(packed_by_gzip(b"main 1")), "it is packed by gzip twice"),
        (packed_by_gzip(b"main 1")[:-4], "truncated gzip: its end is missing"),
        (packed_by_gzip(b"main 1")[:8], "truncated gzip: its end is missing"),
        (
            packed_by_gzip(b"main 1")[:-8] + bytes(8),
            "damaged gzip: Error -3 while decompressing data: incorrect data check",
        ),
    ],
)
def test_what_is_no_profile_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    message = refused(data)
    assert message.startswith(f"no profile that memwatch can read: {reason}")
    assert message.endswith("; memwatch reads heapprofile, pprof, speedscope, collapsed, csv, memray's csv")


@pytest.mark.parametrize("name", [name for name in READABLE if name != "collapsed"])
def test_a_truncated_file_is_refused(name: str, sample_tree: CallTree) -> None:
    data = formats.write(sample_tree, name)
    for end in range(0, len(data) - 2, max(1, len(data) // 60)):
        refused(data[:end])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda data: b"\x0a\x04\x08\x01\x10\x02" + data))
def test_any_bytes_are_a_profile_or_a_format_error(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        formats.read(data)


json_values = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["head", "children", "callFrame", "selfSize", "samples", "shared", "profiles", "memwatch"]),
            inner,
        )
    ),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({}, optional={"head": json_values, "shared": json_values, "memwatch": json_values}))
def test_any_json_is_a_profile_or_a_format_error(value: object) -> None:
    with pytest.raises(FormatError):
        formats.read(json.dumps(value).encode())


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused() -> None:
    bomb = gzip.compress(bytes(packed.MAX_BYTES + 1), 1)
    assert len(bomb) < 2_000_000
    assert "larger than 256 MiB when unpacked, the most that is read" in refused(bomb)
    assert packed.unpack(gzip.compress(b"abc"), limit=3) == b"abc"
    with pytest.raises(FormatError, match="when unpacked"):
        packed.unpack(gzip.compress(b"abcd"), limit=3)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.heapprofile"
    path.touch()
    os.truncate(path, packed.MAX_BYTES + 1)
    with pytest.raises(FormatError, match=r"huge\.heapprofile' is larger than 256 MiB, the most that is read"):
        formats.read_file(path)


def test_a_file_that_is_not_there_or_is_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"cannot read '.*none\.csv': No such file or directory"):
        formats.read_file(tmp_path / "none.csv")
    with pytest.raises(FormatError, match=r"cannot read '.*': Is a directory"):
        formats.read_file(tmp_path)
    with pytest.raises(FormatError, match="cannot read"):
        formats.read_file("a\0b")


def test_a_file_that_is_no_profile_is_named_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.heapprofile"
    path.write_bytes(b'{"head": ')
    with pytest.raises(
        FormatError, match=r"a\.heapprofile' is no profile that memwatch can read: broken JSON: .* truncated"
    ):
        formats.read_file(path)
