"""Heap profiles over OTLP: OpenTelemetry's profiles signal, which is in alpha (extra ``[otlp-profiles]``).

The messages are those of ``v1development`` in the package opentelemetry-proto, which is pinned to one minor version, as
the next may change them. A sample is what a call path holds: one profile for bytes (``inuse_space``), one for
allocations (``inuse_objects``), with the attribute ``thread.name`` where that is known.
"""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Mapping
from typing import Any

from ..calltree import ROOT, CallTree, Stack, stacks_of
from ..checks import check_number
from ..errors import OptionError
from ..formats.checks import storable
from ..frames import Frame
from ..internal import internal
from ..targets import make_target
from ..treebuilder import build
from ..version import __version__
from .heap import read_heap, start_sampling
from .libraries import load, told_once
from .pushing import Pusher, Request

_WHAT = "the exporter of OTLP profiles"
_PATH = "/v1development/profiles"
_KINDS = (("inuse_space", "By"), ("inuse_objects", "{object}"))
_HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
_NANO = 1_000_000_000
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
    about = {"service.name": service, **(resource or {})}
    if not all(isinstance(text, str) and text for pair in about.items() for text in pair):
        raise OptionError("the service and the resource's attributes are texts that are not empty")
    target = make_target(f"{url.rstrip('/')}{_PATH}" if isinstance(url, str) else url, headers)
    with told_once(_WHAT):
        from .outbox import Outbox  # which needs urllib3

        writer = Writer(about)
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


def _make(writer: Writer) -> Request:
    return gzip.compress(writer.write(read_heap().tree), mtime=0), _HEADERS, ""


@internal
class Writer:
    """Turns call trees into the body of a request, with *resource* as attributes of the process."""

    def __init__(self, resource: Mapping[str, str]) -> None:
        base = "opentelemetry.proto"
        names = ("Profile", "ProfilesDictionary", "Stack", "KeyValueAndUnit")
        self._proto = load("otlp-profiles", f"{base}.profiles.v1development.profiles_pb2", *names)
        service = f"{base}.collector.profiles.v1development.profiles_service_pb2"
        self._request = load("otlp-profiles", service, "ExportProfilesServiceRequest").ExportProfilesServiceRequest
        self._resource = dict(resource)
        self.write(CallTree(build(())))  # what protobuf loads late is not to be loaded by a thread of ours

    def write(self, tree: CallTree) -> bytes:
        """The serialized ExportProfilesServiceRequest, which has the form of ProfilesData as well."""
        request = self._request()
        scopes = request.resource_profiles.add()
        for key, text in self._resource.items():
            scopes.resource.attributes.add(key=key).value.string_value = text
        scopes.resource.attributes.add(key="process.pid").value.int_value = os.getpid()
        profiles = scopes.scope_profiles.add()
        profiles.scope.name, profiles.scope.version = "memwatch", __version__
        tables = Tables(self._proto, request.dictionary)
        made = [self._make_profile(profiles.profiles.add(), tree, tables, *kind) for kind in _KINDS]
        for stack in stacks_of(tree.root):
            for thread, size, count in _by_thread(stack):
                for profile, value in zip(made, (size, count), strict=True):
                    sample = profile.samples.add(stack_index=tables.stack(stack.frames or (ROOT,)), values=[value])
                    if thread:
                        sample.attribute_indices.append(tables.attribute("thread.name", thread))
        return bytes(request.SerializeToString())

    def _make_profile(self, profile: Any, tree: CallTree, tables: Tables, kind: str, unit: str) -> Any:
        profile.sample_type.type_strindex = tables.text(kind)
        profile.sample_type.unit_strindex = tables.text(unit)
        profile.period_type.type_strindex, profile.period_type.unit_strindex = tables.text("space"), tables.text("By")
        profile.period = tree.sample_interval
        profile.time_unix_nano = round((tree.time or time.time()) * _NANO)
        profile.profile_id = os.urandom(16)
        return profile


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


def _by_thread(stack: Stack) -> list[tuple[str, int, int]]:
    """Thread, bytes and number of allocations, where the samples tell the thread; else the stack's own numbers."""
    found: dict[str, list[int]] = {}
    for part in stack.parts:
        held = found.setdefault(part.thread, [0, 0])
        held[0] += sum(size * count for size, count in part.allocations)
        held[1] += sum(count for _, count in part.allocations)
    sums = [sum(column) for column in zip(*found.values(), strict=True)]
    if sums == [stack.size_bytes, stack.count]:
        return [(thread, *numbers) for thread, numbers in found.items()]  # type: ignore[misc]
    return [("", stack.size_bytes, stack.count)]
