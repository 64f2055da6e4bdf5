"""The rules of the C sources: small files with an essay, versions in one header, nothing of Python's inside a walk."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import memwatch

FOLDER = Path(memwatch.__file__).parent / "backend" / "native"
SOURCES = sorted([*FOLDER.rglob("*.c"), *FOLDER.rglob("*.h")])
IN_A_WALK = {
    "core": {"memory", "marks", "pointers", "type_label", "ids"},
    "census": {"kinds", "walk", "follow", "untracked_holders", "exclude", "send_from_child"},
    "graph": {"nodes", "edges", "names", "groups", "roots", "strings", "out"},
    "search": {"search", "threads", "unreached", "groups", "chains", "branches", "near"},
}
"""What runs between the first object and the last, or in a forked child; sizes.c has one function that comes after."""
IN_A_HOOK = {"sampling": {"countdown", "frames", "lines", "lock", "names", "samples", "slab", "stacks", "take"}}
"""What runs while an allocator is asked; hooks.c besides calls the original ones."""
WITHOUT_PYTHON = {FOLDER / room / name for room, names in (IN_A_WALK | IN_A_HOOK).items() for name in names}

FORBIDDEN = re.compile(
    r"\b(PyMem_\w+|PyObject_(?:Malloc|Calloc|Realloc|Free|Call\w*|GetAttr\w*|Size|Repr|Str|RichCompare\w*|Hash)"
    r"|PyLong_From\w+|PyList_(?:New|Append)|PyTuple_(?:New|Pack)|PyDict_(?:New|GetItem\w*|SetItem\w*)"
    r"|PyUnicode_From\w+|Py_BuildValue|PyErr_\w+|Py_INCREF|Py_DECREF|Py_NewRef|malloc|calloc|realloc|free|qsort)\s*\("
)


def text_of(path: Path) -> str:
    return path.read_text(encoding="ascii")


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """The name and the number of lines of each function defined in *path*."""
    lines = text_of(path).splitlines()
    for start, line in enumerate(lines):
        if line == "{":
            end = next(row for row in range(start, len(lines)) if lines[row] == "}")
            yield lines[start - 1], end - start + 1


def test_there_are_sources() -> None:
    assert {path.with_suffix("") for path in SOURCES} >= WITHOUT_PYTHON


def name_of(path: Path) -> str:
    return str(path.relative_to(FOLDER))


def test_no_folder_includes_another_in_a_circle() -> None:
    included: dict[str, set[str]] = {}
    for path in SOURCES:
        folder = name_of(path).partition("/")[0].removesuffix(path.suffix)
        found = (name.removeprefix("../").partition("/")[0] for name in re.findall(r'#include "(.+)"', text_of(path)))
        included.setdefault(folder, set()).update(name.partition(".")[0] for name in found)
    for folder, others in included.items():
        others &= included.keys() - {folder}
    assert list(TopologicalSorter(included).static_order())  # raises CycleError


def test_a_file_is_short_and_says_first_what_it_is() -> None:
    for path in SOURCES:
        lines = text_of(path).splitlines()
        assert len(lines) <= 450, name_of(path)
        assert lines[0].startswith("/* "), name_of(path)
        assert max(map(len, lines)) <= 120, name_of(path)


def test_a_function_fits_a_screen() -> None:
    found = [(name_of(path), name, length) for path in SOURCES for name, length in functions(path)]
    assert [(path, name, length) for path, name, length in found if length > 45] == []


def test_versions_differ_in_one_header_alone() -> None:
    names = re.compile(r"PY_VERSION_HEX|Py_Version\b|_WIN32|Py_GIL_DISABLED")
    assert {path.name for path in SOURCES if names.search(text_of(path))} == {"version.h"}


def test_nothing_of_pythons_is_allocated_or_called_inside_a_walk_or_a_hook() -> None:
    for path in (path for path in SOURCES if path.with_suffix("") in WITHOUT_PYTHON):
        assert FORBIDDEN.findall(without_comments(text_of(path))) == [], name_of(path)


def test_the_sources_are_formatted_by_clang_format() -> None:
    """`clang-format -i FILE` mends it; the tests' extra has the version that the rules are written for."""
    root = Path(__file__).parent.parent
    program = [sys.executable, "-c", "from clang_format import clang_format; clang_format()"]
    command = [*program, f"--style=file:{root / '.clang-format'}", "--dry-run", "-Werror"]
    run = subprocess.run([*command, *map(str, SOURCES)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
