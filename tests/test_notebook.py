"""`%%memwatch` in a real IPython, and how values show themselves in it; the rest without it."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

import memwatch
from memwatch import notebook
from memwatch.heap import take_census

KEPT: list[object] = []


class Nesting(HTMLParser):
    """Reads a page and notes what is left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag) if tag != "br" else None

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


class Printer:
    """What IPython gives to `_repr_pretty_`."""

    def __init__(self) -> None:
        self.said = ""

    def text(self, text: str) -> None:
        self.said += text


def values() -> Iterator[Any]:
    with memwatch.HeapDiff() as heap_diff:
        KEPT.append(type("<b>&", (), {})())
    yield heap_diff.diff
    yield take_census()
    yield memwatch.retaining_paths(KEPT)[0]
    with memwatch.profile.sampling():
        KEPT.append([bytes(1000) for _ in range(2000)])
        yield memwatch.profile.get()


def test_values_show_themselves_as_text_and_as_html() -> None:
    for value in values():
        printer = Printer()
        value._repr_pretty_(printer, False)
        assert printer.said == str(value)
        assert vars(type(value)).get("_repr_pretty_"), "a dataclass's own repr would come before it"
        shown = value._repr_html_()
        assert Nesting(shown).open == [] and "<b>" not in shown
    KEPT.clear()


def test_a_cycle_is_cut() -> None:
    printer = Printer()
    take_census()._repr_pretty_(printer, True)
    assert printer.said == "..."


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(memwatch.OptionError, match="%%memwatch: unrecognized arguments: --loud"):
        notebook.run_cell(None, "--loud", "")


@pytest.fixture(scope="module")
def shell() -> Iterator[Any]:
    """A shell of IPython's own, as its terminal has it."""
    interactive = pytest.importorskip("IPython.core.interactiveshell")
    shell = interactive.InteractiveShell.instance()
    shell.run_line_magic("load_ext", "memwatch")
    yield shell
    interactive.InteractiveShell.clear_instance()


@pytest.mark.clients
@pytest.mark.slow
class TestInIpython:
    """With the package itself."""

    def test_a_cell_is_told_by_type_and_by_line(self, shell: Any) -> None:
        code = "class Order:\n    pass\nkept = [(Order(), bytes(500)) for _ in range(3000)]\nnumber = 7"
        found = shell.run_cell_magic("memwatch", "", code)
        assert found.diff.grew("__main__.Order") == 3000
        assert shell.user_ns["number"] == 7
        assert found.profile.root.total_bytes > 500_000
        page = html.unescape(found._repr_html_())
        assert "__main__.Order" in page and "run_code" not in page
        assert "+3,000" in str(found)

    def test_a_cell_that_raises_gives_nothing(self, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
        assert shell.run_cell_magic("memwatch", "", "1 / 0") is None
        assert "ZeroDivisionError" in capsys.readouterr().out

    def test_a_cell_that_awaits_is_refused_where_a_loop_runs_already(self, shell: Any) -> None:
        code = "import asyncio\nawait asyncio.sleep(0)\ndone = {}"
        assert shell.run_cell_magic("memwatch", "--shallow", code).profile is not None

        async def as_a_kernel_does(code: str) -> Any:
            return shell.run_cell_magic("memwatch", "--shallow", code)

        with pytest.raises(memwatch.OptionError, match="awaits in a notebook"):
            asyncio.run(as_a_kernel_does(code))
        assert asyncio.run(as_a_kernel_does("done = []")) is not None

    def test_beside_a_profile_there_is_no_graph(self, shell: Any) -> None:
        with memwatch.profile.sampling():
            found = shell.run_cell_magic("memwatch", "--shallow", "x = {}")
        assert found.profile is None and str(found).endswith("no flame graph: a profile is being taken already")
