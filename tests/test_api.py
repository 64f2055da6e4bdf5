"""The public names: exactly those of `__all__`, and an import that costs little."""

from __future__ import annotations

import importlib.metadata
import inspect
import subprocess
import sys

import pytest

import memwatch
from memwatch import errors

PUBLIC_MODULES = {"backend", "handlers", "usage"}
LATE_ROOMS = {"profile", "trace", "usage"}
KEPT_OUT = {"gc", "load_ipython_extension"}
"""Public, but absent from `__all__`: a star import must not hide the standard library's module of that name."""


def home(value: object) -> str:
    """The module that a class or function was made in, or for another value its class."""
    return str(getattr(value, "__module__", ""))


def test_all_is_sorted_and_holds_every_public_name() -> None:
    names = {name for name in dir(memwatch) if not name.startswith("_")}
    own = {name for name in names if home(getattr(memwatch, name)).startswith("memwatch")}
    assert list(memwatch.__all__) == sorted(memwatch.__all__)
    assert set(memwatch.__all__) | KEPT_OUT == own | PUBLIC_MODULES


def test_gc_is_public_but_no_star_import_brings_it() -> None:
    assert callable(memwatch.gc)
    assert "gc" not in memwatch.__all__


def test_every_error_is_exported() -> None:
    tree = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert tree <= set(memwatch.__all__)
    assert all(issubclass(getattr(memwatch, name), memwatch.MemwatchError) for name in tree)


@pytest.mark.parametrize("event", ["stats", "suspect", "leak", "recovered"])
def test_every_event_is_a_signal_of_its_own_name(event: str) -> None:
    assert getattr(memwatch, event).name == event


def test_no_public_function_bears_a_module_s_name() -> None:
    functions = [name for name in memwatch.__all__ if inspect.isfunction(getattr(memwatch, name))]
    clashes = [name for name in functions if f"memwatch.{name}" in sys.modules]
    assert clashes == []


def test_version_is_the_installed_one() -> None:
    assert memwatch.__version__ == importlib.metadata.version("memwatch")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        getattr(memwatch, "nonsense")  # noqa: B009 (a literal access would not type-check)


def loaded_after(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after *statement*."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_loads_no_heavy_package() -> None:
    heavy = {"psutil", "objgraph", "asyncio", "importlib.metadata", "memwatch.cli", "memwatch.thresholds"}
    assert not loaded_after("import memwatch") & (heavy | {f"memwatch.{room}" for room in LATE_ROOMS})


def test_a_room_is_loaded_when_it_is_first_named() -> None:
    assert "memwatch.usage" in loaded_after("import memwatch; memwatch.usage.lookup")


def test_rooms_named_as_standard_modules_come_with_no_star_import() -> None:
    assert LATE_ROOMS - set(memwatch.__all__) == {"profile", "trace"}
    assert set(dir(memwatch)) >= LATE_ROOMS


def test_import_starts_nothing() -> None:
    code = "import gc, _thread, memwatch; print(gc.callbacks, _thread._count(), memwatch.watcher())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "0", "None"]
