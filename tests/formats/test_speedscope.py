"""speedscope's JSON: bytes first, numbers of allocations second; other producers' profiles are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memwatch.calltree import CallTree, Stack, stacks_of
from memwatch.errors import FormatError
from memwatch.formats import speedscope
from memwatch.frames import Frame

A, B = Frame("a", "x.py", 1), Frame("b")
FRAMES = [{"name": "a", "file": "x.py", "line": 1}, {"name": "b"}]
SAMPLED = {"type": "sampled", "name": "p", "unit": "bytes", "startValue": 0, "endValue": 9}


def file(*profiles: dict[str, Any], frames: object = FRAMES, **more: object) -> bytes:
    return json.dumps({"shared": {"frames": frames}, "profiles": profiles, **more}).encode()


def evented(*events: tuple[str, int, float]) -> dict[str, Any]:
    found = [{"type": kind, "frame": frame, "at": at} for kind, frame, at in events]
    return {"type": "evented", "name": "p", "unit": "bytes", "startValue": 0, "endValue": 9, "events": found}


def test_the_form(sample_tree: CallTree) -> None:
    written = json.loads(speedscope.write(sample_tree))
    assert written["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert (written["exporter"], written["name"], written["activeProfileIndex"]) == ("memwatch", "shop", 0)
    sizes, counts = written["profiles"]
    assert (sizes["type"], sizes["unit"], counts["unit"]) == ("sampled", "bytes", "none")
    assert sizes["endValue"] == sum(sizes["weights"]) == 1_600_000
    assert counts["endValue"] == sum(counts["weights"]) == sample_tree.root.total_count
    frames = written["shared"]["frames"]
    assert {"name": "main", "file": "shop/app.py", "line": 12, "col": 5} in frames
    assert {"name": "read"} in frames
    assert frames.count({"name": "walk", "file": "shop/a tree;of (things).py", "line": 3}) == 1


def test_a_sample_is_outermost_first() -> None:
    tree = speedscope.read(file({**SAMPLED, "samples": [[0, 1], [0], []], "weights": [5, 3, 1]}))
    assert set(stacks_of(tree.root)) == {Stack((A, B), 5, 0), Stack((A,), 3, 0), Stack((), 1, 0)}
    assert tree.name == "p"


def test_events_are_added_up() -> None:
    events = (("O", 0, 0), ("O", 1, 2), ("C", 1, 5), ("O", 1, 5), ("C", 1, 6), ("C", 0, 9))
    tree = speedscope.read(file(evented(*events)))
    assert set(stacks_of(tree.root)) == {Stack((A, B), 4, 0), Stack((A,), 5, 0)}


def test_the_active_profile_in_bytes_is_preferred_and_another_unit_is_refused() -> None:
    seconds = {**SAMPLED, "unit": "seconds", "samples": [[0]], "weights": [7]}
    both = speedscope.read(file(seconds, {**SAMPLED, "samples": [[0]], "weights": [2]}))
    assert both.root.total_bytes == 2
    value = json.loads(file(*({**SAMPLED, "samples": [[0]], "weights": [size]} for size in (2, 3))))
    assert speedscope.from_json({**value, "activeProfileIndex": 1}).root.total_bytes == 3
    with pytest.raises(FormatError, match="no memory profile: its numbers are in seconds"):
        speedscope.read(file(seconds))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{}", "shared is missing, not an object"),
        (file(), "the file has no profile in it"),
        (file({"type": "other", "unit": "bytes"}), "a profile's type is 'other', neither 'sampled' nor 'evented'"),
        (file({**SAMPLED, "samples": [[0]], "weights": []}), "1 samples have 0 weights"),
        (file({**SAMPLED, "samples": [[2]], "weights": [1]}), "there is no frame 2 among 2"),
        (file({**SAMPLED, "samples": [[-1]], "weights": [1]}), "there is no frame -1 among 2"),
        (file({**SAMPLED, "samples": [[0]], "weights": ["1"]}), "a weight is '1', not a number"),
        (file({**SAMPLED, "samples": [0], "weights": [1]}), "a sample is 0, not a list"),
        (file(SAMPLED, frames=[{}]), "a frame's name is missing, not a text"),
        (file(evented(("C", 0, 1))), "an event closes frame 0, which is not the one that was opened last"),
        (file(evented(("O", 0, 5), ("C", 0, 1))), "an event at 1 comes after one at 5"),
    ],
)
def test_a_wrong_value_is_named(data: bytes, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        speedscope.read(data)
    assert str(caught.value) == message
