"""Writes and reads speedscope's own JSON: a "sampled" profile in bytes, and a second one of numbers of allocations.

Both weigh whole stacks, as indices into one list of frames. The format is
https://www.speedscope.app/file-format-schema.json;
`memwatch` holds what it has no place for. speedscope reads numbers as doubles, exact up to 2**53 bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ..calltree import ROOT, CallTree, Stack, stacks_of
from ..errors import FormatError
from ..frames import Frame
from ..treebuilder import build
from . import about
from .checks import check_depth, integer, items, mapping, text_of
from .deepjson import parse
from .growth import growth_of

SCHEMA = "https://www.speedscope.app/file-format-schema.json"
COUNTS = "allocations"


def write(tree: CallTree) -> bytes:
    """The file's content; of a difference what grew, for the viewer has no place for less than nothing."""
    tree = growth_of(tree)
    stacks = [replace(stack, frames=stack.frames or (ROOT,)) for stack in stacks_of(tree.root)]
    frames = {frame: number for number, frame in enumerate(dict.fromkeys(f for s in stacks for f in s.frames))}
    sized = [(stack, stack.size_bytes) for stack in stacks if stack.size_bytes]
    counted = [(stack, stack.count) for stack in stacks if stack.count]
    file = {
        "$schema": SCHEMA,
        "exporter": "memwatch",
        "name": tree.name,
        "activeProfileIndex": 0,
        "shared": {"frames": [_describe(frame) for frame in frames]},
        "profiles": [_profile(tree.name, "bytes", sized, frames), _profile(COUNTS, "none", counted, frames)],
        about.KEY: about.describe(tree),
    }
    return json.dumps(file, separators=(",", ":")).encode()


def _describe(frame: Frame) -> dict[str, Any]:
    known = {"file": frame.file, "line": frame.line, "col": frame.column}
    return {"name": frame.function, **{key: value for key, value in known.items() if value}}


def _profile(name: str, unit: str, weighed: list[tuple[Stack, int]], frames: dict[Frame, int]) -> dict[str, Any]:
    return {
        "type": "sampled",
        "name": name,
        "unit": unit,
        "startValue": 0,
        "endValue": sum(weight for _, weight in weighed),
        "samples": [[frames[frame] for frame in stack.frames] for stack, _ in weighed],
        "weights": [weight for _, weight in weighed],
    }


def read(data: bytes) -> CallTree:
    """The tree in *data*: its active profile if that is in bytes, else the first that is. Raises FormatError."""
    return from_json(parse(data))


def from_json(value: object) -> CallTree:
    """The same from the JSON value that the file holds."""
    file = mapping(value, "the file")
    shared = mapping(file.get("shared"), "shared")
    frames = [_frame(found) for found in items(shared.get("frames"), "shared.frames")]
    profiles = [mapping(found, "a profile") for found in items(file.get("profiles"), "profiles")]
    if not profiles:
        raise FormatError("the file has no profile in it")
    profile = _choose(profiles, file.get("activeProfileIndex"))
    stacks = [Stack(path, weight, 0) for path, weight in _weighed(profile, frames)]
    if about.KEY not in file:
        return CallTree(build(stacks), text_of(profile.get("name", "heap"), "a profile's name"))
    for counted in profiles[1:]:
        if counted.get("name") == COUNTS:
            stacks += [Stack(path, 0, weight) for path, weight in _weighed(counted, frames)]
    return about.restore(CallTree(build(stacks)), file[about.KEY])


def _choose(profiles: list[dict[str, Any]], active: object) -> dict[str, Any]:
    in_bytes = [found for found in profiles if found.get("unit") == "bytes"]
    if not in_bytes:
        units = dict.fromkeys(text_of(found.get("unit", "none"), "a profile's unit") for found in profiles)
        raise FormatError(f"it is no memory profile: its numbers are in {', '.join(units)}, not in bytes")
    shown = profiles[active] if isinstance(active, int) and 0 <= active < len(profiles) else None
    return shown if shown in in_bytes else in_bytes[0]


def _frame(found: object) -> Frame:
    frame = mapping(found, "a frame")
    return Frame(
        text_of(frame.get("name"), "a frame's name"),
        text_of(frame.get("file") or "", "a frame's file"),
        max(0, integer(frame.get("line") or 0, "a frame's line")),
        max(0, integer(frame.get("col") or 0, "a frame's col")),
    )


def _weighed(profile: dict[str, Any], frames: list[Frame]) -> Iterator[tuple[tuple[Frame, ...], int]]:
    kind = profile.get("type")
    if kind == "sampled":
        return _sampled(profile, frames)
    if kind == "evented":
        return _evented(profile, frames)
    raise FormatError(f"a profile's type is {str(kind)[:40]!r}, neither 'sampled' nor 'evented'")


def _sampled(profile: dict[str, Any], frames: list[Frame]) -> Iterator[tuple[tuple[Frame, ...], int]]:
    samples = items(profile.get("samples"), "samples")
    weights = items(profile.get("weights"), "weights")
    if len(samples) != len(weights):
        raise FormatError(f"{len(samples):,} samples have {len(weights):,} weights")
    for sample, weight in zip(samples, weights, strict=True):
        yield _path(items(sample, "a sample"), frames), integer(weight, "a weight")


def _evented(profile: dict[str, Any], frames: list[Frame]) -> Iterator[tuple[tuple[Frame, ...], int]]:
    """What lies between two events belongs to the frames that are open there."""
    opened: list[int] = []
    before = integer(profile.get("startValue"), "startValue")
    for found in items(profile.get("events"), "events"):
        event = mapping(found, "an event")
        now = integer(event.get("at"), "an event's at")
        if now < before:
            raise FormatError(f"an event at {now:,} comes after one at {before:,}")
        if opened and now > before:
            yield _path(opened, frames), now - before
        before = now
        _open_or_close(event, opened)


def _open_or_close(event: dict[str, Any], opened: list[int]) -> None:
    frame = integer(event.get("frame"), "an event's frame")
    if event.get("type") == "O":
        check_depth(len(opened) + 1)
        opened.append(frame)
    elif event.get("type") != "C" or not opened or opened.pop() != frame:
        raise FormatError(f"an event closes frame {frame}, which is not the one that was opened last")


def _path(numbers: Iterable[object], frames: list[Frame]) -> tuple[Frame, ...]:
    path = []
    for found in numbers:
        number = integer(found, "a frame's number")
        if not 0 <= number < len(frames):
            raise FormatError(f"there is no frame {number} among {len(frames):,}")
        path.append(frames[number])
    check_depth(len(path))
    return () if path == [ROOT] else tuple(path)
