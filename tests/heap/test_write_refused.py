"""A heap snapshot that cannot be written: nothing is left behind, and the reason is told."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import memwatch
from memwatch.backend.graph.allocations import tell
from memwatch.backend.graph.contract import Wish
from memwatch.errors import OptionError, UnsupportedError, WriteError

NATIVE = memwatch.backend.name == "native"
IN_CHILD = NATIVE and sys.platform == "linux"
needs_child = pytest.mark.skipif(not IN_CHILD, reason="there is no forked child")

FULL = """
import resource, sys
import memwatch
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    memwatch.write_heap_snapshot(sys.argv[1])
except memwatch.WriteError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ["full.heapsnapshot", "full.heapsnapshot.gz"])
def test_a_disk_that_is_full_in_the_middle(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert f"cannot write a heap snapshot to {str(path)!r}: {os.strerror(errno.EFBIG)}" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_before_stays_where_the_new_one_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "heap.heapsnapshot"
    path.write_bytes(b"before")
    subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, timeout=60, check=True)
    assert path.read_bytes() == b"before"


def test_a_path_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="it is a directory"):
        memwatch.write_heap_snapshot(tmp_path)
    with pytest.raises(WriteError, match="there is no directory"):
        memwatch.write_heap_snapshot(tmp_path / "missing" / "heap.heapsnapshot")
    with pytest.raises(WriteError, match="it is no regular file"):
        memwatch.write_heap_snapshot("/dev/null")


def test_wrong_options(tmp_path: Path) -> None:
    for option in ("fold", "show_keys", "allocation_stacks"):
        with pytest.raises(OptionError, match=option):
            memwatch.write_heap_snapshot(tmp_path / "heap", **{option: 1})
    with pytest.raises(OptionError, match="in_child"):
        memwatch.write_heap_snapshot(tmp_path / "heap", in_child=1)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(NATIVE, reason="there can be a child")
def test_a_child_is_asked_for_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="in_child=True needs Linux and the C extension"):
        memwatch.write_heap_snapshot(tmp_path / "heap", in_child=True)


@needs_child
def test_no_fork_is_to_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from memwatch.backend import _native

    def refuse(*_: Any) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(_native, "write_graph", refuse)
    with pytest.raises(UnsupportedError, match=r"Resource temporarily unavailable.* in_child=False"):
        memwatch.write_heap_snapshot(tmp_path / "heap")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not NATIVE, reason="in Python the heap would have to be so large")
@pytest.mark.parametrize(("limit", "said"), [(1, "32 bits for nodes and edges"), (2, "32 bits for the numbers of")])
def test_a_heap_that_the_format_cannot_hold(
    limit: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memwatch.backend import _native

    def refuse(*_: Any) -> tuple[tuple[int, ...], float, float, float]:
        return (600_000_000, 1 << 40, 600_000_000, 0, 0, 0, 0, limit), 0.1, 0.1, 60.0

    monkeypatch.setattr(_native, "write_graph", refuse)
    with pytest.raises(UnsupportedError, match=rf"{said}.*fold=True makes it smaller; HeapDiff\(in_child=True\)"):
        memwatch.write_heap_snapshot(tmp_path / "heap.heapsnapshot", fold=False)
    assert list(tmp_path.iterdir()) == []


def children() -> set[int]:
    """The processes that this one has made and not waited for."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if parent == os.getpid():
                found.add(int(entry.name))
    return found


@needs_child
def test_a_child_that_is_killed() -> None:
    from memwatch.backend.graph.exact import write_graph

    before, (read_end, write_end) = children(), os.pipe()

    def kill() -> None:
        while not (made := children() - before):
            time.sleep(0.01)
        os.kill(made.pop(), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:  # nobody reads: the child waits in the middle
        with pytest.raises(UnsupportedError, match="was ended by signal 9"):
            write_graph(write_end, Wish(True, True, False, tell({}, False)))
    finally:
        killer.join()
        os.close(read_end)
        os.close(write_end)
    assert children() == before


@pytest.mark.skipif(not NATIVE, reason="in Python it takes half a minute with pytest's own heap")
def test_a_heap_of_odd_names(tmp_path: Path) -> None:
    names = ['a "quote"', "nul \0", "half \ud800", "back\\slash", "line\r\nend", "ünï"]
    plain = [name.replace("\0", "0").replace("\ud800", "") for name in names]
    kept = [type(name, (), {})() for name in plain]
    wide = type("Wide", (), {f"attribute_{number}": number for number in range(100_000)})
    for held in kept:
        held.__dict__.update({sys.intern(name): wide for name in names})
    from memwatch.formats.heapsnapshot import read

    snapshot = read(memwatch.write_heap_snapshot(tmp_path / "odd.heapsnapshot"))
    labels = {f"{__name__}.{name}" for name in plain}
    assert labels <= {snapshot.name_of(node) for node in range(len(snapshot))}
    assert set(names) <= set(snapshot.strings)


SWEEP = """
import os
from memwatch.backend import _native
from memwatch.backend.graph import exact
from memwatch.backend.graph.allocations import tell
from memwatch.backend.graph.contract import Wish
from memwatch.errors import MemwatchError

wish, file, failed = Wish(False, True, False, tell({}, False)), os.open(os.devnull, os.O_WRONLY), []
for act in (lambda: exact.write_graph(file, wish), lambda: exact.retained(5, 0, False)):
    for mappings in range(10_000):
        _native.fail_after(mappings)
        try:
            act()
            break
        except MemwatchError as error:
            failed.append(str(error))
        finally:
            _native.fail_after(-1)
print(len(failed), *set(failed))
"""


@pytest.mark.slow
@pytest.mark.skipif(not NATIVE, reason="the C extension can be told to run out of memory")
def test_memory_that_is_out_at_any_moment() -> None:
    done = subprocess.run([sys.executable, "-c", SWEEP], capture_output=True, text=True, timeout=120, check=True)
    number, _, reasons = done.stdout.strip().partition(" ")
    assert int(number) > 50
    assert reasons.startswith("there is not enough memory to look at the whole heap")
