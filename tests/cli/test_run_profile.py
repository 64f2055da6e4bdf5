"""`memwatch run --profile FILE`: what it writes, when, and what it refuses before the program runs."""

from __future__ import annotations

import os
import re
import signal
import sys

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


def test_only_the_main_process_writes(lab):
    lab.write(
        "x.py",
        HOLDS
        + """
import multiprocessing, subprocess
if os.fork() == 0:
    sys.exit(0)
os.wait()
subprocess.run([sys.executable, "-c", "kept = bytearray(1000)"], check=True)
""",
    )
    ended = lab.watched("--profile", "heap.csv", "x.py", flags=("-W", "ignore"))
    assert ended.status == 0
    assert sum("profile written to" in line for line in ended.own) == 1


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
