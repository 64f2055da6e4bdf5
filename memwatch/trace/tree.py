"""Turns a trace into a call tree: blocks are its frames, and their growth is its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..calltree import CallTree, Stack
from ..frames import Frame
from ..treebuilder import build
from .records import UNITS, Record

_MANY = 10  # names in a note


def build_tree(records: Sequence[Record], open_blocks: Sequence[Record], dropped: int, pid: int) -> CallTree:
    """The growth of the ended blocks among *records*, by the path of blocks around each.

    A block's own bytes are its growth without that of the blocks that ended inside it. Its count is how often it ended.
    Memory may shrink, so the tree is a difference. *open_blocks* and *dropped* are mentioned in the notes.
    """
    last = max((record.trace_datetime for record in records), default=0)
    first = min((record.trace_datetime for record in records), default=0)
    return CallTree(
        root=build(_stacks(records)),
        name="trace",
        source="memwatch.trace: growth of the memory in use over each block",
        time=last / 1000,
        duration=(last - first) / 1000,
        pid=pid,
        difference=True,
        notes=tuple(_notes(open_blocks, dropped)),
    )


def _stacks(records: Sequence[Record]) -> Iterator[Stack]:
    ends = {record.block: record for record in records if record.kind == "block-end"}
    inside = dict.fromkeys(ends, 0)
    for record in ends.values():
        around = ends.get(record.parent_block)
        if around is not None and record.number < around.number:  # a task may outlive the block that it began in
            inside[around.block] += _growth(record)
    known = {record.block: record for record in records if record.kind == "block-start"} | ends
    for record in ends.values():
        yield Stack(_path(record, known), _growth(record) - inside[record.block], 1)


def _path(record: Record, known: dict[int | None, Record]) -> tuple[Frame, ...]:
    """The frames of *record*'s block, outermost first.

    If the ring has dropped a block around it, only that block's name is known, from the records inside it.
    """
    frames = [Frame(_name(record))]
    while record.parent_block in known:
        record = known[record.parent_block]
        frames.append(Frame(_name(record)))
    if record.parent is not None:
        frames.append(Frame(record.parent))
    return tuple(reversed(frames))


def _growth(record: Record) -> int:
    return round((record.growth or 0) * UNITS[record.memory_unit])


def _name(record: Record) -> str:
    return record.record_name.removesuffix(f"-{record.kind}")


def _notes(open_blocks: Iterable[Record], dropped: int) -> Iterator[str]:
    yield "a count is how often a block ended"
    names = list(dict.fromkeys(_name(record) for record in open_blocks))
    if names:
        more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
        yield f"left out because they have not ended: {', '.join(names[:_MANY])}{more}"
    if dropped:
        yield f"{dropped} older records were dropped from the ring and are missing"
