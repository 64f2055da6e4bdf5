"""Heap profiles over OTLP: OpenTelemetry's profiles signal, which is in alpha (extra ``[otlp-profiles]``).

The messages are those of ``v1development`` in the package opentelemetry-proto, which is pinned to one minor version, as
the next may change them. A sample is what a call path holds: one profile for bytes (``inuse_space``), one for
allocations (``inuse_objects``), with the attributes ``thread.name``, ``memwatch.task`` and ``memwatch.label`` where
these are known.
"""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

from ..calltree import ROOT, CallTree, Stack
from ..checks import check_number
from ..errors import OptionError
from ..estimates import Part
from ..formats.checks import storable
from ..frames import Frame
from ..internal import internal
from ..targets import make_target
from ..treebuilder import build
from ..version import __version__
from .heap import about, read_paths, start_sampling
from .kept import Kept
from .libraries import load, logged_once
from .pushing import Pusher, Request

_WHAT = "the exporter of OTLP profiles"
_PATH = "/v1development/profiles"
_KINDS = (("inuse_space", "By"), ("inuse_objects", "{object}"))
_HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
_NANO = 1_000_000_000
_PACKED = 1  # zlib's level
Names = tuple[tuple[str, str], ...]
_started: list[Pusher] = []


def start(
    url: str,
    service: str,
    resource: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    every: float = 60.0,
) -> bool:
    """Send a heap profile every so many seconds to the OTLP/HTTP receiver at *url*, as ``http://127.0.0.1:4318``.

    *service* is its ``service.name``, *resource* more attributes. Starts to watch if nobody does, and replaces what was
    started before. Raises OptionError. Where there is no sampler, or no opentelemetry-proto that fits, this is logged
    once, and the answer is False.
    """
    check_number("every", every, 1.0, 3600.0)
    named = {"service.name": service, **(resource or {})}
    if not all(isinstance(text, str) and text for pair in named.items() for text in pair):
        raise OptionError("the service and the resource's attributes must be texts that are not empty")
    target = make_target(f"{url.rstrip('/')}{_PATH}" if isinstance(url, str) else url, headers)
    with logged_once(_WHAT):
        from .outbox import Outbox  # which needs urllib3

        messages = load_messages()
        writer = Kept(lambda: Writer(messages, named))
        pusher = Pusher(_WHAT, Outbox(_WHAT, target, most=1), lambda: _make(writer), every)
        start_sampling()
        stop()
        _started.append(pusher)
        pusher.start()
        return True
    return False


def stop() -> None:
    """Send no more."""
    while _started:
        _started.pop().stop()


def _make(writer: Kept[Writer]) -> Request:
    reading = read_paths()
    samples = writer.update(reading.paths)
    return gzip.compress(writer.encoder.write(about(reading), samples), _PACKED, mtime=0), _HEADERS, ""


def load_messages() -> tuple[Any, Any]:
    """The module of the signal's messages, and the request. Raises MissingLibraryError."""
    base = "opentelemetry.proto"
    names = ("Profile", "ProfilesDictionary", "Stack", "KeyValueAndUnit", "Sample")
    proto = load("otlp-profiles", f"{base}.profiles.v1development.profiles_pb2", *names)
    service = f"{base}.collector.profiles.v1development.profiles_service_pb2"
    return proto, load("otlp-profiles", service, "ExportProfilesServiceRequest").ExportProfilesServiceRequest


@internal
class Writer:
    """Turns stacks into the body of a request, with *resource* as attributes of the process.

    What `encode` makes of a stack `write` takes as long as the stack is what it was; `size` counts what the tables
    hold, which stays there.
    """

    def __init__(self, messages: tuple[Any, Any], resource: Mapping[str, str]) -> None:
        self._proto, self._request = messages
        self._resource = dict(resource)
        self._shared = self._request()  # the tables alone: two requests one after the other are one
        self._tables = Tables(self._proto, self._shared.dictionary)
        self.write(CallTree(build(())), ())  # what protobuf loads late is not to be loaded by a thread of ours

    @property
    def size(self) -> int:
        """How many stacks, places, attributes and texts there are."""
        return self._tables.size

    def encode(self, stack: Stack) -> tuple[bytes, bytes]:
        """The samples of *stack*, bytes and numbers: each as a part of a profile."""
        number = self._tables.stack(stack.frames or (ROOT,))
        found = _by_names(stack)
        sizes, counts = [(names, size) for names, size, _ in found], [(names, count) for names, _, count in found]
        return self._samples(number, sizes), self._samples(number, counts)

    def _samples(self, stack: int, values: Iterable[tuple[Names, int]]) -> bytes:
        profile = self._proto.Profile()
        for names, value in values:
            attributes = [self._tables.attribute(key, name) for key, name in names]
            profile.samples.add(stack_index=stack, values=[value], attribute_indices=attributes)
        return bytes(profile.SerializeToString())

    def write(self, tree: CallTree, samples: Iterable[tuple[bytes, bytes]]) -> bytes:
        """The serialized ExportProfilesServiceRequest, which has the form of ProfilesData as well; *tree* says what a
        profile says of itself.
        """
        request = self._request()
        scopes = request.resource_profiles.add()
        for key, text in self._resource.items():
            scopes.resource.attributes.add(key=key).value.string_value = text
        scopes.resource.attributes.add(key="process.pid").value.int_value = os.getpid()
        profiles = scopes.scope_profiles.add()
        profiles.scope.name, profiles.scope.version = "memwatch", __version__
        for kind, parts in zip(_KINDS, zip(*samples, strict=True) if samples else ((), ()), strict=True):
            profile = profiles.profiles.add()
            self._describe(profile, tree, *kind)
            profile.MergeFromString(b"".join(parts))
        return bytes(self._shared.SerializeToString() + request.SerializeToString())

    def _describe(self, profile: Any, tree: CallTree, kind: str, unit: str) -> None:
        tables = self._tables
        profile.sample_type.type_strindex = tables.text(kind)
        profile.sample_type.unit_strindex = tables.text(unit)
        profile.period_type.type_strindex, profile.period_type.unit_strindex = tables.text("space"), tables.text("By")
        profile.period = tree.sample_interval
        profile.time_unix_nano = round((tree.time or time.time()) * _NANO)
        profile.profile_id = os.urandom(16)


@internal
class Tables:
    """The dictionary of a request: each text, function, place, stack and attribute once; number 0 stands for none."""

    def __init__(self, proto: Any, dictionary: Any) -> None:
        self._proto, self._dictionary = proto, dictionary
        self._texts = {"": 0}
        self._functions: dict[tuple[str, str, int], int] = {}
        self._locations: dict[Frame, int] = {}
        self._stacks: dict[tuple[Frame, ...], int] = {}
        self._attributes: dict[tuple[str, str], int] = {}
        dictionary.string_table.append("")
        for name in ("mapping", "location", "function", "link", "attribute", "stack"):
            getattr(dictionary, f"{name}_table").add()

    @property
    def size(self) -> int:
        """How much they hold."""
        return len(self._texts) + len(self._locations) + len(self._stacks) + len(self._attributes)

    def text(self, text: str) -> int:
        """The number of a text."""
        number = self._texts.setdefault(storable(text), len(self._texts))
        if number == len(self._dictionary.string_table):
            self._dictionary.string_table.append(storable(text))
        return number

    def stack(self, frames: tuple[Frame, ...]) -> int:
        """The number of a stack, which is written innermost first."""
        if frames not in self._stacks:
            self._stacks[frames] = len(self._stacks) + 1
            self._dictionary.stack_table.add(location_indices=[self._location(frame) for frame in reversed(frames)])
        return self._stacks[frames]

    def attribute(self, key: str, value: str) -> int:
        """The number of an attribute."""
        if (key, value) not in self._attributes:
            self._attributes[key, value] = len(self._attributes) + 1
            made = self._dictionary.attribute_table.add(key_strindex=self.text(key))
            made.value.string_value = storable(value)
        return self._attributes[key, value]

    def _location(self, frame: Frame) -> int:
        if frame not in self._locations:
            self._locations[frame] = len(self._locations) + 1
            line = self._proto.Line(function_index=self._function(frame), line=frame.line, column=frame.column)
            self._dictionary.location_table.add(lines=[line])
        return self._locations[frame]

    def _function(self, frame: Frame) -> int:
        key = frame.function, frame.file, frame.first_line
        if key not in self._functions:
            self._functions[key] = len(self._functions) + 1
            self._dictionary.function_table.add(
                name_strindex=self.text(frame.function),
                filename_strindex=self.text(frame.file),
                start_line=frame.first_line,
            )
        return self._functions[key]


def _by_names(stack: Stack) -> list[tuple[Names, int, int]]:
    """Attributes, bytes and number of allocations, if the samples tell who allocated; else the stack's own numbers."""
    found: dict[Names, list[int]] = {}
    for part in stack.parts:
        held = found.setdefault(_names(part), [0, 0])
        held[0] += sum(size * count for size, count in part.allocations)
        held[1] += sum(count for _, count in part.allocations)
    sums = [sum(column) for column in zip(*found.values(), strict=True)]
    if sums == [stack.size_bytes, stack.count]:
        return [(names, *numbers) for names, numbers in found.items()]  # type: ignore[misc]
    return [((), stack.size_bytes, stack.count)]


def _names(part: Part) -> Names:
    known = (("thread.name", part.thread), ("memwatch.task", part.task), ("memwatch.label", part.label))
    return tuple([(key, name) for key, name in known if name])
