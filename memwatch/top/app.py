"""The whole terminal, by textual: what is followed is asked by threads of its own, so that keys never wait."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.events import Resize
from textual.message import Message
from textual.widgets import DataTable, Footer, Static

from . import text
from .chart import chart
from .view import HEADINGS, Source, View

_PACE = 1.0  # seconds between two polls
_NARROW = 40  # columns
_LOWEST, _HIGHEST = 2, 10  # lines of the curve


class Followed(Message):
    """What a thread has found out: `act` is called by the application, with its result."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self.act = act


class Top(App[None]):
    """Follows *source* until somebody quits."""

    TITLE = "memwatch top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { overflow: hidden; }
    Static { padding: 0 1; height: auto; }
    #head { max-height: 6; }
    #facts { max-height: 5; }
    .narrow #facts { display: none; }
    .leak { color: $error; text-style: bold; }
    .suspect { color: $warning; }
    .ended { color: $text-muted; }
    DataTable { height: 1fr; min-height: 3; }
    DataTable.plain > .datatable--cursor { text-style: reverse; }
    VerticalScroll { height: 1fr; min-height: 2; border-top: solid $surface-lighten-2; }
    """
    BINDINGS: ClassVar[list[Any]] = [
        Binding("q", "quit", "Quit"),
        Binding("enter", "holders", "Holders", priority=True),
        Binding("p", "pause", "Pause looks"),
        Binding("left_square_bracket", "turn(-1)", "Previous"),
        Binding("right_square_bracket", "turn(1)", "Next"),
    ]

    def __init__(self, source: Source) -> None:
        self._plain = bool(os.environ.get("NO_COLOR"))
        super().__init__(ansi_color=True if self._plain else None)  # or it would paint in shades of grey
        self.source = source
        self.paused = False
        self.view: View | None = None
        self.holders: dict[str, list[str]] = {}
        self._busy: set[str] = set()  # what threads are at
        self._next_look = 0.0

    def compose(self) -> ComposeResult:
        """From above: whose, curve, facts, types, and what is known of the one that is selected."""
        for name in ("head", "curve", "facts", "looked"):
            yield Static(id=name, markup=False)
        classes = "plain" if self._plain else ""
        yield DataTable(id="types", classes=classes, cursor_type="row", zebra_stripes=True)
        with VerticalScroll(can_focus=False):
            yield Static(id="details", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Begin."""
        self.query_one(DataTable).add_columns(*HEADINGS)
        self.set_interval(_PACE, self._poll)
        self._poll()

    def on_resize(self, event: Resize) -> None:
        """The curve is as wide as the terminal; a narrow one has no room for everything."""
        self.screen.set_class(event.size.width < _NARROW, "narrow")
        self.call_after_refresh(self._show)

    def on_followed(self, message: Followed) -> None:
        """A thread has found out something."""
        message.act()

    def on_data_table_row_highlighted(self) -> None:
        """Another type is selected; the message may come when the screen is being taken down."""
        if self.query(DataTable):
            self._show_details()

    def action_holders(self) -> None:
        """Ask who holds the selected type."""
        if what := self._selected():
            self._in_background("holders", lambda: self.source.holders(what), lambda found: self._hold(what, found))

    def action_pause(self) -> None:
        """Look no more, or again."""
        self.paused = not self.paused
        self._show()

    def action_turn(self, by: int) -> None:
        """Follow another one."""
        self.holders = {}
        self._in_background("turn", lambda: self.source.turn(by), lambda _: self._poll())

    def _poll(self) -> None:
        self._in_background("poll", self.source.poll, self._take)
        if self.source.looks_every and not self.paused and time.monotonic() >= self._next_look:
            self._in_background("look", self.source.look, lambda _: self._rest())

    def _rest(self) -> None:
        """Looks take the program's time: half of ours is free of them."""
        self._next_look = time.monotonic() + self.source.looks_every

    def _in_background(self, name: str, ask: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """One thread for each *name*; it does not hold up the end."""
        if name in self._busy:
            return

        def end(found: Any) -> None:
            self._busy.discard(name)
            then(found)

        def run() -> None:
            found = ask()
            with suppress(RuntimeError):  # the application has ended
                self.post_message(Followed(lambda: end(found)))

        self._busy.add(name)
        threading.Thread(target=run, daemon=True).start()

    def _take(self, view: View) -> None:
        before, self.view = self.view, view
        if before is None or before.report is not view.report:
            self._show_types()
        self._show()

    def _hold(self, what: str, found: list[str]) -> None:
        self.holders[what] = found
        self._show_details()

    def _show(self) -> None:
        view = self.view
        if view is None:
            return
        width = max(8, self.size.width - 2)
        height = max(_LOWEST, min(_HIGHEST, self.size.height // 4))
        head = self.query_one("#head", Static)
        head.set_classes(view.state)
        head.update("\n".join(text.head(view)))
        self.query_one("#curve", Static).update("\n".join(chart(view.curve, width, height, is_unicode())))
        self.query_one("#facts", Static).update("\n".join(text.facts(view)))
        self.query_one("#looked", Static).update("looks are paused" if self.paused else view.looked)

    def _show_types(self) -> None:
        table = self.query_one(DataTable)
        if self.view is None:
            return
        selected = self._selected() or self.view.suspected
        table.clear()
        for what, cells in zip(self.view.types, self.view.cells(), strict=True):
            table.add_row(Text(cells[0]), *(Text(cell, justify="right") for cell in cells[1:]), key=what)
        if selected in self.view.types:
            table.move_cursor(row=self.view.types.index(selected))
        self._show_details()

    def _show_details(self) -> None:
        what = self._selected()
        lines = text.details(self.view, what, self.holders.get(what)) if self.view and what else []
        self.query_one("#details", Static).update("\n".join([what, *(f"  {line}" for line in lines)]))

    def _selected(self) -> str:
        table = self.query_one(DataTable)
        if not table.is_valid_row_index(table.cursor_row):
            return ""
        return str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value)


def is_unicode() -> bool:
    """Whether the terminal is said to speak UTF-8."""
    said = next((value for name in ("LC_ALL", "LC_CTYPE", "LANG") if (value := os.environ.get(name))), "")
    return "utf" in said.lower()
