"""The rules and the dashboard that are shipped, by their own checkers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FLEET = Path(__file__).parent.parent.parent / "examples" / "fleet"
PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_the_rules_fire_when_they_should(tmp_path: Path) -> None:
    tests = Path(__file__).with_name("alerts_test.yml").read_text().replace("RULES", str(FLEET / "alerts.yml"))
    (tmp_path / "tests.yml").write_text(tests)
    for check in (["check", "config", FLEET / "prometheus.yml"], ["test", "rules", tmp_path / "tests.yml"]):
        done = subprocess.run([str(PROMTOOL), *map(str, check)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
