"""`memwatch run --profile FILE`: what it writes, when, and what it refuses before the program runs."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import time
from importlib.util import find_spec

import pytest

from memwatch import formats
from memwatch.backend import choose

HOLDS = """
import os, sys
def keep():
    return [bytearray(1000) for _ in range(10000)]
kept = keep()
"""
NATIVE = choose("")[0] == "native"
"""What a watched program has: nobody asks for a backend there."""

COST = (
    "memwatch: sampling one byte in 65,536 that are allocated"
    if NATIVE
    else "memwatch: profiling every allocation with tracemalloc; a busy program takes 15 to 40 times as long"
)


def functions(path):
    """Bytes by function, of what the paths in a file end in, and the outermost functions.

    A thread that begins allocates a little before it runs any code; that is left out.
    """
    root = formats.read_file(path).root
    waiting, held = [root], {}
    while waiting:
        node = waiting.pop()
        held[node.function] = held.get(node.function, 0) + node.self_bytes
        waiting.extend(node.children)
    return held, {child.function for child in root.children} - {"?"}


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        ("heap", "no format has the suffix of 'heap'"),
        ("heap.xyz", ".heapprofile (heapprofile)"),
        ("", "no format has the suffix of ''"),
        ("absent/heap.html", "there is no directory"),
        ("folder.html", "it is a directory"),
    ],
)
def test_a_file_that_could_not_be_written_is_refused_at_once(lab, file, complaint):
    lab.write("x.py", "print('started')")
    (lab.folder / "folder.html").mkdir()
    ended = lab.watched("--profile", file, "x.py")
    assert (ended.status, ended.stdout) == (2, "")
    assert complaint in ended.stderr and "usage: memwatch" in ended.stderr
    assert sorted(path.name for path in lab.folder.iterdir()) == ["folder.html", "x.py"]


@pytest.mark.parametrize("suffix", [".heapprofile", ".pb.gz", ".csv", ".collapsed", ".speedscope.json"])
def test_what_the_program_holds_at_its_end_is_in_the_file(lab, suffix):
    lab.write("x.py", HOLDS)
    ended = lab.watched("--profile", f"heap{suffix}", "x.py")
    target = lab.folder / f"heap{suffix}"
    assert (ended.status, ended.stderr) == (0, "")
    assert ended.own[1] == COST
    told = re.fullmatch(rf"memwatch: profile written to {target} \(([\d.]+) MiB in [\d,]+ allocations\)", ended.own[2])
    held, outermost = functions(target)
    kept = sum(size for name, size in held.items() if name.startswith("keep"))
    assert told and abs(float(told[1]) * 2**20 - kept) < 1_000_000
    assert abs(kept - 10_000_000) < (5_000_000 if NATIVE else 100_000)
    assert outermost == {"<module>"}, "neither memwatch nor runpy"


def test_a_page_is_written_in_the_place_of_another(lab):
    lab.write("x.py", HOLDS)
    target = lab.write("heap.html", "old")
    lab.watched("--profile", "heap.html", "x.py")
    assert "<html" in target.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("sys.exit(3)", 3),
        ("raise KeyError('x')", 1),
        ("os.chdir('/')", 0),
        ("import atexit; atexit.register(kept.clear)", 0),
    ],
)
def test_it_is_written_however_the_program_ends(lab, end, status):
    lab.write("x.py", HOLDS + end)
    ended = lab.watched("--profile", "heap.csv", "x.py")
    assert ended.status == status
    assert (lab.folder / "heap.csv").exists()


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_it_is_written_after_ctrl_c(lab):
    lab.write("x.py", HOLDS + "import time\nprint('ready', flush=True)\ntime.sleep(60)")
    command = (sys.executable, "-m", "memwatch", "run", "--profile", "heap.csv", "x.py")
    process = lab.start(*command)
    lab.wait_for(process, "ready")
    process.send_signal(signal.SIGINT)
    ended = lab.end(process)
    assert "KeyboardInterrupt" in ended.stderr
    assert functions(lab.folder / "heap.csv")[1] == {"<module>"}


def test_a_module_s_path_begins_with_itself(lab):
    lab.write("pack/__init__.py", "")
    lab.write("pack/__main__.py", HOLDS)
    ended = lab.watched("--profile", "heap.csv", "-m", "pack")
    assert ended.status == 0
    held, outermost = functions(lab.folder / "heap.csv")
    assert "<module>" in outermost and not {"run", "main", "_run_code", "_run_module_as_main"} & held.keys()


def test_it_is_written_when_a_leak_is_told_and_again_at_the_end(leaky):
    leaky.write(
        "x.py",
        """
        import os, rounds, time
        end = time.monotonic() + 45
        while not os.path.exists("heap.csv") and time.monotonic() < end:
            rounds.leak()  # more than once on a machine that is so busy that events come late
            time.sleep(1)
        os.rename("heap.csv", "first.csv")
        rounds.kept.clear()
        """,
    )
    ended = leaky.watched("--profile", "heap.csv", "x.py")
    assert ended.status == 0
    assert sum("profile written to" in line for line in ended.own) >= 2
    first, last = (functions(leaky.folder / name)[0] for name in ("first.csv", "heap.csv"))
    assert max(first, key=first.get).startswith("leak") and sum(first.values()) > 10_000_000
    assert sum(last.values()) < 1_000_000


FAMILY = """
import glob, multiprocessing, os, subprocess, sys, time

def keep(number):
    global kept
    kept = [bytearray(1000) for _ in range(number)]

if __name__ == "__main__":
    kept = [bytearray(1000) for _ in range(9000)]
    killed = os.fork()
    if killed == 0:
        keep(5000)
        time.sleep(30)
    ended = os.fork()
    if ended == 0:
        keep(6000)
        sys.exit()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pooled = pool.apply_async(os.getpid)
        pool.apply(keep, (7000,))
        pool.close()
        pool.join()
    spawned = subprocess.Popen([sys.executable, "-c", "import memwatch.autostart, x; x.keep(8000)"])
    spawned.wait()
    end = time.monotonic() + 30
    copies = f"{os.environ['MEMWATCH_RUN_FOLDER']}/{killed}-*.profile"
    while {waits} and not glob.glob(copies) and time.monotonic() < end:
        time.sleep(0.01)
    os.kill(killed, 9)
    os.wait(), os.wait()
    print(os.getpid(), killed, ended, pooled.get(), spawned.pid)
"""
LEFT = {"main": 9, "killed": 5 if NATIVE else 0, "ended": 6, "pooled": 7, "spawned": 8}
"""What each process of the family holds, in MB; tracemalloc is read at the end alone."""


INNERMOST = ("keep", "<module>", "<listcomp>")  # the last one before 3.12


def held_by_family(path):
    held, _ = functions(path) if path.exists() else ({}, set())
    return sum(size for name, size in held.items() if name.split(".")[0] in INNERMOST) / 1e6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_the_profile_is_that_of_all_processes_and_each_has_one_of_its_own(lab):
    lab.write("x.py", FAMILY.replace("{waits}", str(NATIVE)))
    ended = lab.watched("--profile", "heap.csv", "x.py", flags=("-W", "ignore"))
    assert (ended.status, ended.stderr) == (0, "")
    pids = ended.stdout.split()
    held = [held_by_family(lab.folder / f"heap-{pid}.csv") for pid in pids]
    assert held == [pytest.approx(size, rel=0.6) for size in LEFT.values()], "nothing inherited is counted again"
    assert held_by_family(lab.folder / "heap.csv") == pytest.approx(sum(held))
    count = 5 if NATIVE else 4
    assert f"memwatch: profile of {count} processes written to {lab.folder / 'heap.csv'} (" in ended.own[2]
    assert ended.own[2].endswith("of each to heap-PID.csv")
    assert len(list(lab.folder.glob("heap*.csv"))) == count + 1


APPLICATION = """
kept = []
def app(environ, start_response):
    kept.append(bytearray(3_000_000))
    start_response("200 OK", [])
    return [b""]
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("gunicorn") is None, reason="needs gunicorn, which the test extra brings")
def test_gunicorn_s_workers_are_in_the_profile_beside_its_master(lab):
    lab.write("shop.py", APPLICATION)
    bind = ("--bind", "unix:socket", "--workers", "2", "--log-level", "warning")
    server = lab.start(
        sys.executable, "-m", "memwatch", "run", "--profile", "heap.csv", "-m", "gunicorn", *bind, "shop:app"
    )
    for _ in range(4):
        assert b"200 OK" in request(lab.folder / "socket")
    server.terminate()
    ended = lab.end(server)
    assert ended.status == 0
    assert any("profile of 3 processes written to" in line for line in ended.own)
    held = [functions(path)[0].get("app", 0) for path in lab.folder.glob("heap-*.csv")]
    assert len(held) == 3 and sum(held) == pytest.approx(12_000_000, rel=0.2) and min(held) == 0
    assert functions(lab.folder / "heap.csv")[0]["app"] == sum(held)


def request(path):
    """The answer to a request, once somebody listens."""
    end = time.monotonic() + 30
    while True:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(os.fspath(path))
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return client.makefile("rb").read()
            except OSError:
                assert time.monotonic() < end
        time.sleep(0.05)


def test_a_run_within_a_run_leaves_its_profile_to_the_outer_one(lab):
    lab.write("x.py", HOLDS)
    lab.write("y.py", "import subprocess, sys\nsubprocess.run([*sys.argv[1:], 'x.py'])")
    inner = (sys.executable, "-m", "memwatch", "run")
    lab.watched("--profile", "heap.csv", "y.py", *inner)
    assert len(list(lab.folder.glob("heap*.csv"))) == 3
    assert held_by_family(lab.folder / "heap.csv") == pytest.approx(10, rel=0.6)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no exec")
def test_what_takes_the_place_of_the_run_writes_its_profile(lab):
    lab.write("x.py", HOLDS)
    lab.write(
        "y.py", "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'import memwatch.autostart, x'])"
    )
    ended = lab.watched("--profile", "heap.csv", "y.py")
    assert sum("profile written to" in line for line in ended.own) == 1
    assert held_by_family(lab.folder / "heap.csv") == pytest.approx(10, rel=0.6)


def test_the_program_may_take_profiles_of_its_own(lab):
    lab.write(
        "x.py",
        HOLDS
        + """
from memwatch import profile
profile.start(1, stack_depth=5)
own = bytearray(300_000)
print(300_000 < profile.get().root.total_bytes < 400_000)
profile.stop()
""",
    )
    ended = lab.watched("--profile", "heap.csv", "x.py")
    assert (ended.status, ended.stdout, ended.stderr) == (0, "True\n", "")
    held, _ = functions(lab.folder / "heap.csv")
    assert sum(held.values()) > (5_000_000 if NATIVE else 10_300_000)


def test_a_program_that_ends_the_tracing_is_told_so(lab):
    lab.write("x.py", "import tracemalloc; tracemalloc.stop()")
    ended = lab.watched("--profile", "heap.csv", "x.py", flags=("-X", "tracemalloc") if NATIVE else ())
    assert ended.status == 0 and not (lab.folder / "heap.csv").exists()
    assert any("no profile written: " in line and "tracemalloc.stop()" in line for line in ended.own)


def test_a_folder_that_is_gone_at_the_end_is_said(lab):
    (lab.folder / "sub").mkdir()
    lab.write("x.py", "import os; os.rmdir('sub')")
    ended = lab.watched("--profile", "sub/heap.csv", "x.py")
    assert ended.status == 0
    assert any("no profile written: cannot write" in line for line in ended.own)
