"""What processes take: real ones that are busy, idle, dead, undead, somebody else's; and the history of their CPU."""

import json
import math
import os
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import fields, replace

import pytest

from memwatch import usage
from memwatch.errors import OptionError, ProcessError
from memwatch.usage import History, Reading, Usage

MIB = 1 << 20
BUSY = "print(flush=True)\nwhile True: pass"
IDLE = "import sys; print(flush=True); sys.stdin.read()"

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def child():
    """Starts Python with some code, and waits for the empty line that it prints first; ends it after the test."""
    started = []

    def start(code):
        pipe = subprocess.PIPE
        started.append(subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdin=pipe, stdout=pipe))
        assert started[-1].stdout.readline() == b"\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def _no_history():
    yield
    usage.clear_history()


def is_sane(found):
    """Whether every number of *found* is finite and not negative."""
    numbers = [getattr(found, field.name) for field in fields(Usage)]
    return all(number is None or (math.isfinite(number) and number >= 0) for number in numbers)


def test_this_process():
    found = usage.lookup(os.getpid())
    assert is_sane(found) and found.pid == os.getpid() and abs(found.time - time.time()) < 60
    assert found.memory == found.rss > MIB and found.vms > found.rss and found.threads >= 1
    assert found.cpu == found.cpu_lifetime and found.cpu_user > 0 and found.elapsed > 0 and found.children is None


@linux
def test_on_linux_nothing_of_one_s_own_is_missing():
    found = usage.lookup(os.getpid())
    assert 0 < found.uss <= found.rss and found.swap is not None and found.descriptors >= 3


def test_as_json_takes_it():
    found = usage.lookup(os.getpid())
    shown = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert shown["memory"] == shown["rss"] == found.rss
    assert shown.keys() == {"memory"} | {field.name for field in fields(Usage)}


def test_threads_and_descriptors_are_counted():
    over = threading.Event()
    before = usage.lookup(os.getpid())
    threads = [threading.Thread(target=over.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    read, write = os.pipe()
    after = usage.lookup(os.getpid())
    over.set()
    for thread in threads:
        thread.join()
    os.close(read)
    os.close(write)
    assert after.threads >= before.threads + 3 and after.descriptors >= before.descriptors + 2


def test_memory_is_in_bytes():
    before = usage.lookup(os.getpid()).memory
    ballast = b"x" * (64 * MIB)
    assert 60 * MIB < usage.lookup(os.getpid()).memory - before < 80 * MIB
    del ballast


def test_a_busy_process_takes_a_core_and_an_idle_one_nothing(child):
    busy, idle = child(BUSY), child(IDLE)
    for process in (busy, idle):
        usage.lookup(process.pid, keep_history=True)
    time.sleep(0.5)
    first, second = (usage.lookup(process.pid, keep_history=True) for process in (busy, idle))
    assert second.cpu < first.cpu < 130  # the machine of the tests may be busy itself
    assert second.cpu < 15 and is_sane(first) and is_sane(second)
    assert first.cpu_user > first.cpu_system


def test_the_first_call_of_a_young_process_tells_its_lifetime(child):
    process = child(BUSY)
    found = usage.lookup(process.pid, keep_history=True)
    assert found.cpu == found.cpu_lifetime and is_sane(found) and found.elapsed < 60


def test_calls_without_pause_stay_sane():
    found = [usage.lookup(os.getpid(), keep_history=True) for _ in range(20)]
    assert all(map(is_sane, found))


def test_a_call_without_history_leaves_the_history_alone(child):
    process = child(IDLE)
    usage.lookup(process.pid, keep_history=True)
    before = dict(usage._shared._last)
    assert usage.lookup(process.pid).cpu == pytest.approx(usage.lookup(process.pid).cpu_lifetime, rel=0.5)
    assert usage._shared._last == before
    usage.clear_history(process.pid)
    assert usage._shared._last == {}


def test_two_histories_do_not_disturb_each_other(child):
    process = child(BUSY)
    one, other = History(), History()
    one.lookup(process.pid)
    time.sleep(0.2)
    other.lookup(process.pid)
    assert one.lookup(process.pid).cpu > 0


def test_children_are_summed_on_request(child):
    process = child(f"""
        import subprocess, sys
        code = {IDLE!r}
        for _ in range(2):
            under = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            under.stdout.readline()
        {IDLE}
    """)
    alone, all_ = usage.lookup(process.pid), usage.lookup(process.pid, children=True)
    assert (alone.children, all_.children) == (None, 2) and is_sane(all_)
    assert all_.rss > 2 * alone.rss and all_.threads == alone.threads + 2 and all_.cpu_user >= alone.cpu_user
    assert usage.lookup(process.pid, keep_history=True, children=True).children == 2


# ---- what is no process, or not one to be read


@pytest.mark.parametrize("value", [0, -1, True, "x", None, 1.0, 2**70])
@pytest.mark.parametrize("ask", [usage.lookup, usage.History().lookup])
def test_what_is_no_process_id_is_said(value, ask):
    with pytest.raises(OptionError, match=rf"whole number from 1 to 4294967295, not {value!r}$"):
        ask(value)


def test_a_number_that_python_itself_refuses_to_print():
    with pytest.raises(OptionError, match="not a larger number"):
        usage.lookup(-(10**5000))


def test_clearing_what_is_no_process_id_is_refused_and_what_is_not_known_is_fine():
    with pytest.raises(OptionError):
        usage.clear_history("x")
    usage.clear_history(2**31 + 1)
    usage.clear_history()


def test_a_process_that_is_gone(child):
    process = child(IDLE)
    process.communicate()
    for pid in (process.pid, 2**31 + 1, 2**32 - 1):
        with pytest.raises(ProcessError, match=f"no process {pid}"):
            usage.lookup(pid, keep_history=True)


@posix
def test_a_zombie_is_called_one(child):
    process = child(IDLE)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(ProcessError, match=f"process {process.pid} has ended.*zombie"):
        usage.lookup(process.pid)


@posix
def test_a_zombie_below_a_process_is_left_out(child):
    process = child("""
        import os
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        print(flush=True)
        input()
    """)
    assert usage.lookup(process.pid, children=True).children == 0


@linux
def test_of_another_user_s_process_what_may_be_read_is_read():
    code = """
        import json, os, sys
        from memwatch import usage
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            pid = os.getppid()
        else:
            pid = 1
        print(json.dumps(usage.lookup(pid, keep_history=True).to_dict()))
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    found = json.loads(done.stdout)
    assert found["rss"] > 0 and found["cpu"] >= 0 and found["threads"] >= 1
    assert found["uss"] is None and found["swap"] is None and found["descriptors"] is None


def test_where_nothing_may_be_read_that_is_said(monkeypatch):
    monkeypatch.setattr(usage, "_allowed", lambda read: None)  # as where the system tells nothing but that it is there
    with pytest.raises(ProcessError, match="another user"):
        usage.lookup(os.getpid())


# ---- the history, with readings and a clock made by hand

ONE = Reading((7, 100.0), elapsed=50.0, user=4.0, system=1.0)
KEY = ((7, 100.0), False)


def later(reading, seconds):
    return replace(reading, user=reading.user + seconds)


@pytest.fixture
def history(fake_clock):
    return History(limit=3, expires=100.0, now=fake_clock)


def test_the_share_is_that_since_the_last_call(history, fake_clock):
    assert history.advance(KEY, [ONE], 10.0) == 10.0
    fake_clock.advance(2.0)
    assert history.advance(KEY, [later(ONE, 1.0)], 10.0) == pytest.approx(50.0)
    fake_clock.advance(4.0)
    assert history.advance(KEY, [later(ONE, 1.0)], 10.0) == 0.0


def test_a_call_a_moment_later_gives_the_last_value_and_loses_nothing(history, fake_clock):
    history.advance(KEY, [ONE], 10.0)
    assert history.advance(KEY, [ONE], 99.0) == 10.0
    fake_clock.advance(0.09)
    assert history.advance(KEY, [later(ONE, 0.09)], 99.0) == 10.0
    fake_clock.advance(0.91)
    assert history.advance(KEY, [later(ONE, 1.0)], 99.0) == pytest.approx(100.0)


def test_a_process_that_got_an_old_pid_starts_anew(history, fake_clock):
    history.advance(KEY, [ONE], 10.0)
    fake_clock.advance(5.0)
    new = Reading((7, 104.0), elapsed=1.0, user=0.1, system=0.0)
    assert history.advance(((7, 104.0), False), [new], 10.5) == 10.5


def test_counters_that_went_back_count_as_nothing(history, fake_clock):
    history.advance(KEY, [ONE], 10.0)
    fake_clock.advance(1.0)
    assert history.advance(KEY, [later(ONE, -2.0)], 10.0) == 0.0


def test_of_children_a_new_one_counts_whole_and_one_that_joined_not_at_all(history, fake_clock):
    history.advance(KEY, [ONE], 10.0)
    fake_clock.advance(10.0)
    born = Reading((8, 108.0), elapsed=2.0, user=1.5, system=0.5)
    joined = Reading((9, 50.0), elapsed=90.0, user=80.0, system=0.0)
    assert history.advance(KEY, [later(ONE, 3.0), born, joined], 10.0) == pytest.approx(50.0)


def test_history_is_bounded_and_expires(history, fake_clock):
    for pid in range(1, 6):
        fake_clock.advance(1.0)
        history.advance(((pid, 0.0), False), [Reading((pid, 0.0), user=1.0)], 1.0)
    assert [key[0][0] for key in history._last] == [3, 4, 5]
    fake_clock.advance(99.0)
    assert history.advance(((4, 0.0), False), [Reading((4, 0.0), user=1.0)], 7.0) == 0.0
    fake_clock.advance(2.0)
    history.advance(((6, 0.0), False), [Reading((6, 0.0), user=1.0)], 1.0)
    assert [key[0][0] for key in history._last] == [4, 6]
    fake_clock.advance(200.0)
    assert history.advance(((4, 0.0), False), [Reading((4, 0.0), user=9.0)], 7.0) == 7.0


def test_clear_forgets_one_or_all(history):
    for key in (KEY, (KEY[0], True), ((8, 1.0), False)):
        history.advance(key, [ONE], 10.0)
    history.clear(7)
    assert list(history._last) == [((8, 1.0), False)]
    history.clear()
    assert not history._last


def test_a_process_without_age_is_taken_to_be_a_tick_old():
    assert Reading((7, 0.0), elapsed=0.0, user=0.0, system=0.0).lifetime == 0.0
    assert Reading((7, 0.0), elapsed=0.0, user=0.01, system=0.0).lifetime == pytest.approx(100.0)
    assert Reading((7, 0.0), elapsed=0.0).lifetime is None


def test_one_history_in_many_threads():
    history, found = History(), []
    threads = [threading.Thread(target=lambda: found.extend(map(history.lookup, [os.getpid()] * 20))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 120 and all(map(is_sane, found))


def test_the_container_is_offered_here_too():
    found = usage.container()
    assert found is None or isinstance(found, usage.Container)
