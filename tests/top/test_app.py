"""The application on a terminal of its own making, by textual's pilot."""

from __future__ import annotations

import asyncio

import pytest

from .conftest import Processes

pytest.importorskip("textual")

from textual.widgets import DataTable, Static

from memwatch.top.app import Top
from memwatch.top.process import ProcessSource


def run(source, test, size=(100, 30)):
    """Have *test* use the application."""

    async def use():
        app = Top(source)
        async with app.run_test(size=size) as pilot:

            async def until(holds):
                for _ in range(1200):
                    await asyncio.sleep(0.05)
                    if holds():
                        return
                raise AssertionError("it took too long")

            def said(name):
                return str(app.query_one(f"#{name}", Static).render())

            await test(app, pilot, until, said)

    asyncio.run(use())


@pytest.fixture
def source(processes: Processes):
    processes.add(7)
    processes.add(8, command=["other.py"])
    return ProcessSource(7, 0.1)


@pytest.mark.slow
def test_it_shows_what_grows_and_who_holds_what_is_selected(source):
    async def test(app, pilot, until, said):
        await until(lambda: app.query_one(DataTable).row_count == 2)
        assert said("head").startswith("LEAK  pid 7") and app.query_one("#head").has_class("leak")
        assert "held by     module app > .CACHE: dict, 640 items > [int key]" in said("details")
        await pilot.press("up")
        await until(lambda: "no line and no holder is known of it; suspected is app.Order. Enter" in said("details"))
        await pilot.press("enter")
        await until(lambda: "held by     module app > .NAMES: list" in said("details"))
        await pilot.press("p")
        assert said("looked") == "looks are paused"
        await pilot.press("right_square_bracket")
        await until(lambda: "pid 8  other.py" in said("head"))
        await pilot.press("q")

    run(source, test)


@pytest.mark.slow
@pytest.mark.parametrize("no_color", ["1", ""])
def test_no_color_is_no_color_at_all_and_the_selected_row_is_still_seen(source, monkeypatch, no_color):
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    else:
        monkeypatch.delenv("NO_COLOR", raising=False)

    async def test(app, pilot, until, said):
        await until(lambda: app.query_one(DataTable).row_count == 2)
        await pilot.pause()
        shown = [
            segment
            for widget in app.screen.walk_children()
            for strip in widget.render_lines(widget.size.region)
            for segment in strip
            if segment.style is not None
        ]
        colors = {color.name for it in shown for color in (it.style.color, it.style.bgcolor) if color is not None}
        assert (colors == {"default"}) == bool(no_color)
        assert any("app.Order" in it.text and it.style.reverse for it in shown) == bool(no_color)

    run(source, test)


@pytest.mark.slow
def test_a_terminal_of_20_columns_and_one_that_is_made_wider(source):
    async def test(app, pilot, until, said):
        await until(lambda: app.query_one(DataTable).row_count == 2)
        assert not app.query_one("#facts").display and max(map(len, said("curve").split("\n"))) <= 18
        await pilot.resize_terminal(100, 30)
        await until(lambda: app.query_one("#facts").display and len(said("curve").split("\n")[-1]) > 90)

    run(source, test, (20, 24))


@pytest.mark.slow
def test_it_says_when_the_process_has_ended_and_ends_while_a_look_is_under_way(source, processes):
    async def test(app, pilot, until, said):
        del processes.there[7]
        await until(lambda: "ENDED" in said("head"))
        assert "Waiting for it" in said("head")

    run(source, test)
