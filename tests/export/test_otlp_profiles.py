"""Heap profiles over OTLP: what the messages hold, by the classes of the official package."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys

import pytest

from memwatch import backend
from memwatch.calltree import CallTree, Stack, stacks_of
from memwatch.errors import OptionError
from memwatch.estimates import Part
from memwatch.export import heap, otlp_profiles
from memwatch.export.otlp_profiles import Writer, load_messages
from memwatch.frames import Frame
from memwatch.treebuilder import build

pytest.importorskip("opentelemetry.proto")

from opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2 import ExportProfilesServiceRequest

native = pytest.mark.skipif(backend.name != "native", reason="the sampler is in the C extension")
PROFCHECK = os.environ.get("PROFCHECK") or shutil.which("profcheck")
MAIN, LOAD = Frame("main", "app.py", 3), Frame("load", "app.py", 12)
KEPT: list[bytearray] = []


def part(thread, size, count):
    return Part(thread, "", ((size, count),), count, 1.0, (count, 0, 0, 0, 0))


TREE = CallTree(
    build(
        [
            Stack((MAIN, LOAD), 3000, 3, ((1000, 3),), (part("MainThread", 1000, 2), part("worker", 1000, 1))),
            Stack((MAIN,), 500, 1, ((500, 1),)),
        ]
    ),
    source="sampler",
    sample_interval=524288,
    time=1000.0,
)


@pytest.fixture(autouse=True)
def stopped():
    yield
    otlp_profiles.stop()
    heap.stop_sampling()
    KEPT.clear()


def write(tree, writer=None):
    """The body of a request."""
    writer = writer or Writer(load_messages(), {"service.name": "shop"})
    return writer.write(tree, [writer.encode(stack) for stack in stacks_of(tree.root)])


def read(body):
    """{kind: {(functions, thread): value}} and the resource's attributes."""
    request = ExportProfilesServiceRequest.FromString(body)
    tables, (resource,) = request.dictionary, request.resource_profiles
    text = tables.string_table

    def names(sample):
        places = tables.stack_table[sample.stack_index].location_indices
        lines = [tables.location_table[number].lines[0] for number in places]
        attributes = [tables.attribute_table[number] for number in sample.attribute_indices]
        stack = tuple(f"{text[tables.function_table[line.function_index].name_strindex]}:{line.line}" for line in lines)
        return stack, "".join(attribute.value.string_value for attribute in attributes)

    found = {
        f"{text[profile.sample_type.type_strindex]} {text[profile.sample_type.unit_strindex]}": {
            names(sample): sample.values[0] for sample in profile.samples
        }
        for profile in resource.scope_profiles[0].profiles
    }
    return found, {pair.key: pair.value.string_value or pair.value.int_value for pair in resource.resource.attributes}


def test_stacks_innermost_first_by_thread():
    found, resource = read(write(TREE))
    assert resource == {"service.name": "shop", "process.pid": os.getpid()}
    assert found == {
        "inuse_space By": {
            (("load:12", "main:3"), "MainThread"): 2000,
            (("load:12", "main:3"), "worker"): 1000,
            (("main:3",), ""): 500,
        },
        "inuse_objects {object}": {
            (("load:12", "main:3"), "MainThread"): 2,
            (("load:12", "main:3"), "worker"): 1,
            (("main:3",), ""): 1,
        },
    }


def test_every_table_begins_with_nothing_and_holds_each_thing_once():
    tables = ExportProfilesServiceRequest.FromString(write(TREE)).dictionary
    for name in ("mapping", "location", "function", "link", "attribute", "stack"):
        rows = [row.SerializeToString() for row in getattr(tables, f"{name}_table")]
        assert rows[0] == b"" and len(set(rows)) == len(rows)
    assert tables.string_table[0] == "" and len(set(tables.string_table)) == len(tables.string_table)


def test_the_next_request_has_its_own_samples_and_numbers_of_the_same_tables():
    writer = Writer(load_messages(), {"service.name": "shop"})
    first = read(write(TREE, writer))
    (left,) = [stack for stack in stacks_of(TREE.root) if stack.frames == (MAIN,)]
    task = Part("worker", "serve", ((7, 1),), 1, 1.0, (1, 0, 0, 0, 0), "route=/x")
    other = Stack((MAIN, Frame("other", "app.py", 40)), 7, 1, ((7, 1),), (task,))
    second, _ = read(writer.write(TREE, [writer.encode(left), writer.encode(other)]))
    assert first == read(write(TREE))
    assert second["inuse_space By"] == {
        (("main:3",), ""): 500,
        (("other:40", "main:3"), "workerserveroute=/x"): 7,
    }


@pytest.mark.skipif(PROFCHECK is None, reason="profcheck is not installed")
def test_the_project_s_own_checker_agrees(tmp_path):
    for name, tree in (("full", TREE), ("empty", CallTree(build(())))):
        (tmp_path / name).write_bytes(write(tree))
        done = subprocess.run(
            [PROFCHECK, "-check-dupes", "-check-orphans", tmp_path / name], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


@native
def test_a_profile_is_sent(receiver, watched):
    assert otlp_profiles.start(f"http://{receiver.place}", "shop", {"deployment.environment.name": "test"})
    KEPT.extend(bytearray(1 << 20) for _ in range(64))
    (pusher,) = otlp_profiles._started
    pusher.push()
    pusher.box.close(5)
    ((path, headers, body),) = receiver.requests
    assert path == "/v1development/profiles" and headers["Content-Type"] == "application/x-protobuf"
    found, resource = read(gzip.decompress(body))
    assert sum(found["inuse_space By"].values()) == pytest.approx(64 << 20, rel=0.5)
    assert resource["deployment.environment.name"] == "test"


@pytest.mark.parametrize(
    "options", [{"service": ""}, {"service": 3}, {"resource": {"a": 1}}, {"every": 0.1}, {"url": "host"}, {"url": None}]
)
def test_options_out_of_range(options):
    with pytest.raises(OptionError):
        otlp_profiles.start(**{"url": "http://127.0.0.1:1", "service": "a", **options})


def test_a_package_without_the_signal_is_logged_once(watched, monkeypatch, warnings):
    monkeypatch.setitem(sys.modules, "opentelemetry.proto.profiles.v1development.profiles_pb2", None)
    assert not otlp_profiles.start("http://127.0.0.1:1", "a") and not otlp_profiles.start("http://127.0.0.1:1", "a")
    (said,) = warnings()
    assert "memwatch[otlp-profiles]" in said
