"""The page of a running program in a real browser: headless Chromium, by clicks and by keys, wide and narrow, light and
dark, with much to show.

Needs what the flame graph's page needs; screenshots go to the folder that MEMWATCH_SHOTS names, if it names one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from memwatch import backend

HERE = Path(__file__).parent
PATIENCE = 300

pytestmark = pytest.mark.clients


@pytest.mark.skipif(backend.name != "native", reason="profiles need the C extension")
@pytest.mark.parametrize("scenario", ["hunt", "hunt-narrow", "keys", "closed", "large", "large-narrow"])
def test_page_in_a_browser(scenario: str, environment: dict[str, str]) -> None:
    shots = [folder] if (folder := os.environ.get("MEMWATCH_SHOTS")) else []
    program = [sys.executable, str(HERE / "live_program.py"), *(["large"] if "large" in scenario else [])]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            url = running.stdout.readline().strip()
            done = subprocess.run(
                ["node", str(HERE / "live.mjs"), scenario, url, *shots],
                env=environment,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
            assert done.returncode == 0, done.stderr
            print(done.stdout)
        finally:
            running.kill()
