"""What `memwatch convert` does: reads profiles, merges them, subtracts one, and writes the result where that is
allowed."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Sequence

from .. import formats
from ..calltree import CallTree, walk
from ..combine import diff, merge
from ..errors import FormatError, OptionError, WriteError
from ..files import write_file
from ..formats.growth import growth_of
from ..units import format_bytes, printable

_STDOUT = "-"


def convert(
    profiles: Sequence[str],
    to: str | None,
    output: str | None,
    base: str | None,
    force: bool,
    sample_type: str | None = None,
) -> str:
    """Read *profiles* and *base* (pprof files by their numbers of *sample_type*), and write *output*.

    Returns a line that says where and how much it holds. No file that was read is ever written, and one that exists
    only with *force*. Raises FormatError, OptionError and WriteError; nothing is written then.
    """
    format = _choose(to, output)
    target = _beside(profiles[0], format) if output is None else output
    if target != _STDOUT:
        _check_free(target, [*profiles, *([] if base is None else [base])], force)
    return save(_read(profiles, base, sample_type), format, target)


def save(tree: CallTree, format: str, target: str, force: bool = True, content: bytes | None = None) -> str:
    """Write *tree* to *target*, a file or ``-``; returns a line that says where and how much.

    *content* is the tree in that format, if it is there already. A file that exists is replaced only with *force*.
    Raises FormatError, OptionError and WriteError.
    """
    if target != _STDOUT:
        _check_free(target, (), force)
    try:
        content = formats.write(tree, format) if content is None else content
    except FormatError as error:
        raise FormatError(f"cannot write {format}: {error}") from None
    shown = _write(target, content)
    return f"wrote {printable(shown)}: {_describe(tree, formats.FORMATS[format])}"


def _choose(to: str | None, output: str | None) -> str:
    if to is None and output in (None, _STDOUT):
        raise OptionError(f"say --to FORMAT, one of {', '.join(formats.FORMATS)}, or -o FILE with a suffix")
    return formats.choose(output, to)


def _beside(profile: str, format: str) -> str:
    """The profile's path with the format's suffix instead of its own. Nothing can be written beside a pipe or a
    device."""
    if _is_stream(profile):
        raise OptionError(f"{profile!r} is no file, and nothing is written beside it; say -o FILE")
    return profile.removesuffix(formats.suffix_of(profile)) + formats.FORMATS[format].suffixes[0]


def _is_stream(path: str) -> bool:
    if path == formats.STDIN:
        return True
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _check_free(target: str, inputs: Sequence[str], force: bool) -> None:
    """Raise OptionError if *target* is one of the *inputs* or, without *force*, a file that exists.

    A device or a pipe may be written to: nothing in it is lost.
    """
    try:
        status = os.stat(target)
    except (OSError, ValueError):
        return
    for path in inputs:
        if os.path.exists(path) and os.path.samestat(status, os.stat(path)):
            raise OptionError(f"{target!r} is a profile to be read, and is not overwritten; name another with -o")
    if stat.S_ISREG(status.st_mode) and not force:
        raise OptionError(f"{target!r} exists; --force replaces it")


def _read(profiles: Sequence[str], base: str | None, sample_type: str | None) -> CallTree:
    if [*profiles, base].count(formats.STDIN) > 1:
        raise OptionError("standard input (-) is given twice, and can be read once")
    trees = [formats.read_file(path, sample_type) for path in profiles]
    tree = merge(trees) if len(trees) > 1 else trees[0]
    return tree if base is None else diff(tree, formats.read_file(base, sample_type))


def _write(target: str, content: bytes) -> str:
    if target != _STDOUT:
        return write_file(target, content)
    if sys.stdout is None:  # as where the shell was told `>&-`
        raise WriteError(errno.EBADF, "cannot write to standard output: it is closed")
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise _lost(error) from None
    return "standard output"


def say(message: str) -> None:
    """Print *message* in an encoding that standard output has. Raises WriteError."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        print(message.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        raise _lost(error) from None


def _lost(error: OSError) -> WriteError:
    """The error of a standard output that accepts nothing more; the buffer is discarded."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return WriteError(error.errno, f"cannot write to standard output: {error.strerror}")


def _describe(tree: CallTree, format: formats.Format) -> str:
    """The totals of what the file holds, such as ``1.50 MiB in 12 allocations, 3 call paths (pprof)``."""
    written = tree if format.signed else growth_of(tree)
    root = written.root
    paths = sum(1 for node in walk(root) if node.self_bytes or node.self_count)
    size = format_bytes(root.total_bytes, signed=tree.difference)
    count = (
        f" in {root.total_count:{'+' * tree.difference},} allocation{'s' * (abs(root.total_count) != 1)}"
        if root.total_count
        else ""
    )
    left_out = "; what shrank is left out, the format has no negative numbers" if written is not tree else ""
    return f"{size}{count}, {paths:,} call path{'s' * (paths != 1)} ({format.name}{left_out})"
