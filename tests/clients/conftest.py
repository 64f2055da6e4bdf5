"""What drives a page in a browser: Chromium, node, and a folder with playwright-core."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def find_chromium() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    clients, chromium = os.environ.get("MEMWATCH_CLIENTS", ""), find_chromium()
    if not clients or not Path(clients, "node_modules", "playwright-core").is_dir():
        pytest.skip("MEMWATCH_CLIENTS names no folder whose node_modules has playwright-core")
    if not chromium or not shutil.which("node"):
        pytest.skip("Chromium and node are needed")
    return {**os.environ, "CHROMIUM": chromium}
