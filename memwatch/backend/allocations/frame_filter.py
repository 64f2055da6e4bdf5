"""Which allocations are memwatch's own, and where in a stack does the program begin?

memwatch's own is what it allocates itself, and what psutil, blinker, objgraph or the standard library allocate when
memwatch calls them. What a function of the program allocates belongs to the program, whoever called it.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Literal

from ...installed import FOLDERS, is_installed
from ...internal import internal

RawFrame = tuple[str, int]
"""A file and a line, as tracemalloc knows a frame."""

Side = Literal["memwatch", "helper", "program"]

_HELPERS = ("psutil", "blinker", "objgraph")
_RUNPY = ("<frozen runpy>", os.path.join(sysconfig.get_path("stdlib"), "runpy.py"))
_GENERATED = "<string>"
"""The file of what dataclass and namedtuple have written: the business of its caller, but for a program of `-c`."""

_TYPED = ("<stdin>", "<console>", "<input>", "<ipython-input-", "<python-input-")
"""The files of what somebody types. Whatever else has no file is generated, the business of its caller as well."""

_namespace = vars(ModuleType)["__dict__"].__get__


def _folder(path: str) -> str:
    return os.path.join(os.path.dirname(path), "")


# as frames have it, which is not always how __file__ has it
_HERE = _folder.__code__.co_filename
_PACKAGE = _folder(os.path.dirname(os.path.dirname(_HERE)))
_RUNNER = os.path.join(_PACKAGE, "cli", "program.py")


@internal
class FrameFilter:
    """Distinguishes memwatch's frames from the program's; remembers it for each file."""

    __slots__ = ("_apps", "_helpers", "_sides", "_standard")

    def __init__(self) -> None:
        self._apps: dict[str, bool] = {}
        self._sides: dict[str, Side] = {}
        self._standard = _standard_folders()
        self._helpers = ("<frozen ", *(_folder(path) for name in _HELPERS if (path := _file_of(name))))
        self._sides[_GENERATED] = "program" if sys.argv[:1] == ["-c"] else "helper"

    def program_part(self, frames: Sequence[RawFrame]) -> Sequence[RawFrame]:
        """The frames of the program among *frames*, innermost first; empty if the allocation is memwatch's own. Under
        `memwatch run` the frames that led to the program are cut off."""
        start = next((place for place, (file, _) in enumerate(frames) if file == _RUNNER), None)
        if start is None:
            return () if self._is_own(frames) or all(file in _RUNPY for file, _ in frames) else frames
        end = start
        while end and frames[end - 1][0] in _RUNPY:
            end -= 1
        # what `memwatch run` asked of the standard library itself, before or after the program ran
        prepared = end == start and self._is_own(frames[: start + 1])
        return () if prepared or self._is_own(frames[:end]) else frames[:end]

    def is_app(self, file: str) -> bool:
        """Whether *file* is the program's own code: no library, installed or standard, and not memwatch."""
        known = self._apps.get(file)
        if known is None:
            known = self._apps[file] = self._find_app(file)
        return known

    def _find_app(self, file: str) -> bool:
        side = self._sides.get(file) or self._find_side(file)
        if side != "program" or not file or (file[0] == "<" and file != _GENERATED and not file.startswith(_TYPED)):
            return False
        return not is_installed(file)

    def _is_own(self, frames: Sequence[RawFrame]) -> bool:
        for file, _ in frames:
            side = self._sides.get(file) or self._find_side(file)
            if side != "helper":
                return side == "memwatch"
        return False

    def _find_side(self, file: str) -> Side:
        side: Side = "program"
        if file.startswith(_PACKAGE):
            side = "memwatch"
        elif file.startswith(self._helpers) or self._is_standard(file):
            side = "helper"
        self._sides[file] = side
        return side

    def _is_standard(self, file: str) -> bool:
        return file.startswith(self._standard) and not any(name in file for name in FOLDERS)


@cache
def _standard_folders() -> tuple[str, ...]:
    """Where the standard library lies; it takes a millisecond to find out."""
    return tuple({os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib")})


def _file_of(name: str) -> str | None:
    """Where an imported package lies; None if the program does not have it loaded."""
    module = sys.modules.get(name)
    path = dict.get(_namespace(module), "__file__") if type(module) is ModuleType else None
    return path if type(path) is str else None
