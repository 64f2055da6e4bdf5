"""What the tests of the hard places share: an interpreter for a program, and an extension built on the spot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

RunAlone = Callable[..., str]


@pytest.fixture(scope="session")
def run_alone() -> RunAlone:
    """What a program prints in an interpreter of its own, with more variables in its environment."""

    def run(program: str, **variables: str) -> str:
        environment = {**os.environ, **variables}
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", program],
            capture_output=True,
            text=True,
            env=environment,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def broken_types(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder that holds the extension module `broken_types`, built from the source beside this file."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()
    if shutil.which(compiler[0]) is None:
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("extension")
    target = folder / f"broken_types{sysconfig.get_config_var('EXT_SUFFIX')}"
    source = Path(__file__).with_name("broken_types.c")
    include = f"-I{sysconfig.get_path('include')}"
    command = [*compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", include, str(source), "-o", str(target)]
    if sys.platform == "darwin":
        command += ["-undefined", "dynamic_lookup"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and "Python.h" in done.stderr:
        pytest.skip("the headers of Python are not installed")
    assert done.returncode == 0, done.stderr
    return str(folder)
