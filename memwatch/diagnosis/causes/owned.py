"""What is said of a library's own: its containers are not the program's to bound, nor is its code."""

from __future__ import annotations

import sys

from ...installed import find_distribution
from ...retain import Owner, RetainingPath, find_takers
from ..classes import file_of_module, is_library
from .cause import Cause

OWNED = Cause(
    "library-container",
    "a {holder} of {library} that only grows, {container}",
    "{take_back}; or do once, for the whole process, what {line} does again and again; or look for the library's "
    "option that bounds it (a maximum, a time to live), or for a newer release; {attribute} is the library's own, and "
    "not the program's to change",
    counted=True,
)

STANDARD_OWNED = Cause(
    "standard-container",
    "a {holder} of {library} that only grows, {container}",
    "{take_back}; or do once, for the whole process, what {line} does again and again; or make such an object anew for "
    "each piece of work and let go of it; {attribute} is the library's own",
    counted=True,
)

TAKE_BACK = "end or undo what {line} begins or adds there (close, cancel, remove, unregister, dispose, clear, shutdown)"
"""What ``{take_back}`` stands for where the library has no function that is seen to take something out."""

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

IN_LIBRARY = {"weak-dict-holds-members": WEAK_OWNED, "unbounded-queue": QUEUE_OWNED}
"""What is said instead of a cause, by its name, where the container is a library's; else `OWNED`."""

MADE = Cause(
    "library-callbacks",
    "callbacks that {library} gives to the interpreter for each {type}; they can never be removed",
    "make such an object once, for the whole process, and use it again ({line} makes them), or look for a newer "
    "release: what the library gives there is its own",
)


def maker_of(label: str) -> str | None:
    """The library that the class *label* is of, as `library_of` tells it; None where the class is not a library's."""
    if not is_library(label):
        return None
    found = find_distribution(file_of_module(label))
    return f"{found[0]} {found[1]}" if found else label.partition(".")[0]


def take_back(path: RetainingPath, line: str) -> str:
    """How a program takes back what it has put into a library's container at the end of *path*."""
    takers = find_takers(path)
    return TAKERS.format(line=line, takers=" or ".join(takers)) if takers else TAKE_BACK.format(line=line)


def library_of(owner: Owner) -> str:
    """The name and version of the distribution; of an installed one without records the package's name."""
    if owner.is_standard:
        return f"the standard library (Python {'.'.join(map(str, sys.version_info[:3]))})"
    found = find_distribution(owner.file) if owner.file else None
    return f"{found[0]} {found[1]}" if found else owner.name.partition(".")[0]
