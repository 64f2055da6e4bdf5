"""A census that is not alone: other threads, forked children, other interpreters, and an interpreter at its end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

import memwatch

RunAlone = Callable[..., str]

native = pytest.mark.skipif(memwatch.backend.name != "native", reason="the C extension is not in use")

STORM = """
import gc, random, sys, threading, time
from memwatch.backend.census.contract import Cancelled
from memwatch.backend.census.chosen import count_objects, list_objects
sys.setswitchinterval(1e-5)
class Order:
    def __init__(self, number): self.number, self.rows = number, [number]
class Slotted:
    __slots__ = ("a", "b")
class Last:
    def __del__(self): self.itself = [self]
kept, stop, errors, turns = [], threading.Event(), [], [0] * 4
def make(n):
    return (Order(n), Slotted(), {n: str(n), "k": (n, [n])}, (item for item in range(n)), tuple(iter(range(n % 50))),
            type("Kind", (Order,), {"field": n}) if n % 50 == 0 else None, set(range(n % 9)), Last(), frozenset((n,)),
            bytearray(n % 999), lambda: n, list(iter(range(n % 99))), b"x" * n, "x" * n)
def churn(thread):
    chosen = random.Random(thread)
    try:
        while not stop.is_set():
            turns[thread] += 1
            n = chosen.randrange(2000)
            kept.append(make(n))
            try:
                other = kept[chosen.randrange(len(kept))]
                other[0].__dict__[f"name {n}"] = kept[-1] if n % 7 else None
                other[2].clear() if n % 3 else other[2].update(dict.fromkeys(range(n % 40)))
                other[0].rows.extend(other[0].rows[:9]); other[0].rows.sort(key=id); del other[0].rows[20:]
            except (IndexError, RuntimeError, ValueError): pass  # the threads disturb each other as well
            if len(kept) > 400: del kept[chosen.randrange(200):300]
            if n % 400 == 0: gc.collect(n % 3)
    except BaseException as error: errors.append(repr(error))
threads = [threading.Thread(target=churn, args=(number,)) for number in range(4)]
for thread in threads: thread.start()
end, walks = time.monotonic() + SECONDS, 0
try:
    while time.monotonic() < end or not walks:
        for deep in (True, False):
            try:
                assert count_objects(deep, (), None)["function"][0] > 100
                listing = list_objects(deep, (), None)
            except Cancelled as refused:  # the collector is at work, and a finalizer let others run
                assert "at work" in str(refused)
                continue
            assert len(listing.addresses) == len(set(listing.addresses)) > 1000
            walks += 1
finally: stop.set()
for thread in threads: thread.join()
print(errors, walks > 0, min(turns) > 5)
"""


@pytest.mark.parametrize("seconds", [2, pytest.param(15, marks=pytest.mark.slow)])
def test_a_storm_of_threads(seconds: int, run_alone: RunAlone) -> None:
    assert run_alone(STORM.replace("SECONDS", str(seconds))) == "[] True True\n"


def test_in_children_forked_while_threads_walk(run_alone: RunAlone) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork")
    program = """
import os, threading, warnings
from memwatch.backend.census.chosen import count_objects, list_objects
warnings.simplefilter("ignore")  # of a fork with threads
stop = threading.Event()
def walk():
    while not stop.is_set():
        count_objects(True, (), None)
        kept[:] = [[str(number)] for number in range(100)]
class Order: pass
kept, orders = [], [Order() for _ in range(1000)]
threads = [threading.Thread(target=walk) for _ in range(2)]
for thread in threads: thread.start()
codes = set()
for _ in range(5):
    child = os.fork()
    if not child:
        good = count_objects(True, (), None)["__main__.Order"][0] == 1000 and list_objects(True, (), None).labels
        os._exit(0 if good else 1)
    codes.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.set()
for thread in threads: thread.join()
print(codes)
"""
    assert run_alone(program) == "{0}\n"


INTERPRETERS = """
import sys, threading, time
try: import _interpreters as interpreters
except ImportError: import _xxsubinterpreters as interpreters
code = '''
class Order: pass
from memwatch.backend.census import exact
for number in range(10):
    kept = [Order() for _ in range(50 + number)]
    assert exact.count_objects(True, (), None)["__main__.Order"][0] == 50 + number
    listing = exact.list_objects(True, (), None)
    assert list(listing.kinds).count(listing.labels.index("__main__.Order")) == 50 + number
    assert exact.take_identity(True, (), None).totals["__main__.Order"][0] == 50 + number
'''
class Order: pass
kept, failures = [Order() for _ in range(7)], []
from memwatch.backend.census import exact
def run():
    try:
        if sys.version_info >= (3, 13):
            made = interpreters.create("isolated" if isolated else "legacy")
            failure = interpreters.exec(made, code)
        else:
            made = interpreters.create(isolated=isolated)
            failure = interpreters.run_string(made, code)
        if failure is not None: failures.append(failure)
        interpreters.destroy(made)
    except BaseException as error: failures.append(error)
threads = [threading.Thread(target=run) for _ in range(3)]
for thread in threads: thread.start()
while any(thread.is_alive() for thread in threads):
    assert exact.count_objects(True, (), None)["__main__.Order"][0] == 7
    assert len(exact.list_objects(True, (), None).addresses) > 1000
    time.sleep(0.001)  # no interpreter asks another for the GIL that they share
for thread in threads: thread.join()
print(failures, exact.count_objects(True, (), None)["__main__.Order"][0])
"""


@native
@pytest.mark.parametrize("isolated", [False, True])
def test_interpreters_that_walk_at_the_same_time(isolated: bool, run_alone: RunAlone) -> None:
    """From 3.12 on an isolated one has a GIL of its own."""
    assert run_alone(f"isolated = {isolated}\n" + INTERPRETERS) == "[] 7\n"


ENDS = {
    "a thread that nobody waits for": """
def walk():
    while True: count_objects(True, (), None); list_objects(False, (), None)
threading.Thread(target=walk, daemon=True).start()
time.sleep(0.05)
""",
    "a thread that goes on while the interpreter waits": """
def walk():
    threading.main_thread().join()
    for _ in range(3): assert count_objects(True, (), None)["function"][0] > 100
    print("walked")
threading.Thread(target=walk).start()
""",
    "an atexit function": """
import atexit
atexit.register(lambda: print("walked" if count_objects(True, (), None)["function"][0] > 100 else "lost"))
""",
    "finalizers of what the modules held": """
import builtins, codecs, sys
class Last:
    def __init__(self): self.itself, self.hold = self, Hold(self)
    def __del__(self, count_objects=count_objects, list_objects=list_objects, show=os.write):
        try:
            count_objects(True, (), None)
            list_objects(True, (), None)
        except Exception: pass
        show(1, b".")
class Hold:
    def __init__(self, last): self.last = last
kept, sys.kept, builtins.kept, threading.current_thread().kept = Last(), Last(), Last(), Last()
codecs.register(lambda name, last=Last(): None)
""",
}


@pytest.mark.parametrize("end", ENDS)
def test_at_the_end_of_the_interpreter(end: str) -> None:
    program = (
        "import os, threading, time\nfrom memwatch.backend.census.chosen import count_objects, list_objects\n"
        + ENDS[end]
    )
    for _ in range(5):
        done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", program], capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert b"atal" not in done.stderr and b"Traceback" not in done.stderr


NATIVE_END = """
import os, sys
from memwatch.backend import _native
class Last:
    def __del__(self, native=_native.snapshot, count=_native.count, write=os.write):
        for walk, more in ((native, (False, None)), (count, ())):
            try: word = "refused" if walk(True, (), (), (), (), *more) is None else "walked"
            except RuntimeError: word = "unloaded"
            write(1, word.encode() + b" ")
class Cycle: pass
cycle = Cycle()
cycle.itself, cycle.last, _native.kept = cycle, Last(), cycle
kept = Last()
sys.modules.pop("memwatch.backend._native")
"""


@native
def test_the_extension_itself_at_the_end(run_alone: RunAlone) -> None:
    words = run_alone(NATIVE_END).split()
    assert len(words) >= 2
    assert set(words) <= {"walked", "refused", "unloaded"}
