"""Which process this is: what distinguishes its findings from those of others, even long after its end.

Nothing here is imported late: memwatch's own thread asks.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from .internal import internal
from .version import __version__

_NUMBERED = re.compile(r"(.*?)-([0-9]+)(?::[0-9]+)?")  # ForkPoolWorker-3, and what a child of it is called
_POOLS = ("multiprocessing.process", "billiard.process")
PYTHON = ".".join(map(str, sys.version_info[:3]))


@internal
class Origin(NamedTuple):
    """Where a finding comes from: the machine, the program by the name of its script or package, and versions."""

    host: str
    program: str
    python: str
    memwatch: str

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return self._asdict()


def find_origin() -> Origin:
    """That of this process, as it is now."""
    return Origin(_host(), program_name(), PYTHON, __version__)


def program_name() -> str:
    """The name of the script, or of the package that runs; without arguments."""
    argv = getattr(sys, "argv", None) or ["python"]
    folder, name = os.path.split(str(argv[0]))
    if name == "-m":
        return _module_name(len(argv))
    return os.path.basename(folder if name == "__main__.py" else name) or name or "python"


def _module_name(words: int) -> str:
    """What the module after ``-m`` is called once it is found: it stands before the last *words* less one of the
    command. What lies in a package is a file; what does not is a package that runs."""
    command = getattr(sys, "orig_argv", ())
    package, _, name = command[-words].removeprefix("-m").rpartition(".") if 0 < words <= len(command) else ("", "", "")
    return f"{name}.py" if package else name or "python"


def process_name() -> str:
    """What a pool (of multiprocessing or billiard) calls it, as ``ForkPoolWorker-3``; empty if it is none's.

    Another thread may be importing the pool's module just now: then this is no worker of it.
    """
    for module in _POOLS:
        with suppress(AttributeError, NameError):
            processes = sys.modules.get(module)
            process: Any = processes.current_process() if processes is not None else None
            if getattr(process, "_parent_pid", None) is not None:
                return str(process.name)
    return ""


def split_number(name: str) -> tuple[str, int | None]:
    """A worker's name without its number, and that: ``("ForkPoolWorker", 3)``."""
    found = _NUMBERED.fullmatch(name)
    return (found[1], int(found[2])) if found else (name, None)


def arguments() -> Sequence[str]:
    """`sys.argv`, also where a program has put something else there."""
    return [str(word) for word in getattr(sys, "argv", None) or ()]


def _host() -> str:
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
