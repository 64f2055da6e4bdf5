"""What a report shows of the program: names and types always, the keys of dicts only where that was asked for."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from memwatch import handlers, retaining_paths
from memwatch.diagnosis import Diagnosis, shown_names
from memwatch.errors import OptionError
from memwatch.watch import Leak

SECRET = "".join(["hunter", "2", " is", " the password"])  # made when the program runs, so not a name of its source


class Loud(str):
    """A key of the program's own type, whose methods nobody may call."""

    def __repr__(self) -> str:
        raise AssertionError("the report has run code of the program")

    __str__ = __len__ = __getitem__ = __format__ = __repr__  # type: ignore[assignment]


class Box:
    """Holds what it is given."""


def in_namespace(secret: str, held: list[Any]) -> object:
    """Code of exec(), suspended, with a variable that data has named."""
    names: dict[str, Any] = {secret: held, "__name__": "made"}
    exec("def run():\n    yield\n    return 1", names)
    return names["run"]


def in_instance(secret: str, held: list[Any]) -> object:
    box = Box()
    box.__dict__[secret] = held
    return box


HOLDERS: dict[str, Callable[[str, list[Any]], object]] = {
    "text": lambda secret, held: {secret: held},
    "bytes": lambda secret, held: {secret.encode(): held},
    "tuple": lambda secret, held: {(secret, 1): held},
    "number": lambda secret, held: {1234567: held},
    "own type": lambda secret, held: {Loud(secret): held},
    "module": lambda secret, held: vars(_module(secret, held)),
    "instance": in_instance,
    "namespace": in_namespace,
    "nested": lambda secret, held: {"users": {secret: {"tokens": held}}},
}


def _module(secret: str, held: list[Any]) -> ModuleType:
    module = ModuleType("made")
    vars(module)[secret] = held
    return module


@pytest.fixture(params=HOLDERS)
def leak(request: pytest.FixtureRequest, case: Any, app: ModuleType) -> Iterator[Leak]:
    """A leak into a list that is held under a secret."""
    held: list[Any] = []
    app.vault = HOLDERS[request.param](SECRET, held)
    yield case.judge(lambda: held.extend(bytearray(4000) for _ in range(500)))
    held.clear()


def logged(leak: Leak, caplog: pytest.LogCaptureFixture) -> str:
    handlers.log_leaks(logging.getLogger("app"))(leak)
    (record,) = caplog.records
    return record.getMessage() + json.dumps(vars(record)["memwatch_report"])


def test_no_face_shows_data(leak: Leak, caplog: pytest.LogCaptureFixture) -> None:
    faces = {
        "dict": json.dumps(leak.to_dict()),
        "text": str(leak.report),
        "colour": leak.report.render(color=True),  # type: ignore[attr-defined]
        "repr": repr(leak.report),
        "page": leak.report.to_html(),  # type: ignore[attr-defined]
        "log": logged(leak, caplog),
    }
    assert ".vault: " in faces["dict"]
    for face, text in faces.items():
        assert "hunter2" not in text and "1234567" not in text, face


def test_asked_for_keys_are_shown(make_case: Any, app: ModuleType) -> None:
    case, held = make_case(), []
    case.diagnosis = Diagnosis(0.5, show_keys=True)
    app.vault = {SECRET: held, "other": 1}
    found = case.judge(lambda: held.extend(bytearray(4000) for _ in range(500))).report
    assert f"[{SECRET!r}]: list, 500 items" in found.to_dict()["suspects"][0]["held_by"]
    assert SECRET in str(found) and SECRET in found.to_html()


def test_source_code_is_for_terminals_and_pages_alone(
    case: Any, app: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app.kept = []
    found = case.judge(lambda: app.kept.extend(bytearray(4000) for _ in range(500)))
    (file := tmp_path / "app.py").write_text("kept.append('a word of the source')\n")
    frames = ({"function": "leak", "file": str(file), "line": 1, "in_app": True},)
    suspect = replace(found.report.suspects[0], allocated_at=frames)
    leak = found.__replace__(report=replace(found.report, suspects=(suspect,)))
    assert "a word of the source" in str(leak.report) and "a word of the source" in leak.report.to_html()
    assert "a word of the source" not in logged(leak, caplog) + json.dumps(leak.to_dict())
    assert "app.py:1 in leak" in caplog.text


def shown(app: ModuleType, key: object, show_keys: bool) -> str:
    """The step over *key* of a dict."""
    held = Box()
    app.vault = {key: held}
    (path,) = retaining_paths(held, limit=1, show_keys=show_keys)
    app.vault = held = None  # type: ignore[assignment]
    return path.lines[2]


@pytest.mark.parametrize(
    ("key", "plain", "asked"),
    [
        ("name", "['name']", "['name']"),
        (SECRET, "[str key]", f"[{SECRET!r}]"),
        ("".join(["x: "] * 99), "[str key]", f"[{('x: ' * 99)[:40]!r}]"),
        ("".join(["it's \ud800", "]: "]), "[str key]", '["it\'s \\ud800]: "]'),
        (999, "[999]", "[999]"),
        (-999, "[-999]", "[-999]"),
        (1000, "[int key]", "[1000]"),
        (1 << 5000, "[int key]", "[int key]"),
        (True, "[bool key]", "[True]"),
        (None, "[NoneType key]", "[None]"),
        (2.5, "[float key]", "[2.5]"),
        (b"]: '" * 20, "[bytes key]", f"[{(b']: ' + bytes([39])) * 10!r}]"),
        ((SECRET, 7), "[tuple key]", f"[({SECRET!r}, 7)]"),
        ((7,), "[tuple key]", "[(7,)]"),
        (
            tuple(range(1000, 1100)),
            "[tuple key]",
            "[(1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, ...)]",
        ),
        (Loud("x"), None, None),
        ((Loud("x"), 1), "[tuple key]", None),
        (frozenset((1,)), "[frozenset key]", "[frozenset key]"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_keys(app: ModuleType, key: object, plain: str | None, asked: str | None) -> None:
    own = f"{Loud.__module__}.Loud"
    if type(key) is Loud:
        plain = asked = f"[{own} key]"
    found = shown(app, key, False), shown(app, key, True)
    assert found == (plain, asked or f"[({own}, 1)]")


def test_the_fingerprint_is_the_same_with_keys_and_without(app: ModuleType) -> None:
    held = Box()
    app.vault = {SECRET: {(SECRET,): held}}
    (without,), (with_keys,) = retaining_paths(held, limit=1), retaining_paths(held, limit=1, show_keys=True)
    assert without.fingerprint == with_keys.fingerprint
    assert SECRET not in without.text + without.drawing + without.to_dot() + json.dumps(without.to_dict())
    assert with_keys.text.count(SECRET) == 2


def test_a_switch_is_true_or_false() -> None:
    import memwatch

    with pytest.raises(OptionError, match="show_keys must be True or False"):
        memwatch.start(show_keys="yes")


def test_names_of_any_length_and_of_any_characters_stand_on_one_short_line(case: Any, app: ModuleType) -> None:
    made = type("\x1b[2J\nEv\u202eil" + "x" * 100_000, (), {"__module__": "mod\n" * 500, "__slots__": ()})
    app.kept = vars(app)["k\r" * 50_000] = []
    found = case.judge(lambda: app.kept.extend(made() for _ in range(20_000)))
    frames = ({"function": "f\n" * 50_000, "file": "/a\n" * 50_000, "line": 1, "in_app": True},)
    (suspect, *_) = found.report.suspects
    assert suspect.type.startswith(r"mod\nmod") and suspect.type.endswith("xxx")
    suspect = shown_names.shown(replace(suspect, allocated_at=frames))
    leak = found.__replace__(report=replace(found.report, suspects=(suspect,)))
    assert len(json.dumps(leak.to_dict())) < 20_000
    assert leak.report.subject.isprintable()
    text = str(leak.report) + "\n" + handlers.summarize(leak)
    assert max(map(len, text.split("\n"))) < 700 and text.replace("\n", "").isprintable()
    assert len(leak.report.to_html()) < 200_000
