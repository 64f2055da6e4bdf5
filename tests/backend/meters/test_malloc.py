"""malloc's statistics are those of the allocator that serves it, whichever one was loaded in front."""

from __future__ import annotations

import ctypes.util
import os
import subprocess
import sys
import textwrap

import pytest

from memwatch.backend import name

pytestmark = pytest.mark.skipif(name != "native", reason="only the C extension asks jemalloc and tcmalloc")

MEASURE = """
    from memwatch.backend.meters.meters import Meters
    meters = Meters()
    meters.read(force=True)
    before = meters.read(force=True).base
    kept = [bytearray(100_000) for _ in range(100)]
    grown = meters.read(force=True).base - before
    kept.clear()
    left = meters.read(force=True).base - before
    print("native" in meters.names, 10e6 < grown < 12e6, left < 1e6)
"""
LOADED_LATE = """
    import ctypes, sys
    try:
        ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL)
    except OSError as refused:
        print(refused)
        sys.exit()
"""


def library(name: str) -> str:
    found = ctypes.util.find_library(name)
    if found is None:
        pytest.skip(f"lib{name} is not installed: NOT TESTED")
    return found


def printed(program: str, *arguments: str, **variables: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **variables}
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, env=environment)
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD is asked for as on Linux")
@pytest.mark.parametrize("allocator", ["jemalloc", "tcmalloc_minimal", "tcmalloc"])
def test_what_is_preloaded_tells_its_own_bytes(allocator: str) -> None:
    assert printed(textwrap.dedent(MEASURE), LD_PRELOAD=library(allocator)) == "True True True"


@pytest.mark.skipif(sys.platform != "linux", reason="it is glibc that serves malloc here")
@pytest.mark.parametrize("allocator", ["jemalloc", "tcmalloc_minimal"])
def test_one_that_is_loaded_and_does_not_serve_malloc_is_not_believed(allocator: str) -> None:
    found = printed(textwrap.dedent(LOADED_LATE) + textwrap.dedent(MEASURE), library(allocator))
    if "TLS" in found:
        pytest.skip(f"no process can load lib{allocator} so late: NOT TESTED ({found})")
    assert found == "True True True"
