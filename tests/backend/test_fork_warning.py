"""A fork warns of threads that the program has made, and not of memwatch's."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import warnings
from _thread import get_native_id
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest

from memwatch.backend import fork_warning

TEXT = f"This process (pid={os.getpid()}) is multi-threaded, use of fork() may lead to deadlocks in the child."
OURS, THEIRS = -1, -2

Known = Callable[..., None]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[Known]:
    """Says which threads the system knows beside this one. Warnings are errors meanwhile."""

    def say(*threads: int) -> None:
        monkeypatch.setattr(fork_warning, "_list", lambda _: map(str, (get_native_id(), *threads)))

    monkeypatch.setattr(fork_warning, "_WARNS", True)
    monkeypatch.setattr(fork_warning, "_threads", {OURS})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield say


def warn(text: str = TEXT) -> None:
    warnings.warn(text, DeprecationWarning, stacklevel=2)


def test_one_warning_is_left_out_and_no_other(known: Known) -> None:
    before = [*warnings.filters]
    known(OURS)
    fork_warning.expect()
    with pytest.raises(DeprecationWarning, match="old"):
        warn("old")
    warn()
    assert warnings.filters == before
    with pytest.raises(DeprecationWarning, match="multi-threaded"):
        warn()


@pytest.mark.parametrize("threads", [(OURS, THEIRS), (THEIRS,), ()])
def test_the_program_is_warned_of_its_own_threads(known: Known, threads: tuple[int, ...]) -> None:
    known(*threads)
    fork_warning.expect()
    with pytest.raises(DeprecationWarning):
        warn()
    assert fork_warning._threads == {OURS} & {*threads}


@pytest.mark.parametrize(("threads", "is_warned"), [((THEIRS,), False), ((OURS, THEIRS), False), ((-3, THEIRS), True)])
def test_one_of_memwatchs_that_has_not_run_yet(
    known: Known, monkeypatch: pytest.MonkeyPatch, threads: tuple[int, ...], is_warned: bool
) -> None:
    monkeypatch.setattr(fork_warning, "_starting", {7})
    known(*threads)
    fork_warning.expect()
    with pytest.raises(DeprecationWarning) if is_warned else nullcontext():
        warn()


def test_without_proc_nothing_is_left_out(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise FileNotFoundError(path)

    monkeypatch.setattr(fork_warning, "_list", refuse)
    fork_warning.expect()
    with pytest.raises(DeprecationWarning):
        warn()


def test_what_met_no_warning_is_gone_at_the_next_fork_and_in_the_child(known: Known) -> None:
    before = [*warnings.filters]
    known(OURS)
    fork_warning.expect()
    fork_warning.expect()
    assert len(warnings.filters) == len(before) + 1
    known(OURS, THEIRS)
    fork_warning.expect()
    assert warnings.filters == before
    known(OURS)
    fork_warning.expect()
    fork_warning.begin_anew()
    assert warnings.filters == before and not fork_warning._threads


@pytest.mark.skipif(
    sys.platform != "linux", reason="the threads of a process are listed by /proc, which Linux alone has"
)
def test_forks_beside_a_thread_of_memwatch_s_and_beside_one_of_the_program_s() -> None:
    code = """
        import os, sys, threading, warnings
        from memwatch.backend import forks
        from memwatch.watch.thread import RawThread

        def warned():
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                before = len(warnings.filters)
                if (child := os.fork()) == 0:
                    os._exit(len(warnings.filters) != before)
                assert os.waitpid(child, 0)[1] == 0 and len(warnings.filters) == before
            return len(seen)

        forks.on_fork("question")
        begun, go = threading.Event(), threading.Event()
        RawThread().start(lambda: begun.set() or go.wait(30))
        begun.wait(30)
        assert warned() == warned() == 0
        threading.Thread(target=go.wait, args=(30,)).start()
        assert warned() == (sys.version_info >= (3, 12))
        go.set()
    """
    for options in ([], ["-X", "context_aware_warnings=1"]) if sys.version_info >= (3, 14) else ([],):
        done = subprocess.run(
            [sys.executable, *options, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60
        )
        assert done.stderr == ""
