"""How much will a loop put into a container? A share for each item of what it goes through, if that has a length.

As a job that reads its rows into a list or an index. The loop has to run now, to add to the container itself, and to go
through data: a range may be any number. What a function that it calls keeps may be a leak, so that says something in
the second half of the loop alone. Nothing is run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import takewhile
from opcode import opmap
from types import CodeType
from typing import Any, NamedTuple

from ..backend.process import Frame
from ..internal import internal
from .attributes import instance_value
from .comparisons import ADDERS, FOR_ITER, adds, ended_by, instructions, statements, stored_variables, variables_of
from .object_labels import length
from .references import frame_locals, is_frame, read_frames
from .row_counts import rows_of
from .views import View, frame_of_suspended

_FEWEST = 50  # items to go through
_EACH = 2  # items are put there for each, at most: where there are more, loops before this one have put them there too
_LATE = 0.5  # of the items have been gone through, where a function that is called adds
_MOST = 1_000_000  # among which the present one is looked for
_WRAPS = frozenset(("enumerate", "zip", "items", "values", "keys", "iterrows", "itertuples", "tqdm", "list"))
_MAPS = frozenset(("map", "imap", "imap_unordered", "starmap", "as_completed"))  # give one result for each
_CACHE, _UNPACKS = opmap["CACHE"], opmap["UNPACK_SEQUENCE"]
_COLLECTS = frozenset(opmap[name] for name in ("LIST_APPEND", "SET_ADD", "MAP_ADD"))
_STORE_NAMES = frozenset((opmap["STORE_NAME"], opmap["STORE_GLOBAL"]))


@internal
class _Loop(NamedTuple):
    """A loop of some code: its place and its end among the instructions, what it goes through, and its variables."""

    place: int
    end: int
    through: frozenset[str]
    variables: tuple[str, ...]


def filled_by_loop(chain: Sequence[Any], holder: Any, used: int) -> tuple[int, int] | None:
    """How many items *holder* will have when the loop that fills it is over, and the *used* ones of now."""
    above = list(takewhile(lambda it: it is not holder, chain))
    suspended = (it if is_frame(it) else frame_of_suspended(it) for it in above)
    running = {id(it): it for it in (*(frame for _, frame in read_frames()), *suspended) if it is not None}
    owners = {id(it) for it in above if id(it) not in running}
    ends = [it for frame in running.values() for it in _ends(frame, holder, used, owners)]
    return (max(ends), used) if ends else None


def filled_by_calls(views: Iterable[View], used: int) -> tuple[int, int] | None:
    """The same where the loop calls a function of *views* that adds to the container, and is half over."""
    adders = {code.co_name for view in views for code in view.touching if _adds_to(view, code)} - ADDERS
    running = (frame for _, frame in read_frames()) if adders else ()
    ends = [it for frame in running for it in _ends_of_calls(frame, adders, used)]
    return (max(ends), used) if ends else None


def _adds_to(view: View, code: CodeType) -> bool:
    return view.name is not None and any(view.name in it.names for it in adds(code))


def _ends_of_calls(frame: Frame, adders: Collection[str], used: int) -> Iterator[int]:
    """The number for each loop of *frame* that calls one of *adders*."""
    loops = _running_loops(frame)
    places = [it.place for it in statements(frame.f_code) if not it.names.isdisjoint(adders)] if loops else []
    values = frame_locals(frame) if places else {}
    yield from (most for most, done in _counts(frame, loops, places, values, used) if done >= _LATE * most)


def _ends(frame: Frame, holder: Any, used: int, owners: set[int]) -> Iterator[int]:
    """The number for each loop of *frame* that adds to *holder* now. *owners* has the addresses of what leads there."""
    loops = _running_loops(frame)
    if not loops:
        return
    code, values = frame.f_code, frame_locals(frame)
    names = set(_names_of(frame, values, holder, owners))
    if owners and not names:  # without a name it may be what a comprehension makes
        return
    places = [it.place for it in adds(code) if not names.isdisjoint(it.names)] if names else list(_collects(code))
    counts = _counts(frame, loops, places, values, used)
    yield from (max(used, round(used * most / done)) if done else most for most, done in counts)


def _running_loops(frame: Frame) -> list[_Loop]:
    """The loops of *frame* that run now. Most frames wait outside of any."""
    code, now = frame.f_code, getattr(frame, "f_lasti", -1) // 2
    if now < 0 or FOR_ITER not in code.co_code[::2]:
        return []
    return [it for it in _loops(code) if it.place < now <= it.end]


def _collects(code: CodeType) -> Iterator[int]:
    """Where a comprehension adds to what it makes."""
    return (place for place, (op, _) in enumerate(instructions(code)) if op in _COLLECTS)


def _counts(
    frame: Frame, loops: Sequence[_Loop], places: Sequence[int], values: dict[str, Any], used: int
) -> Iterator[tuple[int, int]]:
    """For each of *loops* that has one of *places* in it: how long is what it goes through, and how far it has come; 0
    where that is not known. *values* are the variables of *frame*."""
    adding = [it for it in loops if any(it.place < place <= it.end for place in places)]
    known = dict(frame.f_globals) | values if adding else {}
    yield from (count for loop in adding for count in _counts_of(loop, known, used))


def _counts_of(loop: _Loop, known: dict[str, Any], used: int) -> Iterator[tuple[int, int]]:
    """The same of one loop; *known* is what all names stand for."""
    for data in _gone_through(loop, known):
        found = length(data)
        most = (rows_of(data) if found is None else found) or 0
        if most < _FEWEST:
            continue
        done = _done(data, most, [known.get(it) for it in loop.variables])
        if used <= (_EACH * done if done else most):
            yield most, done


def _gone_through(loop: _Loop, known: dict[str, Any]) -> list[Any]:
    """What the loop names: variables, or attributes of these. Nothing if it names what is not known, as a generator."""
    found, maps = [], not loop.through.isdisjoint(_MAPS)
    for name in loop.through - _WRAPS - _MAPS:
        owners = (known[it] for it in loop.through if it in known)
        value = known.get(name, next((it for owner in owners if (it := instance_value(owner, name)) is not None), None))
        if value is None or (callable(value) and not maps):
            return []
        found.append(value)
    return found


def _names_of(frame: Frame, values: dict[str, Any], holder: Any, owners: set[int]) -> Iterator[str]:
    """What *frame* calls *holder*: a variable, or an attribute of its first argument."""
    code = frame.f_code
    yield from (name for name, value in values.items() if value is holder)
    yield from (name for name in code.co_names if frame.f_globals.get(name) is holder)
    owner = values.get(code.co_varnames[0]) if code.co_argcount else None
    if owner is not None and id(owner) in owners:
        yield from (name for name in code.co_names if instance_value(owner, name) is holder)


def _done(data: Any, most: int, values: Sequence[Any]) -> int:
    """How many of the items have been gone through, by the one that a variable has now; 0 if that is not known."""
    if most > _MOST or not issubclass(type(data), (list, tuple, dict)):
        return 0
    base = next(it for it in (list, tuple, dict) if issubclass(type(data), it))
    try:
        for value in values:
            before = sum(1 for _ in takewhile(lambda it: it is not value, base.__iter__(data)))  # noqa: B023
            if before < most:
                return before + 1
    except RuntimeError:  # the dict has changed
        pass
    return 0


def _loops(code: CodeType) -> Iterator[_Loop]:
    found = list(instructions(code))
    for expression, arg in ended_by(code, FOR_ITER):
        yield _Loop(
            expression.place, expression.place + arg + 1, expression.names, _variables(code, found, expression.place)
        )


def _variables(code: CodeType, found: Sequence[tuple[int, int]], place: int) -> tuple[str, ...]:
    """What the loop at *place* sets first each time."""
    variables, names = variables_of(code), list[str]()
    for op, arg in found[place + 1 :]:
        stored = [code.co_names[arg]] if op in _STORE_NAMES else stored_variables(op, arg, variables)
        names += stored
        if not stored and op not in (_CACHE, _UNPACKS):
            break
    return tuple(names)
