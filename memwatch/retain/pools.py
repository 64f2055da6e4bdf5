"""The bound of what an object makes itself: it counts what it has made, and stops at its limit. Nothing is run.

A pool of connections does so: those in its list or queue are no more than it has made. Or it has those in use
in another container, and makes one if none is idle and not too many are in use. An executor does so with threads: a
threading.local has one dict for each.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from opcode import opmap
from types import CodeType, ModuleType
from typing import Any

from ..kinds import Kinds
from .attributes import attribute_of, instance_value, is_instance_dict
from .comparisons import assigned, comparisons, instructions
from .emptying import calls, puts_into, takes_from, takes_out
from .functions import methods_of

_STORE_ATTR = opmap["STORE_ATTR"]
_MOST_ABOVE = 2  # a pool keeps what is idle in a list, or in a queue that has a list
_MOST_THREADS = 0.8  # of the items: of other threads there may be more and more
_CONTAINERS = Kinds(list, dict, set, deque)
_ITEMS = (dict, list, tuple, set, frozenset, ModuleType)


def made_at_most(chain: Sequence[Any], holder: Any, used: int) -> tuple[int, int] | None:
    """The limit, and how many were made, of the object that keeps *holder* and its *used* items."""
    for owner, name in _keepers(chain, holder):
        codes = list(methods_of(type(owner)))
        handling = [code for code in codes if name in code.co_names]
        makers = [code for code in codes if any(it is code or calls(it, (code.co_name,)) for it in handling)]
        makers = [code for code in makers if takes_from(code, name) or not takes_out(code)]  # else it keeps another
        counts = [it for code in makers for it in _counts_up_to(owner, code, codes)]
        if any(takes_from(code, name) for code in handling) and any(puts_into(code, name) for code in handling):
            counts += [(most, used + out) for code in makers for most, out in _in_use_up_to(owner, name, code, codes)]
        found = next(iter(counts), None)
        if found is not None and used <= found[1] <= found[0]:
            return found
    return None


def one_for_each_thread(chain: Sequence[Any], holder: Any, used: int) -> tuple[int, int] | None:
    """The greatest number of threads, and the *used* items, where *holder* is what a threading.local has for each
    thread and most threads are those of an executor."""
    place = next((n for n, obj in enumerate(chain) if obj is holder), 0)
    if type(holder) is not dict or not place or not issubclass(type(chain[place - 1]), threading.local):
        return None
    threads = list(getattr(threading, "_active", {}).values())
    executors = [it for thread in threads if (it := _executor_of(thread)) is not None]
    limits = {id(it): instance_value(it, "_max_workers") for it in executors}
    if len(executors) < _MOST_THREADS * used or not all(type(limit) is int for limit in limits.values()):
        return None
    return len(threads) - len(executors) + sum(limits.values()), used


def _executor_of(thread: Any) -> Any:
    """The executor that has made *thread*: its function is given a weak reference to that."""
    given = instance_value(thread, "_args")
    first = given[0] if type(given) is tuple and given else None
    executor = first() if type(first) is weakref.ref else None
    return None if executor is None or instance_value(executor, "_max_workers") is None else executor


def _keepers(chain: Sequence[Any], holder: Any) -> Iterator[tuple[Any, str]]:
    """The objects that keep *holder* as an attribute, or as an attribute of such a one; with its name."""
    held, found = holder, 0
    for place in range(next((n for n, obj in enumerate(chain) if obj is holder), 0) - 1, -1, -1):
        owner = chain[place]
        if place and is_instance_dict(chain[place - 1], owner):
            continue
        if found == _MOST_ABOVE or issubclass(type(owner), _ITEMS) or (name := attribute_of(owner, held)) is None:
            return
        yield owner, name
        held, found = owner, found + 1


def _counts_up_to(owner: Any, code: CodeType, codes: Sequence[CodeType]) -> Iterator[tuple[int, int]]:
    """The pairs of numbers of *owner* that *code* compares, of which its methods change one and leave the other alone.
    A variable may be compared that is set from one of them: ``need = self.used + len(rows)``."""
    variables = assigned(code)
    for compared in comparisons(code):
        behind = (it.names for word in compared.names for it in variables.get(word, ()))
        for names in (compared.names, compared.names.union(*behind)):
            numbers = {word: it for word in names if type(it := instance_value(owner, word)) is int}
            counted = [word for word in numbers if any(_sets(it, word) for it in codes)]
            fixed = [word for word in numbers if word not in counted]
            if len(counted) == len(fixed) == 1:
                yield numbers[fixed[0]], numbers[counted[0]]


def _in_use_up_to(owner: Any, name: str, code: CodeType, codes: Sequence[CodeType]) -> Iterator[tuple[int, int]]:
    """The numbers of *owner* that *code* compares with the length of another container of it than *name*, which no
    method changes, each with that length."""
    for compared in comparisons(code):
        found = [(word, instance_value(owner, word)) for word in compared.names if word != name]
        moved = [(word, it) for word, it in found if type(it) in _CONTAINERS]
        out = [len(it) for word, it in moved if any(puts_into(each, word) for each in codes)]
        fixed = [it for word, it in found if type(it) is int and not any(_sets(each, word) for each in codes)]
        if "len" in compared.names and out and len(fixed) == 1:
            yield fixed[0], sum(out)


def _sets(code: CodeType, name: str) -> bool:
    return any(op == _STORE_ATTR and code.co_names[arg] == name for op, arg in instructions(code))
