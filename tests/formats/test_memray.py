"""memray's table of stacks: read as memray 1.19 writes it."""

from __future__ import annotations

import pytest

from memwatch import formats
from memwatch.calltree import stacks_of
from memwatch.errors import FormatError
from memwatch.frames import Frame

TABLE = b"""allocator,num_allocations,size,tid,thread_name,stack_trace
MALLOC,100,1004950,1,0x1,leak;/srv/app.py;3|<module>;/srv/app.py;4
CALLOC,2,64,1,0x1,
"""


def test_a_stack_is_read_outermost_first() -> None:
    tree = formats.read(TABLE)
    deep, root = sorted(stacks_of(tree.root), key=lambda stack: -stack.size_bytes)
    assert deep.frames == (Frame("<module>", "/srv/app.py", 4), Frame("leak", "/srv/app.py", 3))
    assert (deep.size_bytes, deep.count, root.frames, root.size_bytes) == (1004950, 100, (), 64)
    assert tree.source == "memray"


@pytest.mark.parametrize("row", [b"MALLOC,1,64,1,0x1,leak;3\n", b"MALLOC,1,many,1,0x1,f;a.py;3\n"])
def test_a_broken_row_is_named(row: bytes) -> None:
    with pytest.raises(FormatError, match="line 4"):
        formats.read(TABLE + row)
