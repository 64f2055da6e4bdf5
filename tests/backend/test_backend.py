"""The choice of the backend: asked for by the environment, said in plain words, never an error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import memwatch
from memwatch.backend import choose

HAS_NATIVE = choose("")[0] == "native"


def test_the_asked_backend_is_the_loaded_one() -> None:
    asked = os.environ.get("MEMWATCH_BACKEND", "")
    assert memwatch.backend.name == (asked or ("native" if HAS_NATIVE else "pure"))


def test_pure_is_had_for_the_asking() -> None:
    assert choose("pure") == ("pure", "MEMWATCH_BACKEND asks for it")


@pytest.mark.skipif(HAS_NATIVE, reason="the C extension is built")
def test_native_that_is_not_there_is_said() -> None:
    name, reason = choose("native")
    assert name == "pure"
    assert reason.startswith("MEMWATCH_BACKEND asks for native, but the C extension is not in this installation")
    known = "t" not in getattr(sys, "abiflags", "") or sys.version_info[:2] == (3, 13)
    assert reason.endswith(" (there is none for this version of free-threaded Python)") == (not known)


def test_sources_that_hide_an_installation_are_said(tmp_path: Path) -> None:
    sources, site = tmp_path / "clone", tmp_path / "site"
    package = Path(memwatch.__file__).parent
    shutil.copytree(package, sources / "memwatch", ignore=shutil.ignore_patterns("*.so", "__pycache__", "*.c", "*.h"))
    (site / "memwatch" / "backend").mkdir(parents=True)
    (site / "memwatch" / "backend" / f"_native{EXTENSION_SUFFIXES[0]}").touch()
    program = "import memwatch; print(memwatch.backend.reason)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)])}
    environment["MEMWATCH_BACKEND"] = ""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=sources, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        f"the C extension is not in this installation but in {site}, which the folder {sources} hides: "
        "start Python elsewhere, or with -P\n"
    )


def test_an_unknown_backend_is_said_and_harms_nothing() -> None:
    name, reason = choose("fast")
    assert name in ("pure", "native")
    assert reason.startswith("MEMWATCH_BACKEND=fast is not known (pure, native); ")


def test_environment_is_read_once_at_import() -> None:
    program = "import os, memwatch.backend as b; os.environ['MEMWATCH_BACKEND'] = 'x'; print(b.name, '-', b.reason)"
    environment = {**os.environ, "MEMWATCH_BACKEND": "pure"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "pure - MEMWATCH_BACKEND asks for it\n"


def test_naming_the_backend_loads_neither_objgraph_nor_the_census() -> None:
    program = (
        "import sys, memwatch.backend; print('objgraph' in sys.modules, 'memwatch.backend.census.pure' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


@pytest.mark.skipif(not HAS_NATIVE, reason="there is no C extension")
def test_an_extension_for_other_python_files_is_left_alone(tmp_path: Path) -> None:
    package = Path(memwatch.__file__).parent
    shutil.copytree(package, tmp_path / "memwatch", ignore=shutil.ignore_patterns("__pycache__", "*.c", "*.h"))
    with open(tmp_path / "memwatch" / "backend" / "_native.pyi", "a") as file:
        file.write("newest: int\n")
    program = "import memwatch; memwatch.start(); print(memwatch.backend.name, memwatch.backend.samples)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "MEMWATCH_BACKEND": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "pure False\n"
    assert done.stderr == (
        "memwatch reads this process in Python alone: the C extension was built for other Python files than those "
        "beside it: install memwatch again\n"
    )
