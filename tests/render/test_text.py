"""The report as a person reads it."""

from dataclasses import replace

import pytest

from memwatch.diagnosis import Account, Report, Suspect, TypeRow
from memwatch.diagnosis.causes import BY_VERDICT
from memwatch.render import render_text
from memwatch.watch import Cost

from ..paths import ITEM, KEPT, attribute, key, path

MIB = 1 << 20

REPORT = Report(
    pid=4211, age_seconds=64.2, reason="heap growth over 8 consecutive windows (64s): +2.00 MiB, 142 MiB/h",
    growth_bytes=2 * MIB, rss_growth_bytes=1 * MIB, rate_bytes_per_hour=142.31 * MIB, meter="base",
    curve=tuple((float(n), round((21.4 + n / 8) * MIB)) for n in range(21)), confidence=0.9, fingerprint="0123456789ab",
    limit_bytes=2 << 30, time_to_limit_seconds=50_000.0, verdict="objects", since_seconds=48.0,
    account=Account(2 * MIB, (
        TypeRow("str", (502, 1502), (22, 1022), 1_990_000, False), TypeRow("bytes", 431, 430, 31_000, True),
        TypeRow("dict", 0, 9, -5_000, True),
    ), walked=True),
    suspects=(
        Suspect(
            "str", 480, 1_990_000, 0.95, 0.95, KEPT, 640,
            "a list that only grows: 480 added, 640 kept", "drop items when they are done with",
        ),
        Suspect("app.Buffer", 0, 40_000, 0.019, 0.019, None, 0, "", ""),
    ),
    missing=(), cost=Cost(0.004, 0.0062, 3, 3 * MIB),
)  # fmt: skip

GOLDEN = """\
LEAK  pid 4211 after 1m 4s: live Python objects, 96 % of the growth explained
heap growth over 8 consecutive windows (64s): +2.00 MiB, 142 MiB/h

  base   21.4 MiB ▁▁▁▂▂▂▃▃▃▄▄▄▅▅▅▆▆▆▇█ 23.9 MiB     limit 2.00 GiB in about 14 h at this rate

  since 48 s      objects   allocated     freed        growth   share
  str                +480       >=502      >=22     +1.90 MiB    95 %
  bytes                +1         431       430     +30.3 KiB     1 %
  not explained                                     +79.2 KiB     4 %

  1  str, +480 objects, +1.90 MiB, 95 %
     held by     module __main__ > kept: list, 640 items > [index]
     cause       a list that only grows: 480 added, 640 kept
     hint        drop items when they are done with

  2  app.Buffer, grew in place, +39.1 KiB, 2 %

  cost   0.4 % of CPU, longest pause 6 ms, 3 walks of the heap, 3.00 MiB
"""


def test_the_text_with_a_drawn_curve():
    assert render_text(REPORT) == GOLDEN


def test_the_text_in_plain_characters():
    plain = render_text(REPORT, unicode=False)
    drawn = "21.4 MiB ▁▁▁▂▂▂▃▃▃▄▄▄▅▅▅▆▆▆▇█ 23.9 MiB"
    assert drawn in GOLDEN and plain == GOLDEN.replace(drawn, "21.4 22.6 ... 23.9 MiB")
    assert plain.isascii()


def test_colour_is_on_the_word_and_on_the_holder_alone():
    painted = GOLDEN.replace("LEAK", "\x1b[31mLEAK\x1b[0m")
    holder = "module __main__ > kept: list, 640 items > [index]"
    assert render_text(REPORT, color=True) == painted.replace(holder, f"\x1b[1m{holder}\x1b[0m")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "live Python objects, 96 % of the growth explained"),
        (
            {"account": Account(9, (TypeRow("str", 1, 0, 10, True),), True)},
            "live Python objects, 100 % of the growth explained",
        ),
        ({"account": Account(9)}, "live Python objects"),
        ({"verdict": "untracked"}, "Python memory that nothing in Python refers to"),
        ({"verdict": "native"}, "native memory, outside of Python's objects"),
        ({"verdict": "unknown"}, "the kind of memory that grew was not examined"),
        ({"verdict": "fragmentation"}, "free memory that is not given back; no object leaks"),
        ({"verdict": "garbage"}, "reference cycles that nothing collects"),
        ({"verdict": "a new one"}, "a new one"),
    ],
)
def test_the_first_line_says_the_verdict(changes, words):
    first = render_text(replace(REPORT, **changes)).splitlines()[0]
    assert first == f"LEAK  pid 4211 after 1m 4s: {words}"


def test_what_is_missing_is_said():
    text = render_text(replace(REPORT, missing=("census skipped: 9 blocks are over the budget", "no collection")))
    assert "\n  missing  census skipped: 9 blocks are over the budget\n  missing  no collection\n" in text


def test_a_report_of_nothing_but_growth():
    bare = replace(
        REPORT,
        curve=(),
        suspects=(),
        account=Account(),
        time_to_limit_seconds=None,
        verdict="native",
        cost=Cost(0.0, 0.0, 1, 0),
    )
    assert render_text(bare).splitlines()[2:] == [
        "",
        "  base   not read",
        "",
        "  cause  memory that C code allocated, outside of Python's objects",
        f"  hint   {BY_VERDICT['native'].hint}",
        "",
        "  cost   under 0.1 % of CPU, longest pause 0 ms, 1 walk of the heap, 0 B",
    ]


def test_the_curve_of_resident_memory_is_called_so():
    assert "\n  rss    21.4 MiB" in render_text(replace(REPORT, meter="rss"))


@pytest.mark.parametrize(
    ("mib", "drawn", "plain"),
    [
        ([5], "5.00 MiB ▁ 5.00 MiB", "5.00 5.00 ... 5.00 MiB"),
        ([5, 5, 5], "5.00 MiB ▁▁▁ 5.00 MiB", "5.00 5.00 ... 5.00 MiB"),
        ([900, 1100, 2048], "900 MiB ▁▂█ 2.00 GiB", "900 MiB 1.07 ... 2.00 GiB"),
        ([9, 5], "9.00 MiB █▁ 5.00 MiB", "9.00 5.00 ... 5.00 MiB"),
    ],
)
def test_curves(mib, drawn, plain):
    curve = replace(REPORT, curve=tuple((float(n), m * MIB) for n, m in enumerate(mib)), time_to_limit_seconds=None)
    assert render_text(curve).splitlines()[3] == f"  base   {drawn}"
    assert render_text(curve, unicode=False).splitlines()[3] == f"  base   {plain}"


@pytest.mark.parametrize("rows", [(), (TypeRow("str", 0, 9, -900, True),)])
def test_no_table_where_nothing_grew(rows):
    assert "since" not in render_text(replace(REPORT, account=Account(0, rows)))


def test_the_columns_stand_below_their_heads_for_every_name():
    for name in ("K", "app." + "Long" * 40):
        header, *lines = render_text(replace(REPORT, account=Account(9, (TypeRow(name, 1, 0, 9, True),)))).splitlines()[
            5:7
        ]
        assert len(header) == len(lines[0]) < 130


def test_what_is_no_object_is_counted_in_blocks():
    suspect = replace(REPORT.suspects[0], type="raw memory")
    assert "\n  1  raw memory, +480 blocks, " in render_text(replace(REPORT, suspects=(suspect,)))


def test_a_name_with_a_per_cent_sign_stays_whole():
    assert "\n  app.50%      " in render_text(replace(REPORT, account=Account(9, (TypeRow("app.50%", 1, 0, 9, True),))))


NASTY = "app.\x1b[2J\n\ud800\u202eé"
SHOWN = r"app.\x1b[2J\n\ud800\u202eé"


def test_names_that_no_terminal_should_see_are_escaped():
    held_by = path("app", attribute(NASTY, "dict"), replace(key(repr(NASTY), "str"), bare=True))
    suspect = Suspect(NASTY, 1, 1, 0.1, 0.1, held_by, 1, "cause", "hint")
    account = Account(9, (TypeRow(NASTY, 1, 0, 9, True),))
    text = render_text(replace(REPORT, account=account, suspects=(suspect,), missing=(f"walk: {NASTY}",)))
    assert all(c.isprintable() or c == "\n" for c in text)
    assert text.count(SHOWN) == 5 and "\n  1  " + SHOWN + ", +1 object, " in text
    text.encode()


def test_long_paths_lose_their_middle():
    nodes = [attribute("start", "app.Node"), *(attribute(f"next{n}", "app.Node") for n in range(30))]
    held_by = path("app", *nodes, attribute("held", "list"), ITEM)
    text = render_text(replace(REPORT, suspects=(replace(REPORT.suspects[0], held_by=held_by),)))
    assert (
        "held by     module app > start: app.Node > .next0: app.Node > .next1: app.Node > ... 26 steps ... > "
        ".next28: app.Node > .next29: app.Node > .held: list > [index]\n"
    ) in text


@pytest.mark.parametrize("count", [8, 9])
def test_a_path_is_not_cut_for_a_single_step(count):
    held_by = path("app", *(attribute(f"step{n}", "list") for n in range(1, count)))
    text = render_text(replace(REPORT, suspects=(replace(REPORT.suspects[0], held_by=held_by),)))
    assert held_by.text in text


def test_all_who_hold_the_same_are_told():
    others = tuple(path("app", attribute(f"other{n}", "list", 640), ITEM) for n in range(5))
    text = render_text(replace(REPORT, suspects=(replace(REPORT.suspects[0], also_held_by=others),)))
    lines = [line.split(maxsplit=2)[2] for line in text.splitlines() if line.startswith("     and by ")]
    assert lines == [*(f"module app > other{n}: list, 640 items > [index]" for n in range(3)), "2 others"]


def test_long_steps_lose_their_middle_and_long_type_names_their_beginning():
    held_by = path("app", attribute("n" * 5000, "dict"))
    suspect = replace(REPORT.suspects[0], type="a" * 90 + ".Z", held_by=held_by)
    lines = render_text(replace(REPORT, suspects=(suspect,))).splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("  1  "))
    assert lines[first].startswith(f"  1  ...{'a' * 55}.Z, +480 objects")
    assert lines[first + 1].endswith("n: dict") and len(lines[first + 1]) < 140 and "nnn...nnn" in lines[first + 1]


def test_intervals_are_shown_as_wide_as_they_are():
    row = TypeRow("str", (1_234_567, 1_300_000), (20, 40), 1_990_000, False)
    head, line = render_text(replace(REPORT, account=Account(2 * MIB, (row,)))).splitlines()[5:7]
    assert line == "  str            +1,234,547  1,234,567..1,300,000      >=20     +1.90 MiB    95 %"
    assert len(head) == len(line) and head.index("allocated") + len("allocated") == line.index("00  ") + 2


# ---- the allocating line

SOURCE = "kept = []\ndef leak(number):\n    kept.append(str(number) * 99)\n\nfor n in range(9):\n    leak(n)\n"


def frame(function, file, line, in_app=True):
    return {"function": function, "file": str(file), "line": line, "in_app": in_app}


def allocated(*frames, samples=30):
    """The lines between a suspect's first one and who holds it."""
    suspect = replace(REPORT.suspects[0], allocated_at=frames, samples=samples)
    rows = replace(REPORT, suspects=(suspect,)).render().splitlines()
    start = rows.index("  1  str, +480 objects, +1.90 MiB, 95 %") + 1
    return rows[start : next(number for number, row in enumerate(rows) if row.startswith("     held by"))]


def test_the_allocating_line_its_text_and_its_caller(tmp_path, monkeypatch):
    file = tmp_path / "app.py"
    file.write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    rows = allocated(frame("leak", file, 3), frame("<module>", file, 6), frame("outer", file, 1))
    assert rows == [
        "     allocated   app.py:3 in leak                          30 samples",
        "                 > kept.append(str(number) * 99)",
        "                 called from app.py:6 in <module>",
    ]


def test_a_library_that_allocates_is_named_below_the_programs_line(tmp_path):
    library, file = frame("decode", "/lib/json.py", 7, in_app=False), tmp_path / "gone.py"
    assert allocated(library, frame("load", file, 3), samples=1) == [
        f"     allocated   {file}:3 in load   1 sample, uncertain",
        "                 in /lib/json.py:7 in decode",
    ]
    assert allocated(library) == ["     allocated   /lib/json.py:7 in decode                  30 samples"]


def test_a_line_that_cannot_be_read_is_not_shown(tmp_path):
    file = tmp_path / "app.py"
    file.write_bytes(b"short\n" + b"\xff\x1b[31m" * 99)
    assert len(allocated(frame("leak", file, 3))) == len(allocated(frame("leak", tmp_path, 1))) == 1
    shown = allocated(frame("leak", file, 2))[1]
    assert "\x1b" not in shown and shown.endswith("...") and len(shown) < 120


def test_the_limit_is_said_to_be_reached_as_resident_memory_grows_where_that_is_faster():
    assert "in about 14 h at this rate" in render_text(REPORT)
    assert "in about 14 h as resident memory grows" in replace(REPORT, rss_growth_bytes=3 * MIB).render()
