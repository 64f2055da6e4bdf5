"""Which function, and which column, do a file and a line number mean? tracemalloc knows no more of a frame.

Several functions may share a line: a lambda or a comprehension and the function around it, a one-line method and its
class, a `def` line and the function that it defines. A function that the frame before can have called is preferred; see
`_choose`. If it remains open, the outermost function has the line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from opcode import opmap
from types import CodeType

from ...clock import Clock
from ...frames import NOWHERE, UNKNOWN_FUNCTION, Frame
from ...internal import internal
from .frame_filter import RawFrame
from .source_code import Library, SourceFile, stamp_of

PATIENCE = 5.0
"""Seconds of processor time of one look-up, after which no further file is read: what a report names does not depend on
how busy the machine is."""

_MOST_FILES = 2000
_NO_FILE = "<unknown>"
_LOCALS = 0x1  # co_flags of code whose variables are in slots: functions and their like, not modules and classes
_PROLOGUE = frozenset(
    opmap[name]
    for name in ("CACHE", "RESUME", "COPY_FREE_VARS", "MAKE_CELL", "RETURN_GENERATOR", "NOP", "POP_TOP")
    if name in opmap
) | {0}
_COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<generic parameters")
_ALIAS = re.compile(r"(\w+)\s*(?::[^=]*)?[=:]\s*lambda\b")


@internal
@dataclass(frozen=True, slots=True)
class Candidate:
    """A piece of code that has instructions for the line in question.

    `chain` leads to it through what it is defined in, one number a step. `works` is False where the line holds only
    what comes before a function's own work. `at_once`: it runs only as part of the code around it, as a class's body.
    """

    place: Frame
    chain: tuple[int, ...]
    called: str
    works: bool
    at_once: bool


@internal
@dataclass(frozen=True, slots=True)
class _Line:
    """What is known of a line: its text, and its candidates, outer before inner."""

    text: str
    candidates: tuple[Candidate, ...]
    whole: bool


@internal
@dataclass(frozen=True, slots=True)
class _File:
    stamp: tuple[int, int] | None
    lines: dict[int, _Line]


@internal
class _Caller:
    """The frame before one: where it is, the text of its line, and its code if that is known."""

    __slots__ = ("candidate", "frame", "text")

    def __init__(self, frame: RawFrame, known: _Line | None, candidate: Candidate | None) -> None:
        self.frame = frame
        self.text = known.text if known else ""
        self.candidate = candidate


@internal
class Naming:
    """Names frames; remembers the lines that it has met, of the last 2000 files, until a file changes."""

    __slots__ = ("_files",)

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}

    def name(self, stacks: Sequence[tuple[RawFrame, ...]]) -> tuple[list[tuple[Frame, ...]], int]:
        """The places of each stack, outermost first as given; and how many files there was no time to read."""
        lines, unread = self._look_up(stacks)
        clear = {frame: line.candidates[0].place for frame, line in lines.items() if len(line.candidates) == 1}
        return [_name_stack(stack, lines, clear) for stack in stacks], unread

    def _look_up(self, stacks: Sequence[tuple[RawFrame, ...]]) -> tuple[dict[RawFrame, _Line], int]:
        wanted: dict[str, set[int]] = defaultdict(set)
        for file, line in {frame for stack in stacks for frame in stack}:
            wanted[file].add(line)
        wanted.pop(_NO_FILE, None)
        library, found, unread, begun = Library(), dict[RawFrame, _Line](), 0, Clock.thread_time()
        for file, numbers in wanted.items():
            known = self._known(file)
            missing = numbers - known.keys()
            if missing and Clock.thread_time() - begun > PATIENCE:
                unread += 1
            elif missing:
                known = self._read(library, file, missing, known)
            found.update(((file, line), known[line]) for line in numbers if line in known)
        return found, unread

    def _known(self, file: str) -> dict[int, _Line]:
        cached = self._files.get(file)
        if cached is None or cached.stamp != stamp_of(file):
            self._files.pop(file, None)
            return {}
        return cached.lines

    def _read(self, library: Library, file: str, missing: set[int], known: dict[int, _Line]) -> dict[int, _Line]:
        source = library.read(file)
        lines = known | _describe(file, source, missing)
        if source.stamp is not None:
            while len(self._files) >= _MOST_FILES:
                del self._files[next(iter(self._files))]
            self._files[file] = _File(source.stamp, lines)
        return lines


def _describe(file: str, source: SourceFile, wanted: set[int]) -> dict[int, _Line]:
    candidates: dict[int, list[Candidate]] = {line: [] for line in wanted}
    for chain, code in _walk_chains(source.codes):
        lines = _lines_in(code, wanted)
        columns = _columns(code, sorted(offset for offset, _ in lines.values()))
        for line, (offset, works) in lines.items():
            text = _text(source, line)
            column = _in_characters(columns[offset], text)
            place = Frame(code.co_qualname, file, line, column, code.co_firstlineno)
            candidates[line].append(Candidate(place, chain, _called(code, text), works, _runs_at_once(code)))
    return {line: _Line(_text(source, line), tuple(found), source.whole) for line, found in candidates.items()}


def _walk_chains(codes: Iterable[CodeType]) -> Iterable[tuple[tuple[int, ...], CodeType]]:
    """Each code with its chain, all of a level before the next."""
    level: list[tuple[tuple[int, ...], CodeType]] = [((number,), code) for number, code in enumerate(codes)]
    while level:
        yield from level
        level = [
            ((*chain, number), const)
            for chain, code in level
            for number, const in enumerate(code.co_consts)
            if type(const) is CodeType
        ]


def _lines_in(code: CodeType, wanted: set[int]) -> dict[int, tuple[int, bool]]:
    """The wanted lines that *code* has: where the line's first instruction is, and whether it does any work."""
    found: dict[int, tuple[int, bool]] = {}
    for start, end, line in code.co_lines():
        if line in wanted and not found.get(line, (0, False))[1]:
            working = next((at for at in range(start, end, 2) if code.co_code[at] not in _PROLOGUE), None)
            if working is not None or line not in found:
                found[line] = (start if working is None else working, working is not None)
    return found


def _columns(code: CodeType, offsets: Sequence[int]) -> dict[int, int | None]:
    """Of each instruction (ascending) its column in bytes from 0; one pass, for each step of it costs something."""
    columns, positions, at = dict[int, int | None](), code.co_positions(), 0
    for offset in offsets:
        _, _, columns[offset], _ = next(islice(positions, offset // 2 - at, None), (None,) * 4)
        at = offset // 2 + 1
    return columns


def _in_characters(column: int | None, text: str) -> int:
    """A column as an editor counts it; the interpreter counts bytes of UTF-8 from 0."""
    if column is None:
        return 0
    return (column if text.isascii() else len(text.encode()[:column].decode(errors="replace"))) + 1


def _text(source: SourceFile, line: int) -> str:
    return source.lines[line - 1] if 0 < line <= len(source.lines) else ""


def _called(code: CodeType, text: str) -> str:
    """The name by which a caller's line may call it: a lambda goes by what it is assigned to."""
    if code.co_name != "<lambda>":
        return code.co_name
    alias = _ALIAS.search(text)
    return alias[1] if alias else ""


def _runs_at_once(code: CodeType) -> bool:
    is_class = not code.co_flags & _LOCALS and code.co_name != "<module>"
    return is_class or code.co_name.startswith(_COMPREHENSIONS)


def _name_stack(
    stack: tuple[RawFrame, ...], lines: dict[RawFrame, _Line], clear: dict[RawFrame, Frame]
) -> tuple[Frame, ...]:
    """The places of *stack*; *clear* are those of frames that have one candidate only."""
    found = list(map(clear.get, stack))
    return _decide(stack, lines, found) if None in found else tuple(filter(None, found))


def _decide(
    stack: tuple[RawFrame, ...], lines: dict[RawFrame, _Line], found: Sequence[Frame | None]
) -> tuple[Frame, ...]:
    """*found* without the ambiguous places, each of which depends on the one before."""
    places: list[Frame] = []
    caller: _Caller | None = None
    for frame, place in zip(stack, found, strict=True):
        line = lines.get(frame)
        candidate = None
        if line is not None:
            candidate = line.candidates[0] if place else _choose(line, frame, caller)
        places.append(candidate.place if candidate else _unnamed(*frame))
        caller = _Caller(frame, line, candidate)
    return tuple(places)


def _unnamed(file: str, line: int) -> Frame:
    return NOWHERE if file == _NO_FILE else Frame(UNKNOWN_FUNCTION, file, line, 0, 0)


def _choose(known: _Line, frame: RawFrame, caller: _Caller | None) -> Candidate | None:
    """The candidate that ran; None if there is none, or unrelated ones between which nothing decides.

    Each rule leaves those that fulfil it, or all if none does: what can have been called by *caller*; what is defined
    inside it, when it stands on the same line; what its line calls by name; what does any work on the line.
    """
    left: Sequence[Candidate] = known.candidates
    if not left:
        return None
    left = [it for it in left if _may_follow(it, caller, frame)] or left
    if caller is not None:
        if caller.frame == frame:
            left = [it for it in left if it.works and _is_inside(it, caller.candidate)] or left
        else:
            left = [it for it in left if _is_named(it.called, caller.text)] or left
    left = [it for it in left if it.works] or left
    first = left[0]
    if known.whole or all(it.place.function == first.place.function or _is_inside(it, first) for it in left):
        return first
    return None


def _is_inside(inner: Candidate, outer: Candidate | None) -> bool:
    return outer is not None and len(inner.chain) > len(outer.chain) and inner.chain[: len(outer.chain)] == outer.chain


def _may_follow(candidate: Candidate, caller: _Caller | None, frame: RawFrame) -> bool:
    """Whether *caller*, None at the beginning of a path, may have called it: a module is run by the import system or
    exec, a class's body by its parent at the class's own lines, anything else by anyone."""
    if caller is None:
        return not candidate.at_once
    file, line = caller.frame
    if candidate.at_once:
        parent = caller.candidate is not None and caller.candidate.chain == candidate.chain[:-1]
        return parent and file == frame[0] and candidate.place.first_line <= line <= frame[1]
    if candidate.place.function == "<module>":
        return file.startswith("<frozen ") or "exec" in caller.text
    return True


def _is_named(name: str, text: str) -> bool:
    return bool(name) and name in text and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None
