"""The page of `examples/allocation_web.py`, used as a person would: its buttons, in order and out of it."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

EXAMPLE = Path(__file__).parent.parent / "examples" / "allocation_web.py"


@pytest.fixture
def address() -> Iterator[str]:
    command = [sys.executable, "-W", "error", str(EXAMPLE), "--port", "0", "--seconds", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


def press(address: str, button: str) -> str:
    with urllib.request.urlopen(f"{address}{button}", data=b"", timeout=30) as answer:
        return str(answer.read().decode())


def test_buttons_lead_to_a_flame_graph_of_both_kinds_of_allocation(address: str) -> None:
    assert "Allocate nested" in get(address)
    assert "Sampling" in press(address, "start")
    assert "200 buffers" in press(address, "flat")
    press(address, "nested")
    page = press(address, "stop")
    assert "allocations are still alive" in page
    assert '<iframe src="/graph"' in page
    graph = get(f"{address}graph")
    assert all(f'"{name}"' in graph for name in ("allocate_flat", "allocate_outer", "allocate_inner"))


def test_stop_without_start_says_what_to_do(address: str) -> None:
    assert "Start sampling first" in press(address, "stop")


def test_an_unknown_page_is_not_there(address: str) -> None:
    with pytest.raises(HTTPError, match="404") as refused:
        get(f"{address}elsewhere")
    refused.value.close()
