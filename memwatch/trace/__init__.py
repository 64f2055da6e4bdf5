"""Marks in a program, and what memory was at each of them; ts-mem-trace for Python.

    memwatch.trace.init(unit="KiB")
    memwatch.trace.trace_memory("before")
    with memwatch.trace.trace_block("load"):
        load()
    memwatch.trace.export_trace_to_csv("trace.csv")

Before `init` and after `stop` a mark costs next to nothing and leaves no record. `Record` explains the fields. Amounts
are those of the whole process, so blocks in several threads or tasks see each other's growth.
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
    """Start a trace. An earlier one and its records are dropped.

    Records are in *unit* (B, KB, MB, GB by thousands; KiB, MiB, GiB by 1024). With *collect*, a full collection runs
    before every mark, so that garbage does not count; the record has its seconds. The last *capacity* records are kept
    (about 500 bytes each). Raises OptionError; the earlier trace then goes on.

    A forked child continues with the same options, with a `trace_key` of its own and without records.
    """
    tracer.begin(unit, collect, capacity)


def stop() -> None:
    """End the trace: marks do nothing from now on. The records can be exported until the next `init`. May be called
    twice.
    """
    tracer.stop()


def trace_memory(name: str) -> Record | None:
    """Record the memory at this moment under *name* (a str, cut at 256 characters), and return the record.

    Returns None at once while no trace is running. Returns None too if the memory cannot be read, which is logged once.
    Raises OptionError if the name is no str. May be called anywhere: in a signal handler, inside a collection, in any
    thread.
    """
    running = tracer.active
    return None if running is None else running.mark(check_name(name))


def trace_block(name: str) -> TraceBlock:
    """Records the start and the end of a block of code: ``<name>-block-start`` and ``<name>-block-end``. Use it with
    `with`, or as a decorator.

    If the block raises, its end is recorded as well (`raised` names the exception), and the exception goes on. A block
    that was entered before `init`, or in an earlier trace, has no end record. One object may be used again, inside
    itself and in many threads. Blocks nest by thread and by asyncio task. A task lies in the block that created it.

    A decorated function, plain or async, has a block of its own for each call. A generator, plain or async, is in its
    block from the first step to its end; while it is suspended, its callers are not in that block. A decorated function
    stays the kind of function that it was. Raises OptionError if the name is no str, and for a class.

    On CPython 3.11 do not use a block in a gc callback or a `__del__` if the program sets context variables elsewhere.
    That version may crash when a context variable is set in a collection which the setting of another one has begun.
    """
    return TraceBlock(name)


def export_trace() -> tuple[Record, ...]:
    """The records, oldest first. This and the exports below raise NotStartedError before the first `init`."""
    return tracer.latest().ring.records()


def dropped() -> int:
    """How many records the ring has dropped. Raises NotStartedError."""
    return tracer.latest().ring.dropped()


def open_blocks() -> tuple[Record, ...]:
    """The start records of blocks that have not ended, and perhaps never will. Raises NotStartedError."""
    return find_open(export_trace())


def export_trace_to_csv(path: str | os.PathLike[str]) -> str:
    """Write a CSV file with a header and a column for each field of `Record`. Returns its absolute path.

    The column `number` skips the records that the ring has dropped. Raises NotStartedError and WriteError.
    """
    return write_file(path, export.to_csv(export_trace()))


def export_trace_to_json(path: str | os.PathLike[str]) -> str:
    """Write a JSON file. Returns its absolute path. Raises NotStartedError and WriteError.

    The file has one object: `trace_key`, `pid`, `memory_unit`, `capacity`, `dropped` (a number), `open_blocks`
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
    """POST the records that *url* does not have yet. Returns how many were sent.

    A request holds up to *batch* records as gzipped JSON: `trace_key`, `pid`, `memory_unit`, `capacity`, `dropped` and
    `records`. Its `Idempotency-Key` header identifies it. Needs urllib3, the extra ``[http]``.

    A request is repeated if the receiver cannot be reached, is too slow, or answers 408, 425, 429, 5xx or no HTTP, but
    it is sent *tries* times at most. The first repetition comes after 1 s; each further pause is twice as long (30 s at
    most, with jitter). A `Retry-After` header sets the pause instead. A try may take *timeout* seconds, and none begins
    after *total_timeout*. Two things are not in that limit: the system's look-up of a name, and a *timeout* for each
    further address of a host if none answers.

    Records stay in the ring. Batches that were answered with 2xx are not sent to the same URL again. A batch whose
    answer was lost is sent again: a receiver can know a record by `trace_key` and `number`. Redirects 307 and 308 are
    followed; *headers* and credentials are sent only to the same host. User and password may be in *url*, or a token in
    *headers*; no message shows them.

    Raises OptionError for a URL that is not http or https and for options out of range, NotStartedError, ExportError if
    a batch is refused (any other status) or if time or tries are used up, and UnsupportedError without urllib3.
    """
    from ..targets import make_target
    from .delivery import Effort, deliver  # urllib3, ssl and gzip, for those who want them

    return deliver(tracer.latest(), make_target(url, headers), Effort(batch, tries, timeout, total_timeout))


def call_tree() -> CallTree:
    """The ended blocks as a tree of their growth: see `export_trace_to_profile`. Raises NotStartedError."""
    trace = tracer.latest()
    records = trace.ring.records()
    return build_tree(records, find_open(records), trace.ring.dropped(), trace.pid)


def export_trace_to_profile(path: str | os.PathLike[str], format: str | None = None) -> str:
    """Write the blocks as a flame graph of memory (``.html``) or in another profile format. Returns the absolute path.

    Each block is a frame below those of the blocks around it. Its bytes are the growth of `heap_used` from its start to
    its end, without that of the blocks inside it; they are negative if the memory shrank. Blocks that have not ended
    are left out, and a note says so. *format* is one of `memwatch.formats`; by default the suffix of *path* decides.
    Raises NotStartedError, FormatError and WriteError.
    """
    from .. import formats

    chosen = formats.choose(path, format)
    return write_file(path, formats.write(call_tree(), chosen))
