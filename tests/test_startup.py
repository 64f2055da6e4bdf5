"""What a process loads that is watched from its start: these modules and no others, since every process pays for it."""

import os
import subprocess
import sys
from pathlib import Path

from memwatch import backend

PROJECT = Path(__file__).parent.parent  # an editable installation may find it by a hook that -S leaves out

OURS = {
    "": "autostart backend callbacks checks clock default descriptors environment errors handlers internal"
    " lazy_imports loading logs option_kinds options reach receivers units value version watch",
    ".backend": "allocations fork_warning forks holds meters pending process quiet stopped",
    ".backend.allocations": "recorder" + " sampler" * (backend.name == "native"),
    ".backend.meters": "allocator collector gc_callback malloc meters resident",
    ".handlers": "leak_text",
    ".reach": "folder listener",
    ".watch": "agenda consecutive_growth contract cost describe detectors history observer pace patience progress"
    " rates reading sample scales seasonal status steady_growth straight_line thread trend triggers watcher",
}
"""The modules of each room that are loaded by MEMWATCH=1 alone. What comes here is paid for in every process."""

OTHERS_LATE = {
    "asyncio",
    "concurrent",
    "dataclasses",
    "email",
    "http",
    "inspect",
    "json",
    "shutil",
    "socket",
    "statistics",
    "subprocess",
    "tempfile",
}
"""Of the standard library, what is large and loaded when something is suspected or asked for."""


def loaded_at_start():
    """The modules that an interpreter loads for memwatch before its program begins."""
    code = f"""
import logging  # from 3.14 on it loads inspect, for the colours of a traceback: any program that logs has paid for it
import sys
sys.path[:] = {[*sys.path, str(PROJECT)]!r}
before = set(sys.modules)
import memwatch.autostart
assert memwatch.watcher() is not None
print(*(set(sys.modules) - before))
"""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MEMWATCH_")}
    variables = plain | {"MEMWATCH": "1", "MEMWATCH_BACKEND": backend.name}
    return subprocess.check_output([sys.executable, "-S", "-c", code], env=variables, text=True, timeout=60).split()


def test_a_watched_process_loads_these_modules_and_no_others():
    expected = {f"memwatch{room}.{name}" for room, names in OURS.items() for name in names.split()} | {"memwatch"}
    loaded = {name for name in loaded_at_start() if name.split(".")[0] == "memwatch" and "._" not in name}
    assert loaded == expected


def test_of_others_code_it_loads_little_of_the_standard_library():
    tops = {name.split(".")[0] for name in loaded_at_start() if not name.startswith("_")}
    assert tops - sys.stdlib_module_names == {"memwatch"}
    assert not tops & OTHERS_LATE
