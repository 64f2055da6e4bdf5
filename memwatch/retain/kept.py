"""Bounds that a program's own code keeps: it compares what a container has with a number, and takes something out.

The code is that which can touch the container under a name: the methods of the class whose attribute it is and the
functions of that class's module, the functions of the module whose variable it is, a closure, a running function, and
helpers that get the container as an argument. The number is one that stands in the comparison, as it is now.

What is compared is the container's length, or something that measures what is in it, as the sum of its items' bytes, or
the age of its items. Nothing is run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from opcode import opmap
from types import (
    AsyncGeneratorType,
    CellType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    ModuleType,
)
from typing import Any, NamedTuple

from ..internal import internal
from .attributes import attribute_of, instance_value
from .comparisons import Comparison, comparisons, results_of, words_of
from .functions import functions_of, is_container, methods_of, with_inner
from .references import frame_locals, frames, namespace

_TAKES_OUT = frozenset(("pop", "popitem", "popleft", "clear", "remove", "discard"))
_DELETES = frozenset(opmap[name] for name in ("DELETE_SUBSCR", "DELETE_SLICE") if name in opmap)
_CLOCKS = frozenset(
    ("time", "monotonic", "perf_counter", "now", "utcnow", "time_ns", "monotonic_ns", "perf_counter_ns")
)
_SECONDS = 3600  # at most: what expires later than in an hour grows for too long to be excused
_DERIVED = 3  # steps from a container to the time of an item: for key, one in d.items(): seen = one.seen
_MEASURES = (
    0.25,
    1.5,
)  # times the bytes of the items: who counts them does not count what Python adds, or more than it
_SUSPENDED = {id(CoroutineType): "cr_frame", id(GeneratorType): "gi_frame", id(AsyncGeneratorType): "ag_frame"}
"""By address: to look up a class could run its metaclass's code."""

LookUp = Callable[[str], Any]


@internal
class View(NamedTuple):
    """Code that may touch a container, what it calls it (None: itself), and how it reads its other names."""

    name: str | None
    codes: tuple[CodeType, ...]
    sources: tuple[LookUp, ...]

    def values(self, word: str) -> list[Any]:
        """What *word* stands for, where it is a variable or an attribute."""
        return [value for look_up in self.sources if (value := look_up(word)) is not None]

    def measures(self, code: CodeType, names: frozenset[str]) -> bool:
        """Whether *names*, which *code* compares, have the container, or the object whose length is its own."""
        if self.name in names:
            return True
        instance = code.co_varnames[:1] if code.co_argcount else ()
        if names.isdisjoint(instance) or not any(
            it.co_name == "__len__" and self.name in words_of(it) for it in self.codes
        ):
            return False
        others = [value for word in names.difference(instance) for value in self.values(word)]
        return all(type(value) in (int, float) for value in others)  # else it is the length of something else

    @property
    def touching(self) -> list[CodeType]:
        """The code that names the container."""
        return [code for code in self.codes if self.name is None or self.name in words_of(code)]


def views_of(chain: Sequence[Any], holder: Any, owners: Sequence[Any]) -> Iterator[View]:
    """The code around *holder*, which *chain* passes through; *owners* are it and whose attribute it is."""
    place = next((n for n, obj in enumerate(chain) if obj is holder), 0)
    above = chain[place - 1] if place else None
    if type(above) is CellType:
        yield from _closure_views(chain[:place], holder)
    elif type(above) is FrameType or id(type(above)) in _SUSPENDED:
        frame = above if type(above) is FrameType else getattr(above, _SUSPENDED[id(type(above))])
        yield from _frame_views([frame] if frame is not None else [], holder)
    elif above is None:
        yield from _frame_views([frame for _, frame in frames()], holder)
    for owner in owners:
        yield from _owner_views(owner, holder)


def _owner_views(owner: Any, holder: Any) -> Iterator[View]:
    is_module = issubclass(type(owner), ModuleType)
    name = None if owner is holder else attribute_of(owner, holder)
    if name is None and (is_module or not is_container(type(owner))):
        return
    home = owner if is_module else sys.modules.get(str(instance_value(owner, "__module__")))
    codes = () if is_module else tuple(methods_of(type(owner)))
    if name is not None:
        codes += tuple(functions_of(home, with_methods=is_module))  # other classes may use the same name for theirs
    yield View(name, codes, (lambda word: instance_value(owner, word), _globals(home)))


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


def _frame_views(running: Sequence[FrameType], holder: Any) -> Iterator[View]:
    for frame in running:
        yield from _views_of_variables(frame_locals(frame), holder, frame.f_code, frame.f_globals)


def _views_of_variables(values: dict[str, Any], holder: Any, code: CodeType, names: dict[str, Any]) -> Iterator[View]:
    for name in [name for name, value in values.items() if value is holder]:
        yield View(name, tuple(with_inner(code)), (values.get, names.get))


def _globals(module: Any) -> LookUp:
    if not issubclass(type(module), ModuleType):
        return lambda word: None
    return lambda word: dict.get(namespace(module), word)


def kept_length(view: View, used: int) -> int | None:
    """The least number that *used*, the container's length, has not passed, of those it is compared with.

    One more may be there than the number says, where the comparison comes after the adding. Numbers with a name go
    before others.
    """
    named: list[Any] = []
    written: list[Any] = []
    for code in filter(_takes_out, view.touching):
        for compared in comparisons(code):
            if "len" in compared.names and (view.name is None or view.measures(code, compared.names)):
                named += _with_shares([value for word in compared.names for value in view.values(word)])
                written += compared.numbers
    for numbers in (named, written, list(_given_to_helpers(view))):
        kept = [it for it in numbers if type(it) is int and it > 1 and used <= it + 1]
        if kept:
            return min(kept)
    return None


def _with_shares(values: list[Any]) -> list[Any]:
    """*values*, and what each number is with a share of it on top: some caches are cut back once in a while."""
    shares = [it for it in values if type(it) is float and 0 < it < 1]
    return [*values, *(round(it * (1 + share)) for it in values if type(it) is int for share in shares)]


def _given_to_helpers(view: View) -> Iterator[Any]:
    """Numbers with which a function compares the length of what it gets as an argument, where *view*'s code calls it.

    Which of its arguments the container is, is not known; the numbers are its defaults, or those that the caller has.
    """
    for caller in view.touching:
        helpers = {id(it): it for word in caller.co_names for it in view.values(word) if type(it) is FunctionType}
        for helper in helpers.values():
            code = helper.__code__
            given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            kept = [it for it in comparisons(code) if "len" in it.names and not it.names.isdisjoint(given)]
            if kept and _takes_out(code):
                yield from (number for it in kept for number in it.numbers)
                yield from (helper.__globals__.get(word) for it in kept for word in it.names)
                yield from (*(helper.__defaults__ or ()), *(helper.__kwdefaults__ or {}).values())
                yield from caller.co_consts
                yield from (value for word in words_of(caller) for value in view.values(word))


def kept_measure(view: View, used: int, size: float) -> tuple[int, int] | None:
    """The number that bounds, and what it bounds: one that measures what is in the container, *used* items of *size*
    bytes together. Both are attributes or variables beside it, compared with each other."""
    if not any(map(_takes_out, view.touching)):
        return None
    for code in view.codes:
        for compared in comparisons(code):
            values = [value for word in compared.names if word != view.name for value in view.values(word)]
            numbers = sorted(it for it in values if type(it) in (int, float) and 1 < it < 1 << 62)
            if len(numbers) == 2 and (abs(numbers[0] - used) <= 1 or _measures(numbers[0], size)):
                return int(numbers[1]), int(numbers[0])
    return None


def _measures(number: float, size: float) -> bool:
    least, most = _MEASURES
    return least * size <= number <= most * size


def kept_seconds(view: View) -> float | None:
    """How old items become before code takes them out that compares their times with the clock's; an hour at most."""
    for code in filter(_takes_out, view.touching):
        if not _CLOCKS.isdisjoint(code.co_names):
            clocks, items = _CLOCKS | results_of(code, _CLOCKS), _items_of(view, code)
            timed = (
                it for it in comparisons(code) if not clocks.isdisjoint(it.names) and not items.isdisjoint(it.names)
            )
            ages = [age for compared in timed if "len" not in compared.names for age in _ages(view, compared)]
            if ages:
                return max(ages)
    return None


def _items_of(view: View, code: CodeType) -> set[str]:
    """What *code* calls the container, its items, and what it takes from these."""
    named = {view.name} if view.name is not None else set(code.co_varnames[:1])
    found = {name for name in named if name}
    for _ in range(_DERIVED):
        found |= results_of(code, found)
    return found


def _ages(view: View, compared: Comparison) -> list[float]:
    values = [value for word in compared.names for value in view.values(word)]
    return [float(it) for it in (*values, *compared.numbers) if type(it) in (int, float) and 1 < it <= _SECONDS]


def _takes_out(code: CodeType) -> bool:
    return not _TAKES_OUT.isdisjoint(code.co_names) or not _DELETES.isdisjoint(code.co_code[::2])
