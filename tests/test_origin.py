"""The name of a program, also before `python -m` has found the module."""

from __future__ import annotations

import sys

import pytest

from memwatch.origin import program_name

RUN = ["python", "-m", "memwatch", "run"]


@pytest.mark.parametrize(
    ("argv", "command", "name"),
    [
        (["/srv/app.py", "-m"], ["python", "/srv/app.py", "-m"], "app.py"),
        (["/lib/flask/__main__.py", "run"], ["python", "-m", "flask", "run"], "flask"),
        (["-m", "run"], ["python", "-m", "flask", "run"], "flask"),
        (["-m", "-m", "-m"], [*RUN, "-m", "shop.worker", "-m", "-m"], "worker.py"),
        (["-m"], ["python", "-mflask"], "flask"),
        (["-m", "a", "b"], ["x"], "python"),
        ([], ["python"], "python"),
    ],
)
def test_a_program_is_known_by_its_script_package_or_module(monkeypatch, argv, command, name):
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", command)
    assert program_name() == name
