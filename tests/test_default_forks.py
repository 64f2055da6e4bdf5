"""What a fork leaves: parent and child are watched, nobody is warned, nothing waits for ever.

Each test is a script in a process of its own.
"""

import os
import subprocess
import sys
import textwrap

import pytest

from .test_default import python

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def test_a_child_knows_its_own_age_and_readings():
    done = python(
        """
        import os, time, memwatch
        watcher = memwatch.start(tick=0.01)
        while watcher.readings < 30:
            time.sleep(0.01)
        before, began = watcher.age, time.time()
        pid = os.fork()
        if pid == 0:
            known = watcher.age, watcher.started, watcher.readings
            lived = time.time() - began
            os._exit(not (known[0] <= lived + 1 and known[1] >= began - 1 and known[2] <= 100 * lived + 2))
        assert os.waitpid(pid, 0)[1] == 0
        assert watcher.readings >= 30 and watcher.age >= before
    """
    )
    assert done.stderr == ""


def test_a_child_that_forks_is_not_warned_of():
    """As a program does to become a daemon; from 3.13 on the interpreter counts threads when all hooks are done."""
    done = python(
        """
        import os, memwatch
        memwatch.start(tick=0.01)
        for _ in range(5):
            pid = os.fork()
            if pid == 0:
                pid = os.fork()
                if pid == 0:
                    os._exit(0)
                os._exit(os.waitpid(pid, 0)[1] != 0)
            assert os.waitpid(pid, 0)[1] == 0
    """,
        "-W",
        "error",
    )
    assert done.stderr == ""


def test_fork_does_not_warn_and_both_sides_are_watched():
    done = python(
        """
        import gc, os, sys, time, warnings, memwatch
        seen = []
        memwatch.on("stats", lambda stats: seen.append((os.getpid(), stats.trigger)))
        memwatch.start(tick=0.01)
        memwatch.gc()
        for _ in range(20):
            pid = os.fork()
            memwatch.gc()
            assert (os.getpid(), "forced") in seen[-2:], seen[-2:]
            gc.collect()
            if pid == 0:
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
        assert memwatch.watcher().latest.num_full_gc >= 20
    """,
        "-W",
        "error",
    )
    assert done.stderr == ""


FORKS = """
        import gc, os, pty, subprocess, sys, threading, time, memwatch
        gc.disable()
        watcher = memwatch.start(tick=0.01)

        def is_read():
            before, deadline = watcher.readings, time.monotonic() + 30
            while watcher.readings <= before + 3 and time.monotonic() < deadline:
                time.sleep(0.01)
            return watcher.readings > before + 3

        def both(fork):
            pid = fork()
            done = is_read()
            if pid == 0:
                os._exit(not done)
            assert done and os.waitpid(pid, 0)[1] == 0
"""


def test_a_child_is_as_old_as_the_fork():
    done = python("""
        import os, memwatch
        memwatch.start(tick=0.01)
        books = memwatch.watcher()._ledger
        books.started -= 3600
        pid = os.fork()
        if pid == 0:
            os._exit(0 if books.life < 1800 < books.age else 9)
        assert os.waitpid(pid, 0)[1] == 0 and books.life > 1800
    """)
    assert done.stderr == ""


def test_after_a_fork_both_are_read_though_nothing_is_collected_and_no_second_thread_is_warned_of():
    done = python(
        FORKS
        + """
        def hook_of_another_library():
            for _ in range(50):
                len([].copy())

        os.register_at_fork(after_in_parent=hook_of_another_library, after_in_child=hook_of_another_library)
        both(os.fork)
        both(lambda: pty.fork()[0])
        subprocess.run([sys.executable, "-c", ""], preexec_fn=lambda: None, check=True)
        assert is_read()
    """,
        "-W",
        "error",
    )
    assert done.stderr == ""


def test_after_a_fork_by_another_thread_both_are_read():
    python(
        FORKS
        + """
        thread = threading.Thread(target=both, args=(os.fork,))
        thread.start()
        thread.join(60)
        assert is_read()
    """,
        "-W",
        "ignore",
    )


def test_a_program_that_forks_more_often_than_it_ticks_is_read():
    done = python(
        """
        import gc, os, time, memwatch
        gc.disable()
        watcher = memwatch.start(tick=0.1)
        begun, deadline = watcher.readings, time.monotonic() + 30
        while watcher.readings < begun + 5 and time.monotonic() < deadline:
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
        assert watcher.readings >= begun + 5
    """,
        "-W",
        "error",
    )
    assert done.stderr == ""


def test_fork_while_a_receiver_is_busy():
    python("""
        import gc, os, threading, time, warnings, memwatch
        warnings.simplefilter("ignore")
        go, busy = threading.Event(), threading.Event()

        @memwatch.on("stats")
        def receiver(stats):
            busy.set()
            go.wait(30)

        memwatch.start(tick=0.01)
        gc.collect()
        busy.wait(30)
        pid = os.fork()
        go.set()
        for _ in range(3):
            memwatch.gc()
        if pid == 0:
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert memwatch.watcher().running
    """)


def test_fork_from_many_threads():
    python("""
        import os, threading, warnings, memwatch
        warnings.simplefilter("ignore")
        memwatch.start(tick=0.01)

        def forks():
            for _ in range(10):
                pid = os.fork()
                if pid == 0:
                    os._exit(0)
                os.waitpid(pid, 0)

        threads = [threading.Thread(target=forks) for _ in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        memwatch.gc()
        memwatch.stop()
    """)


def test_multiprocessing_by_fork_and_by_spawn(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent("""
            import multiprocessing, os, sys, warnings
            warnings.simplefilter("ignore")
            import memwatch

            def work(number):
                memwatch.start(tick=0.01)
                return memwatch.gc().num_full_gc > 0

            if __name__ == "__main__":
                memwatch.start(tick=0.01)
                for method in ("fork", "spawn"):
                    with multiprocessing.get_context(method).Pool(2) as pool:
                        assert all(pool.map(work, range(4)))
        """)
    )
    subprocess.run(
        [sys.executable, str(script)],
        check=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def test_an_event_loop_that_forbids_blocking_calls_may_fork():
    """As blockbuster does it, also to the methods of a type in C."""
    done = python(
        """
        import _thread, asyncio, ctypes, gc, os, sys, time, memwatch
        watcher = memwatch.start(tick=0.02)

        def forbidden(function):
            def raise_in_loops(*args, **kwargs):
                caller = sys._getframe(1).f_globals["__name__"]  # threading itself may
                if asyncio._get_running_loop() and kwargs.get("blocking", True) and caller != "threading":
                    raise AssertionError(f"{function} blocks")
                return function(*args, **kwargs)
            return raise_in_loops

        async def fork():
            for _ in range(3):
                pid = os.fork()
                if pid == 0:
                    os._exit(0)
                os.waitpid(pid, 0)
                await asyncio.sleep(0.01)

        os.access, time.sleep = forbidden(os.access), forbidden(time.sleep)
        lock = _thread.LockType
        gc.get_referents(vars(lock))[0]["acquire"] = forbidden(lock.acquire)
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(lock))
        asyncio.run(fork())
        before, deadline = watcher.readings, time.monotonic() + 20
        while watcher.readings < before + 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert watcher.readings >= before + 2
    """,
        "-W",
        "error",
    )
    assert done.stderr == ""


WITHOUT_HOOKS = """
        import ctypes, gc, logging, os, sys
        os.register_at_fork(after_in_child=gc.collect)  # it is called before memwatch's own
        logging.basicConfig(format="%(message)s", stream=sys.stdout)
        import memwatch
        watcher = memwatch.start(tick=3600)
        fork_by_c = ctypes.PyDLL(None).fork
"""


def test_a_child_that_c_code_forked_is_not_watched_and_says_so_once():
    """Its GIL may wait for a thread that the parent alone has."""
    done = python(
        WITHOUT_HOOKS
        + """
        pid = fork_by_c()
        if pid == 0:
            kept = [[] for _ in range(20_000)]
            assert watcher.running, "the hooks may still come"
            watcher._trigger.callback.unseen_since -= 10
            memwatch.gc()
            gc.collect()
            unwatched = not watcher.running and "stopped" in repr(watcher)
            if os.path.exists("/proc/self/task"):
                unwatched = unwatched and len(os.listdir("/proc/self/task")) == 1
            os._exit(not unwatched)
        assert os.waitpid(pid, 0)[1] == 0
        before = watcher.readings
        memwatch.gc()
        assert watcher.running and watcher.readings > before
    """
    )
    assert done.stderr == ""
    assert done.stdout.count("memwatch does not watch this process") == done.stdout.count("\n") == 1


def test_a_collection_that_comes_before_the_hooks_of_a_fork_ends_nothing():
    done = python(
        WITHOUT_HOOKS
        + """
        for _ in range(5):
            pid = os.fork()
            if pid == 0:
                memwatch.gc()
                os._exit(not (watcher.running and watcher.readings))
            assert os.waitpid(pid, 0)[1] == 0
    """
    )
    assert (done.stdout, done.stderr) == ("", "")
