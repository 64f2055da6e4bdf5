"""What Python itself and its standard library keep for as long as the process, or until they are told."""

from __future__ import annotations

from .cause import Cause

_CALLABLE = "function|method|functools.partial|builtin_function_or_method|callable object"

RUNTIME = (
    Cause(
        "fork-callbacks",
        "callbacks given to os.register_at_fork; they can never be removed",
        "register one callback for the whole process, and let it look up what is alive (a weakref.WeakSet)",
        ("interpreter, fork callbacks* > ? > ?",),
        for_maker=True,
    ),
    Cause(
        "exit-callbacks",
        "callbacks given to atexit: each is kept until the process ends, with its arguments",
        "call atexit.unregister(function) when the object is closed, or register one function for the whole process "
        "that looks up what is alive (a weakref.WeakSet)",
        ("interpreter, exit callbacks*: * > ?", "interpreter, exit callbacks* > : list > ?"),
        for_maker=True,
    ),
    Cause(
        "tcl-commands",
        "callbacks that Tcl holds: tkinter has made a command of each, and none is removed",
        "remove each when it is no longer needed: trace_remove() for trace_add(), after_cancel(), unbind(), "
        "deletecommand(); call destroy() on a widget that is no longer used",
        ("no Python reference > : method|function|tkinter.CallWrapper",),
        below="tkinter.CallWrapper",
        many=True,
    ),
    Cause(
        "chain-in-c",
        "a chain of which C code holds the last: each holds the one before, as handlers do that are installed over one "
        "another (signal.signal, sys.setprofile)",
        "install such a handler once; or put the one before back when it is done with",
        ("no Python reference > : chain", "thread, state"),
        many=False,
    ),
    Cause(
        "callbacks-in-c",
        "callbacks that only C code holds: they were given to an extension module, and none is removed",
        "remove each when it is no longer needed (unregister, remove, disconnect, cancel, close; with sqlite3 one name "
        "for all, which replaces the one before, or close the connection; with tkinter deletecommand)",
        (f"no Python reference > : {_CALLABLE}",),
        many=True,
    ),
    Cause(
        "classes-in-c",
        "classes that are made again and again, and that only C code holds: each was given to an extension module, and "
        "is not taken back",
        "make such a class once, at module level or in a dict by what it is made from, and use it again; or take each "
        "back by the extension's call (unregister, remove, or None in its place)",
        ("no Python reference > : type",),
        many=True,
    ),
    Cause(
        "suspended-greenlets",
        "greenlets that wait and never end: each keeps the variables of its functions",
        "let each run to its end, or end it: greenlet.throw(), gevent.kill(greenlet); give what waits for ever a "
        "timeout",
        ("greenlet, * > local *: *",),
        many=True,
    ),
    Cause(
        "element-tree",
        "elements that pile up below one element of an ElementTree: a parser that reads piece by piece keeps every "
        "element in its tree, also those that were used",
        "remove each element after use: parent.remove(element), or root.clear(), with the root from the first "
        "'start' event of iterparse() or XMLPullParser",
        ("*: xml.etree.ElementTree.Element > *: xml.etree.ElementTree.Element",),
        many=True,
    ),
    Cause(
        "memory-handler",
        "log records in a MemoryHandler that has no target, so that neither its capacity nor flush() takes one out",
        "give it a target, setTarget(handler), or take it away again: logger.removeHandler(handler)",
        ("*: logging.handlers.MemoryHandler > .buffer: list > []",),
        counted=True,
    ),
    Cause(
        "shelf-writeback",
        "a shelf with writeback=True: it keeps every entry that was used, until sync() or close()",
        "call sync() after each piece of work, or open it without writeback and assign what has changed: "
        "shelf[key] = value",
        ("*: shelve.Shelf > .cache: dict > []",),
    ),
    Cause(
        "shared-by-manager",
        "a {holder} that is shared by a multiprocessing.Manager and only grows, in the manager's process",
        "{drop}, through its proxy in the program; nothing else empties it",
        ("*: multiprocessing.managers.Server > .id_to_obj: dict > []: tuple > []: dict|list|set > []",),
        counted=True,
    ),
    Cause(
        "weak-dict-holds-members",
        "a weak dictionary that holds its own members, so that none ever goes: the values of a WeakKeyDictionary lead "
        "to their keys, or the keys of a WeakValueDictionary to their values",
        "hold the member weakly there too, weakref.ref(member) or weakref.proxy(member); or keep the value as an "
        "attribute of the member itself",
        ("*: holds its members > .data: dict > []",),
        for_owner=True,
    ),
    Cause(
        "interpreter-callbacks",
        "callbacks that only the interpreter holds: most likely given to os.register_at_fork, sys.addaudithook or "
        "codecs.register",
        "register one callback for the whole process, and let it look up what is alive (a weakref.WeakSet); only "
        "codecs.unregister() takes one back, given the same object: obj.method is a new one each time that it is read",
        (f"no Python reference > : list > []: {_CALLABLE}",),
        for_maker=True,
    ),
    Cause(
        "dynamic-class-records",
        "classes that are made again and again: the interpreter keeps a record of each subclass",
        "make such a class once, at module level or in a dict by what it is made from, and use it again",
        ("no Python reference > : dict > []: weakref.ReferenceType",),
        many=True,
    ),
    Cause(
        "keys-in-c",
        "entries of a table that C code keeps, one for each key that it was given",
        "use few different keys, names or namespaces where {line} gives them, without ids, times or users' texts in "
        "them: each has an entry of its own, and stays; or take each back by the call that removes it; or look for a "
        "newer release of the extension",
        ("no Python reference > : dict > []",),
        counted=True,
        many=True,
    ),
    Cause(
        "text-stream",
        "texts in a list that C code keeps: before Python 3.12, most likely an io.StringIO that is written to and "
        "never emptied",
        "empty it after its text was used, stream.seek(0) and stream.truncate(), or write to a file; if there is no "
        "such stream, look for a newer release of the extension that was called",
        ("no Python reference > : list > []: str",),
        many=True,
    ),
    Cause(
        "loaded-modules",
        "modules that are loaded under ever new names, each of which Python keeps in sys.modules",
        "load it under one name, or take it out when it is no longer used: sys.modules.pop(name, None)",
        ("module sys > .modules: dict > []",),
        counted=True,
    ),
    Cause(
        "interpreter-list",
        "a list that Python goes through at each import, collection or warning, and that only grows, so that these "
        "take longer, too",
        "put it there once, when the program starts; or take each out when it is done with: "
        "sys.meta_path.remove(finder), gc.callbacks.remove(callback), warnings.catch_warnings() for a filter",
        (
            "module sys > .meta_path|.path|.path_hooks: list > []",
            "module gc > .callbacks: list > []",
            "module warnings|_warnings > .filters: list > []",
        ),
        counted=True,
    ),
    Cause(
        "raised-again",
        "an error that is kept and raised again and again: its traceback gets longer each time, and holds the frames "
        "that it has passed with their variables",
        "raise a new error each time and keep the text alone, or drop the frames first: raise "
        "error.with_traceback(None)",
        ("*: BaseException > *: traceback",),
    ),
    Cause(
        "finalizer-holds-object",
        "weakref.finalize holds the object that it waits for, through the callback or its arguments, so that the "
        "object never dies",
        "give finalize a function that is not a method of the object, and only the values that it needs: "
        "weakref.finalize(obj, release, obj.handle)",
        ("[]: finalizer that holds its object",),
    ),
    Cause(
        "cached-method",
        "a function cache without a bound, on the method {name}: it keeps every argument, and self is one",
        "cache on the instance instead (functools.cached_property, or a dict made in __init__), so that the cache goes "
        "with its object; or bound it: functools.lru_cache(maxsize=128)",
        ("@*: cache of a method > cache: dict > []",),
    ),
    Cause(
        "function-cache",
        "a function cache without a bound: every new argument of {name} stays",
        "give it a bound: functools.lru_cache(maxsize=128)",
        ("@*: functools._lru_cache_wrapper > cache: dict > []", "@*: functools._lru_cache_wrapper > [] > ?"),
    ),
    Cause(
        "pickler-memo",
        "a Pickler that is used again and again: its memo keeps every object that it has written",
        "make a Pickler for each message, or call pickle.dumps(); or call pickler.clear_memo() after each dump()",
        ("*: _pickle.Pickler > * > ?", "*: pickle._Pickler > .memo: dict > [] > ?"),
    ),
    Cause(
        "flag-values",
        "values of the Flag {name} that no member stands for: the class keeps an object for each",
        "keep such a value as a plain int; or leave out what the flag does not know: {name}(value & mask), or "
        "boundary=enum.STRICT",
        ("@*: enum.EnumType > ._value2member_map_: dict > []",),
    ),
    Cause(
        "logger-per-name",
        "loggers with ever new names: logging keeps every logger until the process ends",
        "take one logger by a fixed name, logging.getLogger(__name__), and give it what differs as an argument or by a "
        "logging.LoggerAdapter",
        ("*: logging.Manager > .loggerDict: dict > []", "*: logging.PlaceHolder > .loggerMap: dict > []"),
    ),
    Cause(
        "logging-handlers",
        "a handler or a filter is added to a logger again and again",
        "add it once, where logging is set up; one that has to go: logger.removeHandler(handler), then "
        "handler.close(); logger.removeFilter(filter)",
        ("*: logging.Filterer > .handlers|.filters: list > []", "module logging > ._handlerList: list > []"),
    ),
    Cause(
        "warning-texts",
        "warnings whose texts differ: Python keeps each text that it has shown",
        "give warnings.warn() a text that stays the same",
        (".__warningregistry__: dict > []", ".onceregistry: dict > []"),
    ),
    Cause(
        "executor-backlog",
        "work that waits in an executor: more is submitted than its threads or processes can do",
        "limit how much waits: acquire a threading.BoundedSemaphore before submit() or apply_async(), and release it "
        "in a callback: of the future (add_done_callback), or callback= and error_callback=",
        (
            "*: concurrent.futures.thread._WorkItem|concurrent.futures.process._WorkItem",
            "*: concurrent.futures.process.ProcessPoolExecutor > ._pending_work_items: dict > []",
            "*: multiprocessing.pool.Pool > ._inqueue|._taskqueue: * > [] > ? > ?",
            "*: multiprocessing.pool.Pool > ._cache: dict > []",
        ),
    ),
    Cause(
        "unbounded-queue",
        "a queue without a bound that fills faster than it is emptied",
        "check that its consumer runs; where that has gone, drop the queue with it; and give it a bound, "
        "queue.Queue(maxsize=100): then put() waits, and put_nowait() raises queue.Full",
        (
            "*: queue.Queue|asyncio.queues.Queue > .queue|._queue: collections.deque|list > []",
            "*: _queue.SimpleQueue > [] > ?",
            "*: queue._PySimpleQueue > ._queue: collections.deque > []",
            "*: multiprocessing.queues.Queue > ._buffer: collections.deque > []",
        ),
        counted=True,
        for_owner=True,
    ),
    Cause(
        "event-loop-timers",
        "timers that wait in the event loop: sleeps, timeouts and call_later() that are not cancelled",
        "cancel what nobody waits for any more: handle.cancel() for call_later(), task.cancel() for a task that "
        "sleeps, stop() for what calls again and again (tornado's PeriodicCallback, twisted's LoopingCall)",
        ("._scheduled: list > []",),
    ),
    Cause(
        "event-loop-waiters",
        "callbacks of a future or an event that is not done: everything that waits for it stays",
        "set its result, or cancel what waits for it: asyncio.wait_for(..., timeout), task.cancel(), or "
        "future.remove_done_callback(callback)",
        (
            "*: _asyncio.Future|asyncio.futures.Future > []|._callbacks: list > []",
            "*: concurrent.futures._base.Future > ._done_callbacks: list > []",
            "._waiters: collections.deque > []",
        ),
    ),
    Cause(
        "thread-local",
        "the data of a thread in a threading.local: it stays until the thread ends, and threads of a pool never end",
        "clear it at the end of each piece of work (try: ... finally: del local.name), or pass it as an argument",
        ("*: _thread._local > .*|[] > ?",),
    ),
    Cause(
        "context-variable",
        "the value of a ContextVar that grows: every task and callback begins with a copy of its context, which holds "
        "the same value",
        "set it to a new value and take it back when the work is done: token = var.set(...), then var.reset(token)",
        ("context variable *: list|dict|set|tuple > []", "context variable *: *", "thread, context variables > []"),
    ),
    Cause(
        "timer-threads",
        "threading.Timer objects that are not due, each of which is a thread until then",
        "call timer.cancel() when it is not needed any more, or let one thread do all of it (the module sched)",
        ("[]: threading.Timer",),
        counted=True,
    ),
    Cause(
        "threads-alive",
        "threads that do not end, while more are started",
        "let a concurrent.futures.ThreadPoolExecutor do the work, or end each thread: tell it to stop, then join() it",
        ("module threading > ._active|._limbo: dict > []",),
        counted=True,
    ),
)
