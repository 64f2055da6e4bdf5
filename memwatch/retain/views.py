"""The code around a container, which may use it under a name: whose attribute or variable is it? Nothing is run.

It is the methods of the class whose attribute it is and the functions of that class's module; the functions of the
module whose variable it is, and the body of that module while it runs; a closure, or a running function.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CellType,
    CodeType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    ModuleType,
)
from typing import Any, NamedTuple

from ..backend.process import Frame
from ..internal import internal
from ..kinds import NUMBERS, Kinds
from .attributes import attribute_of, instance_value, key_of_successor
from .comparisons import Comparison, parts_of, words_of
from .functions import functions_of, has_run, is_container, methods_of, with_inner
from .references import frame_locals, is_frame, namespace, read_frames

_SUSPENDED = {id(CoroutineType): "cr_frame", id(GeneratorType): "gi_frame", id(AsyncGeneratorType): "ag_frame"}
"""By address: to look up a class could run its metaclass's code."""

_PLAIN = Kinds(int, float, str, bytes, bool, list, tuple, set, type, FunctionType, BuiltinFunctionType)

WAITS = frozenset(("sleep", "wait"))

LookUp = Callable[[str], Any]


@internal
class View(NamedTuple):
    """Code that may touch a container, what it calls it (None: itself), and how it reads its other names.

    The name is that of an attribute or a global, or *is_variable*: of a variable of all the code. With *has_run* only
    those comparisons count that have been run. *originals* has the whole code of that which is a part, by its id.
    *owner* is the instance that has the container as an attribute, or is it.
    """

    name: str | None
    codes: tuple[CodeType, ...]
    sources: tuple[LookUp, ...]
    is_variable: bool = False
    has_run: bool = False
    originals: Mapping[int, CodeType] = {}
    owner: Any = None

    def original(self, code: CodeType) -> CodeType:
        """The code that is run, of which *code* is all or a part."""
        return self.originals.get(id(code), code)

    def values(self, word: str) -> list[Any]:
        """What *word* stands for, where it is a variable or an attribute."""
        return [value for look_up in self.sources if (value := look_up(word)) is not None]

    def values_in(self, compared: Comparison) -> list[Any]:
        """What the names of a comparison stand for, also as attributes or items of each other: ``settings.most``."""
        found = [value for word in compared.names for value in self.values(word)]
        words = (*compared.names, *compared.texts)
        return [*found, *(value for owner in found for word in words if (value := _member(owner, word)) is not None)]

    def in_use(self) -> View:
        """The code that has been run, or runs, or is called by a function that waits for it."""
        running = {id(frame.f_code): frame.f_code.co_names for _, frame in read_frames()}
        called = {name for names in running.values() if not WAITS.isdisjoint(names) for name in names}
        whole = ((it, self.original(it)) for it in self.codes)
        used = (it for it, code in whole if it.co_name in called or id(code) in running or has_run(code))
        return self._replace(codes=tuple(used), has_run=True)

    def measures(self, code: CodeType, compared: Comparison) -> bool:
        """Whether *code* compares something of the container, or of the object whose length is its own."""
        instance = code.co_varnames[:1] if code.co_argcount else ()
        if self.name is None:
            return compared.inside.isdisjoint(instance)  # else it is an item of it
        if self.name in compared.meant:
            return True
        if compared.meant.isdisjoint(instance) or not any(
            it.co_name == "__len__" and self.name in words_of(it) for it in self.codes
        ):
            return False
        others = [value for word in compared.names.difference(instance) for value in self.values(word)]
        return all(type(value) in NUMBERS for value in others)  # else it is the length of something else

    def touches(self, code: CodeType) -> bool:
        """Whether *code* names the container, or gets it under its name. A variable of the code alone is something
        else, even if it has the name of the attribute."""
        if self.name is None or self.name in code.co_names:
            return True
        if self.is_variable:
            return self.name in words_of(code)
        return self.name in code.co_freevars or self._is_given(code)

    def _is_given(self, code: CodeType) -> bool:
        given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        return self.name in given and any({self.name, code.co_name} <= set(it.co_names) for it in self.codes)

    @property
    def touching(self) -> list[CodeType]:
        """The code that names the container."""
        return [code for code in self.codes if self.touches(code)]


def views_of(chain: Sequence[Any], holder: Any, owners: Sequence[Any]) -> Iterator[View]:
    """The code around *holder*, which *chain* passes through; *owners* are it and whose attribute it is."""
    place = next((n for n, obj in enumerate(chain) if obj is holder), 0)
    above = chain[place - 1] if place else None
    frame = above if is_frame(above) else frame_of_suspended(above)
    if type(above) is CellType:
        yield from _closure_views(chain[:place], holder)
    elif is_frame(above) or id(type(above)) in _SUSPENDED:
        yield from _frame_views([frame] if frame is not None else [], holder)
    elif above is None:
        yield from _frame_views([frame for _, frame in read_frames()], holder)
    for owner in owners:
        yield from _owner_views(owner, holder)


def frame_of_suspended(obj: Any) -> Any:
    """The frame of a generator or a coroutine, as long as it is not over; None for anything else."""
    return getattr(obj, _SUSPENDED[id(type(obj))]) if id(type(obj)) in _SUSPENDED else None


def _owner_views(owner: Any, holder: Any) -> Iterator[View]:
    is_module = issubclass(type(owner), ModuleType)
    name = None if owner is holder else attribute_of(owner, holder)
    if is_module and name is None:  # code may have replaced it a moment ago, as it does once in a while
        name = key_of_successor(namespace(owner), holder)
    if name is None and (is_module or not is_container(type(owner))):
        return
    home = owner if is_module else sys.modules.get(str(instance_value(owner, "__module__")))
    codes = tuple(_running_body(owner)) if is_module else tuple(methods_of(type(owner)))
    if name is not None:
        codes += tuple(functions_of(home, with_methods=is_module))  # other classes may use the same name for theirs
    sources = (lambda word: instance_value(owner, word), _globals(home))
    yield View(name, codes, sources, owner=None if is_module else owner)


def _running_body(module: Any) -> Iterator[CodeType]:
    """The code of a module itself, while it runs: that of a script, as a rule."""
    for _, frame in read_frames():
        if frame.f_code.co_name == "<module>" and frame.f_globals is namespace(module):
            yield from parts_of(frame.f_code)


def _closure_views(chain: Sequence[Any], holder: Any) -> Iterator[View]:
    function = next((it for it in reversed(chain[-3:]) if type(it) is FunctionType), None)
    if function is None:
        return
    values = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            values[name] = cell.cell_contents
        except ValueError:  # an empty cell
            continue
    yield from _views_of_variables(values, holder, function.__code__, function.__globals__)


def _frame_views(running: Sequence[Frame], holder: Any) -> Iterator[View]:
    for frame in running:
        yield from _views_of_variables(frame_locals(frame), holder, frame.f_code, frame.f_globals)


def _views_of_variables(values: dict[str, Any], holder: Any, code: CodeType, names: dict[str, Any]) -> Iterator[View]:
    for name in [name for name, value in values.items() if value is holder]:
        yield View(name, tuple(with_inner(code)), (values.get, names.get), is_variable=True)


def _member(owner: Any, word: str) -> Any:
    """What *owner* has under *word*: a module, a dict of settings, or an object that has attributes."""
    if type(owner) is dict:
        return dict.get(owner, word)
    if type(owner) is ModuleType:
        return dict.get(namespace(owner), word)
    return None if type(owner) in _PLAIN else instance_value(owner, word)


def _globals(module: Any) -> LookUp:
    if not issubclass(type(module), ModuleType):
        return lambda word: None
    return lambda word: dict.get(namespace(module), word)
