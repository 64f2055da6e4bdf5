"""One watcher in a process: how it starts, stops, and lives with forks, signals, exits and other people's threads.

What needs a process of its own runs as a script in one.
"""

import gc
import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import memwatch
from memwatch.errors import AlreadyStartedError, OptionError


def python(code, *options, timeout=60, **environment):
    """Run *code*; the finished process, which must not have failed."""
    script = textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, *options, "-c", script],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
    )
    assert done.returncode == 0, done.stderr
    return done


def test_the_first_receiver_starts_it(fresh):
    assert memwatch.watcher() is None
    memwatch.on("stats", lambda stats: None)
    assert memwatch.watcher().running and memwatch.watcher().pace.name == "service"


def test_stop_lasts_until_start(fresh):
    memwatch.on("stats", lambda stats: None)
    memwatch.stop()
    memwatch.on("leak", lambda leak: None)
    assert memwatch.watcher() is None
    memwatch.start()
    assert memwatch.watcher().running


def test_start_reconfigures_what_came_by_itself(fresh):
    memwatch.on("stats", lambda stats: None)
    first = memwatch.watcher()
    second = memwatch.start(pace="job")
    assert second is memwatch.watcher() is not first and not first.running and second.pace.name == "job"


def test_start_twice_is_one_watcher_or_a_clear_error(fresh):
    first = memwatch.start(tick=0.5)
    assert memwatch.start(tick=0.5) is first
    with pytest.raises(AlreadyStartedError, match=r"stop\(\) first"):
        memwatch.start(tick=0.25)
    assert memwatch.watcher() is first and first.running


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tik": 1}, "unknown option 'tik'; there are pace, detector, tick"),
        ({"tick": 0}, "from 0.01 to 3600"),
        ({"tick": -1}, "from"),
        ({"tick": float("nan")}, "from"),
        ({"tick": "fast"}, "tick must be a number of seconds"),
        ({"pace": "jog"}, "pace must be service or job"),
        ({"detector": "magic"}, "detector must be ratchet or consecutive"),
        ({"pause_budget": -0.1}, "from 0 to 60"),
        ({"pause_budget": True}, "from 0 to 60"),
        ({"stats_interval": 0}, "from 0.1 to 86400"),
        ({"tick": 2, "sample": 1}, "at least one tick"),
    ],
)
def test_options_out_of_range_are_named_with_what_is_allowed(fresh, options, words):
    with pytest.raises(OptionError, match=words):
        memwatch.start(**options)
    assert memwatch.watcher() is None


def test_a_bad_start_leaves_the_running_watcher_alone(fresh):
    memwatch.on("stats", lambda stats: None)
    running = memwatch.watcher()
    with pytest.raises(OptionError):
        memwatch.start(detector="magic")
    assert memwatch.watcher() is running and running.running


def test_gc_without_a_watcher_collects_and_starts_none(fresh):
    before = memwatch.gc()
    gc.collect()
    assert memwatch.gc().num_full_gc == before.num_full_gc + 2 and memwatch.watcher() is None


def test_stop_inside_a_receiver(fresh):
    done = threading.Event()

    @memwatch.on("stats")
    def receiver(stats):
        memwatch.stop()
        done.set()

    stopped = memwatch.watcher()
    memwatch.gc()
    assert done.wait(10) and memwatch.watcher() is None
    assert stopped._thread.join(10)  # its last stats come when the receiver has returned, and not in the next test


def test_heap_diff_inside_a_stats_receiver_brings_no_further_stats(fresh):
    seen, came = [], threading.Semaphore(0)

    @memwatch.on("stats")
    def receiver(stats):
        with memwatch.HeapDiff() as heap_diff:
            pass
        seen.append(heap_diff.diff)
        came.release()

    gc.disable()  # a collection that comes by itself has stats of its own
    try:
        for number in (1, 2):
            memwatch.gc()  # does not wait for ever for a receiver that walks a large heap in Python
            assert came.acquire(timeout=60) and len(seen) == number
    finally:
        gc.enable()


def test_a_leak_that_goes_away_is_recovered(fresh):
    seen, given, kept, leaked, told = [], [], [], threading.Event(), threading.Event()
    for event in ("suspect", "leak", "recovered"):
        memwatch.on(event, lambda value, event=event: seen.append(event))

    def receiver(watcher, recovered):
        given.append(recovered)
        told.set()

    memwatch.recovered.connect(receiver)
    memwatch.on("leak", lambda leak: leaked.set())
    memwatch.start(pace="job")
    for _ in range(6):
        kept.append(bytearray(8 << 20))
        memwatch.gc()
    assert leaked.wait(300)  # on a busy machine the judge takes longer than memwatch.gc() waits
    kept.clear()
    memwatch.gc()
    assert told.wait(300)
    assert seen == ["suspect", "leak", "recovered"]
    assert given[0].reason.startswith("heap growth over 5 consecutive GCs")


def test_where_no_thread_can_be_had_it_says_so_and_steps_aside(fresh, monkeypatch, caplog):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)
    with pytest.raises(memwatch.UnsupportedError, match="no thread can be started"):
        memwatch.start()
    memwatch.on("leak", print)
    memwatch.on("stats", print)
    assert memwatch.watcher() is None and caplog.text.count("does not watch this process") == 1


def test_import_is_light():
    done = python("""
        import sys, memwatch
        print([name for name in ("psutil", "objgraph", "asyncio", "numpy") if name in sys.modules])
    """)
    assert done.stdout == "[]\n"


def test_the_thread_imports_nothing():
    """Not even when a leak is judged, published and printed."""
    done = python("""
        import sys, threading, _thread
        import memwatch

        class Witness:
            def find_spec(self, name, path=None, target=None):
                watcher = memwatch.watcher()
                if watcher is not None and watcher._thread.is_current():
                    imported.append(name)

        imported, kept, reports = [], [], []
        sys.meta_path.insert(0, Witness())
        memwatch.on("leak", lambda leak: reports.append(str(leak.report)))
        memwatch.on("leak", lambda leak: 1 / 0)
        memwatch.on("stats", lambda stats: stats.no_such_attribute)
        for number in range(6):
            kept.append(["x" * 100 + str(n) for n in range(10_000)])
            memwatch.gc()
        memwatch.stop()
        print(imported, len(reports))
    """)
    assert done.stdout == "[] 1\n", done.stderr


@pytest.mark.slow
def test_short_programs_exit_in_order():
    code = """
        import sys, time, memwatch
        memwatch.on("stats", lambda stats: None)
        time.sleep({seconds})
    """

    def run(number):
        return python(code.format(seconds=number % 26 / 1000), timeout=60).stderr

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(run, range(52))) == {""}


def test_sigwait_still_gets_the_programs_signals():
    python("""
        import os, signal, threading, time, memwatch
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])
        memwatch.start(tick=0.01)
        for number in (signal.SIGUSR1, signal.SIGTERM) * 20:
            os.kill(os.getpid(), number)
            assert signal.sigwait([number]) == number
    """)


def test_handlers_run_in_the_main_thread_as_ever():
    python("""
        import os, signal, memwatch
        seen = []
        signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
        memwatch.start(tick=0.01)
        for _ in range(50):
            os.kill(os.getpid(), signal.SIGUSR1)
        assert seen, "no signal came"
    """)


def test_a_subinterpreter_is_told_no_and_lives():
    done = python("""
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        import memwatch
        memwatch.start(tick=0.01)
        code = '''if True:
            import memwatch
            try:
                memwatch.start()
            except memwatch.UnsupportedError as error:
                print(error, flush=True)
            memwatch.on("leak", print)
            print(memwatch.watcher(), flush=True)
        '''
        interpreter = interpreters.create()
        error = (getattr(interpreters, "exec", None) or interpreters.run_string)(interpreter, code)
        assert error is None, error
        interpreters.destroy(interpreter)
        memwatch.gc()
    """)
    assert "this is a subinterpreter" in done.stdout and done.stdout.endswith("None\n")


def test_a_collector_that_is_off_and_frozen_is_watched_as_well():
    python("""
        import gc, time, memwatch
        gc.set_threshold(0)
        gc.disable()
        gc.freeze()
        memwatch.start(tick=0.01, stats_interval=0.1)
        seen = []
        memwatch.on("stats", seen.append)
        deadline = time.monotonic() + 30
        while not seen and time.monotonic() < deadline:
            time.sleep(0.01)
        assert seen[0].trigger == "tick"
        assert memwatch.gc().trigger == "forced"
    """)


def test_callbacks_cleared_by_the_program_stop_nothing():
    python("""
        import gc, time, memwatch
        memwatch.start(tick=0.01)
        seen = []
        memwatch.on("stats", seen.append)
        gc.callbacks.clear()
        gc.collect()
        deadline = time.monotonic() + 30
        while not seen and time.monotonic() < deadline:
            time.sleep(0.01)
        assert seen and seen[0].num_full_gc >= 1
    """)


@pytest.mark.parametrize("order", ["memwatch first", "gevent first"])
def test_gevent(order):
    pytest.importorskip("gevent")
    patch, load = "from gevent import monkey; monkey.patch_all()", "import memwatch"
    first, second = (load, patch) if order == "memwatch first" else (patch, load)
    python(f"""
        {first}
        {second}
        import gevent, memwatch
        seen = []
        memwatch.on("stats", seen.append)
        memwatch.start(tick=0.01)

        def work():
            for _ in range(5):
                memwatch.gc()
                gevent.sleep(0.01)

        gevent.joinall([gevent.spawn(work) for _ in range(3)], raise_error=True)
        assert len(seen) >= 15, len(seen)
        memwatch.stop()
    """)


def test_os_exit_and_execv_are_not_held_up():
    python("""
        import os, sys, memwatch
        memwatch.start(tick=0.01)
        os.execv(sys.executable, [sys.executable, "-c", "import memwatch, os; memwatch.start(tick=0.01); os._exit(0)"])
    """)


def test_a_receiver_that_never_returns_does_not_hold_up_the_exit():
    python(
        """
        import gc, threading, memwatch
        busy = threading.Event()

        @memwatch.on("stats")
        def receiver(stats):
            busy.set()
            threading.Event().wait(60)

        gc.collect()
        busy.wait(30)
    """,
        timeout=30,
    )
