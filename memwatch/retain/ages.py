"""How old do the items of a container become before the program's own code takes them out? Nothing is run.

The code compares an item's time with the clock, or empties the container every so many seconds, or starts a timer that
takes the item out. Where an item stores the time at which it expires, that says how old it becomes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta, timezone
from itertools import islice
from types import CodeType
from typing import Any

from ..backend.census.dict_keys import some_values
from ..backend.type_labels import type_label
from ..clock import Clock
from ..kinds import NUMBERS
from .attributes import instance_value
from .comparisons import Comparison, assigned, comparisons, parts_of, results_of, statements, stored, words_of
from .emptying import calls, empties, removers_of, takers
from .views import WAITS, View

_CLOCKS = frozenset(
    ("time", "monotonic", "perf_counter", "now", "utcnow", "time_ns", "monotonic_ns", "perf_counter_ns")
)
_TIMERS = frozenset(("call_later", "call_at", "Timer", "enter", "enterabs"))
_SECONDS = 3600  # at most: what expires later than in an hour grows for too long to be excused
_SOON = 600  # the same of the time that an item has: who sets timers of hours and leaves them has a leak
_DERIVED = 3  # steps from a container to the time of an item: for key, one in d.items(): seen = one.seen
_UNITS = {"minutes": 60.0, "hours": 3600.0, "days": 86400.0}  # of a timedelta
_SAMPLE = 64  # items that are asked for their time
_MOST = 0.5
_HUGE = 1 << 62
_FEW = 10  # items; of fewer it is not said that none is old
_NEARLY = 0.98  # of the items
_LATE = 2.0  # seconds after its time an item may be taken out
_PARTS = 4  # of a tuple: its first
_RESCHEDULED = "asyncio."  # its timers set themselves again


def kept_seconds(view: View, holder: Any) -> float | None:
    """How old items of *holder* become before code takes them out: an hour at most, None if nothing shows it."""
    ages = (*_by_time(view, holder), *_by_period(view), *_by_timer(view))
    return max(ages, default=None)


def are_kept_up(view: View, holder: Any, seconds: float) -> bool:
    """Whether no item of *holder* is older than *seconds*, as far as items store a time that code compares with the
    clock: so all that were there before have gone."""
    found = [set(it.names) | set(it.texts) for it in _of_items(view)]
    return any(_are_fresh(holder, names, seconds) for names in found)


def _are_fresh(holder: Any, names: Collection[str], seconds: float) -> bool:
    """Whether the times of items are no longer ago than *seconds*, or expire within that and have not done so."""
    clocks, items = (Clock.wall(), Clock.monotonic(), Clock.perf_counter()), _sample(holder)
    times = [[time - clock for time in map(_seconds, _values(item, names)) for clock in clocks] for item in items]
    near = [min(found, key=abs, default=_HUGE) for found in times]
    if any(left > 0 for left in near):  # they expire
        fresh = sum(-_LATE <= left <= seconds + _LATE for left in near)
    else:
        fresh = sum(-left <= (1 + _MOST) * seconds + _LATE for left in near)
    return len(items) >= _FEW and fresh >= _NEARLY * len(items)


def _by_time(view: View, holder: Any) -> Iterator[float]:
    """The ages with which code compares the time of items."""
    for compared in _of_items(view):
        yield from _ages(view, compared) or _left(holder, compared)


def _of_items(view: View) -> Iterator[Comparison]:
    """The comparisons of the time of items with the clock, in code that takes items out."""
    for code in takers(view):
        if code not in view.touching or _CLOCKS.isdisjoint(word for it in parts_of(code) for word in words_of(it)):
            continue
        clocks = _derived(code, _CLOCKS, 1)
        items = _derived(code, {view.name or next(iter(code.co_varnames), ""), ".0"}, _DERIVED)
        for compared in _timed(code, clocks):
            if not items.isdisjoint(compared.names) and "len" not in compared.names:
                yield compared


def _by_period(view: View) -> Iterator[float]:
    """How often code empties the container."""
    return periods(view, [code for code in view.touching if empties(view, code)])


def periods(view: View, doing: Collection[CodeType]) -> Iterator[float]:
    """How often *doing* is run, or what calls it: by the clock, after a sleep, or by a timer."""
    names = {code.co_name for code in doing}
    for code in view.codes:
        if code in doing or calls(code, names):
            timed = [it for it in _timed(code, _derived(code, _CLOCKS, 1)) if "len" not in it.names]
            moved = _moved(view, {word for it in timed for word in (*it.names, *it.texts)} - _CLOCKS)
            waits = (it for it in statements(code) if not it.names.isdisjoint(WAITS | _TIMERS))
            yield from (age for it in (*timed, *moved, *waits) for age in _ages(view, it))


def _moved(view: View, words: Collection[str]) -> Iterator[Comparison]:
    """What attributes, globals and items called *words* are set to: the next time, as in ``self.next = now + 60``."""
    for code in view.codes if words else ():
        for name, found in stored(code):
            if name in words or (name is None and not set(found.texts).isdisjoint(words)):
                yield found


def _by_timer(view: View) -> Iterator[float]:
    """The seconds after which a timer calls what takes an item out."""
    removers = removers_of(view)
    for code in view.touching:
        if not _TIMERS.isdisjoint(code.co_names) and calls(code, removers):
            yield from _ages(view, Comparison(frozenset(words_of(code)), ()))


def _derived(code: CodeType, words: Collection[str], steps: int) -> set[str]:
    """*words*, and the variables of *code* that are computed from one of them, directly or not."""
    found = set(words)
    for _ in range(steps):
        for part in parts_of(code):
            found |= results_of(part, found)
    return found


def _timed(code: CodeType, clocks: Collection[str]) -> Iterator[Comparison]:
    """The comparisons with the current time, and with the variables that were set to it."""
    variables = assigned(code)
    for part in parts_of(code):
        for compared in comparisons(part):
            times = [word for word in compared.names if word in clocks]
            if times:
                for source in (it for word in times for it in variables.get(word, ())):
                    compared = compared._replace(
                        numbers=compared.numbers + _in_seconds(source), texts=compared.texts + _names_of(source, clocks)
                    )
                yield compared


def _names_of(source: Comparison, clocks: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in source.names if name not in clocks)


def _in_seconds(compared: Comparison) -> tuple[float, ...]:
    """The numbers of a comparison; those that make a timedelta of minutes or more are converted to seconds."""
    units = [_UNITS[text] for text in compared.texts if text in _UNITS] if "timedelta" in compared.names else []
    return tuple(number * max(units, default=1.0) for number in compared.numbers)


def _ages(view: View, compared: Comparison) -> list[float]:
    """The numbers of a comparison, and those that its names stand for, that may be ages: a moment soon after the
    machine was started is no round number."""
    values = view.values_in(compared._replace(names=compared.names.union(compared.texts)))
    seconds = [it.total_seconds() if type(it) is timedelta else it for it in (*values, *_in_seconds(compared))]
    return [float(it) for it in seconds if type(it) in NUMBERS and 1 < it <= _SECONDS and round(it, 3) == it]


def _left(holder: Any, compared: Comparison) -> list[float]:
    """How long the last item of *holder* will stay, where items store the time at which they expire."""
    clocks, found, asked = (Clock.wall(), Clock.monotonic(), Clock.perf_counter()), [], 0
    for item in _sample(holder):
        asked += 1
        times = [_seconds(value) for value in _values(item, {*compared.names, *compared.texts})]
        left = [time - clock for time in times for clock in clocks if 0 < time - clock <= _SOON]
        found += [max(left)] if left else []
    return [max(1.0, *found)] if found and len(found) >= _MOST * asked else []


def _sample(holder: Any) -> list[Any]:
    """Some items from all over *holder*; of a dict its values."""
    kind = next((it for it in (dict, list, deque, set) if issubclass(type(holder), it)), None)
    if kind is None:
        return []
    every = max(1, kind.__len__(holder) // _SAMPLE)
    try:
        if kind is list:
            found = list.__getitem__(holder, slice(0, None, every))
        else:
            found = some_values(holder, every) if kind is dict else list(islice(kind.__iter__(holder), 0, None, every))
    except RuntimeError:  # another thread has changed it meanwhile
        return []
    return [it for it in found if not type_label(type(it)).startswith(_RESCHEDULED)]


def _values(item: Any, names: Collection[str], depth: int = 2) -> Iterator[Any]:
    """What an item has under *names*, or all items of a tuple, and the same of the parts of these."""
    if type(item) is tuple or type(item) is list:
        for part in item[:_PARTS] if depth else ():
            yield from (part,) if _seconds(part) else _values(part, names, depth - 1)
    elif type(item) is dict:
        yield from (item[name] for name in names if name in item)
    else:
        yield from (instance_value(item, name) for name in names)


def _seconds(value: Any) -> float:
    """A time as seconds of its clock; 0.0 if it is no time."""
    if type(value) is datetime and (value.tzinfo is None or type(value.tzinfo) is timezone):
        return value.timestamp()
    is_number = type(value) is float or (type(value) is int and abs(value) < _HUGE)
    return float(value) if is_number else 0.0
