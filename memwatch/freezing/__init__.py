"""For programs that are frozen into one file: PyInstaller asks here for what it cannot see that memwatch needs."""

from __future__ import annotations

from pathlib import Path


def hook_dirs() -> list[str]:
    """The folders with hooks, as the entry point `pyinstaller40` of the group `hook-dirs` promises."""
    return [str(Path(__file__).parent)]
