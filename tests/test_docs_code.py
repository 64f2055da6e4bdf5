"""What the pages show as code: Python compiles, commands can be given, and what stands for itself is run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from memwatch.cli import make_parser

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = ROOT / "examples"

FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"\bmemwatch (?:run|report|usage|ps|status|profile|diff|gc|mcp|convert|completion|attach)\b.*")

EXPORTERS = """
import memwatch, opentelemetry.trace, sentry_sdk
token, sentry_sdk.init = "t" * 16, lambda _: None
"""
AGENTS = "load = order = lambda *_: {}"
RUNS = {"which-leak.md": "", "first-leak.md": "", "agents.md": AGENTS, "exporters.md": EXPORTERS}
"""Pages whose Python blocks run one after the other as they stand, each with what has to be there before."""


def blocks(page: Path, *languages: str) -> list[str]:
    return [code for language, code in FENCE.findall(page.read_text(encoding="utf-8")) if language in languages]


PYTHON = [(page.name, number, code) for page in PAGES for number, code in enumerate(blocks(page, "python"), 1)]
SHELL = [
    (page.name, line.strip())
    for page in PAGES
    for code in blocks(page, "bash", "sh", "console", "shell")
    for line in code.splitlines()
    if COMMAND.search(line)
]


@pytest.mark.parametrize(("page", "number", "code"), PYTHON, ids=lambda value: str(value)[:30].replace("\n", " "))
def test_python_in_a_page_compiles(page: str, number: int, code: str) -> None:
    if not code.lstrip().startswith(">>>"):
        compile(code, f"{page} block {number}", "exec")


@pytest.mark.parametrize(("page", "line"), SHELL)
def test_a_command_in_a_page_can_be_given(page: str, line: str) -> None:
    found = COMMAND.search(line)
    assert found is not None
    words = shlex.split(found[0], comments=True)[1:]
    stop = next((place for place, word in enumerate(words) if word in ("|", "&", "&&", ">", ";", "||")), len(words))
    make_parser().parse(words[:stop])


@pytest.mark.parametrize("page", RUNS)
def test_what_stands_for_itself_runs(page: str) -> None:
    code = "\n".join([RUNS[page], *blocks(ROOT / "docs" / page, "python")])
    calls = "\n".join(f"{name}()" for name in re.findall(r"^def (test_\w+)\(\)", code, re.MULTILINE))
    command = [sys.executable, "-c", f"{code}\n{calls}"]
    done = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_each_page_is_in_the_site_s_table_of_contents() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = {
        name
        for block in re.findall(r"^```{toctree}\n(.*?)^```", index, re.DOTALL | re.MULTILINE)
        for name in block.split()
    }
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}
    assert pages - listed == set()


@pytest.mark.clients
@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    for package in ("sphinx", "furo", "myst_parser", "sphinx_copybutton"):
        pytest.importorskip(package)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "docs", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "searchindex.js").exists() and "HeapDiff" in (tmp_path / "api.html").read_text("utf-8")
