"""Collections that raise no event."""

from __future__ import annotations

import gc
import threading

from memwatch.backend.quiet import collect, end_interrupted, is_quiet, quiet


def test_quiet_is_re_entrant_and_ends() -> None:
    assert not is_quiet()
    with quiet:
        with quiet:
            assert is_quiet()
        assert is_quiet()
    assert not is_quiet()


def tick() -> None:
    watcher = threading.Thread(target=end_interrupted)
    watcher.start()
    watcher.join()


def test_quiet_that_was_interrupted_before_its_end_ends_later() -> None:
    type(quiet).__enter__(quiet)  # as where a signal handler raises before `__exit__`
    tick()
    assert not is_quiet()
    quiet.__exit__()  # the entry is gone: nothing breaks


def test_quiet_goes_on_for_a_thread_that_walks() -> None:
    answers = []

    def ask(phase: str, info: dict[str, int]) -> None:
        tick()
        answers.append(is_quiet())

    gc.callbacks.append(ask)
    try:
        collect()
    finally:
        gc.callbacks.remove(ask)
    assert answers == [True, True]


def test_quiet_ends_where_the_body_raises() -> None:
    try:
        with quiet:
            raise ValueError
    except ValueError:
        pass
    assert not is_quiet()


def test_quiet_is_one_threads_own() -> None:
    seen: list[bool] = []
    with quiet:
        thread = threading.Thread(target=lambda: seen.append(is_quiet()))
        thread.start()
        thread.join()
    assert seen == [False]


def test_a_collection_inside_is_seen_as_quiet_by_a_callback() -> None:
    seen: list[bool] = []

    def callback(phase: str, info: dict[str, int]) -> None:
        seen.append(is_quiet())

    gc.callbacks.append(callback)
    try:
        with quiet:
            gc.collect()
        gc.collect()
    finally:
        gc.callbacks.remove(callback)
    assert True in seen and seen[-1] is False
