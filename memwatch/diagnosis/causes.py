"""Causes known by the holder's type, as data: what happened in plain words, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """Words for a person; where `counted`, how many items came and how many there are is said after the cause."""

    cause: str
    hint: str
    counted: bool = False


_BOUND = "drop items when they are done with, or bound it: "

BY_HOLDER = {
    "list": Cause("a list that only grows", _BOUND + "collections.deque(maxlen=...)", counted=True),
    "dict": Cause(
        "a dict that only grows",
        "delete keys when they are done with, or bound it: an LRU cache, or weakref.WeakValueDictionary",
        counted=True,
    ),
    "set": Cause("a set that only grows", "discard members when they are done with", counted=True),
    "collections.deque": Cause(
        "a queue that fills faster than it is emptied",
        "check that its consumer runs, or bound it: collections.deque(maxlen=...)",
        counted=True,
    ),
    "collections.OrderedDict": Cause(
        "an ordered dict that only grows", "pop the oldest item when it has grown enough", counted=True
    ),
    "collections.defaultdict": Cause(
        "a defaultdict that only grows",
        "delete keys when they are done with; looking one up makes it",
        counted=True,
    ),
    "functools._lru_cache_wrapper": Cause(
        "a function cache without a bound: every new argument stays", "give it one: functools.lru_cache(maxsize=...)"
    ),
}

BY_ROOT = {
    "interpreter, fork callbacks": Cause(
        "callbacks given to os.register_at_fork, which can never be taken back",
        "register one callback for the whole process, and let it look up what is alive",
    ),
    "no Python reference": Cause(
        "objects that the program cannot reach any more: held by C code, or a cycle that cannot be collected",
        "look for a newer release of the extension that was called",
    ),
}

BY_VERDICT = {
    "garbage": Cause(
        "reference cycles that nothing collects: the collector is off, or never runs in full",
        "call gc.enable(), or gc.collect() at a quiet moment; or break the cycles (weakref, None)",
    ),
    "untracked": Cause(
        "Python memory that nothing in Python refers to: most likely references lost in an extension module",
        "look for a newer release of the extension that was called; the lines that call it allocate the memory",
    ),
    "native": Cause(
        "memory that C code allocated, outside of Python's objects",
        "look for native buffers kept alive by small Python objects (views, handles), or a leak in an extension module",
    ),
    "fragmentation": Cause(
        "free room between objects that the process does not give back",
        "try MALLOC_ARENA_MAX=2 or another allocator; no object is leaking",
    ),
}
