"""Places where a tool inside someone else's process goes wrong: each is a program of its own, which must end well."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
FOLDERS = [str(Path(__file__).parent.parent), *filter(None, sys.path)]
PATH = os.pathsep.join(FOLDERS)


def run(code, *options, **kwargs):
    kwargs.setdefault("stdout", subprocess.PIPE)
    environment = {**os.environ, "PYTHONPATH": PATH, **kwargs.pop("environment", {})}
    command = [sys.executable, *options, "-c", textwrap.dedent(code)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=120, env=environment, **kwargs)


def output(code, *options, **kwargs):
    """What *code* printed; it must have ended well and without a word on standard error."""
    done = run(code, *options, **kwargs)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@linux
def test_started_by_many_threads_at_once_it_is_one_watcher():
    code = """
        import gc, os, sys, threading, time, memwatch
        sys.setswitchinterval(1e-6)

        def start():
            barrier.wait()
            made.append(memwatch.start(tick=0.5))

        for _ in range(20):
            barrier, made = threading.Barrier(6), []
            threads = [threading.Thread(target=start) for _ in range(6)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            assert len(set(map(id, made))) == 1
            memwatch.stop()
        while len(os.listdir("/proc/self/task")) > 1:  # the threads of the program are on their way out
            time.sleep(0.01)
        print(gc.callbacks)
    """
    assert output(code) == "[]\n"


@linux
def test_five_hundred_starts_and_stops_leave_nothing():
    code = """
        import atexit, gc, os, sys, memwatch

        def cycles(count):
            for _ in range(count):
                memwatch.start(tick=0.5)
                memwatch.stop()
            gc.collect()
            exits = atexit._ncallbacks()
            return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")), len(gc.callbacks), exits

        first, blocks = cycles(50), sys.getallocatedblocks()
        assert cycles(500) == first, first
        print(sys.getallocatedblocks() - blocks < 2000, first[0], first[2])
    """
    assert output(code) == "True 1 0\n"


def test_a_receiver_that_leaks_is_the_programs_leak():
    code = """
        import memwatch
        kept = []
        memwatch.on("stats", lambda stats: kept.append(bytearray(1 << 20)))
        memwatch.on("leak", lambda leak: print(leak.report.to_dict()["suspects"][0]["type"]))
        memwatch.start(pace="job")
        for _ in range(7):
            memwatch.gc()
    """
    assert output(code) == "bytearray\n"


def test_receivers_that_log_leave_no_thread_in_the_list():
    code = """
        import io, logging, threading, memwatch
        logging.basicConfig(stream=io.StringIO())
        memwatch.on("stats", lambda stats: logging.getLogger().warning("in a receiver"))
        memwatch.start(tick=3600)
        for _ in range(50):
            memwatch.gc()
            assert threading.enumerate() == [threading.main_thread()] and threading.active_count() == 1
    """
    assert output(code) == ""


@posix
def test_a_fork_while_another_thread_starts_leaves_no_lock_to_the_child():
    code = """
        import os, threading, time, warnings, memwatch
        from memwatch import default
        warnings.simplefilter("ignore")
        make, inside, go = default._make, threading.Event(), threading.Event()

        def slowly(options):
            inside.set()
            go.wait(30)
            return make(options)

        default._make = slowly
        thread = threading.Thread(target=memwatch.start)
        thread.start()
        inside.wait(30)
        pid = os.fork()
        go.set()
        if pid == 0:
            memwatch.start(tick=0.1)
            memwatch.gc()
            os._exit(0)
        thread.join()
        assert os.waitpid(pid, 0)[1] == 0
    """
    assert output(code) == ""


@pytest.mark.slow
@posix
def test_a_fork_in_the_middle_of_a_census_pins_nothing_and_both_sides_go_on():
    code = """
        import gc, os, threading, warnings, weakref, memwatch
        from memwatch.backend import forks, quiet
        from memwatch.heap import take_snapshot
        warnings.simplefilter("ignore")

        class Order:
            pass

        orders = [Order() for _ in range(60_000)]
        references = [weakref.ref(order) for order in orders]
        halfway, go, asked = threading.Event(), threading.Event(), []

        def should_cancel():
            asked.append(1)
            if len(asked) == 2:  # the C extension asks no third time
                halfway.set()
                go.wait(30)
            return False

        memwatch.start(tick=3600)
        memwatch.on("stats", lambda stats: asked or take_snapshot(should_cancel=should_cancel))
        gc.collect()
        halfway.wait(30)
        pid = os.fork()
        go.set()
        orders.clear()
        assert memwatch.gc().trigger == "forced"
        gc.collect()
        pinned = sum(reference() is not None for reference in references)
        assert pinned == 0, pinned
        assert not quiet._quiet and not forks._walks and memwatch.watcher().running
        if pid == 0:
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    """
    assert output(code) == ""


@posix
@pytest.mark.parametrize("walk", ["take_snapshot()", "find_holdings(take_snapshot(deep=False).addresses)"])
def test_forks_at_any_moment_of_a_walk_pin_nothing(walk):
    code = f"""
        import gc, os, threading, time, warnings, weakref, memwatch
        from memwatch.backend import forks, quiet
        from memwatch.heap import take_snapshot
        from memwatch.retain import find_holdings
        from memwatch.watch import watcher
        warnings.simplefilter("ignore")
        watcher.PARK_PATIENCE = 5.0  # on a loaded machine a thread may not get its turn within 50 ms

        class Order:
            def __init__(self):
                self.rows = [{{"text": "x" * 50}}]

        orders = [Order() for _ in range(10_000)]
        references = [weakref.ref(order) for order in orders]
        stopped = threading.Event()

        def walk():
            while not stopped.is_set():
                {walk}

        memwatch.start(tick=3600)
        thread = threading.Thread(target=walk)
        thread.start()
        results = []
        for number in range(8):
            for _ in range(100):  # a census in C is one hold, and enters itself nowhere
                if forks._walks:
                    break
                time.sleep(0.001)
            time.sleep(number * 0.02)
            pid = os.fork()
            if pid == 0:
                orders.clear()
                gc.collect()
                os._exit(any(reference() is not None for reference in references))
            results.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        stopped.set()
        thread.join()
        print(results.count(1))
    """
    assert output(code, environment={"MEMWATCH_BACKEND": "pure"}) == "0\n"  # the walk in C does not rest half-way


@posix
def test_a_child_whose_collector_is_off_is_watched_again_from_its_next_call():
    code = """
        import gc, os, time, memwatch
        memwatch.start(tick=0.01)
        gc.disable()
        for call in (lambda: memwatch.start(tick=0.01), lambda: memwatch.on("leak", print)):
            pid = os.fork()
            if pid == 0:
                before = memwatch.watcher().readings
                call()
                while memwatch.watcher().readings == before:
                    time.sleep(0.01)
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
    """
    assert output(code) == ""


@posix
def test_a_hundred_forks_bring_no_warning():
    code = """
        import os, subprocess, threading, memwatch
        memwatch.on("stats", lambda stats: None)
        memwatch.start(tick=0.01)
        for number in range(100):
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
            if number % 10 == 0:
                memwatch.gc()
        subprocess.run(["true"], preexec_fn=lambda: [[] for _ in range(3000)], check=True)
        memwatch.gc()
    """
    assert output(code, "-W", "error::DeprecationWarning") == ""


@posix
def test_forkserver(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent("""
            import multiprocessing, memwatch

            def work(number):
                memwatch.start(tick=0.01)
                return memwatch.gc().trigger

            if __name__ == "__main__":
                memwatch.start(tick=0.01)
                context = multiprocessing.get_context("forkserver")
                context.set_forkserver_preload(["memwatch"])
                with context.Pool(2) as pool:
                    assert pool.map(work, range(4)) == ["forced"] * 4
        """)
    )
    subprocess.run([sys.executable, str(script)], check=True, timeout=120, env={**os.environ, "PYTHONPATH": PATH})


@pytest.mark.parametrize(
    "code",
    [
        "thread = threading.Thread(target=sys.exit); thread.start(); thread.join()",
        "threading.Thread(target=threading.Event().wait, daemon=True).start()",
        "threading.Thread(target=lambda: [memwatch.gc() for _ in iter(int, 1)], daemon=True).start(); memwatch.gc()",
        "threading.Thread(target=lambda: (time.sleep(0.1), memwatch.gc())).start()",
        "for call in (memwatch.gc, memwatch.stop, lambda: memwatch.HeapDiff().end()): atexit.register(call)",
        "threading._register_atexit(memwatch.gc)",
        "memwatch.on('stats', lambda stats: memwatch.stop())",
        "diff = memwatch.HeapDiff(); builtins.last = type('Last', (), {'__del__': lambda self: diff.end()})()",
    ],
)
@pytest.mark.parametrize("early", ["", "atexit.register(lambda: (memwatch.gc(), memwatch.on('leak', print)))"])
def test_the_program_ends_in_order(code, early):
    begin = "import atexit, builtins, sys, threading, time\n" + early
    watch = "import memwatch\nmemwatch.on('stats', lambda stats: None)\nmemwatch.start(tick=0.01)"
    assert output("\n".join([begin, watch, code])) == ""


def test_at_the_end_it_does_not_start_again():
    code = """
        import atexit

        def late():
            try:
                memwatch.start()
            except memwatch.UnsupportedError as error:
                print(error, memwatch.watcher())

        atexit.register(late)
        import memwatch
        memwatch.start(tick=0.01)
    """
    assert output(code) == "memwatch cannot start while the interpreter ends: nobody would stop it None\n"


@posix
def test_signals_of_the_program():
    code = """
        import gc, os, signal, socket, time, memwatch
        from memwatch.backend import forks, quiet
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        memwatch.start(tick=0.01)
        calls = []

        def collect(*_):
            calls.append(memwatch.gc().trigger)
            signal.setitimer(signal.ITIMER_REAL, 0.005)  # set anew each time: a loaded machine must not be buried

        signal.signal(signal.SIGALRM, collect)
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        while len(calls) < 30:
            memwatch.gc()
            memwatch.stop()
            memwatch.start(tick=0.01)
        signal.setitimer(signal.ITIMER_REAL, 0)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        signal.set_wakeup_fd(ours.fileno())
        signal.signal(signal.SIGUSR1, lambda *_: None)
        for _ in range(20):
            os.kill(os.getpid(), signal.SIGUSR1)
        assert theirs.recv(100) == bytes([signal.SIGUSR1]) * 20
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == mask and not quiet._quiet
    """
    assert output(code) == ""


@posix
def test_a_crash_is_told_by_faulthandler():
    code = """
        import faulthandler, os, signal, time, memwatch
        watcher = memwatch.start(tick=0.01)
        while not watcher.readings:  # a thread that has not begun yet ends the list of 3.15's faulthandler
            time.sleep(0.01)
        faulthandler.enable()
        os.kill(os.getpid(), signal.SIGSEGV)
    """
    done = run(code)
    assert done.returncode == -11 and "Fatal Python error: Segmentation fault" in done.stderr
    assert 'File "<string>", line 7 in <module>' in done.stderr.partition("Current thread")[2]


def test_gc_inside_a_gc_callback_of_the_program():
    code = """
        import gc, memwatch
        memwatch.start(tick=0.01)
        results = []

        def callback(phase, info):
            if phase == "stop" and not results:
                results.append(memwatch.gc())

        gc.callbacks.append(callback)
        gc.collect()
        print(results[0].trigger)
    """
    assert output(code) == "forced\n"


def test_the_collectors_own_switches_are_left_as_they_were():
    code = """
        import gc, memwatch
        memwatch.start(tick=0.01)
        memwatch.HeapDiff().end()
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.set_threshold(0)
        gc.disable()
        loop = []
        loop.append(loop)
        del loop
        for _ in range(3):
            memwatch.gc()
            memwatch.HeapDiff().end()
        print(gc.get_debug() == gc.DEBUG_SAVEALL, gc.get_threshold()[0], gc.isenabled(), list(map(type, gc.garbage)))
    """
    assert output(code) == "True 0 False [<class 'list'>]\n"


def test_a_stopped_watcher_leaves_no_cycles():
    code = """
        import gc, memwatch
        kept, leaks = [], []
        memwatch.on("stats", lambda stats: kept.append(bytearray(1 << 20)))
        memwatch.on("leak", leaks.append)
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)
        watcher = memwatch.start(pace="job")
        for _ in range(7):
            memwatch.gc()
        memwatch.stop()
        assert leaks and watcher.latest.trigger == "exit"
        del watcher
        gc.collect()
        print([type(it) for it in gc.garbage if type(it).__module__.startswith("memwatch")])
    """
    assert output(code) == "[]\n"


FOLLOWED = """
    import sys
    sys.path[:0] = {path!r}
    import memwatch
    seen = []
    memwatch.on("stats", seen.append)
    with memwatch.HeapDiff() as heap_diff:
        memwatch.gc()
    assert seen and str(heap_diff.diff)
"""


@pytest.mark.parametrize("options", ["-O", "-OO", "-I", "-S", "-I -S", "-E", "-X tracemalloc", "-X dev", "-W error"])
def test_options_of_the_interpreter(options):
    output(FOLLOWED.format(path=FOLDERS), *options.split())


@pytest.mark.parametrize("allocator", ["malloc", "malloc_debug", "pymalloc_debug"])
def test_allocators_of_the_interpreter(allocator):
    output(FOLLOWED.format(path=FOLDERS), environment={"PYTHONMALLOC": allocator})


@posix
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_standard_streams(closed, tmp_path):
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(FOLLOWED.format(path=FOLDERS)))
    shell = " ".join([f'"{sys.executable}"', str(script), *(f"{fd}{'<' if fd == 0 else '>'}&-" for fd in closed)])
    assert subprocess.run(["sh", "-c", shell], timeout=60).returncode == 0


@linux
def test_a_current_folder_that_is_gone(tmp_path):
    script, gone = tmp_path / "program.py", tmp_path / "gone"
    code = """
    try:
        memwatch.handlers.JsonLines("relative.jsonl")
    except memwatch.OptionError as error:
        print(error)
    """
    script.write_text(textwrap.dedent(FOLLOWED.format(path=[p for p in sys.path if Path(p).is_absolute()]) + code))
    gone.mkdir()
    shell = f'cd "{gone}" && rmdir "{gone}" && exec "{sys.executable}" "{script}"'
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("cannot append events to 'relative.jsonl'")


@posix
def test_alarms_while_it_starts_and_stops_leave_nothing_behind():
    code = """
        import gc, os, random, signal, time, memwatch

        class Alarm(Exception):
            pass

        def interrupt(*_):
            raise Alarm

        memwatch.start(profile=False)
        memwatch.stop()
        signal.signal(signal.SIGALRM, interrupt)
        before, pick, seen, end = len(gc.callbacks), random.Random(7), 0, time.monotonic() + 1.5
        while time.monotonic() < end:
            try:
                signal.setitimer(signal.ITIMER_REAL, pick.uniform(0.0002, 0.004))
                while True:
                    memwatch.start(profile=False)
                    memwatch.stop()
            except Alarm:
                seen += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        memwatch.stop()
        while len(os.listdir("/proc/self/task")) > 1 and time.monotonic() < end + 10:
            pass
        print(seen > 20, len(os.listdir("/proc/self/task")), len(gc.callbacks) - before)
    """
    assert output(code) == "True 1 0\n"
