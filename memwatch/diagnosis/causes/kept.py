"""What is kept, where that says more than who keeps it: errors, futures, generators, views, classes, listeners."""

from __future__ import annotations

from .cause import Cause

_CALLABLE = "function|method|functools.partial|builtin_function_or_method|weakref.WeakMethod"
_LISTENERS = ".*listener*|.*observer*|.*callback*|.*handler*|.*subscriber*|.*receiver*|.*hook*|.*watcher*"
_CONTAINER = "list|dict|set|collections.deque"

KEPT = (
    Cause(
        "wrapped-again",
        "a function that is wrapped again and again: each wrapper holds the one before, with what that was made with",
        "wrap it once, where the program starts: keep the original and wrap that one, or do not wrap what is wrapped "
        "already; or put the original back when it is over",
        ("*: wrapped again",),
        many=False,
    ),
    Cause(
        "linked-objects",
        "a chain of objects that only grows: each refers to the one before, or to the next",
        "cut the chain where its older part is no longer needed: set the reference to None",
        ("*: chain",),
        many=False,
    ),
    Cause(
        "kept-errors",
        "errors that are kept with their tracebacks: each holds the frames it passed, and these their variables",
        "keep the text alone, ''.join(traceback.format_exception(error)), or drop the frames: "
        "error.with_traceback(None)",
        ("*: BaseException",),
        below="traceback",
        inside=True,
    ),
    Cause(
        "kept-frames",
        "frames or tracebacks that are kept: each holds the variables of the functions that ran",
        "keep the text alone, traceback.format_tb(tb), or clear the variables: traceback.clear_frames(tb)",
        ("[]: frame|traceback|traceback.FrameSummary",),
        inside=True,
    ),
    Cause(
        "kept-tasks",
        "asyncio tasks that are kept after they are done, or that are never done",
        "let each task remove itself: task.add_done_callback(tasks.discard) for a set of tasks; give one that waits "
        "for ever a timeout",
        ("[]: _asyncio.Task|asyncio.tasks.Task",),
        counted=True,
        for_owner=True,
        inside=True,
    ),
    Cause(
        "kept-futures",
        "futures that are kept after they are done, with their results",
        "remove each after its result was used: future.add_done_callback(futures.discard) for a set of futures, or "
        "concurrent.futures.as_completed(futures) on a list that is dropped afterwards",
        ("[]: concurrent.futures._base.Future|_asyncio.Future|asyncio.futures.Future",),
        counted=True,
        for_owner=True,
        inside=True,
    ),
    Cause(
        "kept-threads",
        "thread objects that are kept, also after the threads have ended",
        "drop each when it has ended: threads = [thread for thread in threads if thread.is_alive()], or use a "
        "concurrent.futures.ThreadPoolExecutor",
        ("[]: threading.Thread",),
        counted=True,
        for_owner=True,
        inside=True,
    ),
    Cause(
        "suspended-generators",
        "generators that have begun and never end, each with its frame and the variables in it",
        "run it to its end, or close and drop it: generator.close(), contextlib.closing(generator)",
        ("[]: generator|async_generator",),
        counted=True,
        inside=True,
    ),
    Cause(
        "suspended-coroutines",
        "coroutines that never end, or are never awaited, each with its frame and the variables in it",
        "await each, or close and drop it: coroutine.close()",
        ("[]: coroutine",),
        counted=True,
        inside=True,
    ),
    Cause(
        "small-views",
        "small views of large buffers: each keeps the whole buffer in memory",
        "keep a copy of the part that is needed: bytes(view) of a memoryview, array[...].copy() of a numpy array",
        ("*: small view",),
    ),
    Cause(
        "kept-matches",
        "matches of regular expressions that are kept: each holds the whole text that was searched",
        "keep the text of the groups: match.group(), match.groupdict()",
        ("[]: re.Match",),
        inside=True,
    ),
    Cause(
        "module-loaded-again",
        "what a module puts there each time that it is loaded anew, and what keeps the variables of that load",
        "load the module once; or take out what its last load has put there before it is loaded again: clear the "
        "container, or unregister each",
        ("[]: function|method|module|type",),
        counted=True,
        below="_frozen_importlib.ModuleSpec",
        inside=True,
    ),
    Cause(
        "dynamic-classes",
        "classes that are made at run time, again and again, and kept",
        "make such a class once, at module level or in a dict by what it is made from, and use it again; where such a "
        "dict grows, leave ids and names out of what it is asked for, or bound it",
        ("[]: type",),
        counted=True,
    ),
    Cause(
        "waiting-generators",
        "generators that wait for what does not come, each with a callback that is kept to let it go on",
        "let what they wait for come, give the wait a timeout, or end each: close(), cancel(), or the library's "
        "interrupt()",
        (f"*: list|set|collections.deque > []: {_CALLABLE}",),
        counted=True,
        below="generator",
    ),
    Cause(
        "listeners",
        "listeners that are added and not removed again",
        "remove each when its owner is no longer used, or hold it weakly: weakref.WeakSet(), or weakref.WeakMethod for "
        "a method",
        (
            f"*: list|set|collections.deque > []: {_CALLABLE}",
            f"{_LISTENERS}: {_CONTAINER} > []",
            f"{_LISTENERS}: dict|list > []: {_CONTAINER} > []",
            f"*: dict > []: dict > []: {_CALLABLE}",
        ),
        counted=True,
        for_owner=True,
    ),
    Cause(
        "growing-cache",
        "a {holder} that is a cache by its name and has no bound",
        "give it a bound: functools.lru_cache(maxsize=128) on the function, the library's own option for the size of "
        "its cache, or weakref.WeakValueDictionary",
        (
            ".*cache|.*cache_|.*memo: dict > []",
            ".*cache|.*cache_|.*memo: dict > []: dict > []",
            "*: *Cache > .*: dict > []",
        ),
        counted=True,
        many=True,
        for_owner=True,
    ),
)
