"""Causes by the verdict alone, where no holder is known."""

from __future__ import annotations

from .cause import Cause

BY_VERDICT = {
    "garbage": Cause(
        "uncollected-cycles",
        "reference cycles that nothing collects: the collector is off, or never runs in full",
        "call gc.enable(), or gc.collect() at a quiet moment; or break the cycles (weakref, None)",
    ),
    "untracked": Cause(
        "lost-references",
        "Python memory that nothing in Python refers to: most likely references lost in an extension module",
        "look for a newer release of the extension that was called; the lines that call it allocate the memory",
    ),
    "native": Cause(
        "native-memory",
        "memory that C code allocated, outside of Python's objects",
        "look for what the program stores or opens by such code (delete or close it), for an object on that line that "
        "keeps what it is given, as a parser or a stream does (clear it, or make it anew once in a while), for buffers "
        "that small Python objects keep alive (views, handles), or for a leak in an extension module",
    ),
    "fragmentation": Cause(
        "fragmentation",
        "free memory between objects that the process does not give back",
        "try MALLOC_ARENA_MAX=2 or another allocator; no object is leaking",
    ),
}

GC_DISABLED = Cause(
    "gc-disabled",
    "reference cycles that nothing collects: the collector is off",
    "call gc.enable(), or gc.collect() after each piece of work; or break the cycles (weakref, None)",
)

INTERPRETERS = Cause(
    "kept-interpreters",
    "interpreters that are made and not closed: each has modules, types and code of its own",
    "close each when it is done with (Interpreter.close(), or the pool's shutdown()), or use a few again and again",
)
