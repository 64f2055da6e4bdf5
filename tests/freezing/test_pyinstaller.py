"""A frozen program has all of memwatch: the hook is found by its entry point, and a frozen program tells a leak."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

PROGRAM = """
import memwatch
kept = []
def leak():
    for _ in range(6):
        kept.extend(bytes(1000) for _ in range(2000))
        memwatch.gc()
memwatch.on("leak", lambda leak: print(leak.report.to_html()[:15], leak.report.suspects[0].type, memwatch.__version__))
leak()
print(memwatch.backend.name)
"""


def test_the_hook_is_found() -> None:
    (found,) = entry_points(group="pyinstaller40", name="hook-dirs", module="memwatch.freezing")
    (folder,) = found.load()()
    assert Path(folder, "hook-memwatch.py").exists()


@pytest.mark.clients
@pytest.mark.slow
def test_a_frozen_program_tells_a_leak(tmp_path: Path) -> None:
    pytest.importorskip("PyInstaller")
    (tmp_path / "app.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "PyInstaller", "--log-level", "ERROR", "app.py"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=300)
    done = subprocess.run([tmp_path / "dist/app/app"], capture_output=True, text=True, timeout=60, check=True)
    import memwatch

    assert done.stdout == f"<!DOCTYPE html> bytes {memwatch.__version__}\n{memwatch.backend.name}\n"
