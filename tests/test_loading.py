"""The judge is loaded when growth is suspected: what waits for it, and what holds where it cannot be had."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from types import SimpleNamespace

import pytest

import memwatch
from memwatch import default, loading, version
from memwatch.backend.meters.meters import Meters
from memwatch.lazy_imports import at_once
from memwatch.loading import LateJudge, Loader
from memwatch.watch import Dismissed
from memwatch.watch.contract import Candidate
from memwatch.watch.cost import LOADED, Ledger
from memwatch.watch.reading import read_sample
from memwatch.watch.sample import Growth

from .test_default import python


def candidate(level="suspect"):
    growth = Growth(level, "ratchet", "base", 0.0, 16.0, 16.0, before=1 << 24, growth=1 << 20, count=8, unit="windows")
    return Candidate(growth, (), read=None, should_cancel=None, ledger=Ledger())


class Parts:
    """Stands in for the import system: notes what is imported, can be held up in the middle, and can fail."""

    def __init__(self, monkeypatch):
        monkeypatch.setattr(loading, "import_module", self)
        self.names, self.error = [], None
        self.inside, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def hold_up(self):
        self.go_on.clear()

    def __call__(self, name):
        self.names.append(name)
        self.inside.set()
        assert self.go_on.wait(30)
        if self.error is not None:
            raise self.error
        return name


@pytest.fixture
def parts(monkeypatch):
    return Parts(monkeypatch)


class Judge:
    """What a room makes; it notes what it is asked."""

    def __init__(self):
        self.asked = []

    def suspected(self, candidate):
        self.asked.append("suspected")
        return True

    def followed(self, candidate):
        self.asked.append("followed")

    def __call__(self, candidate):
        self.asked.append("judge")
        return Dismissed("no leak")

    def forget(self):
        self.asked.append("forget")


def loaded(loader):
    """*loader*, once its thread is gone."""
    assert loader._thread.join(30)
    return loader


def test_the_last_part_is_the_room_and_nothing_is_loaded_twice(parts):
    loader = Loader(("first", "second"))
    loader.begin()
    assert loaded(loader).room == "second" and loader.problem == ""
    loader.begin()
    loader.load()
    assert parts.names == ["first", "second"]


def test_a_signal_handler_in_the_middle_of_an_import_gets_no_half_of_the_room(monkeypatch):
    loader = Loader(("room",))

    def import_half(name):
        loader.load()  # as a handler does that calls memwatch.gc()
        assert loader.room is None
        return name

    monkeypatch.setattr(loading, "import_module", import_half)
    loader.load()
    assert loader.room == "room" and loader.problem == ""


def test_what_loading_takes_is_no_growth_of_the_program(monkeypatch):
    kept = []
    monkeypatch.setattr(loading, "import_module", lambda name: kept.append(bytearray(4 << 20)))
    monkeypatch.setitem(sys.modules, "memwatch_first", sys)
    before, ledger, modules = (LOADED.heap, LOADED.resident), Ledger(), len(sys.modules)
    Loader(("first",)).load()
    assert len(sys.modules) == modules
    assert 3 << 20 <= ledger.loaded.heap <= 5 << 20 and ledger.loaded.heap == LOADED.heap - before[0]
    assert 0 <= ledger.loaded.resident <= 8 << 20 and Ledger().loaded.heap == 0
    assert ledger.loaded.small < 1 << 20  # a large block is malloc's


def test_what_the_loading_thread_gives_back_at_its_end_is_no_fall_of_the_program(monkeypatch):
    """As the C library's cache of a thread, and garbage."""
    kept = []
    monkeypatch.setattr(loading, "import_module", lambda name: kept.append([bytearray(100_000) for _ in range(40)]))
    before, ledger = read_sample(Meters(), "tick", 0.0, loaded := Ledger(), force=True), Ledger()
    Loader(("first",)).load()
    del kept[0][38:]
    assert loading._loading.settle() and not loading._loading.settle()
    after = read_sample(Meters(), "tick", 0.0, loaded, force=True)
    assert ledger.loaded.heap < 3_900_000 and abs(after.base - before.base) < 50_000


def test_what_two_load_at_the_same_time_counts_once(monkeypatch):
    kept, ledger = [], Ledger()

    def load(name):
        kept.append(bytearray(3 << 20))
        if name == "around":
            Loader(("within",)).load()
            kept.append(bytearray(3 << 20))

    before = read_sample(Meters(), "tick", 0.0, ledger, force=True)
    monkeypatch.setattr(loading, "import_module", load)
    Loader(("around",)).load()
    after = read_sample(Meters(), "tick", 0.0, ledger, force=True)
    assert 8 << 20 <= ledger.loaded.heap <= 10 << 20 and abs(after.base - before.base) < 1 << 20


def test_small_blocks_that_loading_takes_are_no_growth_of_the_program_either(monkeypatch):
    kept, ledger = [], Ledger()
    monkeypatch.setattr(loading, "import_module", lambda name: kept.extend([bytes(67) for _ in range(20_000)]))
    before = read_sample(Meters(), "tick", 0.0, ledger, force=True)
    Loader(("first",)).load()
    after = read_sample(Meters(), "tick", 0.0, ledger, force=True)
    assert ledger.loaded.small > 1 << 20 and abs(after.small - before.small) < 1 << 18


def test_the_meters_stand_still_while_it_loads(monkeypatch):
    read, kept, ledger = [], [], Ledger()

    def load(name):
        kept.append(bytearray(b"x" * (3 << 20)))
        read.append(read_sample(Meters(), "tick", 0.0, ledger, force=True))

    before = read_sample(Meters(), "tick", 0.0, ledger, force=True)
    monkeypatch.setattr(loading, "import_module", load)
    Loader(("first", "second")).load()
    read.append(read_sample(Meters(), "tick", 0.0, ledger, force=True))
    assert all(abs(it.base - before.base) < 1 << 20 and abs(it.rss - before.rss) < 2 << 20 for it in read)


def test_what_the_program_allocates_while_loading_is_its_own(monkeypatch):
    kept, clock = [], iter([0.0, 2.0, 2.0])
    monkeypatch.setattr(loading, "import_module", lambda name: kept.append(bytearray(6 << 20)))
    monkeypatch.setattr(loading.Clock, "monotonic", lambda: next(clock, 2.0))
    before, loader = LOADED.heap, Loader(("first",))
    loader._rates = (2 << 20, 2 << 20)  # so 4 MiB of the 6
    loader.load()
    assert 1 << 20 <= LOADED.heap - before <= 3 << 20


def test_the_judge_is_there_once_it_is_known_what_loading_took(parts, monkeypatch):
    loader, end, there = Loader(("first",)), loading._loading.end, []
    monkeypatch.setattr(loading._loading, "end", lambda *asked: there.append(loader.room) or end(*asked))
    loader.load()
    assert (there, loader.room) == ([None], "first")


def test_a_fork_waits_for_the_part_under_way_and_parent_and_child_go_on_where_it_was(parts):
    parts.hold_up()
    loader = Loader(("first", "second"))
    loader.begin()
    assert parts.inside.wait(30)
    threading.Timer(0.05, parts.go_on.set).start()
    loader.park()
    assert parts.names == ["first"] and loader.room is None
    loader.begin()
    loader.load()
    assert parts.names == ["first"], "nothing is begun while the process forks"
    for in_child in (False, True):
        loader.resume(in_child)
        loader.begin()
        assert loaded(loader).room == "second"
        loader.room = None
        loader.park()


def test_a_child_with_half_an_import_does_not_wait_for_the_rest(parts, monkeypatch):
    monkeypatch.setattr(loading, "FORK_PATIENCE", 0.0)
    parts.hold_up()
    loader = Loader(("first",))
    loader.begin()
    assert parts.inside.wait(30)
    loader.park()
    running = loader._thread
    loader.resume(in_child=True)
    loader.begin()
    loader.load()
    assert parts.names == ["first"] and "in the middle of an import" in loader.problem
    parts.go_on.set()
    assert running.join(30)


def test_nothing_is_begun_once_the_process_ends(parts):
    loader = Loader(("first",))
    loader.end()
    loader.begin()
    loader.load()
    assert parts.names == []


@pytest.mark.parametrize("error", [ImportError("no such room"), SystemExit(3)])
def test_what_fails_is_logged_once_and_tried_again(parts, caplog, error):
    parts.error = error
    loader, made = Loader(("first",)), Judge()
    judge = LateJudge(loader, lambda room: made)
    assert not judge.suspected(candidate())
    loaded(loader)
    assert judge.suspected(candidate()), "growth is followed without a judge"
    loaded(loader)
    judge.followed(candidate())
    loaded(loader)
    assert caplog.text.count("its judge cannot be loaded") == 1 and len(parts.names) == 3
    leak = judge(candidate("leak"))
    assert leak.verdict == "unknown" and type(error).__name__ in str(leak.report)
    assert isinstance(judge(candidate("early")), Dismissed)
    parts.error = None
    loader.load()
    judge.followed(candidate())
    assert made.asked == ["suspected"]


def test_where_no_thread_can_be_had_the_growth_is_told_as_it_is(parts, monkeypatch):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)
    judge = LateJudge(Loader(("first",)), lambda room: Judge())
    assert judge.suspected(candidate())
    assert "no thread can be started" in str(judge(candidate("leak")).report)


def test_a_judge_is_made_when_its_room_is_there_and_asked_from_then_on(parts):
    loader, made = Loader(("first",)), Judge()
    judge = LateJudge(loader, lambda room: made)
    judge.forget()
    assert not judge.suspected(candidate())
    loaded(loader)
    assert judge.suspected(candidate())
    judge.followed(candidate())
    assert judge(candidate("leak")) == Dismissed("no leak")
    judge.forget()
    assert made.asked == ["suspected", "followed", "judge", "forget"]


def test_what_was_installed_meanwhile_is_not_loaded(parts, monkeypatch, tmp_path):
    (tmp_path / "version.py").touch()
    monkeypatch.setattr(version, "__file__", str(tmp_path / "version.py"))
    loader = Loader(("first",))
    loader.load()
    assert parts.names == [] and loader.problem == version.REPLACED
    monkeypatch.setattr(memwatch, "_LAZY", {"missing": "missing"})
    with pytest.raises(memwatch.UnsupportedError, match="restart it"):
        _ = memwatch.missing
    (tmp_path / "version.py").unlink()
    assert not version.is_replaced(), "an archive, or nobody may ask"
    with pytest.raises(ImportError):
        _ = memwatch.missing


def test_a_program_that_empties_sys_modules_gets_no_second_memwatch(parts, monkeypatch):
    monkeypatch.delitem(sys.modules, "memwatch.loading")
    loader = Loader(("first",))
    loader.load()
    assert parts.names == [] and "taken out of sys.modules" in loader.problem
    monkeypatch.setitem(sys.modules, "memwatch.loading", SimpleNamespace())
    loader.load()
    assert parts.names == [] and loader.room is None


def test_watching_does_not_load_what_only_a_suspicion_needs():
    done = python("""
        import sys, memwatch
        memwatch.start()
        late = ("diagnosis", "render", "heap", "retain", "formats", "cli", "usage")
        print([name for name in late if f"memwatch.{name}" in sys.modules])
        print([name for name in ("objgraph", "json", "subprocess", "tempfile", "statistics") if name in sys.modules])
        memwatch.default._state.loader.load()
        heavy = ["decimal", "statistics"] + ["psutil", "socket"] * (sys.platform == "linux")
        print(memwatch.default._state.loader.room.__name__, [name for name in heavy if name in sys.modules])
    """)
    assert done.stdout == "[]\n[]\nmemwatch.diagnosis []\n"


@pytest.mark.skipif(sys.version_info < (3, 15), reason="-X lazy_imports came with 3.15")
def test_where_imports_are_lazy_ours_are_not():
    code = """
        import sys, memwatch

        def named():
            names = [name for name in sys.modules if name.split(".")[0] in ("memwatch", "objgraph", "psutil")]
            kinds = {name: {type(value).__name__ for value in vars(sys.modules[name]).values()} for name in names}
            return [name for name in names if "lazy_import" in kinds[name]]

        memwatch.HeapDiff
        assert not named(), named()
        memwatch.start(tick=0.01)
        assert not named(), named()
        memwatch.default._state.loader.load()
        assert not named() and sys.get_lazy_imports() == "all", named()
    """
    assert python(code, "-X", "lazy_imports=all").stderr == ""


def test_loads_inside_each_other_switch_lazy_imports_off_and_on_once(monkeypatch):
    modes = ["all"]
    monkeypatch.setattr(sys, "get_lazy_imports", lambda: modes[-1], raising=False)
    monkeypatch.setattr(sys, "set_lazy_imports", modes.append, raising=False)
    with at_once():
        with pytest.raises(ZeroDivisionError), at_once():
            raise ZeroDivisionError
        assert modes[-1] == "normal"
    assert modes[-1] == "all"
    with at_once():
        Loader().resume(in_child=True)
        assert modes[-1] == "all", "what another thread was loading is nothing to the child"
    modes[:] = ["normal"]
    with at_once():
        assert modes == ["normal"]


ENDS = """
    import gc, os, random, sys, threading, time, memwatch
    memwatch.start(tick=0.01)
    loader = memwatch.default._state.loader
    ended = []

    def child(number):
        loader.begin()
        time.sleep(number % 9 / 100)
        if number % 3 == 1:
            ended.append(os.fork())
        if number % 3 == 2:
            __builtins__.__import__ = None
            sys.path.clear()

    for number in range({children}):
        pid = os.fork()
        if pid == 0:
            child(number)
            break
        ended.append(pid)
    if pid:
        assert loader.room is None
        for each in ended:
            deadline = time.monotonic() + 30
            while (status := os.waitpid(each, os.WNOHANG)) == (0, 0):
                assert time.monotonic() < deadline, "a child hangs"
                time.sleep(0.01)
            assert status[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_processes_that_end_or_fork_while_it_is_loaded_do_not_hang():
    assert python(ENDS.format(children=12), "-W", "error").stderr == ""


def test_the_exit_waits_for_what_is_being_loaded_though_a_signal_handler_raises(monkeypatch):
    ended = []
    monkeypatch.setattr(default._state, "ended", False)
    monkeypatch.setattr(default._state, "loader", SimpleNamespace(end=lambda: ended.append(1)))
    monkeypatch.setattr(default, "_halt", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        default._end()
    assert ended == [1]


def test_a_program_that_ctrl_c_ends_meanwhile_ends_by_the_signal():
    code = """
        import atexit, os, signal, time
        from memwatch import loading
        inside = []
        loading.import_module = lambda name: (inside.append(name), time.sleep(0.2), exec("1"))  # as dataclasses does
        loader = loading.Loader(("dataclasses",))
        atexit.register(loader.end)
        loader.begin()
        while not inside:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (-signal.SIGINT, "KeyboardInterrupt")
