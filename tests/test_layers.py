"""The house stays in order: what may import what, and who may ask the process anything.

Read from the syntax trees, so that an import inside a function counts as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "memwatch"

VALUES = {
    "notebook_display",
    "callbacks",
    "internal",
    "lazy_imports",
    "frames",
    "origin",
    "version",
    "clock",
    "errors",
    "checks",
    "kinds",
    "logs",
    "units",
    "value",
}
VALUES |= {"files", "folders", "installed", "descriptors", "estimates", "targets", "tables"}
ROOMS = {"watch", "heap", "retain", "profile", "trace"}
BELOW = VALUES | {"backend", "calltree", "combine", "treebuilder"}
INSIDE = BELOW | ROOMS | {"signals", "usage", "thresholds", "crossings", "flamegraph", "formats", "diagnosis", "render"}
INSIDE |= {"loading", "default", "receivers"}

ALLOWED = {
    "clock": set[str](),
    "errors": set[str](),
    "checks": {"errors"},
    "frames": {"internal"},
    "internal": set[str](),
    "kinds": {"internal"},
    "logs": {"internal"},
    "lazy_imports": set[str](),
    "installed": set[str](),
    "estimates": set[str](),
    "version": set[str](),
    "origin": {"internal", "version"},
    "units": set[str](),
    "targets": {"errors"},
    "http": {"errors", "targets"},
    "notebook_display": set[str](),
    "value": set[str](),
    "tables": {"units"},
    "files": {"clock", "errors", "folders"},
    "descriptors": set[str](),
    "folders": {"descriptors"},
    "callbacks": {"errors", "logs"},
    "receivers": {"callbacks", "internal"},
    "signals": {"errors", "callbacks", "receivers"},
    "calltree": VALUES,
    "treebuilder": VALUES | {"calltree"},
    "combine": VALUES | {"calltree", "treebuilder"},
    "usage": VALUES | {"backend"},
    "option_kinds": VALUES,
    "options": VALUES | {"option_kinds"},
    "crossings": INSIDE - {"default"} | {"extra_readings"},
    "extra_readings": VALUES | {"heap", "thresholds", "watch"},
    "rules": INSIDE | {"on_demand"},
    "thresholds": VALUES | {"usage"},
    "loading": BELOW | {"watch"},
    "environment": VALUES | {"options"},
    "backend": VALUES,
    "watch": BELOW | {"signals", "usage"},
    "heap": BELOW | {"formats"},
    "retain": BELOW,
    "profile": BELOW | {"formats"},
    "trace": BELOW | {"formats", "http"},
    "flamegraph": VALUES | {"calltree"},
    "formats": VALUES | {"calltree", "treebuilder", "flamegraph"},
    "diagnosis": BELOW | ROOMS | {"flamegraph"},
    "render": BELOW | ROOMS | {"flamegraph", "diagnosis"},
    "scenario": BELOW | {"heap", "retain", "diagnosis", "render"},
    "suite": BELOW | {"heap", "retain", "diagnosis", "render"},
    "freezing": set[str](),
    "pytest_plugin": {"default", "heap", "scenario", "suite"},
    "notebook": BELOW | {"heap", "profile"},
    "on_demand": INSIDE,
    "labels": {"errors", "internal", "backend"},
    "attach": INSIDE | {"handlers"},
    "reach": INSIDE | {"on_demand", "origin"},
    "default": INSIDE - {"default"} | {"options", "environment", "reach"},
    "export": INSIDE | {"http", "handlers", "version"},
    "snapshot_signal": VALUES | {"backend", "default", "handlers"},
    "handlers": INSIDE | {"export"},
    "web": INSIDE | {"export", "reach"},
    "recording": INSIDE | {"handlers"},
    "autostart": INSIDE | {"snapshot_signal", "handlers", "recording", "option_kinds", "options", "environment", "cli"},
    "cli": INSIDE
    | {"handlers", "recording", "option_kinds", "options", "environment", "autostart", "reach", "attach"}
    | {"assistant", "top"},
    "top": INSIDE | {"recording", "reach"},
    "assistant": INSIDE | {"recording", "reach", "cli"},
    "__init__": INSIDE
    | {
        "snapshot_signal",
        "rules",
        "export",
        "web",
        "handlers",
        "recording",
        "scenario",
        "version",
        "on_demand",
        "labels",
    },
    "__main__": {"cli"},
}
"""What each room or module at the top of the package may import from beside itself."""

THIRD_PARTY = {
    "blinker": {"signals"},
    "psutil": {"backend", "usage", "watch.triggers"},
    "objgraph": {"backend", "retain"},
    "urllib3": {"http"},
}

ASKS = {"gc", "tracemalloc", "psutil", "objgraph"}
ASKS_BY_NAME = {"getallocatedblocks", "register_at_fork", "_current_frames", "getrefcount", "_getframe", "heap_info"}
MAY_ASK = {"backend", "usage", "watch.triggers", "retain", "cli.convert"}

NEVER_IMPORTS_LATE = ROOMS - {"trace"} | {"backend", "diagnosis", "render", "signals", "recording"}
"""memwatch's own thread runs these, and a thread that is killed inside an import hangs the interpreter's exit."""


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name below it; a package bears its folder's name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = path
    return found


MODULES = modules()


@cache
def nodes(module: str) -> list[ast.AST]:
    return list(ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))))


def room(module: str) -> str:
    return module.partition(".")[0]


def within(module: str, names: set[str]) -> bool:
    """Whether *module* is one of *names* or lies inside one of them."""
    return any(module == name or module.startswith(name + ".") for name in names)


def imports(module: str) -> Iterator[tuple[ast.stmt, int, str]]:
    """Each imported name of *module* in full: the statement, the dots before it, and the dotted name."""
    for node in nodes(module):
        if isinstance(node, ast.Import):
            yield from ((node, 0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = f"{node.module}." if node.module else ""
            yield from ((node, node.level, prefix + alias.name) for alias in node.names)


def resolve(module: str, level: int, name: str) -> str:
    """The module that a relative import reaches: the longest known beginning of the name."""
    is_package = MODULES[module].name == "__init__.py" and module != "__init__"
    base = module.split(".") if is_package else module.split(".")[:-1]
    parts = base[: len(base) - level + 1] + name.split(".")
    while parts and ".".join(parts) not in MODULES:
        parts.pop()
    return ".".join(parts) or "__init__"


@cache
def internal(module: str) -> set[str]:
    """The modules of memwatch that *module* imports."""
    return {resolve(module, level, name) for _, level, name in imports(module) if level}


@cache
def external(module: str) -> set[str]:
    """The top-level packages outside memwatch that *module* imports."""
    return {name.partition(".")[0] for _, level, name in imports(module) if not level}


def test_imports_only_what_the_table_allows() -> None:
    for module in MODULES:
        beside = {room(name) for name in internal(module)} - {room(module)}
        assert beside <= ALLOWED[room(module)], module


def test_nobody_inside_imports_memwatch_itself() -> None:
    for module in MODULES:
        assert "memwatch" not in external(module), module
        assert "__init__" not in internal(module) - {module} or room(module) == "cli", module


def peeled(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """What is left of *graph* when every module that imports nothing else in it is taken away, again and again."""
    while leaves := {module for module, needs in graph.items() if not needs & graph.keys()}:
        graph = {module: needs - leaves for module, needs in graph.items() if module not in leaves}
    return graph


def test_imports_have_no_circle() -> None:
    """What only a type checker reads counts as well."""
    left = peeled({module: internal(module) - {module} for module in MODULES})
    circle = peeled({module: {user for user, needs in left.items() if module in needs} for module in left})
    assert not circle, "these import each other in a circle"


def test_the_backend_has_few_rooms_and_no_circle_of_rooms() -> None:
    """A box is a file or a folder on the top floor of the backend, which a newcomer sees first."""
    boxes: dict[str, set[str]] = {}
    for module in MODULES:
        if module.startswith("backend."):
            box = module.split(".")[1]
            inside = {name.split(".")[1] for name in internal(module) if name.startswith("backend.")}
            boxes.setdefault(box, set()).update(inside - {box})
    assert len(boxes | {"native": set()}) <= 20
    left = peeled(boxes)
    assert not peeled({box: {user for user, needs in left.items() if box in needs} for box in left})


def test_third_party_packages_stay_where_they_belong() -> None:
    for module in MODULES:
        for package, homes in THIRD_PARTY.items():
            assert package not in external(module) or within(module, homes), module


def attributes(module: str) -> set[str]:
    """The name of each attribute that *module* asks for."""
    return {node.attr for node in nodes(module) if isinstance(node, ast.Attribute)}


def test_only_some_ask_the_process() -> None:
    for module in (name for name in MODULES if not within(name, MAY_ASK)):
        asked = external(module) & ASKS | attributes(module) & ASKS_BY_NAME
        asked |= {name.rpartition(".")[2] for _, level, name in imports(module) if not level} & ASKS_BY_NAME
        assert not asked, module


def test_nothing_is_imported_late_where_memwatch_s_own_thread_works() -> None:
    for module in (name for name in MODULES if within(name, NEVER_IMPORTS_LATE)):
        inner = [node for function in functions(module) for node in ast.walk(function)]
        assert not [node.lineno for node in inner if isinstance(node, ast.Import | ast.ImportFrom)], module


def functions(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in nodes(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_the_table_names_every_room() -> None:
    assert {room(module) for module in MODULES} <= ALLOWED.keys()


def test_what_objects_refer_to_is_asked_through_one_door() -> None:
    """The collector's own answer hangs CPython 3.12.0 to 3.12.5 where the object is the module _asyncio."""
    for module in MODULES.keys() - {"backend.census.referents"}:
        named = attributes(module) | {name.rpartition(".")[2] for _, _, name in imports(module)}
        assert "get_referents" not in named, module


def test_forks_are_told_by_one_module() -> None:
    assert {module for module in MODULES if "register_at_fork" in attributes(module)} == {"backend.forks"}


DRAWS_PATHS = {"retain.holder_names"}
READS_PATTERNS = {"diagnosis.causes.cause"}
SEES_PATHS = ROOMS | {"diagnosis", "render", "scenario", "cli", "handlers", "units", "default"}
OF_PATHS = {"module ", "local ", "cell ", "cache", "[key]", "[index]", "[", "[]", ": ", " > ", "class ", "function "}
OF_PATHS |= {"main thread", "another thread", "interpreter, ", "no Python reference", "context variable "}
PARSERS = {"startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition", "split", "rsplit"}
PARSERS |= {"find", "index", "match", "fullmatch", "search", "findall", "compile", "finditer"}


def words_that_are_parsed(module: str) -> Iterator[tuple[int, object]]:
    """The constants, with their lines, by which *module* takes a text apart or with which it compares one."""
    for node in nodes(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in PARSERS:
            yield from ((node.lineno, it.value) for it in node.args if isinstance(it, ast.Constant))
        elif isinstance(node, ast.Compare):
            yield from ((it.lineno, it.value) for it in node.comparators if isinstance(it, ast.Constant))


def texts_that_are_parsed(module: str) -> Iterator[ast.Attribute]:
    """The attributes whose texts *module* takes apart."""
    for node in nodes(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in PARSERS:
            parsed = node.func.value
            parsed = parsed.value if isinstance(parsed, ast.Subscript) else parsed
            if isinstance(parsed, ast.Attribute):
                yield parsed


def test_no_place_parses_a_path_that_was_drawn() -> None:
    """A path is its steps; the words that it is drawn with are written in one place, and read in none."""
    drawn = {"lines", "parts", "pairs", "text", "drawing"}
    for module in (it for it in MODULES if within(it, SEES_PATHS) and it not in DRAWS_PATHS | READS_PATTERNS):
        assert not [(line, word) for line, word in words_that_are_parsed(module) if word in OF_PATHS], module
        assert not [it.lineno for it in texts_that_are_parsed(module) if it.attr in drawn], module
