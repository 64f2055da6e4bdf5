"""Writes the heap to a file that Chrome DevTools, memlab and `memwatch snapshot` open."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import zlib
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from .. import backend
from ..backend.graph.allocations import tell
from ..backend.graph.contract import Wish, Written
from ..errors import OptionError
from ..files import replacing
from ..formats.heapsnapshot import writer as formats
from .retained import InChild, choose_child

SUFFIX = ".heapsnapshot"
_WHAT = "a heap snapshot"
_PIECE = 1 << 20
_LEVEL = 3  # of 9: a third of the time of 6, and a tenth more bytes
_GZIP = 16 + zlib.MAX_WBITS

_graph: Any = import_module("..backend.graph." + ("exact" if backend.name == "native" else "pure"), __package__)


def write_heap_snapshot(
    path: str | os.PathLike[str] | None = None,
    *,
    in_child: InChild = "auto",
    allocation_stacks: bool = True,
    fold: bool = True,
    show_keys: bool = False,
) -> Path:
    """Write the heap of this process to a file in the format of V8's heap snapshots, and return the file's path.

    Chrome DevTools opens it (Memory, Load), and so do memlab and `memwatch snapshot FILE`. Two snapshots of one process
    can be compared, since an object has the same number in both.

    path                where to write; by default ``heap-<pid>-<time>.heapsnapshot`` in the current directory. A name
                        that ends in ``.gz`` compresses it. Only the file's owner can read it.
    in_child            True: a forked child writes it, and the program pauses for the fork alone. False: the program
                        itself writes it, and waits. "auto": a child if there can be one, on Linux with the C extension.
    allocation_stacks   add the lines that allocated the objects that the sampler knows, if it runs.
    fold                leave out what every program shares (names, None, small numbers), and count small leaves, such
                        as a str in an attribute, as part of the one object that holds them. False: every object is a
                        node.
    show_keys           show the values of dict keys, cut at 40 characters. Otherwise only keys that are names are
                        shown.

    The file never has the values of objects. Raises WriteError if the file cannot be written; UnsupportedError if a
    child is asked for and cannot be had or did not finish, or if the heap is too large for the format; OptionError for
    a wrong option; MemwatchError while the collector is at work.
    """
    _check(allocation_stacks=allocation_stacks, fold=fold, show_keys=show_keys)
    child = choose_child(in_child)
    target = Path(default_name() if path is None else path)
    allocations = tell(_about(), allocation_stacks)
    write(target, Wish(child, fold, show_keys, allocations))
    return target


def default_name(now: float | None = None, folder: Path | None = None, pid: int | None = None) -> str:
    """A name that nothing in *folder*, the current directory, has yet, made from the process and the time."""
    when = time.strftime("%Y%m%dT%H%M%S", time.localtime(now))
    stem, number = f"heap-{os.getpid() if pid is None else pid}-{when}", 1
    name = stem + SUFFIX
    while os.path.lexists(folder / name if folder is not None else name):
        number += 1
        name = f"{stem}-{number}{SUFFIX}"
    return name


def write(target: Path, wish: Wish) -> Written:
    """Write it whole or not at all; compressed where the name says so. It is refused where it cannot be written."""
    with replacing(target, _WHAT) as descriptor:
        if target.suffix != ".gz":
            return _write_graph(descriptor, wish)
        with tempfile.TemporaryFile(dir=target.parent, prefix=".heap") as plain:
            written = _write_graph(plain.fileno(), wish)
            plain.seek(0)
            _compress(plain, descriptor)
        return written


def _compress(plain: IO[bytes], descriptor: int) -> None:
    """Piece by piece: the program runs on while one is compressed."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    with open(descriptor, "wb", closefd=False) as file:
        while piece := plain.read(_PIECE):
            file.write(packer.compress(piece))
        file.write(packer.flush())


def _write_graph(descriptor: int, wish: Wish) -> Written:
    if backend.name == "native":
        written: Written = _graph.write_graph(descriptor, wish)
        return written
    begun = time.perf_counter()
    with _graph.Graph(wish) as graph, open(descriptor, "wb", closefd=False) as file:
        formats.write(file, graph.counts, graph.nodes(), graph.edges(), graph.strings, _about())
        file.flush()
        objects, size, took = len(graph.objects), sum(graph.sizes), time.perf_counter() - begun
        nodes, edges = graph.counts
        return Written(objects, size, nodes, edges, file.tell(), 0, took, took)


def _about() -> dict[str, Any]:
    return {"pid": os.getpid(), "time": time.time(), "python": sys.version.split()[0], "backend": backend.name}


def _check(**switches: Any) -> None:
    for option, value in switches.items():
        if type(value) is not bool:
            raise OptionError(f"{option} must be True or False")
