"""The name of a program, also before `python -m` has found the module."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from memwatch.origin import process_name, program_name

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


def test_a_pool_s_module_that_another_thread_is_importing_names_nobody(monkeypatch):
    half = ModuleType("billiard.process")
    monkeypatch.setitem(sys.modules, "billiard.process", half)
    assert process_name() == ""
    exec("def current_process():\n    return _current_process", half.__dict__)
    assert process_name() == ""
    half._current_process = SimpleNamespace(_parent_pid=1, name="ForkPoolWorker-3")
    assert process_name() == "ForkPoolWorker-3"
