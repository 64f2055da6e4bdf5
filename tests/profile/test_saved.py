"""A profile can be saved in any format, sent elsewhere, and loaded again to be compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from memwatch import FormatError, profile


def keep_some(number: int) -> list[bytearray]:
    return [bytearray(1000) for _ in range(number)]


@pytest.mark.parametrize("name", ["heap.heapprofile", "heap.pb.gz", "heap.speedscope.json", "heap.csv"])
def test_a_loaded_profile_is_the_one_that_was_written(tmp_path: Path, name: str) -> None:
    with profile.sampling(1) as sampler:
        kept = keep_some(50)
        taken = sampler.get()
    again = profile.load(taken.write(tmp_path / name))
    assert len(kept) == 50
    assert (again.root.total_bytes, again.root.total_count) == (taken.root.total_bytes, taken.root.total_count)
    assert {node.function for node in again.nodes()} == {node.function for node in taken.nodes()}


def test_what_came_between_two_files_is_told(tmp_path: Path) -> None:
    with profile.sampling(1) as sampler:
        kept = keep_some(10)
        old = sampler.write(tmp_path / "old.pb.gz")
        kept += keep_some(30)
        new = sampler.write(tmp_path / "new.pb.gz")
    change = profile.load(new).diff(profile.load(old))
    grown = [node for node in change.nodes() if node.function == "keep_some" and node.line == keep_some_line()]
    assert len(kept) == 40
    assert sum(node.total_bytes for node in grown) >= 30_000
    assert change.root.total_bytes < 60_000


def keep_some_line() -> int:
    return keep_some.__code__.co_firstlineno + 1


def test_the_bytes_of_a_file_are_what_is_written(tmp_path: Path) -> None:
    with profile.sampling(1) as sampler:
        taken = sampler.get()
    path = taken.write(tmp_path / "heap.csv")
    assert Path(path).read_bytes() == taken.encode("csv")


def test_an_unknown_format_is_refused() -> None:
    with profile.sampling(1) as sampler, pytest.raises(FormatError, match="nonsense"):
        sampler.get().encode("nonsense")


def test_what_is_no_profile_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(FormatError):
        profile.load(tmp_path / "a.json")
    with pytest.raises(FormatError, match="missing"):
        profile.load(tmp_path / "missing.csv")


def test_is_running_tells() -> None:
    assert not profile.is_running()
    with profile.sampling(1):
        assert profile.is_running()
    assert not profile.is_running()
