"""Bounds that a program's own code keeps. Nothing is run.

The code compares a container with a number and takes something out, or adds only after comparing. The number stands in
the comparison and is read as it is now. What is compared is the length of the container, or a measure of its content,
such as the sum of the bytes of its items.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from math import prod
from opcode import opmap
from types import CodeType, FunctionType
from typing import Any

from ..kinds import NUMBERS
from .comparisons import ADDERS, Comparison, assigned, comparisons, first_use, parts_of, set_to, slices, words_of
from .emptying import adds_to, calls, counted_in, empties, removes, takers, takes_out
from .functions import has_run, has_run_at
from .views import View

_MEASURES = (0.25, 1.5)  # times the bytes of the items: who counts them may leave out what Python adds, or count more
_PASSED = 1.5  # times a bound: what measures so much is not kept below it, though code to do so is there
_CALLS = 2  # from what compares to what takes out
_SUMMED = 6  # times a sum: so many bytes may its items have, if it is one of tokens
_ENDS = frozenset(("head", "tail"))  # methods of a table, that give the first or last rows of it
_STORES = frozenset((opmap["STORE_SUBSCR"],))


def kept_length(view: View, used: int) -> int | None:
    """The least number that bounds *used*, the length of the container, of those that code compares it with or cuts it
    to.

    One more item may be there than the number says, if the comparison comes after the adding. Numbers with a name go
    before others.
    """
    touching, taking, by_length = view.touching, takers(view), _adds_by_length(view)
    found = [it for code in touching if by_length or _is_asked(code, taking) for it in _lengths(view, code)]
    found += [it for code in touching if removes(view, code) for it in _cuts(view, code)]
    named = _with_shares([value for it in found for value in view.values_in(it)])
    written = [number for it in found for number in it.numbers]
    added = [total for it in found for total in _sums(view, it)]
    for numbers in (named, written, added, list(_given_to_helpers(view))):
        if (kept := _least(numbers, used)) is not None:
            return kept
    return None


def _least(numbers: Iterable[Any], used: int) -> int | None:
    return min((it for it in numbers if type(it) is int and it > 1 and used <= it + 1), default=None)


def _is_asked(code: CodeType, taking: Sequence[CodeType]) -> bool:
    """Whether one of *taking* is *code*, or calls it."""
    return any(it is code or calls(it, (code.co_name,)) for it in taking)


def _lengths(view: View, code: CodeType, measure: str = "len") -> Iterator[Comparison]:
    """Where *code* compares the length of the container, a variable set to it, or another *measure*. What it is
    compared with may be a variable that is set to a name, or by ``min``: the bound is no more than that."""
    only_run = view.has_run and has_run(view.original(code))
    for part in parts_of(code):
        variables = assigned(part)
        for compared in comparisons(part):
            if only_run and not has_run_at(view.original(part), compared.place):
                continue
            given = [it for word in compared.names for it in variables.get(word, ())]
            side = next((it for it in (compared, *given) if _is_length(view, part, it, measure)), None)
            if side is not None:
                joined = [it for it in given if it is side or "min" in it.names or _is_named(it)]
                yield reduce(Comparison.joined, joined, compared)


def _is_named(found: Comparison) -> bool:
    return not found.numbers and "len" not in found.names


def _is_length(view: View, code: CodeType, found: Comparison, measure: str) -> bool:
    return measure in found.names and view.measures(code, found)


def _cuts(view: View, code: CodeType) -> Iterator[Comparison]:
    """Where *code* slices the container: so many items of it stay, from the beginning or the end."""
    own = (it for it in slices(code) if view.name in it.meant)
    made = (it for it in set_to(code, view.name or "") if not it.names.isdisjoint(_ENDS))
    for cut in (*own, *made):
        yield cut._replace(numbers=tuple(map(abs, cut.numbers)))


def _adds_by_length(view: View) -> bool:
    """Whether all code that adds to the container compares its length first."""
    adding = [(code, place) for code in view.touching if (place := first_use(code, ADDERS, _STORES)) is not None]
    return bool(adding) and all(any(it.place < place for it in _lengths(view, code)) for code, place in adding)


def _sums(view: View, compared: Comparison) -> Iterator[int]:
    """The sum and the product of the two numbers of a comparison, as in ``len(rows) > KEEP + SLACK``."""
    limits = [it for it in (*view.values_in(compared), *compared.numbers) if type(it) is int and it > 1]
    if len(limits) == 2:
        yield from (sum(limits), prod(limits))


def _with_shares(values: list[Any]) -> list[Any]:
    """*values*, and each number with a share of it added: some caches are cut back once in a while."""
    shares = [it for it in values if type(it) is float and 0 < it < 1]
    return [*values, *(round(it * (1 + share)) for it in values if type(it) is int for share in shares)]


def _given_to_helpers(view: View) -> Iterator[Any]:
    """Numbers with which a function compares the length of an argument, where *view*'s code calls it. It is not known
    which argument the container is. The numbers are defaults, or the caller's."""
    for caller in view.touching:
        helpers = {id(it): it for word in caller.co_names for it in view.values(word) if type(it) is FunctionType}
        for helper in helpers.values():
            code = helper.__code__
            given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            kept = [it for it in comparisons(code) if "len" in it.names and not it.meant.isdisjoint(given)]
            if kept and takes_out(code):
                yield from (number for it in kept for number in it.numbers)
                yield from (helper.__globals__.get(word) for it in kept for word in it.names)
                yield from (*(helper.__defaults__ or ()), *(helper.__kwdefaults__ or {}).values())
                yield from caller.co_consts
                yield from (value for word in words_of(caller) for value in view.values(word))


def kept_measure(view: View, used: int, size: float) -> tuple[int, int] | None:
    """The number that bounds, and the measure that it bounds, of the content of a container with *used* items of *size*
    bytes together.

    Both are attributes or variables beside the container, compared with each other. A number that was passed is no
    bound: the code that keeps it does not run.
    """
    keeping = _keepers(view)
    if not keeping:
        return None
    for measure, limit in (pair for code in keeping for it in comparisons(code) if (pair := _pair(view, it))):
        if measure <= _PASSED * limit and (abs(measure - used) <= 1 or _measures(measure, size)):
            return int(max(measure, limit)), int(measure)
    return _kept_sum(view, size)


def _keepers(view: View) -> list[CodeType]:
    """The code that takes items out of the container, or has others do so; and what such code asks, which takes nothing
    out itself: a method that keeps another container below a number is no keeper of this one."""
    found = takers(view) if any(removes(view, code) for code in view.touching) else []
    for _ in range(_CALLS if found else 0):
        names = {code.co_name for code in found}
        found += [code for code in view.codes if code not in found and calls(code, names)]
    return found + [code for code in view.codes if code not in found and _is_asked(code, found) and not takes_out(code)]


def _kept_sum(view: View, size: float) -> tuple[int, int] | None:
    """The number with which code compares a sum over the items, as of their characters, before it takes some out."""
    summing = (it for code in view.touching if removes(view, code) for it in _lengths(view, code, "sum"))
    limits = (it for found in summing for it in (*found.numbers, *view.values_in(found)) if type(it) in NUMBERS)
    limit = next((it for it in limits if it > 1 and size <= _SUMMED * it), None)
    return None if limit is None else (int(max(limit, size)), int(size))


def _pair(view: View, compared: Comparison) -> tuple[float, float] | None:
    """Two numbers that are compared, the measure first: the one that code adds to, else the smaller one."""
    found = [
        (value, any(adds_to(word, code) for code in view.codes))
        for word in compared.names
        if word != view.name
        for value in view.values(word)
        if type(value) in NUMBERS and 1 < value < 1 << 62
    ]
    if len(found) != 2:
        return None
    (one, is_one_counted), (other, is_other_counted) = sorted(found)
    return (other, one) if is_other_counted and not is_one_counted else (one, other)


def _measures(number: float, size: float) -> bool:
    least, most = _MEASURES
    return least * size <= number <= most * size


def kept_count(view: View, used: int) -> int | None:
    """The least number, not below *used*, that a counter may reach before code empties the container.

    As in ``calls >= 900`` or ``calls % 500 == 0``. A number that was passed is no bound: the code that empties does not
    run.
    """
    return _least(_counted(view), used)


def _counted(view: View) -> Iterator[Any]:
    emptying = [code for code in view.touching if empties(view, code)]
    names, summed = {code.co_name for code in emptying}, counted_in(view.codes if emptying else ())
    for code in view.codes if emptying else ():
        for compared in comparisons(code) if code in emptying or calls(code, names) else ():
            counters = compared.names & summed
            counts = [it for word in counters for it in view.values(word) if type(it) is int]
            if counts and "len" not in compared.names:
                limits = view.values_in(compared._replace(names=compared.names - counters))
                reached = 0 if 0 in compared.numbers else max(counts)
                yield from (it for it in (*compared.numbers, *limits) if type(it) is int and reached <= it + 1)
