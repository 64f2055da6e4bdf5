"""Writes and reads `.heapprofile`, V8's sampling heap profile: Chrome DevTools and speedscope open it.

The file is one JSON object: `head`, the root of a tree of call frames with their own bytes (`selfSize`), and `samples`,
here one for each size that a node holds. Lines and columns count from 0 in it, and -1 is one that is not known. What
V8 does not have (`selfCount`, the samples' `count`, and `memwatch` about the whole) lies in keys that its readers skip.
They read numbers as doubles, exact up to 2**53 bytes; the file and `read` are exact above that, too.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..calltree import ROOT, CallTree, Node, walk
from ..errors import FormatError
from ..frames import Frame
from ..treebuilder import Builder
from . import about
from .checks import check_depth, integer, items, mapping, text_of
from .deepjson import parse
from .growth import growth_of

COUNTS_ARE_SAMPLES = "counts are numbers of samples: the file says no more"


def write(tree: CallTree) -> bytes:
    """The file's content; of a difference what grew, for the viewers have no place for less than nothing."""
    tree = growth_of(tree)
    samples = _dump(list(_samples(tree.root)))
    said = _dump(about.describe(tree))
    return f'{{"head":{"".join(_pieces(tree.root))},"samples":{samples},"{about.KEY}":{said}}}'.encode()


def _pieces(root: Node) -> Iterator[str]:
    """The tree as JSON, piece by piece: the library's writer would recurse."""
    scripts = {"": "0"}
    waiting: list[Node | str] = [root]
    while waiting:
        piece = waiting.pop()
        if isinstance(piece, str):
            yield piece
            continue
        script = scripts.setdefault(piece.file, str(-len(scripts)))
        yield _dump(_fields(piece, script))[:-1] + ',"children":['
        waiting.append("]}")
        for child in reversed(piece.children):
            waiting += (child, ",")
        if piece.children:
            waiting.pop()


def _fields(node: Node, script: str) -> dict[str, Any]:
    """DevTools tell files apart by *script* alone, and show none for 0; no page has a negative one, whose source they
    would show instead.
    """
    return {
        "callFrame": {
            "functionName": node.function,
            "scriptId": script,
            "url": node.file,
            "lineNumber": node.line - 1,
            "columnNumber": node.column - 1,
        },
        "selfSize": node.self_bytes,
        "id": node.id,
        "selfCount": node.self_count,
    }


def _samples(root: Node) -> Iterator[dict[str, int]]:
    buckets = ((node.id, size, count) for node in walk(root) for size, count in node.allocations)
    for ordinal, (node_id, size, count) in enumerate(buckets, 1):
        yield {"size": size * count, "nodeId": node_id, "ordinal": ordinal, "count": count}


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def read(data: bytes) -> CallTree:
    """The tree in *data*, as memwatch, V8's protocol or the module heap-profile writes it.

    The last has its frames in the nodes themselves, counted from 1. Raises FormatError.
    """
    return from_json(parse(data))


def from_json(value: object) -> CallTree:
    """The same from the JSON value that the file holds."""
    file = mapping(value, "the file")
    head = mapping(file.get("head"), "head")
    samples = _read_samples(items(file.get("samples", []), "samples"))
    root = _read_tree(head, samples)
    if about.KEY in file:
        return about.restore(CallTree(root), file[about.KEY])
    return CallTree(root, source="V8", notes=(COUNTS_ARE_SAMPLES,) if samples else ())


@dataclass(slots=True)
class _Seen:
    """What the samples say of one node: how many there are, and how many allocations of which size."""

    samples: int = 0
    sizes: Counter[int] = field(default_factory=Counter)


def _read_samples(samples: list[Any]) -> dict[int, _Seen]:
    seen: dict[int, _Seen] = defaultdict(_Seen)
    for sample in samples:
        sample = mapping(sample, "a sample")
        node = seen[integer(sample.get("nodeId"), "a sample's nodeId")]
        node.samples += 1
        count = integer(sample.get("count", 0), "a sample's count")
        if count:
            node.sizes[integer(sample.get("size"), "a sample's size") // count] += count
    return seen


def _read_tree(head: dict[str, Any], samples: dict[int, _Seen]) -> Node:
    builder = Builder()
    waiting: list[tuple[object, int, int]] = [(head, builder.root, 0)]
    while waiting:
        found, place, depth = waiting.pop()
        node = mapping(found, "a node")
        frame = _frame(node)
        if depth or frame.function != ROOT.function:
            place, depth = builder.child(place, frame), depth + 1
            check_depth(depth)
        _hold(builder, place, node, samples.get(integer(node.get("id", 0), "a node's id"), _NOTHING))
        children = items(node.get("children", []), "a node's children")
        waiting.extend((child, place, depth) for child in reversed(children))
    return builder.build()


_NOTHING = _Seen()


def _hold(builder: Builder, place: int, node: dict[str, Any], seen: _Seen) -> None:
    size_bytes = integer(node.get("selfSize"), "a node's selfSize")
    count = integer(node.get("selfCount", seen.samples), "a node's selfCount")
    if size_bytes or count or seen.sizes:
        builder.hold(place, size_bytes, count, tuple(seen.sizes.items()))


def _frame(node: dict[str, Any]) -> Frame:
    flat = "callFrame" not in node
    if flat and "functionName" not in node:
        raise FormatError("a node has no callFrame and no functionName")
    found = node if flat else mapping(node["callFrame"], "a node's callFrame")
    first = 1 if flat else 0
    return Frame(
        text_of(found.get("functionName"), "a node's functionName"),
        text_of(found.get("url", ""), "a node's url"),
        max(0, integer(found.get("lineNumber", first - 1), "a node's lineNumber") + 1 - first),
        max(0, integer(found.get("columnNumber", first - 1), "a node's columnNumber") + 1 - first),
    )
