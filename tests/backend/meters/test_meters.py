"""Meters rest a thousand times as long as they work, and say what they are made of."""

import errno
import gc
import itertools
import os
import subprocess
import sys
import textwrap

import psutil
import pytest

from memwatch.backend.meters import malloc, meters, resident
from memwatch.backend.meters import memory_limit as limit
from memwatch.backend.meters.collector import read_collections
from memwatch.backend.meters.meters import BYTES_PER_BLOCK, Meter, Meters, StoppingMeter

MIB = 1 << 20
linux = pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from a descriptor on Linux")


def script(code):
    command = [sys.executable, "-c", textwrap.dedent(code)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)


class Costly:
    """A reading that takes as much processor time as a test says."""

    def __init__(self, clock, cost):
        self.clock, self.cost, self.spent, self.reads = clock, cost, 0.0, 0

    def read(self):
        self.reads += 1
        self.spent += self.cost
        return self.reads

    def meter(self):
        return Meter(self.read, 0, now=self.clock, spent=lambda: self.spent)


def test_a_meter_is_read_for_a_thousandth_of_the_time_at_most(fake_clock):
    costly = Costly(fake_clock, 0.028)
    meter = costly.meter()
    for _ in range(1000):
        meter.get()
        fake_clock.advance(0.25)
    assert costly.spent <= 0.001 * 250 + 0.028 and costly.reads == 9
    assert meter.cost == pytest.approx(0.028)


def test_a_meter_that_holds_the_program_up_is_not_asked_again(fake_clock):
    costly = Costly(fake_clock, 0.498)
    meter = costly.meter()
    for _ in range(1000):
        assert meter.get() == 1
        fake_clock.advance(3600.0)
    assert costly.reads == 1


def test_a_resting_meter_gives_its_last_value_and_a_forced_one_a_new_one(fake_clock):
    meter = Costly(fake_clock, 0.01).meter()
    assert [meter.get(), meter.get(), meter.get(force=True), meter.get()] == [1, 1, 2, 2]


def test_a_cheap_meter_is_read_at_every_tick(fake_clock):
    costly = Costly(fake_clock, 0.00001)
    meter = costly.meter()
    for _ in range(100):
        meter.get()
        fake_clock.advance(0.25)
    assert costly.reads == 100


def test_a_count_that_stops_all_threads_has_them_stand_for_a_thirtieth_of_the_time_at_most(fake_clock):
    waits = itertools.cycle([0.4, 0.001, 0.0001])  # seconds; the longest is no reason never to ask again
    taken = []

    def count():
        taken.append(next(waits))
        return len(taken), 80 * len(taken), taken[-1]

    meter = StoppingMeter(count, fake_clock)
    for _ in range(1000):
        assert meter.get() == (len(taken), 80 * len(taken))
        fake_clock.advance(0.25)
    assert meter.cost == taken[-1]
    assert sum(taken) <= 250 / 30 + 0.4 and len(taken) > 50


def test_base_is_native_bytes_and_those_of_small_blocks():
    reading = Meters().read()
    if reading.native is None:
        assert 0 < reading.base <= reading.rss
    else:
        assert reading.base == reading.native + reading.small
        assert meters.EXACT or reading.small == BYTES_PER_BLOCK * reading.blocks


def test_where_arenas_do_not_tell_a_block_counts_96_bytes_or_what_it_did_before(monkeypatch):
    counts = iter([(1000, None), (1000, 32_000), (2000, None)])
    monkeypatch.setattr(meters, "count_blocks", lambda: next(counts))
    watched = Meters()
    assert [watched.read(force=True).small for _ in range(3)] == [96_000, 32_000, 64_000]


def test_a_count_taken_a_moment_ago_goes_in_its_place():
    reading = Meters().read(counted=(5, 480))
    assert (reading.blocks, reading.small) == (5, 480)


@pytest.mark.parametrize("make", [lambda: bytearray(8 * MIB), lambda: [str(n) * 9 for n in range(100_000)]])
def test_base_sees_large_objects_and_small_ones(make):
    watched = Meters()
    if watched.names[0] == "anonymous rss":
        pytest.skip("resident memory does not grow where there is some that was used before")
    before = watched.read(force=True).base
    kept = make()
    assert watched.read(force=True).base - before > 6 * MIB
    del kept


@pytest.mark.skipif(
    sys.version_info < (3, 14) or meters.EXACT, reason="this interpreter's blocks can be counted beside others"
)
def test_beside_another_interpreter_base_moves_with_anonymous_memory():
    import _interpreters

    read = Meters()
    before = read.read(force=True)
    other = _interpreters.create()
    kept = []
    try:
        kept.append(bytearray(b"x" * (64 * MIB)))
        beside = read.read(force=True)
        assert beside.blocks == before.blocks
        assert beside.base - before.base == beside.anonymous - before.anonymous > 32 * MIB
        assert meters.expected_objects() > 0
    finally:
        _interpreters.destroy(other)
    assert read.read(force=True).blocks != before.blocks


def test_without_malloc_statistics_anonymous_memory_stands_in(monkeypatch):
    monkeypatch.setattr(meters, "_native_bytes", lambda: 0)  # what glibc says when another allocator does the work
    watched = Meters()
    reading = watched.read()
    assert watched.names == ("anonymous rss", "rss")
    assert reading.native is None and MIB < reading.base <= reading.rss


def test_a_platform_without_the_call_is_no_error(monkeypatch):
    monkeypatch.delattr(psutil, "heap_info", raising=False)
    assert malloc._ask_by_psutil()() is None
    monkeypatch.setattr(meters, "malloc_bytes", malloc._ask_by_psutil())
    assert Meters().names == ("anonymous rss", "rss")


def test_whoever_asks_malloc_is_told_the_same():
    asked = [malloc.malloc_bytes, malloc._ask_by_ctypes(), malloc._ask_by_psutil()]
    told = [ask() for ask in asked if ask is not None]
    if None not in told:
        assert max(told) - min(told) < 64 * 1024
        kept = bytearray(64 * MIB)
        assert all(ask() - before > len(kept) // 2 for ask, before in zip(asked, told, strict=True))


def test_counts_are_the_collectors_own():
    before = read_collections()
    gc.collect()
    gc.collect(1)
    after = read_collections()
    assert after.full == before.full + 1 and after.young >= before.young + 1


def test_the_limit_is_the_least_of_those_that_hold():
    assert 64 * MIB < limit.memory_limit() <= psutil.virtual_memory().total


@pytest.mark.skipif(os.name != "posix", reason="rlimits are POSIX")
def test_the_processes_own_limit_counts():
    code = "from memwatch.backend.meters.memory_limit import memory_limit; print(memory_limit())"
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31)); {code}"
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 1 << 31


@pytest.mark.parametrize(("text", "expected"), [("max\n", None), ("1048576\n", MIB), ("9223372036854771712", None)])
def test_cgroup_limits_are_read(tmp_path, text, expected):
    path = tmp_path / "memory.max"
    path.write_text(text)
    assert limit._read_limit(path) == expected
    assert limit._read_limit(tmp_path / "absent") is None


def refusing(number):
    def refuse():
        raise OSError(number, os.strerror(number))

    return refuse


def test_where_resident_memory_cannot_be_read_the_other_meters_stay(monkeypatch):
    for function in ("_statm_bytes", "_psutil_bytes"):
        monkeypatch.setattr(resident, function, refusing(errno.ENOENT))
    watched = Meters()
    assert "rss" not in watched.names and watched.read(force=True).rss == 0


def test_resident_memory_is_read_when_there_are_descriptors_again(monkeypatch):
    with monkeypatch.context() as patched:
        for function in ("_statm_bytes", "_psutil_bytes"):
            patched.setattr(resident, function, refusing(errno.EMFILE))
        watched = Meters()
        if watched.names == ("arenas" if meters.EXACT else "blocks", "native", "rss"):
            assert watched.read(force=True).base > MIB
        patched.setattr(meters, "_native_bytes", lambda: 0)
        with pytest.raises(OSError, match="Too many open files"):
            Meters().read(force=True)
    assert "rss" in watched.names and watched.read(force=True).rss > MIB


@linux
def test_the_descriptor_stays_open_above_the_standard_ones_and_is_the_childs_own_in_a_child():
    done = script("""
        import os
        from memwatch.backend.meters import resident
        os.close(0), os.close(1)
        first, second = resident.Resident()(), resident.Resident()()
        fd = resident._statm._fd
        assert fd > 2 and first > 0 and second > 0
        kept = bytearray(os.urandom(1)) * (64 << 20)
        pid = os.fork()
        if pid == 0:
            os._exit(resident._statm._fd != -1)
        assert os.waitpid(pid, 0)[1] == 0
        pid = os.fork()
        if pid == 0:
            del kept
            os._exit(not 0 < resident.Resident()() < first + (32 << 20))
        assert os.waitpid(pid, 0)[1] == 0
        assert resident.Resident()() > first + (32 << 20) and resident._statm._fd == fd
    """)
    assert done.stderr == ""


@linux
def test_a_descriptor_that_the_program_has_closed_and_got_again_is_left_alone(tmp_path):
    statm = resident.Statm()
    assert statm.read()[0] > 0
    number = statm._fd
    os.close(number)
    theirs = os.open(tmp_path / "theirs", os.O_RDWR | os.O_CREAT)
    assert theirs == number and statm.read()[0] > 0 and statm._fd != theirs
    statm.leave()
    os.write(theirs, b"still theirs")
    os.close(theirs)
