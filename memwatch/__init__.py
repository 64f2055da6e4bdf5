"""The leak detector that you leave on.

    @memwatch.on("leak")
    def page_someone(leak):
        print(leak.report)

Four events tell what happens ("stats", "suspect", "leak", "recovered"), `HeapDiff` what grew in a stretch of code, `gc`
what is left when garbage is gone, `check` whether a function leaks, `retaining_paths` who holds an object. Connecting a
receiver starts the watcher of this process.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import backend, handlers
from .default import gc as gc  # public, yet no star import shall bring it
from .default import start, stop, watcher
from .errors import (
    AlreadyEndedError,
    AlreadyStartedError,
    ExportError,
    FormatError,
    LeakFound,
    MemwatchError,
    NotStartedError,
    OptionError,
    ProcessError,
    ReceiverError,
    RecordingError,
    UnknownEventError,
    UnsupportedError,
    WriteError,
)
from .lazy_imports import at_once as _at_once
from .version import REPLACED as _REPLACED
from .version import __version__ as __version__
from .version import is_replaced as _is_replaced

if TYPE_CHECKING:
    from . import profile as profile
    from . import trace as trace
    from . import usage
    from .crossings import off_threshold, on_threshold
    from .heap import HeapDiff
    from .heap.retained import retained_size
    from .heap.write_snapshot import write_heap_snapshot
    from .labels import label
    from .on_demand import report_now, report_on_signal
    from .recording import Recording, record
    from .retain import RetainingPath, retaining_paths
    from .rules import ActiveRule, rule
    from .scenario import CheckResult, HeapDiffFixture, check
    from .signals import leak, off, on, once, recovered, stats, suspect
    from .snapshot_signal import snapshot_on_signal
    from .thresholds import Crossing
    from .watch import Leak, Stats, Suspicion
    from .web import serve

# Where the start-up file imports memwatch first, pytest would warn that it cannot rewrite it, and a project that turns
# warnings into errors would not run one test. The word is not in the docstring above: python -OO leaves that out.
__doc__ = f"{__doc__ or ''}\nPYTEST_DONT_REWRITE\n"

_LAZY = {
    "CheckResult": "scenario",
    "Crossing": "thresholds",
    "HeapDiff": "heap",
    "HeapDiffFixture": "scenario",
    "Leak": "watch",
    "RetainingPath": "retain",
    "Recording": "recording",
    "ActiveRule": "rules",
    "Stats": "watch",
    "Suspicion": "watch",
    "check": "scenario",
    "record": "recording",
    "label": "labels",
    "report_now": "on_demand",
    "report_on_signal": "on_demand",
    "retained_size": "heap.retained",
    "retaining_paths": "retain",
    "rule": "rules",
    "serve": "web",
    "snapshot_on_signal": "snapshot_signal",
    "write_heap_snapshot": "heap.write_snapshot",
    **dict.fromkeys(("off_threshold", "on_threshold"), "crossings"),
    **dict.fromkeys(("leak", "off", "on", "once", "recovered", "stats", "suspect"), "signals"),
}
_LOOKS = ("HeapDiff", "check")  # the judge is not to be loaded while these compare the heap with what it was
_ROOMS = ("export", "heap", "profile", "trace", "usage", "web")  # only `usage` is in a star import

__all__ = [
    "ActiveRule",
    "AlreadyEndedError",
    "AlreadyStartedError",
    "CheckResult",
    "Crossing",
    "ExportError",
    "FormatError",
    "HeapDiff",
    "HeapDiffFixture",
    "Leak",
    "LeakFound",
    "MemwatchError",
    "NotStartedError",
    "OptionError",
    "ProcessError",
    "ReceiverError",
    "Recording",
    "RecordingError",
    "RetainingPath",
    "Stats",
    "Suspicion",
    "UnknownEventError",
    "UnsupportedError",
    "WriteError",
    "backend",
    "check",
    "handlers",
    "label",
    "leak",
    "off",
    "off_threshold",
    "on",
    "on_threshold",
    "once",
    "record",
    "recovered",
    "report_now",
    "report_on_signal",
    "retained_size",
    "retaining_paths",
    "rule",
    "serve",
    "snapshot_on_signal",
    "start",
    "stats",
    "stop",
    "suspect",
    "usage",
    "watcher",
    "write_heap_snapshot",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:  # they need psutil, objgraph or dataclasses, which are loaded when they are first wanted
        if name in _LOOKS:
            import_module(".default", __name__).prepare()
        value = getattr(_load(_LAZY[name]), name)
        if name == "label":  # which requests ask for
            globals()[name] = value
        return value
    if name in _ROOMS:
        return _load(name)
    raise AttributeError(f"module 'memwatch' has no attribute {name!r}")


def _load(room: str) -> Any:
    """Import a room. Raises UnsupportedError where it does not fit, as memwatch was installed anew meanwhile."""
    try:
        with _at_once():
            return import_module(f".{room}", __name__)
    except (ImportError, AttributeError, TypeError) as error:
        if _is_replaced():
            raise UnsupportedError(_REPLACED) from error
        raise


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext memwatch`` in IPython or Jupyter; then ``%%memwatch`` says what a cell leaves behind."""
    import_module(".notebook", __name__).load(shell)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_ROOMS})
