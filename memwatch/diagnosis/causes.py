"""Causes known by the holder's type, as data: what happened in plain words, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """Words for a person; `{items}` and `{added}` are filled in with counts."""

    cause: str
    hint: str


_BOUND = "drop items when they are done with, or bound it: "

BY_HOLDER = {
    "list": Cause("a list that only grows: {added} added, {items} kept", _BOUND + "collections.deque(maxlen=...)"),
    "dict": Cause(
        "a dict that only grows: {added} added, {items} kept",
        "delete keys when they are done with, or bound it: an LRU cache, or weakref.WeakValueDictionary",
    ),
    "set": Cause("a set that only grows: {added} added, {items} kept", "discard members when they are done with"),
    "collections.deque": Cause(
        "a queue that fills faster than it is emptied: {added} added, {items} kept",
        "check that its consumer runs, or bound it: collections.deque(maxlen=...)",
    ),
    "collections.OrderedDict": Cause(
        "an ordered dict that only grows: {added} added, {items} kept", "pop the oldest item when it has grown enough"
    ),
    "collections.defaultdict": Cause(
        "a defaultdict that only grows: {added} added, {items} kept",
        "delete keys when they are done with; looking one up makes it",
    ),
    "functools._lru_cache_wrapper": Cause(
        "a function cache without a bound: every new argument stays", "give it one: functools.lru_cache(maxsize=...)"
    ),
}

BY_ROOT = {
    "fork": Cause(
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
