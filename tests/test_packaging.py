"""The wheel in a fresh environment: its start-up file, its command, and the children of what it runs."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import textwrap
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pytest
from filelock import FileLock

import memwatch

ROOT = Path(memwatch.__file__).parent.parent
PATIENCE = 300

pytestmark = pytest.mark.slow

LEAK = """
import memwatch
kept = []
def leak():
    for _ in range(6):
        kept.extend(bytes(1000) for _ in range(2000))
        memwatch.gc()
"""

SPAWNING = """
import multiprocessing, os, subprocess, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from leaking import leak
if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=leak)
    child.start()
    child.join()
    other = subprocess.Popen([sys.executable, "-c", "import leaking; leaking.leak()"])
    other.wait()
    print(os.getpid(), child.pid, other.pid, flush=True)
    os.execv(sys.executable, [sys.executable, "-c", "import leaking; leaking.leak()"])
"""


def pip(*args):
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *args], check=True, timeout=PATIENCE)


def copy_sources(folder):
    """What a build needs, without what earlier builds have left."""
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, folder)
    for name in ("memwatch", "tests", "docs", "examples", "benchmarks"):
        ignored = shutil.ignore_patterns("__pycache__", "*.so", "node_modules")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)


def build_flags():
    """Build with what is installed where that is new enough, so that no network is asked."""
    try:
        new_enough = int(version("setuptools").partition(".")[0]) >= 77
    except PackageNotFoundError:
        new_enough = False
    return ["--no-build-isolation"] if new_enough else []


def build_wheel(source, built):
    """Build it from a copy: building leaves traces in the source folder. It need not be fast."""
    copy_sources(source)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MEMWATCH_CFLAGS", "-O0")
        pip("wheel", "--quiet", "--no-deps", *build_flags(), "--wheel-dir", str(built), str(source))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel, which the first of the processes that run the tests beside each other builds for all."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    built = folder / "built"
    with FileLock(folder / "built.lock", timeout=PATIENCE):
        if not built.exists():
            build_wheel(tmp_path_factory.mktemp("source"), built)
    (made,) = built.iterdir()
    return made


class Installation:
    """A virtual environment with the wheel in it; its dependencies are those of the interpreter that runs the tests."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=os.name != "nt")
        scripts = folder / ("Scripts" if os.name == "nt" else "bin")
        self.python, self.command = scripts / "python", scripts / "memwatch"
        self.site = Path(self.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
        needed = {Path(find_spec(name).origin).parent.parent for name in ("blinker", "psutil")}
        needed.add(Path(find_spec("objgraph").origin).parent)
        (self.site / "a_dependencies.pth").write_text("".join(f"{path}\n" for path in sorted(needed)))
        pip("--python", str(self.python), "install", "--quiet", "--no-deps", str(wheel))

    def run(self, *args, program=None, cwd=None, status=0, **variables):
        env = {name: value for name, value in os.environ.items() if not name.startswith(("MEMWATCH", "PYTHON"))}
        done = subprocess.run(
            [program or self.python, *args],
            cwd=cwd,
            env=env | variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    return Installation(tmp_path_factory.mktemp("installed"), wheel)


def test_the_wheel_holds_the_package_the_start_up_file_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    top = {name.split("/")[0].partition("-")[0] for name in names}
    assert top == {"memwatch", "memwatch.pth"}
    assert "memwatch/py.typed" in names and "memwatch/cli/run.py" in names
    assert "memwatch = memwatch.cli:main" in entry_points


def test_the_source_distribution_holds_every_file(tmp_path):
    source, built = tmp_path / "source", tmp_path / "built"
    source.mkdir()
    copy_sources(source)
    files = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    command = [sys.executable, "setup.py", "--quiet", "sdist", "--dist-dir", str(built)]
    subprocess.run(command, cwd=source, check=True, timeout=PATIENCE, capture_output=True)
    (archive,) = built.iterdir()
    with tarfile.open(archive) as made:
        assert files <= {name.partition("/")[2] for name in made.getnames()}


@pytest.mark.skipif(memwatch.backend.name != "native", reason="there is no C extension for this Python")
@pytest.mark.parametrize("required", [False, True])
def test_without_a_compiler_the_pure_backend_is_built_unless_the_native_one_is_required(required, tmp_path):
    copy_sources(tmp_path)
    env = {**os.environ, "CC": "no-such-compiler", "MEMWATCH_REQUIRE_NATIVE": "1" if required else ""}
    command = [sys.executable, "setup.py", "bdist_wheel"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode != 0) == required, done.stderr
    wheels = [path.name for path in tmp_path.glob("dist/*")]
    assert wheels == ([] if required else [f"memwatch-{version('memwatch')}-py3-none-any.whl"])
    assert (done.stdout + done.stderr).count("this is the pure wheel") == (not required)
    assert not list(tmp_path.rglob("*.so"))
    code = "import memwatch.backend as b, memwatch.heap as h; print(b.name, '-', b.reason); h.take_census(deep=False)"
    env["MEMWATCH_BACKEND"] = ""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout == "pure - the C extension is not in this installation\n"
    assert (
        done.stderr
        == "memwatch walks the heap in Python, which is slower: the C extension is not in this installation\n"
    )


def test_without_the_variable_nothing_is_imported(installed):
    done = installed.run("-c", "import sys; print([name for name in sys.modules if name.startswith('memwatch')])")
    assert (done.stdout, done.stderr) == ("[]\n", "")
    assert installed.run("-c", "import sys; print('memwatch' in sys.modules)", MEMWATCH="0").stdout == "False\n"


def test_with_the_variable_the_process_is_watched(installed):
    done = installed.run(
        "-c", "import memwatch; print(memwatch.watcher().pace.name)", MEMWATCH="1", MEMWATCH_PACE="job"
    )
    assert (done.stdout, done.stderr) == ("job\n", "")


@pytest.mark.parametrize(("word", "watched"), [("on", True), ("TRUE", True), ("Off", False), ("", False)])
def test_words_switch_it_on_and_off(installed, word, watched):
    done = installed.run("-c", "import sys; print('memwatch' in sys.modules)", MEMWATCH=word)
    assert (done.stdout, done.stderr) == (f"{watched}\n", "")


def test_an_unknown_word_is_said(installed):
    done = installed.run("-c", "import memwatch; print(memwatch.watcher())", MEMWATCH="maybe")
    assert done.stdout == "None\n" and "MEMWATCH='maybe': it must be 1" in done.stderr


def test_a_subinterpreter_that_a_thread_has_made_is_left_alone_and_ends(installed):
    code = """
    import threading
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    made = []
    thread = threading.Thread(target=lambda: made.append(interpreters.create()))
    thread.start()
    thread.join()
    interpreters.run_string(made[0], "import sys; print('memwatch' in sys.modules, flush=True)")
    interpreters.destroy(made[0])
    print("memwatch" in sys.modules)
    """
    done = installed.run("-c", "import sys\n" + textwrap.dedent(code), MEMWATCH="1")
    assert (done.stdout, done.stderr) == ("False\nTrue\n", "")


def test_a_start_up_file_without_its_package_is_harmless(wheel, tmp_path):
    installation = Installation(tmp_path, wheel)
    shutil.rmtree(installation.site / "memwatch")
    done = installation.run("-c", "print('on')", MEMWATCH="1")
    assert (done.stdout, done.stderr) == ("on\n", "")


def test_the_command_runs_a_program(installed, tmp_path):
    (tmp_path / "x.py").write_text("import sys; print(sys.path[0], sys.argv)")
    done = installed.run("run", "x.py", "a", program=installed.command, cwd=tmp_path)
    assert done.stdout == f"{tmp_path} ['x.py', 'a']\n"


def test_a_run_in_a_watched_process_takes_over(installed, tmp_path):
    (tmp_path / "x.py").write_text(LEAK + "leak()\nprint(memwatch.watcher().pace.name)\n")
    done = installed.run("-m", "memwatch", "run", "--json", "e.jsonl", "x.py", cwd=tmp_path, MEMWATCH="1")
    assert done.stdout == "job\n"
    assert done.stderr.count("LEAK  pid") == 1
    events = [json.loads(line)["event"] for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert events.count("leak") == 1


def test_spawned_and_executed_children_are_watched_and_write_to_the_same_file(installed, tmp_path):
    (tmp_path / "leaking.py").write_text(LEAK)
    (tmp_path / "x.py").write_text(SPAWNING)
    done = installed.run("-m", "memwatch", "run", "--json", "e.jsonl", "x.py", cwd=tmp_path)
    pids = set(map(int, done.stdout.split()))
    events = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert {event["pid"] for event in events if event["event"] == "leak"} == pids
    assert all(f"LEAK  pid {pid} " in done.stderr for pid in pids)
    assert [line.split()[1] for line in done.stderr.splitlines() if line.startswith("memwatch: ")] == ["watching", "1"]


def test_fifty_short_programs_end_well(installed):
    def end_after(number):
        milliseconds = number % 26
        text = f"import threading, time; time.sleep({milliseconds / 1000}); print(threading.active_count())"
        done = installed.run("-c", text, MEMWATCH="1")
        return done.stdout, done.stderr

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(end_after, range(50))) == {("1\n", "")}
