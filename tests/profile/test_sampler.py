"""Starting, reading, writing and stopping a profile, from anywhere and in any order."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from memwatch import errors, formats, profile
from memwatch.profile import sampler
from memwatch.retain.search import IN_C

NATIVE = IN_C
SOURCE = ("sampler", 1024) if NATIVE else ("tracemalloc", 1)


def allocate(count: int) -> list[list[int]]:
    made = []
    for number in range(count):
        made.append([number])
    return made


def held_by(function: str) -> tuple[int, int]:
    """Bytes and allocations at the end of all paths that end in *function*."""
    nodes = [node for node in profile.get().nodes() if node.function == function]
    return sum(node.self_bytes for node in nodes), sum(node.self_count for node in nodes)


def child(code: str, *flags: str) -> str:
    """What a fresh interpreter prints; it must succeed and complain of nothing."""
    command = [sys.executable, "-W", "error", *flags, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_function_that_allocated_has_a_node() -> None:
    profile.start(sample_interval=1)
    kept = allocate(10_000)
    size, count = held_by("allocate")
    assert len(kept) == 10_000 and count >= 10_000
    assert size >= 10_000 * sys.getsizeof([0])


def test_what_is_freed_disappears() -> None:
    profile.start(sample_interval=1)
    kept = allocate(10_000)
    before = held_by("allocate")[1]
    kept.clear()
    assert before >= 10_000 and held_by("allocate")[1] < 100


def test_what_was_allocated_before_the_start_is_never_seen() -> None:
    kept = allocate(10_000)
    profile.start(sample_interval=1)
    assert held_by("allocate") == (0, 0)
    profile.stop()
    more = allocate(5000)
    profile.start(sample_interval=1)
    assert len(kept) + len(more) == 15_000 and held_by("allocate") == (0, 0)


def test_a_profile_says_what_it_is() -> None:
    profile.start(sample_interval=1024, stack_depth=7)
    found = profile.get()
    assert (found.source, found.sample_interval, found.stack_depth) == (*SOURCE, 7)
    assert found.pid == os.getpid() and found.started <= found.time
    assert all(node.file or node.function in ("(root)", "?") for node in found.nodes())


def test_paths_are_as_deep_as_asked_and_the_profile_says_that_they_are_cut() -> None:
    profile.start(1, stack_depth=1)
    kept = allocate(10)
    found = profile.get()
    assert kept and all(not node.children for node in found.root.children)
    assert any("than 1 frames" in note for note in found.notes)


@pytest.mark.parametrize("value", [0, -1, 2**40 + 1, 0.5, "x", True, None])
def test_an_interval_is_refused_with_what_is_allowed(value: Any) -> None:
    with pytest.raises(errors.OptionError, match="sample_interval must be a whole number from 1 to 1099511627776 b"):
        profile.start(sample_interval=value)
    assert not profile.is_running()


@pytest.mark.parametrize("value", [1, 10**12, 2**40])
def test_intervals_from_a_byte_to_a_terabyte_are_taken(value: int) -> None:
    profile.start(sample_interval=value)
    assert profile.get().sample_interval == (value if NATIVE else 1)


@pytest.mark.parametrize("value", [0, -5, 257, 64.0, "deep", False])
def test_a_depth_is_refused_with_what_is_allowed(value: Any) -> None:
    with pytest.raises(errors.OptionError, match="stack_depth must be a whole number from 1 to 256 frames"):
        profile.start(stack_depth=value)


@pytest.mark.parametrize("ask", [profile.get, profile.write, profile.collect_nodes, profile.collect_allocations])
def test_not_started_is_said_with_what_to_call(ask: Any) -> None:
    for _ in range(2):
        with pytest.raises(errors.NotStartedError, match=r"call memwatch\.profile\.start\(\) first"):
            ask()
        profile.start(sample_interval=1)
        profile.stop()


def test_started_twice_with_the_same_options_goes_on() -> None:
    profile.start(sample_interval=1)
    kept = allocate(1000)
    profile.start(sample_interval=1)
    assert kept and held_by("allocate")[1] >= 1000


def test_started_twice_with_other_options_is_refused_and_goes_on() -> None:
    profile.start(sample_interval=1)
    kept = allocate(1000)
    with pytest.raises(errors.AlreadyStartedError, match="stack_depth=64"):
        profile.start(stack_depth=5)
    assert kept and held_by("allocate")[1] >= 1000


def test_stopped_twice_or_never_started_is_nothing() -> None:
    profile.stop()
    profile.start(sample_interval=1)
    assert profile.is_running()
    profile.stop()
    profile.stop()
    assert not profile.is_running()


@pytest.mark.skipif(NATIVE, reason="the sampler costs next to nothing")
def test_the_cost_is_logged_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "_reported", [])
    with caplog.at_level(logging.INFO, "memwatch"):
        for _ in range(3):
            profile.start(sample_interval=1)
            profile.stop()
    assert [record.levelname for record in caplog.records if "tracemalloc" in record.message] == ["INFO"]


class TestSampling:
    def test_it_ends_with_the_block(self) -> None:
        with profile.sampling(1) as taken:
            kept = allocate(1000)
            assert kept and taken.get().root.total_count >= 1000
        assert not profile.is_running()
        with pytest.raises(errors.NotStartedError):
            taken.get()

    def test_it_ends_also_if_the_block_raises(self) -> None:
        with pytest.raises(KeyError), profile.sampling(stack_depth=3):
            raise KeyError
        assert not profile.is_running()

    def test_a_profile_that_was_started_before_goes_on(self) -> None:
        profile.start(sample_interval=1)
        with profile.sampling(1):
            pass
        assert profile.get()

    def test_one_that_is_started_by_hand_inside_goes_on(self) -> None:
        with profile.sampling(1):
            profile.start(sample_interval=1)
        assert profile.get()

    def test_the_last_of_several_stops(self) -> None:
        first, second = profile.sampling(1), profile.sampling(1)
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert profile.get()
        second.__exit__(None, None, None)
        assert not profile.is_running()

    def test_other_options_are_refused(self) -> None:
        with profile.sampling(1), pytest.raises(errors.AlreadyStartedError), profile.sampling(1, stack_depth=9):
            pass


class TestWriting:
    def test_without_a_path_the_name_is_made_of_the_time(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        profile.start(sample_interval=1)
        written = {profile.write() for _ in range(3)}
        assert {path.name for path in tmp_path.iterdir()} == {Path(name).name for name in written}
        assert len(written) == 3 and all(os.path.isabs(name) for name in written)
        assert all(re.fullmatch(r"heap-profile-\d{13}\.heapprofile", Path(name).name) for name in written)
        assert profile.get(), "writing does not stop"

    def test_without_a_path_the_suffix_is_the_formats(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        profile.start(sample_interval=1)
        assert profile.write(format="collapsed").endswith(".collapsed")

    def test_an_existing_file_is_replaced_by_the_exact_sums(self, tmp_path: Path) -> None:
        target = tmp_path / "heap.csv"
        target.write_text("old")
        profile.start(sample_interval=1)
        kept = allocate(1000)
        assert kept and profile.write(target) == str(target)
        found = profile.get()
        found.write(target)
        assert formats.read_file(target).root.total_bytes == found.root.total_bytes

    @pytest.mark.parametrize(("path", "format"), [("heap.xyz", None), ("heap", None), ("heap.html", "poster")])
    def test_an_unknown_format_is_refused(self, tmp_path: Path, path: str, format: str | None) -> None:
        profile.start(sample_interval=1)
        with pytest.raises(errors.FormatError, match="flamegraph"):
            profile.write(tmp_path / path, format)
        assert list(tmp_path.iterdir()) == [] and profile.get()

    def test_a_missing_folder_is_named(self, tmp_path: Path) -> None:
        profile.start(sample_interval=1)
        with pytest.raises(errors.WriteError, match="absent"):
            profile.write(tmp_path / "absent" / "heap.html")
        assert profile.get()

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
    def test_a_full_disk_is_said_and_nothing_is_lost(self) -> None:
        profile.start(sample_interval=1)
        kept = allocate(1000)
        with pytest.raises(errors.WriteError, match="No space left"):
            profile.write("/dev/full", "heapprofile")
        assert kept and held_by("allocate")[1] >= 1000


def test_many_threads_start_read_and_stop_at_once() -> None:
    failures: list[BaseException] = []

    def storm(number: int) -> None:
        try:
            for _ in range(8):
                profile.start(sample_interval=1)
                kept = allocate(20)
                if number % 2:
                    profile.stop()
                with contextlib.suppress(errors.NotStartedError):
                    assert profile.get().root.total_bytes >= 0 and kept
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=storm, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_what_it_inherited() -> None:
    told = child(
        """
        import os, sys
        from memwatch import profile
        profile.start(sample_interval=1)
        kept = [bytearray(1000) for _ in range(1000)]
        if os.fork() == 0:
            more = bytearray(500_000)
            found = profile.get()
            print(found.root.total_bytes > 1_500_000, found.pid == os.getpid(), flush=True)
            os._exit(0)
        os.wait()
        print(1_000_000 < profile.get().root.total_bytes < 1_400_000)
        """
    )
    assert told.split() == ["True"] * 3


def test_a_subinterpreter_is_refused() -> None:
    code = """
        import memwatch
        from memwatch import profile
        try:
            profile.start(sample_interval=1)
        except memwatch.UnsupportedError as error:
            print('refused')
    """
    name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    options = ", isolated=False" if sys.version_info < (3, 13) else "'legacy'"
    make = f"{name}.create({options.removeprefix(', ')})"
    told = child(
        f"import warnings; warnings.simplefilter('ignore')\nimport {name}\n"
        f"{name}.run_string({make}, {textwrap.dedent(code)!r})\n"
    )
    assert told.strip() == "refused"
