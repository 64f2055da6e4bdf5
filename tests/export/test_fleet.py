"""The rules and the dashboard that are shipped, by their own checkers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from memwatch.export.metrics import METRICS

FLEET = Path(__file__).parent.parent.parent / "examples" / "fleet"
PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_the_rules_fire_when_they_should(tmp_path: Path) -> None:
    tests = Path(__file__).with_name("alerts_test.yml").read_text().replace("RULES", str(FLEET / "alerts.yml"))
    (tmp_path / "tests.yml").write_text(tests)
    for check in (["check", "config", FLEET / "prometheus.yml"], ["test", "rules", tmp_path / "tests.yml"]):
        done = subprocess.run([str(PROMTOOL), *map(str, check)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def queries() -> list[str]:
    """Every query of the dashboard, with something in the place of its variables."""
    dashboard = json.loads((FLEET / "dashboard.json").read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    found += [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
    return [query.replace("$__rate_interval", "5m").replace("$", "") for query in found]


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    known = {metric.prometheus for metric in METRICS}
    assert len(queries()) > 10 and {name for query in queries() for name in re.findall(r"memwatch_\w+", query)} <= known
    rules = set(re.findall(r"memwatch_\w+", (FLEET / "alerts.yml").read_text()))
    assert rules <= known


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_the_queries_of_the_dashboard_can_be_read(tmp_path: Path) -> None:
    rules = [{"record": f"asked:{number}", "expr": query} for number, query in enumerate(queries())]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    command = [str(PROMTOOL), "check", "rules", str(tmp_path / "rules.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
