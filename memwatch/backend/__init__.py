"""Which backend reads the interpreter: `name` is "native" or "pure", and `reason` says why in plain words.

`samples` says whether the sampler of the C extension is there; on free-threaded Python it works beside the pure
backend. `stale` says that the extension belongs to other Python files and is not used.

The backend is chosen once, when this room is loaded. `MEMWATCH_BACKEND=pure` or `=native` in the environment asks for
one; if it cannot be had, `reason` says so, and nothing is raised. `backend.census.contract` is the contract of both.
"""

from __future__ import annotations

import _imp
import os
import sys
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from types import ModuleType

_STALE = "the C extension was built for other Python files than those beside it: install memwatch again"
_SAMPLES_ALONE = "on free-threaded Python the C extension samples allocations, and the heap is walked in Python"


def choose(asked: str) -> tuple[str, str]:
    """The name of the backend and the reason; *asked* is "pure", "native" or "" for the best that there is."""
    if asked == "pure":
        return "pure", "MEMWATCH_BACKEND asks for it"
    unknown = "" if asked in ("", "native") else f"MEMWATCH_BACKEND={asked} is not known (pure, native); "
    wanted = "MEMWATCH_BACKEND asks for native, but " if asked == "native" else unknown
    try:
        extension = import_module("._native", __name__)
    except ModuleNotFoundError:
        return "pure", f"{wanted}the C extension is not in this installation{_none_for_this() or _hidden()}"
    except ImportError as refused:  # it was built for another interpreter, or does not know this one
        return "pure", f"{wanted}{refused}"
    if not fits(extension):
        return "pure", f"{wanted}{_STALE}"
    if not extension.__dict__.get("walks_heap", True):
        return "pure", f"{wanted}{_SAMPLES_ALONE}"
    return "native", f"{unknown}the C extension is in this installation{_without(extension)}"


def fits(extension: ModuleType) -> bool:
    """Whether *extension* offers what the Python files beside it need, as far as both can tell."""
    try:
        with open(os.path.join(os.path.dirname(__file__), "_native.pyi"), "rb") as file:
            asked = _imp.source_hash(0, file.read()).hex()
    except OSError:  # in an archive, or frozen: one piece
        return True
    return bool(extension.__dict__.get("contract", asked) == asked)


def _none_for_this() -> str:
    """Why there can be no C extension for this interpreter, in brackets; empty if there can be one."""
    known = not FREE_THREADED or sys.version_info[:2] == (3, 13)
    return "" if known else " (there is none for this version of free-threaded Python)"


def _hidden() -> str:
    """Which installation with the C extension this folder hides, and how to use that; empty if there is none. Python
    looks for modules where it is started: in a clone it finds the sources, which nobody has built."""
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    for folder in sys.path:
        if folder and os.path.abspath(folder) != here and _has_extension(folder):
            return f" but in {folder}, which the folder {here} hides: start Python elsewhere, or with -P"
    return ""


def _has_extension(folder: str) -> bool:
    place = os.path.join(folder, *__name__.split("."), "_native")
    return any(os.path.exists(place + suffix) for suffix in EXTENSION_SUFFIXES)


def _without(extension: ModuleType) -> str:
    """What *extension* cannot do on this interpreter."""
    if extension.__dict__["knows_frames"]:
        return ""
    return ", but does not know the frames of this Python: holders are searched in Python, no allocation is sampled"


FREE_THREADED = "t" in getattr(sys, "abiflags", "")

_asked = os.environ.get("MEMWATCH_BACKEND", "")
name, reason = choose(_asked)
stale = reason.endswith(_STALE)
_loaded = sys.modules.get(f"{__name__}._native") if _asked != "pure" else None
samples = _loaded is not None and not stale
