"""Writes and reads collapsed (folded) stacks: a line a path, its frames joined by semicolons, a blank, and the bytes.

A frame is ``function (file:line)``. What the form itself uses is escaped as in a URL, so that reading gives back the
same names: a semicolon is ``%3B``, a line break ``%0A``. The format has no unit, no columns and no counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..calltree import ROOT, CallTree, Stack, stacks_of
from ..errors import FormatError
from ..frames import Frame
from ..treebuilder import build
from .checks import check_depth, digits
from .growth import growth_of

_BREAKS = r"\x00-\x1f\x7f\x85\u2028\u2029\ufeff"  # controls, line ends, a byte order mark
_SPECIAL = re.compile(rf"[;{_BREAKS}\ud800-\udfff]|%(?=[0-9A-Fa-f]{{2}})")
_SEPARATING = re.compile(r"(?<= )\(")
_ESCAPED = re.compile(r"(?:%[0-9A-F]{2})+")
_RESTORED = re.compile(rf"[;%(\ud800-\udfff{_BREAKS}]")
_FRAME = re.compile(r"(.*?) \((.*):([0-9]{1,18})\)", re.DOTALL)


def write(tree: CallTree) -> bytes:
    """The file's content, UTF-8; of a difference what grew, for the viewers read no minus. A path without bytes is
    left out, and a tree without any is an empty file."""
    labels = _Labels()
    stacks = (stack for stack in stacks_of(growth_of(tree).root) if stack.size_bytes)
    lines = [f"{';'.join([labels[it] for it in stack.frames or (ROOT,)])} {stack.size_bytes}\n" for stack in stacks]
    return "".join(lines).encode("utf-8")


class _Labels(dict[Frame, str]):
    """What is written for a frame; each is made once, for most paths begin alike."""

    def __missing__(self, frame: Frame) -> str:
        label = self[frame] = _label(frame)
        return label


def _label(frame: Frame) -> str:
    function = _SEPARATING.sub("%28", _escape(frame.function))
    return f"{function} ({_escape(frame.file)}:{frame.line})" if frame.file or frame.line else function


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda match: _percent(match[0]), text)


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def read(data: bytes) -> CallTree:
    """The tree in *data*; numbers are taken for bytes. Raises FormatError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"no UTF-8 text: {error.reason} at byte {error.start:,}") from None
    return CallTree(build(_stacks(text)))


def _stacks(text: str) -> Iterator[Stack]:
    frames: dict[str, Frame] = {}
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if not line:
            continue
        path, blank, weight = line.rpartition(" ")
        if not blank:
            raise FormatError(f"line {number:,} is no stack: there is no blank and number at its end")
        labels = [] if path == ROOT.function else path.split(";")
        check_depth(len(labels))
        for label in labels:
            if label not in frames:
                frames[label] = _frame(label)
        yield Stack(tuple(frames[label] for label in labels), digits(weight, f"the number of line {number:,}"), 0)


def _frame(label: str) -> Frame:
    match = _FRAME.fullmatch(label)
    if match is None:
        return Frame(_restore(label))
    return Frame(_restore(match[1]), _restore(match[2]), int(match[3]))


def _restore(text: str) -> str:
    """Undo `_escape`; escapes that it never makes, such as those of a URL, stay as they are."""
    return _ESCAPED.sub(lambda match: _decode(match[0]), text)


def _decode(escapes: str) -> str:
    try:
        text = bytes.fromhex(escapes.replace("%", "")).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return escapes
    return "".join(char if _RESTORED.match(char) else _percent(char) for char in text)
