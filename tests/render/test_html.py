"""The report's page: whole, closed, and with every text of the program as text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from memwatch.calltree import CallTree, Stack
from memwatch.diagnosis import Account, Report, Suspect, TypeRow
from memwatch.frames import Frame
from memwatch.render.html.curve import draw_curve
from memwatch.render.html.elements import Markup, element
from memwatch.treebuilder import build
from memwatch.watch import Cost

from ..paths import ITEM, KEPT, attribute, key, path

MIB = 1 << 20
VOID = {"meta", "link"}
NASTY = "</script><script>x</script><b onload=x>\"'&amp;\x00\x1b[2J\ud800\u202e<!--"


def frame(function: str, file: object, line: int, in_app: bool = True) -> dict[str, Any]:
    return {"function": function, "file": str(file), "line": line, "in_app": in_app}


def make_tree(name: str = "leak") -> CallTree:
    stacks = [Stack((Frame("main", "/srv/app.py", 9), Frame(name, "/srv/app.py", 3)), 2 * MIB, 480)]
    return CallTree(build(stacks), "growth", "sampler", 65536, 1.8e9, 48.0, 4211)


SUSPECT = Suspect(
    "str", 480, 1_990_000, 0.95, 0.95, KEPT, 640,
    "a list that only grows", "drop items", 30,
    (frame("decode", "/lib/json.py", 7, False), frame("leak", "gone.py", 3)),
)  # fmt: skip
REPORT = Report(
    pid=4211, age_seconds=64.2, reason="heap growth over 8 consecutive windows (64s): +2.00 MiB, 142 MiB/h",
    growth_bytes=2 * MIB, rss_growth_bytes=1 * MIB, rate_bytes_per_hour=142.31 * MIB, meter="base",
    curve=tuple((float(3 * n), round((21.4 + n / 8) * MIB)) for n in range(21)), confidence=0.9,
    fingerprint="0123456789ab", limit_bytes=2 << 30, time_to_limit_seconds=50_000.0, verdict="objects",
    since_seconds=48.0, account=Account(
        2 * MIB, (TypeRow("str", (502, 1502), (22, 1022), 1_990_000, False), TypeRow("dict", 0, 9, -5_000, True)), True
    ),
    suspects=(SUSPECT,), missing=("census skipped",), cost=Cost(0.004, 0.0062, 3, 3 * MIB), time=1.8e9,
    growth=make_tree(),
)  # fmt: skip


class Page(HTMLParser):
    """A page's elements with their text; fails where one is not closed in its turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def text_of(self, tag: str) -> list[str]:
        return [text for found, text in self.texts if found == tag]

    @property
    def shown(self) -> str:
        """What a reader sees, in one line."""
        shown = [text for tag, text in self.texts if tag not in ("script", "style")]
        return re.sub(r"\s+", " ", " ".join(shown))

    @property
    def data(self) -> Any:
        return json.loads(self.text_of("script")[0])


def test_the_page_tells_all_that_the_report_knows() -> None:
    page = Page(REPORT.to_html())
    assert page.text_of("h1") == ["str held by __main__.kept"]
    assert page.text_of("title") == ["Leak: str held by __main__.kept"]
    for words in (
        "pid 4211", "after 1m 4s", "2027-01-15 08:00:00 UTC", "0123456789ab",
        f"Live Python objects, 95 % of the growth explained: {REPORT.reason}", "+2.00 MiB", "142 MiB/h",
        "in 14 h", "90 %", "21.4 MiB after 0", "23.9 MiB after 60 s",
        "+480 objects, +1.90 MiB", "95 % of the growth", "a list that only grows", "drop items",
        "gone.py:3 in leak 30 samples", "in /lib/json.py:7 in decode", "module __main__ kept list, 640 items [index]",
        "480 x str", "str +480 >=502 >=22 +1.90 MiB", "not explained +110 KiB 5 %", "2.00 MiB in about 480 blocks",
        "census skipped", "0.4 % of CPU, longest pause 6 ms, 3 walks of the heap, 3.00 MiB",
    ):  # fmt: skip
        assert words in page.shown, words
    assert page.data["nodes"]["total_bytes"][0] == 2 * MIB and "leak" in page.data["strings"]


def test_the_page_asks_nobody_for_anything() -> None:
    text = REPORT.to_html()
    page = Page(text)
    assert not [pair for _, attrs in page.elements for pair in attrs.items() if pair[0] in ("src", "style", "onclick")]
    assert [attrs["href"] for _, attrs in page.elements if "href" in attrs] == ["data:,"]
    assert not re.search(r"https?://|@import|url\(", text)


def test_the_policy_allows_the_page_s_own_style_and_script_alone() -> None:
    page = Page(REPORT.to_html())
    policy = next(attrs["content"] for _, attrs in page.elements if "http-equiv" in attrs) or ""
    (style,), script = page.text_of("style"), page.text_of("script")[1]
    for kind, code in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")


def hostile(file: Path) -> Report:
    """A report of which every text is NASTY."""
    file.write_text(f"a = 1\n\tleak({NASTY!r})  # {NASTY}\n", encoding="utf-8", errors="replace")
    held_by = path(NASTY, attribute(NASTY, NASTY), key(repr(NASTY), NASTY), ITEM)
    frames = (frame(NASTY, file, 2), frame(NASTY, NASTY, 1))
    suspect = Suspect(NASTY, 1, 9 * MIB, 0.5, 0.5, held_by, 1, NASTY, NASTY, 3, frames)
    tree = replace(make_tree(NASTY), name=NASTY)
    return replace(
        REPORT, reason=NASTY, verdict=NASTY, meter=NASTY, fingerprint=NASTY,
        account=Account(MIB, (TypeRow(NASTY, 1, 0, MIB, True),)),
        suspects=(suspect, replace(suspect, held_by=None)), missing=(NASTY,), growth=tree,
    )  # fmt: skip


def test_no_text_of_a_program_becomes_markup(tmp_path: Path) -> None:
    text = hostile(tmp_path / "app.py").to_html()
    text.encode()
    page = Page(text)
    assert {tag for tag, _ in page.elements} == {tag for tag, _ in Page(REPORT.to_html()).elements} | {"pre", "i"}
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert len(page.text_of("script")) == 2
    assert page.shown.isprintable()
    assert r"<b onload=x>" in page.shown and r"\x00\x1b[2J\ud800\u202e<!--" in page.shown
    assert NASTY in page.data["strings"]


def test_the_source_is_shown_around_the_allocating_line(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("".join(f"{'    ' * (n > 2)}line_{n} = '<{n}>'\n" for n in range(1, 12)))
    frames = (frame("leak", file, 6),)
    page = Page(replace(REPORT, suspects=(replace(SUSPECT, allocated_at=frames),)).to_html())
    rows = [text for tag, text in page.texts if text.startswith(("line_", " "))]
    assert [text for text in rows if "line_" in text] == [f"line_{n} = '<{n}>'" for n in range(3, 10)]
    assert page.elements.count(("span", {"class": "here"})) == 1


@pytest.mark.parametrize("content", [b"", b"\xff" * 99, b"a\n" * 3, b"x" * (2 << 20)])
def test_a_source_that_cannot_be_shown_is_left_out(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "app.py"
    file.write_bytes(content)
    suspect = replace(SUSPECT, allocated_at=(frame("leak", file, 40),))
    assert "pre" not in {tag for tag, _ in Page(replace(REPORT, suspects=(suspect,)).to_html()).elements}


def test_what_is_not_known_takes_no_room() -> None:
    bare = replace(
        REPORT, curve=(), suspects=(), account=Account(), missing=(), growth=None, time_to_limit_seconds=None,
        verdict="native", time=0.0, meter="rss",
    )  # fmt: skip
    page = Page(bare.to_html())
    assert page.text_of("h1") == ["Native memory, outside of Python's objects"]
    assert page.text_of("h2") == ["What it may be", "What memwatch cost"]
    assert page.data is None and "Limit" not in page.shown and "UTC" not in page.shown
    held_by_nobody = replace(REPORT, suspects=(Suspect("app.Order", 1, 9, 0.0, 0.0, None, 0, "", ""),))
    assert Page(held_by_nobody.to_html()).text_of("h1") == ["app.Order"]


@pytest.mark.parametrize("time", [-1e18, 1e18, float(sys.maxsize)])
def test_a_time_that_no_calendar_has_is_not_shown(time: float) -> None:
    assert "UTC" not in Page(replace(REPORT, time=time).to_html()).shown


def test_a_page_has_a_bound() -> None:
    name = "n" * 100_000
    places = [Frame(name[:400], f"/srv/{number}.py", number) for number in range(2000)]
    tree = replace(make_tree(), root=build([Stack((place,), 9, 1) for place in places]))
    held_by = path(name, *[attribute(name, name)] * 200)
    suspect = Suspect(name, 1, 9, 0.5, 0.5, held_by, 1, name, name, 3, tuple(frame(name, name, n) for n in range(8)))
    largest = replace(
        REPORT, curve=tuple((float(n), n << 20) for n in range(60)), suspects=(suspect,) * 9, growth=tree, reason=name,
        account=Account(0, tuple(TypeRow(name, 1, 0, MIB, True) for _ in range(500))), missing=(name,) * 99,
    )  # fmt: skip
    text = largest.to_html()
    Page(text)
    assert len(text.encode()) < 2_000_000
    assert len(REPORT.to_html().encode()) < 100_000


def test_long_paths_lose_their_middle() -> None:
    nodes = [attribute("start", "app.Node"), *(attribute(f"next{n}", "app.Node") for n in range(30))]
    held_by = path("app", *nodes, attribute("held", "list"), ITEM, suspect=20)
    shown = Page(replace(REPORT, suspects=(replace(SUSPECT, held_by=held_by),)).to_html())
    assert "... 22 steps ..." in shown.shown and "held list [index] 480 x str" in shown.shown
    sure = [attrs for tag, attrs in shown.elements if tag == "text" and attrs.get("class") == "path-name sure"]
    assert len(sure) == 5


def test_all_who_hold_the_same_are_drawn() -> None:
    others = tuple(path("app", attribute(f"other{n}", "list"), ITEM) for n in range(5))
    shown = Page(replace(REPORT, suspects=(replace(SUSPECT, also_held_by=others),)).to_html()).shown
    assert all(f"And by module app other{n} list [index]" in shown for n in range(3)) and "and by 2 others" in shown


@pytest.mark.parametrize(
    ("last", "sizes", "wide", "narrow"),
    [
        (
            (10_800.0, 210, 700),
            ["0", "256 MiB", "512 MiB", "768 MiB"],
            ["0", "0.5 h", "1 h", "1.5 h", "2 h", "2.5 h", "3 h"],
            ["0", "1 h", "2 h", "3 h"],
        ),
        (
            (64.0, 16, 19),
            ["16 MiB", "17 MiB", "18 MiB", "19 MiB"],
            ["0", "15 s", "30 s", "45 s", "60 s"],
            ["0", "30 s", "60 s"],
        ),
        (
            (9 * 86400.0, 2000, 2300),
            ["1.875 GiB", "2 GiB", "2.125 GiB", "2.25 GiB"],
            ["0", "2 days", "4 days", "6 days", "8 days"],
            ["0", "3 days", "6 days", "9 days"],
        ),
    ],
)
def test_axes_have_round_numbers_with_units(
    last: tuple[float, int, int], sizes: list[str], wide: list[str], narrow: list[str]
) -> None:
    seconds, least, most = last
    page = Page(draw_curve(((0.0, least * MIB), (seconds, most * MIB)), "base", 0.0))
    found = [text for tag, text in page.texts if tag == "text" and " after " not in text]
    assert found == [*sizes, *wide, *sizes, *narrow]


def test_a_curve_needs_two_moments() -> None:
    assert (
        draw_curve((), "base", 1.0) == draw_curve(((1.0, 5),), "base", 1.0) == draw_curve(((1.0, 5),) * 2, "base", 0.0)
    )
    for flat in (0, 1, 5 * MIB):
        Page(draw_curve(((0.0, flat), (9.0, flat)), "base", 99.0))


def test_elements_escape_whatever_is_not_markup() -> None:
    inner = element("b", "<&\"'>", "x", data_name='"<', number=1.25, nothing=None)
    assert inner == '<b data-name="&quot;&lt;" number="1.2">&lt;&amp;&quot;&#x27;&gt;x</b>'
    assert element("p", inner, inner + "<") == f"<p>{inner}{element('i', inner + '<')[3:-4]}</p>"
    assert isinstance(inner, Markup) and not isinstance(inner + "", Markup)
