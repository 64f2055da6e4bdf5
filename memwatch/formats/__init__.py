"""Call trees as files of other tools: a tree goes in and bytes come out, and the other way round.

One module or folder a format, each a pure `write(tree) -> bytes` and, where there is a way back,
`read(data) -> CallTree`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ..calltree import CallTree
from ..errors import FormatError
from . import collapsed, csv, flamegraph, heapprofile, pprof, recognise, speedscope
from .checks import MAX_DEPTH
from .packed import MAX_BYTES

__all__ = ["FORMATS", "MAX_BYTES", "MAX_DEPTH", "Format", "choose", "read", "read_file", "suffix_of", "write"]

STDIN = "-"
_UNNAMED = "heap"


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file. `suffixes` are what its names may end in, the usual one first; `read` is None if there is no way
    back; `signed` tells whether a difference keeps what shrank.
    """

    name: str
    suffixes: tuple[str, ...]
    write: Callable[[CallTree], bytes]
    read: Callable[[bytes], CallTree] | None
    description: str
    signed: bool = True


_ALL = (
    Format(
        "heapprofile",
        (".heapprofile",),
        heapprofile.write,
        heapprofile.read,
        "Chrome DevTools (Memory panel), speedscope",
        signed=False,
    ),
    Format("pprof", (".pb.gz", ".pprof"), pprof.write, pprof.read, "go tool pprof, speedscope"),
    Format("speedscope", (".speedscope.json", ".json"), speedscope.write, speedscope.read, "speedscope", signed=False),
    Format(
        "collapsed",
        (".collapsed", ".folded", ".txt"),
        collapsed.write,
        collapsed.read,
        "speedscope and other drawers of flame graphs",
        signed=False,
    ),
    Format("flamegraph", (".html",), flamegraph.write, None, "a page for any browser"),
    Format("csv", (".csv",), csv.write, csv.read, "spreadsheets and data frames"),
)

FORMATS: Mapping[str, Format] = MappingProxyType({format.name: format for format in _ALL})
"""Every format by its name."""

_SUFFIXES = {suffix: format.name for format in _ALL for suffix in format.suffixes}


def suffix_of(path: str | os.PathLike[str]) -> str:
    """The longest suffix of *path*, in its own letters, that belongs to a format; empty if none does."""
    name = os.path.basename(os.fspath(path))
    known = max((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), key=len, default="")
    return name[len(name) - len(known) :]


def choose(path: str | os.PathLike[str] | None, format: str | None) -> str:
    """The name of the format to write: *format* if given, else by the suffix of *path*; heapprofile if neither is.

    Raises FormatError, which lists what there is.
    """
    if format is not None:
        if format in FORMATS:
            return format
        raise FormatError(f"there is no format {format!r}; there are {', '.join(FORMATS)}")
    if path is None:
        return _ALL[0].name
    suffix = suffix_of(path).lower()
    if not suffix:
        known = ", ".join(f"{format.suffixes[0]} ({format.name})" for format in _ALL)
        raise FormatError(f"no format has the suffix of {os.fspath(path)!r}; there are {known}")
    return _SUFFIXES[suffix]


def write(tree: CallTree, format: str) -> bytes:
    """The content of a file that holds *tree*. Raises FormatError for a format that does not exist or hold it."""
    return FORMATS[choose(None, format)].write(tree)


def read(data: bytes, name: str = "", sample_type: str | None = None) -> CallTree:
    """The tree in *data*, whose format is recognised by its content; *name* is for one that bears none itself.

    *sample_type* chooses among the numbers of a pprof file (``alloc_space``); by default it is the memory in use.
    Raises FormatError that says what is wrong: empty, truncated, damaged, of another format, nested deeper than
    MAX_DEPTH, or larger than MAX_BYTES, unpacked or packed.
    """
    if len(data) > MAX_BYTES:
        raise FormatError(_TOO_LARGE)
    try:
        tree = recognise.read(data, sample_type)
    except FormatError as error:
        raise FormatError(f"no profile that memwatch can read: {error}; memwatch reads {_READABLE}") from None
    return replace(tree, name=name) if name and tree.name == _UNNAMED else tree


def read_file(path: str | os.PathLike[str], sample_type: str | None = None) -> CallTree:
    """The tree in the file at *path*, as `read` gives it, named as the file is where it bears no name itself.

    ``-`` is standard input. Raises FormatError.
    """
    stdin = os.fspath(path) == STDIN
    shown = "standard input" if stdin else repr(os.fspath(path))
    try:
        with open(0 if stdin else path, "rb", closefd=not stdin) as file:
            size = os.fstat(file.fileno()).st_size  # of a pipe it tells nothing, so what is read is bounded, too
            data = file.read(MAX_BYTES + 1) if size <= MAX_BYTES else None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise FormatError(f"cannot read {shown}: {reason}") from None
    name = "" if stdin else os.path.basename(os.fspath(path))
    if data is None:
        raise FormatError(f"{shown} is {_TOO_LARGE}")
    try:
        return read(data, name.removesuffix(suffix_of(path)), sample_type)
    except FormatError as error:
        raise FormatError(f"{shown} is {error}") from None


_READABLE = ", ".join([*(format.name for format in _ALL if format.read is not None), "memray's csv"])
_TOO_LARGE = f"larger than {MAX_BYTES // (1024 * 1024)} MiB, the most that is read"
