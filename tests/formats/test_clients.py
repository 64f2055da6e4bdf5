"""Real programs open our files and say what they find; memwatch opens theirs. Their answers are kept in `golden`.

Needs MEMWATCH_CLIENTS, a folder in which tests/clients/package.json was installed, and node, Chromium and Go.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from memwatch import formats
from memwatch.calltree import CallTree, walk
from memwatch.combine import diff

pytestmark = pytest.mark.clients

HERE = Path(__file__).parent
DRIVERS, KEPT = HERE.parent / "clients", HERE / "golden"
PATIENCE = 120
Golden = Callable[[str, bytes], bytes]

GO_PROGRAM = """
package main

import ("os"; "runtime"; "runtime/pprof")

var kept [][]byte

//go:noinline
func keep() { kept = append(kept, make([]byte, 1<<20)) }

func main() {
	runtime.MemProfileRate = 1
	kept = make([][]byte, 0, 8) // so that keep allocates nothing else
	for i := 0; i < 8; i++ { keep() }
	runtime.GC()
	pprof.Lookup("heap").WriteTo(os.Stdout, 0)
	runtime.KeepAlive(kept)
}
"""

NODE_PROGRAM = """
globalThis.kept = [];
function keep() { kept.push(new Array(1000).fill(kept.length)); }
for (let i = 0; i < 2000; i++) keep();
"""


def run(*command: str | Path, folder: Path | None = None) -> bytes:
    """The program's standard output; skips where the program is not there, fails where it fails."""
    if not os.environ.get("MEMWATCH_CLIENTS"):
        pytest.skip("MEMWATCH_CLIENTS names no folder with the programs' packages")
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]} on this machine")
    env = {**os.environ, "TZ": "UTC", "GO111MODULE": "off", "GOFLAGS": "", "PPROF_TMPDIR": str(folder or "")}
    ended = subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout


def browse(driver: str, *args: str | Path) -> bytes:
    if shutil.which("chromium") is None and "CHROMIUM" not in os.environ:
        pytest.skip("there is no chromium on this machine")
    return run("node", DRIVERS / driver, *args)


def pprof(*args: str | Path) -> bytes:
    return run("go", "tool", "pprof", "-top", "-unit=B", "-nodefraction=0", *args)


def test_devtools_open_the_heap_profile(golden: Golden) -> None:
    found = browse("devtools.mjs", KEPT / "sample.heapprofile")
    assert json.loads(found) == json.loads(golden("devtools.json", found))


def test_speedscope_opens_four_formats(golden: Golden, tmp_path: Path) -> None:
    files = [KEPT / f"sample.{suffix}" for suffix in ("heapprofile", "pb.gz", "speedscope.json", "collapsed")]
    found = browse("speedscope.mjs", tmp_path, *files)
    assert json.loads(found) == json.loads(golden("speedscope.json", found))


def test_go_s_pprof_opens_the_profile(golden: Golden) -> None:
    found = pprof(KEPT / "sample.pb.gz")
    assert found == golden("pprof-top.txt", found)


def test_go_s_pprof_subtracts_one_profile_from_another(golden: Golden) -> None:
    found = pprof("-base", KEPT / "older.pb.gz", KEPT / "sample.pb.gz")
    assert found == golden("pprof-base.txt", found)


def test_go_s_pprof_opens_a_difference(
    golden: Golden, sample_tree: CallTree, older_tree: CallTree, tmp_path: Path
) -> None:
    path = tmp_path / "difference.pb.gz"
    path.write_bytes(formats.write(diff(sample_tree, older_tree), "pprof"))
    found = pprof(path)
    assert found == golden("pprof-difference.txt", found)


def test_go_s_pprof_sees_lines_sizes_and_beginnings(golden: Golden) -> None:
    found = run("go", "tool", "pprof", "-raw", KEPT / "sample.pb.gz")
    assert found == golden("pprof-raw.txt", found)


def test_another_decoder_opens_the_profile(golden: Golden) -> None:
    found = run("node", DRIVERS / "pprofformat.mjs", KEPT / "sample.pb.gz")
    assert json.loads(found) == json.loads(golden("pprof-format.json", found))


def test_a_heap_profile_of_node_is_read(tmp_path: Path) -> None:
    (tmp_path / "leak.js").write_text(NODE_PROGRAM)
    run(
        "node",
        "--heap-prof",
        "--heap-prof-name=node.heapprofile",
        "--heap-prof-interval=4096",
        "leak.js",
        folder=tmp_path,
    )
    tree = formats.read_file(tmp_path / "node.heapprofile")
    keep = sum(node.self_bytes for node in walk(tree.root) if node.function == "keep")
    head = json.loads((tmp_path / "node.heapprofile").read_bytes())["head"]
    assert tree.root.total_bytes == summed(head)
    assert keep == pytest.approx(2000 * 8016, rel=0.2)


def summed(node: dict) -> int:
    return node["selfSize"] + sum(map(summed, node["children"]))


def test_a_heap_profile_of_go_is_read(tmp_path: Path) -> None:
    (tmp_path / "leak.go").write_text(GO_PROGRAM)
    data = run("go", "run", "leak.go", folder=tmp_path)
    for form in (data, gzip.decompress(data)):
        tree = formats.read(form)
        own = Counter[str]()
        for node in walk(tree.root):
            own[node.function] += node.self_bytes
        assert own["main.keep"] >= 8 << 20
    path = tmp_path / "again.pb.gz"
    path.write_bytes(formats.write(tree, "pprof"))
    (tmp_path / "go.pb.gz").write_bytes(data)
    flat = re.findall(r"^ *([0-9]+)B .*%  (.*)$", pprof(tmp_path / "go.pb.gz").decode(), re.MULTILINE)
    assert {name: int(size) for size, name in flat} == {name: size for name, size in own.items() if size}
    rows = [pprof(file).decode().split("flat%")[1] for file in (tmp_path / "go.pb.gz", path)]
    assert rows[0] == rows[1], "what memwatch read and wrote again is the same to Go"
