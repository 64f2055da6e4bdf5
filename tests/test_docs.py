"""Every public name is documented and used, README starts a newcomer with two commands, nothing is left lying about."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import memwatch

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [README, *(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md")))]
PUBLIC = [*memwatch.__all__, "gc"]

ROOMS_OF_NAMES = {"memwatch", "errors", "signals", "default"}
FOLDERS = ("memwatch", "tests", "examples", "benchmarks", "docs", ".ci")
LONGEST_FILE = 350
LONGEST_TEST_FILE = 500
LONGEST_FUNCTION = 60

# one letter of each stands in brackets, or this file would find itself
LEFTOVERS = re.compile(r"TOD[O]|FIXM[E]|XX[X]|HAC[K]:|\bfor no[w]\b|NotImplemente[d]Error")
HOSTS = re.compile(r"/wor[k]/|/roo[t]/|https?://\S*(pyp[i]|pythonhoste[d]|npmj[s])")


def files(*suffixes: str) -> list[Path]:
    """The project's own files that end so, and all of them without suffixes."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    top = [path for path in ROOT.glob("*") if path.suffix in {".py", ".md", ".cfg", ".toml"}]
    return [path for path in sorted(found + top) if path.is_file() and (not suffixes or path.suffix in suffixes)]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


PYTHON_FILES = files(".py")
TEXT_FILES = files(".py", ".md", ".cfg", ".toml", ".c", ".h", ".pyi", "")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length in lines of every function in *path*."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_has_a_docstring(name: str) -> None:
    value = getattr(memwatch, name)
    doc = value.__doc__ or ""
    assert len(doc.split()) >= 3
    assert not doc.startswith(f"{name}("), "this is the text that dataclass writes, not ours"


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_stands_in_the_documents(name: str) -> None:
    assert any(re.search(rf"\b{name}\b", text) for page in PAGES for text in code_in(page))


def names_used(path: Path) -> Iterator[str]:
    """What *path* takes from memwatch: attributes, imported names and modules, events by their name."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ROOMS_OF_NAMES:
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "memwatch":
            yield from (alias.name for alias in node.names)
            yield from (node.module or "").split(".")
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {"on", "once"}:
            yield from (str(argument.value) for argument in node.args[:1] if isinstance(argument, ast.Constant))


@cache
def used() -> set[str]:
    """The names that a test or an example uses; this file and the one for type checkers do not count."""
    users = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "examples").glob("*.py")]
    return {name for path in users for name in names_used(path)}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_is_used_by_a_test_or_an_example(name: str) -> None:
    assert name in used()


def code_in(page: str) -> list[str]:
    """What a page shows as code: fenced or indented blocks, and spans in back-quotes."""
    fenced = re.findall(r"^```[a-z]*\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return fenced + re.findall(r"^    .*", page, re.MULTILINE) + re.findall(r"`([^`\n]+)`", page)


def test_readme_has_exactly_two_set_up_commands() -> None:
    assert README.count("-m venv") == 2
    assert README.count("pip install") == 2


def test_readme_names_only_files_that_exist() -> None:
    named = set(re.findall(r"\b(?:examples|docs|benchmarks|tests)/[\w./-]*\w", README))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_nothing_is_left_behind() -> None:
    for path in TEXT_FILES:
        text = path.read_text(encoding="utf-8")
        assert LEFTOVERS.findall(text) == [] and HOSTS.search(text) is None, relative(path)


def test_a_file_does_one_thing_that_its_first_line_says() -> None:
    for path in PYTHON_FILES:
        text = path.read_text(encoding="utf-8")
        longest = LONGEST_TEST_FILE if "tests" in path.parts else LONGEST_FILE
        assert len(text.splitlines()) <= longest, relative(path)
        assert ast.get_docstring(tree(path)) or path.name == "__init__.py", relative(path)
        assert not text.startswith("\n"), relative(path)


def test_functions_are_short() -> None:
    found = [(relative(path), name, length) for path in PYTHON_FILES for name, length in functions(path)]
    assert [(path, name, length) for path, name, length in found if length > LONGEST_FUNCTION] == []


def test_every_room_is_tested() -> None:
    rooms = [path.parent.name for path in (ROOT / "memwatch").glob("*/__init__.py")]
    missing = [room for room in rooms if not list((ROOT / "tests" / room).glob("test_*.py"))]
    assert missing == []


def test_the_files_that_the_architecture_names_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?!pycore_)[a-z_]+(?:/[a-z_]+)*(?:/|\.py|\.c|\.h|\.md))`", page))
    known = {relative(path) for path in files()}
    known |= {f"{parent}/" for path in files() for parent in path.relative_to(ROOT).parents}
    assert len(named) > 40
    assert [name for name in sorted(named) if not any(f"/{path}".endswith(f"/{name}") for path in known)] == []
