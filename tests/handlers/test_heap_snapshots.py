"""Heap snapshots at a leak or a threshold: spaced, and the oldest goes."""

from __future__ import annotations

from pathlib import Path

import pytest

import memwatch
from memwatch.errors import OptionError, WriteError
from memwatch.handlers import heap_snapshots


@pytest.fixture(autouse=True)
def _writes_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written is tested elsewhere, and takes a while in this process."""

    def write(path: Path) -> Path:
        if path.parent.name == "full":
            raise WriteError(28, f"cannot write a heap snapshot to {path}: No space left on device")
        if path.parent.name == "locked":
            raise WriteError(f"cannot write a heap snapshot to {path}: no permission")
        path.write_bytes(b"{}")
        return path

    monkeypatch.setattr(heap_snapshots, "write_heap_snapshot", write)


def test_the_oldest_goes_where_there_are_too_many(tmp_path: Path) -> None:
    dumps = memwatch.handlers.HeapSnapshots(tmp_path, most=2, spacing=0)
    dumps.take("whatever was told")
    (first,) = tmp_path.iterdir()
    dumps.take()
    dumps.take()
    assert len(list(tmp_path.iterdir())) == 2
    assert first not in tmp_path.iterdir()


def test_what_comes_too_early_is_left_out(tmp_path: Path) -> None:
    dumps = memwatch.handlers.HeapSnapshots(tmp_path)
    for _ in range(4):
        dumps.take()
    assert len(list(tmp_path.iterdir())) == 1


def test_what_cannot_be_written_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, reason in (("full", "No space left on device"), ("locked", "no permission")):
        (tmp_path / name).mkdir()
        memwatch.handlers.HeapSnapshots(tmp_path / name).take()
        assert caplog.messages[-1].startswith("no heap snapshot: cannot write a heap snapshot to")
        assert caplog.messages[-1].endswith(f": {reason}")


def test_wrong_options(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="it is no directory"):
        memwatch.handlers.HeapSnapshots(tmp_path / "missing")
    with pytest.raises(OptionError, match="most"):
        memwatch.handlers.HeapSnapshots(tmp_path, most=0)
    with pytest.raises(OptionError, match="spacing"):
        memwatch.handlers.HeapSnapshots(tmp_path, spacing=-1)
