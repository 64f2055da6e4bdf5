"""What refers to what, and from where all of it hangs: the questions of this room to the interpreter.

Nothing here runs code of the program: types are asked with `type()`, fields through the slots of the C types that
define them. An instance's ``__dict__`` is never made where it does not exist yet.
"""

from __future__ import annotations

import functools
import gc
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from types import CodeType, FrameType, ModuleType
from typing import Any

from ..backend import FREE_THREADED
from ..backend.census.arrays import array_contents, array_type
from ..backend.census.referents import parts_of_code, referents_of, shown_by, shown_by_each
from ..backend.census.tracked import list_tracked
from ..backend.forks import FORK_HOOKS
from ..backend.meters.meters import expected_objects
from ..backend.process import Frame, current_frames
from ..backend.stopped import StoppedFrame, referents_of_each
from ..installed import FOLDERS, is_installed

PACKAGE = __name__.partition(".")[0]
LruCacheWrapper: type[Any] = type(functools.lru_cache(lambda: None))

is_tracked = gc.is_tracked

_type_namespace = vars(type)["__dict__"].__get__
_module_namespace: Any = vars(ModuleType)["__dict__"].__get__
_OPTIMIZED = 1  # CO_OPTIMIZED: the locals of this code live in the frame and not in a dict
_SMALL = 1_000_000  # objects
OWN, LIBRARY = 1, 2
"""The distances of the program's own modules, and of installed packages."""

_LIBRARY = os.path.dirname(os.__file__)
_MOST_READ = 2000  # frames
_FEW = 100  # modules made at run time, as tests, `six` and lazy packages make some
_HELD_BY_FRAME_ALONE = 3  # the frame, a variable here, and the argument of getrefcount
_filled: list[tuple[Frame, dict[str, Any]]] = []


def namespace(owner: Any) -> Any:
    """The names of a module (a dict) or of a class (a read-only mapping)."""
    return _module_namespace(owner) if issubclass(type(owner), ModuleType) else _type_namespace(owner)


def is_frame(obj: Any) -> bool:
    """Whether it is a frame, of either kind."""
    return type(obj) is FrameType or type(obj) is StoppedFrame


def contents(obj: Any) -> list[Any]:
    """What *obj* refers to, also where the collector does not see it: a running frame's variables, code, arrays."""
    if is_frame(obj):
        shown = shown_by(obj) if type(obj) is FrameType else [obj.f_code, obj.f_globals]
        return [*frame_locals(obj).values(), *shown]
    found = referents_of((obj,)) or hidden_contents(obj)
    if not found and issubclass(type(obj), type):  # a static one, whose namespace no collector sees
        return shown_by(_type_namespace(obj))
    return found


def contents_of_each(objects: Sequence[Any]) -> Iterable[list[Any]]:
    """The `contents` of each of *objects*; where asking stops all threads, what each shows the collector."""
    return referents_of_each(list(objects)) or map(contents, objects)


def hidden_contents(obj: Any) -> list[Any]:
    """What an object holds that is not the collector's: a code object's parts, a numpy array's base and items."""
    if type(obj) is CodeType:
        return parts_of_code(obj)
    kind = array_type()
    if kind is None or not issubclass(type(obj), kind):
        return []
    return array_contents(obj, kind)


def frame_locals(frame: Frame) -> dict[str, Any]:
    """The variables of a frame by name; on free-threaded Python a `StoppedFrame` alone can be asked.

    Before 3.13 asking for them leaves a dict in the frame that would keep them alive: unless the program itself has
    asked and holds that dict, it is emptied again, or by `empty_locals` where a walk holds it. A namespace that the
    program made up is not asked.
    """
    if type(frame) is StoppedFrame or FREE_THREADED:
        return dict(frame.f_locals) if type(frame) is StoppedFrame and type(frame.f_locals) is dict else {}
    if not frame.f_code.co_flags & _OPTIMIZED:
        names = frame.f_locals
        return dict(names) if type(names) is dict else {}
    if sys.version_info >= (3, 13):
        return dict(frame.f_locals)
    made = frame.f_locals
    found = dict(made)
    if sys.getrefcount(made) <= _HELD_BY_FRAME_ALONE:
        made.clear()
    else:
        _filled.append((frame, made))
    return found


def empty_locals() -> None:
    """At the end of a walk: empty the frames' dicts that it held itself.

    Each frame was kept until here: of a dict whose frame is gone one could not tell who holds it.
    """
    while _filled:
        _frame, made = _filled.pop()
        if sys.getrefcount(made) <= _HELD_BY_FRAME_ALONE:
            made.clear()


def has_variables(frame: Frame) -> bool:
    """Whether *frame* has variables of its own: a module's code has not, for they are the module's."""
    return bool(frame.f_code.co_flags & _OPTIMIZED) or frame.f_locals is not frame.f_globals


def is_small_heap() -> bool:
    """Whether `referrers` holds the interpreter for no more than some 50 milliseconds."""
    return expected_objects() < _SMALL


def referrers(objects: Sequence[Any]) -> list[Any]:
    """The tracked objects that refer to one of *objects*, as the collector sees it."""
    return gc.get_referrers(*objects)


def live_objects() -> list[Any]:
    """What the collector tracks, garbage that is not collected yet included, but no tuple that has one owner only."""
    tracked = list_tracked()
    objects = tracked.others()
    tracked.clear()
    return objects


def modules() -> list[tuple[str, Any]]:
    """Imported modules by name: ``__main__``, the program's own, then libraries; memwatch's own are left out."""
    named = [(name, module) for name, module in list(sys.modules.items()) if type(name) is str and module is not None]
    return sorted((item for item in named if not _is_own_name(item[0])), key=lambda item: distance(*item))


def root_modules() -> list[tuple[str, Any]]:
    """The `modules` that paths begin at: where the program makes many at run time, these are items of `sys.modules`."""
    found, files = modules(), set[str]()
    made = set()
    for name, module in found:
        file = _file_of(module)
        if name != "__main__" and (file in files or (file is None and _spec_of(module) is None)):
            made.add(name)
        files.add(file or "")
    return found if len(made) <= _FEW else [(name, module) for name, module in found if name not in made]


def count_imported() -> int:
    """How many files modules were imported from: one that is made at run time, or from a file once more, adds none."""
    return len({_file_of(module) for module in list(sys.modules.values())})


def _file_of(module: Any) -> str | None:
    file = namespace(module).get("__file__") if issubclass(type(module), ModuleType) else None
    return file if type(file) is str else None


def _spec_of(module: Any) -> Any:
    return namespace(module).get("__spec__") if issubclass(type(module), ModuleType) else module


def own_modules() -> list[Any]:
    """memwatch's own modules."""
    return [module for name, module in list(sys.modules.items()) if type(name) is str and _is_own_name(name)]


def _is_own_name(name: object) -> bool:
    return type(name) is str and (name == PACKAGE or name.startswith(PACKAGE + "."))


def distance(name: str, module: Any) -> int:
    """0 for ``__main__``, 1 for the program's own modules, 2 for installed packages, 3 for the standard library."""
    if name == "__main__":
        return 0
    file = _file_of(module)
    return 3 if file is None else distance_of_file(file)


def distance_of_file(file: str) -> int:
    """The same of a file of code."""
    if file.startswith(_LIBRARY) and not any(folder in file for folder in FOLDERS):
        return 3
    return 2 if is_installed(file) else 1


def frames(most: float = float("inf")) -> list[tuple[bool, Frame]]:
    """Running frames, each with whether it is the main thread's: that thread first, in each the outermost first.

    Once there are *most*, no further thread's are added. This room's own frames are not among them: a list of frames
    that one of them holds would be a cycle.
    """
    main, innermost = threading.main_thread().ident, current_frames(variables=True)
    own = threading.get_ident()
    if (caller := _caller(innermost.get(own) if FREE_THREADED else sys._getframe())) is not None:
        innermost[own] = caller
    found: list[tuple[bool, Frame]] = []
    for thread in _most_different_first(innermost, main):
        if len(found) >= most:
            break
        stack: list[tuple[bool, Frame]] = []
        inner: Frame | None = innermost[thread]
        while inner is not None:
            stack.append((thread == main, inner))
            inner = inner.f_back
        found.extend(reversed(stack))
    return found


def read_frames() -> list[tuple[bool, Frame]]:
    """The frames whose code and variables are worth reading: all of them, unless there are very many threads. Each
    frame that is looked at is an object from then on, and before 3.13 its variables are a dict."""
    return frames(_MOST_READ)


def _most_different_first(innermost: dict[int, Frame], main: int | None) -> list[int]:
    """The threads, the main one first; then one at each place of the code, for most of very many wait at the same."""
    seen, rank = Counter[tuple[int, int]](), dict[int, int]()
    for thread, frame in innermost.items():
        place = id(frame.f_code), getattr(frame, "f_lasti", 0)
        rank[thread] = seen[place]
        seen[place] += 1
    return sorted(innermost, key=lambda it: (it != main, rank[it]))


def _caller(frame: Frame | None) -> Frame | None:
    """The innermost frame of this thread outside of this room."""
    while frame is not None and frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
        frame = frame.f_back
    return frame


def is_own_frame(frame: Frame) -> bool:
    """Whether memwatch's own code runs in *frame*."""
    return _is_own_name(dict.get(frame.f_globals, "__name__"))


def fork_lists(objects: Sequence[Any]) -> list[tuple[str, Any]]:
    """The interpreter's lists of fork callbacks among *objects*, each with the name of the root that it is.

    They can be reached from nowhere else; one that holds a callback of ours is recognised. It is not iterated: a place
    that C code never filled ends the process when it is read, and lists that an extension module lost while it built
    them are among those that nothing holds.
    """
    lists = [obj for obj in objects if type(obj) is list]
    found = []
    for obj, shown in zip(lists, shown_by_each(lists), strict=True):
        when = next((FORK_HOOKS[id(item)] for item in shown if id(item) in FORK_HOOKS), None)
        if when:
            found.append((f"fork callbacks (os.register_at_fork, {when})", obj))
    return found
