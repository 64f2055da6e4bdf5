"""What is said of a library's own: its containers are not the program's to bound, nor is its code."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from ...installed import find_distribution
from ...retain import EdgeKind, Owner, RetainingPath, find_takers, find_undoing
from ...units import printable
from ..classes import file_of_module, is_library
from .cause import Cause

Calls = Sequence[tuple[str, str]]
"""Functions with their files."""

OWNED = Cause(
    "library-container",
    "a {holder} of {library} that only grows, {container}",
    "{few}{take_back}; or do once, for the whole process, what {line} does again and again; or look for the library's "
    "option that bounds it (a maximum, a time to live), or for a newer release; {attribute} is the library's own, and "
    "not the program's to change",
    counted=True,
)

STANDARD_OWNED = Cause(
    "standard-container",
    "a {holder} of {library} that only grows, {container}",
    "{few}{take_back}; or do once, for the whole process, what {line} does again and again{anew}; {attribute} is the "
    "library's own",
    counted=True,
)

ANEW = "; or make such an object anew for each piece of work and let go of it"
"""What ``{anew}`` stands for where the container is an object's, and not a module's."""

TAKE_BACK = "end or undo what {line} begins or adds there (close, cancel, remove, unregister, dispose, clear, shutdown)"
"""What ``{take_back}`` stands for where the library has no function that is seen to take something out."""

FEW = "use few different keys there, without ids, times or users' texts in them: each has an entry of its own; or "
"""What ``{few}`` stands for where that is so and the container is a dict, whose values the program gives their keys."""

TAKERS = "take back what {line} puts there when it is done with, by {takers} of the library"
"""The same where it has."""

WEAK_OWNED = Cause(
    "library-weak-dict",
    "a weak dictionary of {library} that holds its own members, {container}, so that none ever goes",
    "look for a newer release of the library; until then call once for the whole process what {line} calls again and "
    "again; {attribute} is the library's own",
)

QUEUE_OWNED = Cause(
    "library-queue",
    "a queue of {library} that fills faster than it is emptied, {container}",
    "check that what takes out of it runs, and keep up with what {line} puts in: put in less, wait between, or use the "
    "library's option that bounds it; {attribute} is the library's own, and not the program's to change",
    counted=True,
)

CACHE_OWNED = Cause(
    "library-cache",
    "a cache of {library} that only grows, {container}",
    "ask for few different things where {line} does, without ids, times or users' texts in them: each has an entry of "
    "its own, and stays; or {take_back}; or look for the library's option that bounds it or leaves it out, or for a "
    "newer release; {attribute} is the library's own",
    counted=True,
)

IN_LIBRARY = {
    "weak-dict-holds-members": WEAK_OWNED,
    "unbounded-queue": QUEUE_OWNED,
    "growing-cache": CACHE_OWNED,
    "function-cache": CACHE_OWNED,
    "cached-method": CACHE_OWNED,
}
"""What is said instead of a cause, by its name, where the container is a library's; else `OWNED`."""

KEEPS_ALL = "{kind} keeps all that it gets in this process, by its name: use another one in its place in a service"
"""What is said first where a class of the library is called as those are that tests and small programs use."""

_KEEPS_ALL = re.compile(r"(?:In)?(?:Memory|Stub|Mock|Fake|Dummy)(?=[A-Z]|$)|.*InMemory")

MADE = Cause(
    "library-callbacks",
    "callbacks that {library} gives to the interpreter for each {type}; they can never be removed",
    "make such an object once, for the whole process, and use it again ({line} makes them), or look for a newer "
    "release: what the library gives there is its own",
)


ALL_OWNED = (OWNED, STANDARD_OWNED, QUEUE_OWNED, CACHE_OWNED, WEAK_OWNED, MADE)


def maker_of(label: str) -> str | None:
    """The library that the class *label* is of, as `library_of` tells it; None where the class is not a library's."""
    if not is_library(label):
        return None
    found = find_distribution(file_of_module(label))
    return f"{found[0]} {found[1]}" if found else label.partition(".")[0]


def owner_of(function: str) -> Owner | None:
    """The owner of a library's *function*, by its full name; None where it is not a library's."""
    module, _, name = function.rpartition(".")
    return Owner(module, name, file_of_module(function), False) if is_library(function) else None


def about(owner: Owner, path: RetainingPath | None, line: str, calls: Calls) -> dict[str, str]:
    """What a cause says of *owner*, whose container *path* leads to; of the cache of a function without a path. The
    program has made *calls*."""
    container = f"{printable(owner.name)}.{printable(owner.attribute)}"
    takers = () if path is None else _takers(path, calls, owner)
    back = TAKERS.format(line=line, takers=" or ".join(takers)) if takers else TAKE_BACK.format(line=line)
    is_keyed = path is not None and not takers and bool(path.steps) and path.steps[-1].edge.kind is EdgeKind.KEY
    return {
        "library": library_of(owner),
        "container": container,
        "attribute": owner.attribute,
        "take_back": f"call {container}.cache_clear()" if path is None else back,
        "few": FEW * is_keyed,
        "anew": ANEW * (owner.name not in sys.modules),
    }


def _takers(path: RetainingPath, calls: Calls, owner: Owner) -> tuple[str, ...]:
    """What takes back what a program has put into a library's container at the end of *path*, where it has made
    *calls*."""
    takers = find_takers(path)
    undoing = None if takers else find_undoing(calls, owner.file, owner.attribute)
    return takers if undoing is None else (undoing,)


def keeps_all(owner: Owner | None) -> str:
    """What is to be said of a class that keeps all that it gets, by its name; empty without such."""
    kind = owner.name.rpartition(".")[2] if owner is not None else ""
    return KEEPS_ALL.format(kind=kind) if _KEEPS_ALL.match(kind) else ""


def library_of(owner: Owner) -> str:
    """The name and version of the distribution; of an installed one without records the package's name."""
    if owner.is_standard:
        return f"the standard library (Python {'.'.join(map(str, sys.version_info[:3]))})"
    found = find_distribution(owner.file) if owner.file else None
    return f"{found[0]} {found[1]}" if found else owner.name.partition(".")[0]
