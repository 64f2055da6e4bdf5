"""The code objects that a file's name stands for, without importing or running anything.

In this order: what a frozen module holds; the compiled file that the import system keeps beside a source, if it fits;
the source, compiled anew; a source in an archive, or one that `linecache` was given; and where none of these is there,
or the file has changed since it was imported, the functions that live in this process.
"""

from __future__ import annotations

import builtins
import gc
import importlib.util
import io
import linecache
import marshal
import os
import re
import sys
import tokenize
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.machinery import FrozenImporter
from types import CodeType, FunctionType, ModuleType
from typing import Any
from zipimport import zipimporter

from ...internal import internal
from ..process import current_frames

LONGEST_SOURCE = 1 << 20
"""Bytes of a source that is compiled for its names; compiling holds the interpreter, about 0.5 s a MiB."""

_FROZEN = re.compile(r"<frozen (.+)>")
_FROZEN_AS = {
    "importlib._bootstrap": "_frozen_importlib",
    "importlib._bootstrap_external": "_frozen_importlib_external",
}
_COMPILED_AS = "<memwatch looks up names>"
_namespace = vars(ModuleType)["__dict__"].__get__

Stamp = tuple[int, int] | None


@internal
@dataclass(frozen=True, slots=True)
class SourceFile:
    """What is known of a file: its code and its text, either of which may be empty.

    `whole` says that `codes` are whole modules with all that is in them; else they are single functions, of which
    others may be missing. What has a `stamp` holds until the file has another one.
    """

    codes: tuple[CodeType, ...] = ()
    lines: tuple[str, ...] = ()
    whole: bool = False
    stamp: Stamp = None


def stamp_of(file: str) -> Stamp:
    """When the file was changed, in nanoseconds, and its size in bytes; None if there is none, zeros if frozen."""
    if file.startswith("<frozen "):
        return 0, 0
    try:
        found = os.stat(file)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size


@internal
class Library:
    """Reads sources; looks over the process's modules and functions at most once, when first needed."""

    __slots__ = ("_live", "_modules")

    def __init__(self) -> None:
        self._live: dict[str, list[CodeType]] | None = None
        self._modules: dict[str, ModuleType] | None = None

    def read(self, file: str) -> SourceFile:
        """What can be known of *file*."""
        stamp = stamp_of(file)
        text = _read_text(file) if stamp else _text_in_linecache(file)
        code = _frozen_code(file) or (stamp and _compiled_code(file, stamp))
        if not code:
            text = text or self._zipped_text(file)
            code = _compile(text) if text else None
        lines = tuple(text.splitlines())
        if code is not None and not self._has_changed(file, code):
            return SourceFile((code,), lines, True, stamp)
        return SourceFile(tuple(self._live_codes().get(file, ())), (), False)

    def _has_changed(self, file: str, code: CodeType) -> bool:
        """Whether a function that the module has is not in *code*."""
        module = self._by_file().get(file)
        if module is None:
            return False
        known = {(inner.co_name, inner.co_firstlineno) for inner in walk(code)}
        live = [value.__code__ for value in list(_namespace(module).values()) if type(value) is FunctionType]
        return any((it.co_name, it.co_firstlineno) not in known for it in live if it.co_filename == file)

    def _zipped_text(self, file: str) -> str:
        module = self._by_file().get(file)
        names = _namespace(module) if module is not None else {}
        loader = names.get("__loader__")
        if type(loader) is not zipimporter:  # no other loader is asked: it may be the program's own code
            return ""
        with suppress(ImportError, OSError, UnicodeError):
            return loader.get_source(str(names.get("__name__"))) or ""
        return ""

    def _by_file(self) -> dict[str, ModuleType]:
        if self._modules is None:
            named = [(dict.get(_namespace(it), "__file__"), it) for it in modules() if issubclass(type(it), ModuleType)]
            self._modules = {file: module for file, module in named if type(file) is str}
        return self._modules

    def _live_codes(self) -> dict[str, list[CodeType]]:
        if self._live is None:
            found = {id(code): code for code in (*_codes_of_functions(), *_codes_that_run())}
            self._live = {}
            for code in found.values():
                self._live.setdefault(code.co_filename, []).append(code)
        return self._live


def modules() -> list[Any]:
    """The modules that are loaded."""
    return list(sys.modules.values())


def walk(code: CodeType) -> Iterator[CodeType]:
    """*code* and all that is defined in it, outer before inner."""
    waiting = [code]
    while waiting:
        code = waiting.pop()
        yield code
        waiting.extend(const for const in reversed(code.co_consts) if type(const) is CodeType)


def _codes_of_functions() -> list[CodeType]:
    """The code of every function that the collector tracks: each refers to the builtins.

    Not by `gc.get_objects`: while a list of all objects is held, another thread that is making a tuple from an
    iterator finds a second reference to it, and raises SystemError.
    """
    return [it.__code__ for it in gc.get_referrers(vars(builtins)) if type(it) is FunctionType]


def _codes_that_run() -> Iterator[CodeType]:
    for innermost in current_frames().values():
        frame = innermost
        while frame is not None:
            yield frame.f_code
            frame = frame.f_back  # type: ignore[assignment]


def _read_text(file: str) -> str:
    try:
        with io.open_code(os.path.abspath(file)) as stream:
            data = stream.read(LONGEST_SOURCE + 1)
        return importlib.util.decode_source(data) if len(data) <= LONGEST_SOURCE else ""
    except (OSError, SyntaxError, UnicodeDecodeError, LookupError, ValueError, tokenize.TokenError):
        return ""


def _text_in_linecache(file: str) -> str:
    entry = linecache.cache.get(file)
    return "".join(entry[2]) if entry is not None and len(entry) == 4 else ""


def _frozen_code(file: str) -> CodeType | None:
    name = _FROZEN.fullmatch(file)
    if name is None:
        return None
    with suppress(ImportError):
        return FrozenImporter.get_code(_FROZEN_AS.get(name[1], name[1]))
    return None


def _compiled_code(file: str, stamp: tuple[int, int]) -> CodeType | None:
    """The module in the compiled file that the import system keeps, if that was made from the file as it is."""
    try:
        with open(importlib.util.cache_from_source(file), "rb") as stream:
            data = stream.read()
        made_from = int.from_bytes(data[8:12], "little"), int.from_bytes(data[12:16], "little")
        fits = data[:4] == importlib.util.MAGIC_NUMBER and data[4:8] == bytes(4)
        if not fits or made_from != (stamp[0] // 10**9 & 0xFFFFFFFF, stamp[1] & 0xFFFFFFFF):
            return None
        code = marshal.loads(memoryview(data)[16:])
    except (OSError, RuntimeError, EOFError, ValueError, TypeError):
        return None
    return code if type(code) is CodeType else None


def _compile(text: str) -> CodeType | None:
    with _no_warnings():
        try:
            code: CodeType = compile(text, _COMPILED_AS, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
    return code


@contextmanager
def _no_warnings() -> Iterator[None]:
    """What the compiler warns about has been said when the program was compiled.

    The filter fits nothing but our own compiling, so it harms nobody who copies the list in this moment.
    """
    filters, ours = warnings.filters, ("ignore", None, Warning, re.compile(re.escape(_COMPILED_AS)), 0)
    filters.insert(0, ours)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        with suppress(ValueError):
            filters.remove(ours)  # type: ignore[attr-defined]
