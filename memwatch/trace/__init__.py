"""Marks in a program, and what memory was at each of them; ts-mem-trace for Python.

    memwatch.trace.init(unit="KiB")
    memwatch.trace.trace_memory("before")
    with memwatch.trace.trace_block("load"):
        load()
    memwatch.trace.export_trace_to_csv("trace.csv")

Before `init` and after `stop` a mark costs next to nothing and leaves nothing. What the fields of a record mean is said
at `Record`. Amounts are those of the process: blocks in several threads or tasks see each other's growth.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..calltree import CallTree
from ..files import write_file
from . import export, tracer
from .block import TraceBlock, check_name
from .exporters import add as add_exporter
from .exporters import remove as remove_exporter
from .records import Record
from .records import open_blocks as find_open
from .ring import DEFAULT_CAPACITY
from .tree import build_tree

__all__ = [
    "Record",
    "TraceBlock",
    "add_exporter",
    "call_tree",
    "dropped",
    "export_trace",
    "export_trace_to_csv",
    "export_trace_to_http",
    "export_trace_to_json",
    "export_trace_to_profile",
    "init",
    "open_blocks",
    "remove_exporter",
    "stop",
    "trace_block",
    "trace_memory",
]


def init(unit: str = "B", collect: bool = False, capacity: int = DEFAULT_CAPACITY) -> None:
    """Start a trace; an earlier one and its records are dropped.

    Records are in *unit* (B, KB, MB, GB by thousands; KiB, MiB, GiB by 1024). With *collect* a full collection comes
    before every mark, so that garbage does not count; its seconds are in the record. The last *capacity* records are
    kept (about 500 bytes each). Raises OptionError, and then the earlier trace goes on.

    A forked child goes on with the same options, a `trace_key` of its own and no records.
    """
    tracer.begin(unit, collect, capacity)


def stop() -> None:
    """Marks do nothing from now on; what was recorded can be exported until the next `init`. May be called twice."""
    tracer.stop()


def trace_memory(name: str) -> Record | None:
    """Leave a record of this moment under *name* (a str, cut at 256 characters) and return it.

    Returns None, and looks at nothing, while no trace is running; None as well if the memory cannot be read, which is
    logged once. Raises OptionError for a name that is no str. May be called anywhere: in a signal handler, inside a
    collection, in any thread.
    """
    running = tracer.active
    return None if running is None else running.mark(check_name(name))


def trace_block(name: str) -> TraceBlock:
    """A block of code that leaves a record ``<name>-block-start`` and a record ``<name>-block-end``, for `with` or as a
    decorator.

    The end record comes also when the block raises (`raised` tells what), and the exception goes on as it was. A block
    that was entered before `init`, or in an earlier trace, leaves no end. One object may be used again, inside itself
    and in many threads. Blocks nest by thread and by asyncio task; a task lies in the block that it was created in.

    A decorated function is in a block of its own at each call; so is an `async def`, until it returns. A generator,
    plain or async, is in its block from the first step to its end, and its callers are not while it is suspended. What
    is decorated stays the kind of function it was. Raises OptionError for a name that is no str, and for a class.

    On 3.11 a block does not belong into a gc callback or a `__del__` where context variables are set elsewhere: that
    version of CPython may crash when one is set in a collection that another one's setting has begun.
    """
    return TraceBlock(name)


def export_trace() -> tuple[Record, ...]:
    """The records, oldest first. This and the exports below raise NotStartedError before the first `init`."""
    return tracer.latest().ring.records()


def dropped() -> int:
    """How many of the trace's records fell out of the ring. Raises NotStartedError."""
    return tracer.latest().ring.dropped()


def open_blocks() -> tuple[Record, ...]:
    """The start records of blocks that have not ended, or never will. Raises NotStartedError."""
    return find_open(export_trace())


def export_trace_to_csv(path: str | os.PathLike[str]) -> str:
    """Write a CSV file, a column for each field of `Record` under a header; its absolute path.

    What fell out of the ring is missing in the column `number`. Raises NotStartedError and WriteError.
    """
    return write_file(path, export.to_csv(export_trace()))


def export_trace_to_json(path: str | os.PathLike[str]) -> str:
    """Write a JSON file; its absolute path. Raises NotStartedError and WriteError.

    One object: `trace_key`, `pid`, `memory_unit`, `capacity`, `dropped` (how many records fell out), `open_blocks`
    (those that have not ended) and `records`.
    """
    trace = tracer.latest()
    records = trace.ring.records()
    return write_file(path, export.to_json(trace.about(), records, find_open(records)))


def export_trace_to_http(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    batch: int = 500,
    tries: int = 5,
    timeout: float = 10.0,
    total_timeout: float = 60.0,
) -> int:
    """POST the records that *url* does not have yet, and return how many those were.

    A request holds up to *batch* records as gzipped JSON: `trace_key`, `pid`, `memory_unit`, `capacity`, `dropped` and
    `records`; its `Idempotency-Key` header tells it from others. A receiver that cannot be reached, is slow, answers
    408, 425, 429, 5xx or no HTTP at all is asked again, *tries* times at most: at once, then after 1 s, then twice as
    long each time (30 s at most, with jitter), or after what its `Retry-After` asks for. A try may take *timeout*
    seconds, and none is begun after *total_timeout*; beyond that are only the system's look-up of a name and, where a
    host has several addresses of which none answers, a *timeout* for each of the others. Needs urllib3, the extra
    ``[http]``.

    Records stay in the ring. Those of batches that were answered with 2xx are not sent to the same URL again. A batch
    whose answer was lost is: a receiver knows a record by `trace_key` and `number`. Redirects 307 and 308 are
    followed, with *headers* and credentials only on the same host. User and password may be in *url*, or a token in
    *headers*; no message shows them.

    Raises OptionError for a URL that is not http or https and for options out of range, NotStartedError, and
    ExportError when a batch is refused (any other status) or time and tries are used up; UnsupportedError without
    urllib3.
    """
    from ..targets import make_target
    from .delivery import Effort, deliver  # urllib3, ssl and gzip, for those who want them

    return deliver(tracer.latest(), make_target(url, headers), Effort(batch, tries, timeout, total_timeout))


def call_tree() -> CallTree:
    """The blocks that have ended as a tree of what they left: see `export_trace_to_profile`. Raises NotStartedError."""
    trace = tracer.latest()
    records = trace.ring.records()
    return build_tree(records, find_open(records), trace.ring.dropped(), trace.pid)


def export_trace_to_profile(path: str | os.PathLike[str], format: str | None = None) -> str:
    """Write the blocks as a flame graph of memory (``.html``) or in another profile format; its absolute path.

    A frame is a block in the blocks around it, its bytes are the growth of `heap_used` from its start to its end,
    less that of the blocks inside it; what shrank is negative. Blocks that have not ended are left out, and a note says
    so. *format* is one of `memwatch.formats`, by the suffix of *path* unless given. Raises NotStartedError, FormatError
    and WriteError.
    """
    from .. import formats

    chosen = formats.choose(path, format)
    return write_file(path, formats.write(call_tree(), chosen))
