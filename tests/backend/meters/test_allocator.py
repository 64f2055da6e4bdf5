"""Where objects come from mimalloc, malloc's statistics and the count of blocks are not believed."""

import os
import subprocess
import sys
import sysconfig
import textwrap

import pytest

from memwatch.backend.meters import allocator

PROGRAM = """
    import gc, threading
    from _queue import SimpleQueue
    from memwatch.backend.meters.gc_callback import make_callback
    from memwatch.backend.meters.meters import BYTES_PER_BLOCK, Meters, expected_objects
    meters, queue = Meters(), SimpleQueue()
    before = meters.read(force=True).base
    kept = [bytes(5000) for _ in range(4000)]
    grown = meters.read(force=True).base - before
    counted = []
    thread = threading.Thread(target=lambda: counted.append(expected_objects()))
    thread.start()
    thread.join()
    callback = make_callback(queue)
    gc.callbacks.append(callback)
    gc.collect()
    gc.callbacks.remove(callback)
    print(*meters.names, 16e6 < grown < 30e6, counted[0] * BYTES_PER_BLOCK > 20e6, queue.get()[1])
"""


@pytest.mark.skipif(not sysconfig.get_config_var("WITH_MIMALLOC"), reason="this Python has no mimalloc")
@pytest.mark.parametrize("backend", ["native", "pure"])
def test_anonymous_memory_stands_in_for_mimalloc(backend: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "MEMWATCH_BACKEND": backend}
    environment["PYTHONMALLOC"] = "mimalloc"
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
    assert done.stdout.split() == ["anonymous", "rss", "rss", "True", "True", "None"]


def test_pythons_own_allocator_is_asked_for_by_nobody() -> None:
    asked = os.environ.get("PYTHONMALLOC", "").startswith("mimalloc")
    assert (asked or "t" in getattr(sys, "abiflags", "")) == allocator.MIMALLOC
