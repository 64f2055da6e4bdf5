"""The pytest plugin in real runs of pytest: what leaks fails and is named, everything else passes."""

from __future__ import annotations

import configparser
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from memwatch import backend
from memwatch.reach import folder

pytest_plugins = ["pytester"]

PLUGIN = "memwatch.pytest_plugin"
IS_NATIVE = backend.name == "native"
LONG = () if IS_NATIVE else (pytest.mark.slow,)  # a census in Python takes ten times as long

LEAKING = {
    "module_list": ("def leak():\n    KEPT.append(Order())", "KEPT: list, 32 items > [index]"),
    "class_attribute": ("def leak():\n    Order.made.add(object())", "Order: class test_module.Order > .made: set"),
    "cache": (
        "@functools.cache\ndef look_up(number):\n    return [number]\ndef leak():\n    look_up(next(NUMBERS))",
        "look_up: functools.lru_cache wrapper",
    ),
    "default_argument": (
        "def leak(seen=[]):\n    seen.append({'id': len(seen)})",
        "function test_module.leak > .__defaults__: tuple",
    ),
    "handlers": ("def leak():\n    LOGGER.addHandler(logging.StreamHandler())", ".handlers: list, 32 items"),
    "threads": ("def leak():\n    threading.Thread(target=EVENT.wait, daemon=True).start()", "module threading"),
    "coroutine": ("async def leak():\n    KEPT.append(Order())", "KEPT: list, 64 items"),
    "buffer": ("def leak():\n    BUFFER.extend(bytes(1000))", "BUFFER: bytearray"),
}
"""By name: a function that leaks, and what its report says."""

TEST = """
def test_{name}(heap_diff, leak=leak):
    heap_diff(leak)
"""

HEAD = """
import asyncio, collections, functools, itertools, logging, re, threading, warnings, weakref
from unittest.mock import Mock
import pytest

class Order:
    made = set()

KEPT, NUMBERS, LOGGER, EVENT = [], itertools.count(1000), logging.getLogger("app"), threading.Event()
BUFFER = bytearray()
"""

INNOCENT = """
BOUNDED = collections.deque(maxlen=1000)
LAZY, WEAK, MOCK = {}, weakref.WeakValueDictionary(), Mock()

@functools.lru_cache(maxsize=500)
def look_up(number):
    return [number]

def fill_lru_cache():
    look_up(next(NUMBERS))

def fill_deque():
    BOUNDED.append(Order())

def compile_expressions():
    re.compile(f"x{next(NUMBERS)}")

def import_first():
    import xml.dom.minidom
    xml.dom.minidom.parseString("<a/>")

def grow_lazily():
    LAZY.setdefault(next(NUMBERS) % 7, Order())

def refer_weakly():
    WEAK[next(NUMBERS)] = Order()

def log():
    LOGGER.warning("number %s", next(NUMBERS))

def print_much():
    print("x" * 1000)

def warn():
    warnings.warn(DeprecationWarning("again"))

def call_mock():
    MOCK.method(next(NUMBERS))

def make_cycles():
    order = Order()
    order.itself = order

async def wait():
    await asyncio.gather(*(asyncio.sleep(0) for _ in range(3)))

INNOCENT = [fill_lru_cache, fill_deque, compile_expressions, import_first, grow_lazily, refer_weakly, log, print_much,
            warn, call_mock, make_cycles, wait]

@pytest.mark.parametrize("function", INNOCENT, ids=lambda function: function.__name__)
def test_innocent(heap_diff, function, capsys):
    assert not heap_diff(function).leaks

@pytest.mark.memwatch_check
@pytest.mark.parametrize("number", range(2))
def test_in_rounds(number, caplog, capsys, monkeypatch):
    monkeypatch.setattr(Order, "made", set())
    log()
    print_much()

@pytest.mark.memwatch_check(max_rounds=3)
async def test_async_in_rounds(tmp_path):
    await wait()
    (tmp_path / "x").write_text("written")
"""

HEALTHY = """
import asyncio, base64, concurrent.futures, configparser, csv, datetime, decimal, difflib, email, hashlib, io, json
import logging, pathlib, pickle, random, re, sqlite3, string, subprocess, sys, tempfile, textwrap, threading, uuid, zlib
from email.message import EmailMessage
from urllib.parse import parse_qs, urlparse
from xml.etree import ElementTree
import pytest

def do_json():
    json.loads(json.dumps({"a": [1, 2.5, "x" * 20] * 50}))

def do_re():
    re.findall("([a-z]+)-([0-9]+)", "abc-123 def-456" * 10)

def do_logging():
    handler, logger = logging.StreamHandler(io.StringIO()), logging.getLogger("short")
    logger.addHandler(handler)
    logger.warning("number %s", 3)
    logger.removeHandler(handler)

def do_email():
    message = EmailMessage()
    message["Subject"] = "h\u00e9"
    message.set_content("text")
    email.message_from_bytes(bytes(message))

def do_sqlite():
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (a, b)")
    connection.executemany("insert into t values (?, ?)", [(n, str(n)) for n in range(100)])
    connection.execute("select * from t").fetchall()
    connection.close()

def do_asyncio():
    async def wait():
        await asyncio.gather(*(asyncio.sleep(0) for _ in range(5)))
    asyncio.run(wait())

def do_threading():
    threads = [threading.Thread(target=do_json) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def do_subprocess():
    subprocess.run([sys.executable, "-S", "-E", "-c", "1"], check=True, capture_output=True)

def do_decimal():
    with decimal.localcontext() as context:
        context.prec = 50
        (decimal.Decimal(2) / 3).sqrt()

def do_datetime():
    datetime.datetime.strptime("2024-02-03", "%Y-%m-%d").astimezone().isoformat()

def do_files():
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "x").write_text("text")

def do_urls():
    parse_qs(urlparse("http://a/b?c=d&e=f").query)

def do_xml():
    ElementTree.fromstring("<a>" + "<b c='1'/>" * 50 + "</a>")

def do_csv():
    list(csv.DictReader(io.StringIO("a,b\\n" + "1,2\\n" * 50)))

def do_bytes():
    zlib.decompress(zlib.compress(b"x" * 10000))
    base64.b64decode(base64.b64encode(hashlib.sha256(b"x").digest()))

def do_random():
    random.Random(3).sample(range(1000), 10)
    uuid.uuid4()

def do_config():
    configparser.ConfigParser().read_string("[a]\\nb = c\\n")

def do_pool():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(str, range(20)))

def do_text():
    textwrap.wrap("a b c " * 100)
    list(difflib.unified_diff(["a"], ["b"]))
    string.Template("$a").substitute(a=1)

def do_pickle():
    pickle.loads(pickle.dumps([1, {2: decimal.Decimal(3)}]))

HEALTHY = [value for name, value in sorted(globals().items()) if name.startswith("do_")]

@pytest.mark.parametrize("time", range(TIMES))
@pytest.mark.parametrize("function", HEALTHY, ids=lambda function: function.__name__)
def test_healthy(heap_diff, function, time):
    assert heap_diff(function).rounds <= 3 or time == 0 or function is do_logging
"""

UNITTEST = """
import unittest, memwatch, pytest

KEPT = []

class Tests(unittest.TestCase):
    def setUp(self):
        self.kept = []

    def test_healthy(self):
        self.assertEqual(memwatch.check(list).rounds, 2)

    def test_waits_for_logs(self):
        import logging
        with self.assertLogs("app"):
            memwatch.check(lambda: logging.getLogger("app").error("bad"))

    def test_leaking(self):
        memwatch.check(lambda: self.kept.append(object()))

    @pytest.mark.memwatch_check
    def test_marked(self):
        KEPT.append([1])
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run pytest, with this plugin and the asked ones alone, on the text of one test module."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(text: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_module=text)
        return pytester.runpytest_subprocess("-p", PLUGIN, "-p", "no:cacheprovider", *options)

    return run


@pytest.mark.slow
def test_what_leaks_fails_and_its_holder_is_named(run) -> None:
    tests = [
        f"{text}\n\ndef test_{name}(heap_diff, leak=leak):\n    heap_diff(leak)" for name, (text, _) in LEAKING.items()
    ]
    done = run("\n\n".join([HEAD, *tests]), "-s")
    done.assert_outcomes(failed=len(LEAKING))
    sections = done.stdout.str().split("____ test_")[1:]
    for section, (name, (_, told)) in zip(sections, LEAKING.items(), strict=True):
        assert section.startswith(name)
        assert told in section
        assert "grows in each of 4 rounds" in section and "held by" in section


def test_a_failure_shows_the_test_and_the_report_alone(run) -> None:
    done = run(HEAD + LEAKING["module_list"][0] + "\n\ndef test_leak(heap_diff):\n    heap_diff(leak)\n")
    done.stdout.fnmatch_lines(
        [
            ">*heap_diff(leak)",
            "E   *LeakFound: * > KEPT: list, 32 items > [[]index[]] grows in each of 4 rounds",
            "E*in a round of *2 calls *4 calls *8 calls *16 calls",
            "E*test_module.Order *+2 *+4 *+8 *+16",
            "E*cause *a module-level list that only grows",
            "test_module.py:*: LeakFound",
        ]
    )
    assert "pytest_plugin.py" not in done.stdout.str()


@pytest.mark.parametrize(
    "options", [pytest.param((), marks=LONG), pytest.param(("--capture=sys",), marks=pytest.mark.slow)], ids=str
)
def test_what_is_bounded_weak_or_recorded_by_pytest_passes(run, options: tuple[str, ...]) -> None:
    run(HEAD + INNOCENT, *options).assert_outcomes(passed=15)


@pytest.mark.parametrize(
    "times", [pytest.param(1, marks=LONG), pytest.param(4 if IS_NATIVE else 2, marks=pytest.mark.slow)]
)
def test_the_standard_library_passes_every_time(run, times: int) -> None:
    run(HEALTHY.replace("TIMES", str(times))).assert_outcomes(passed=20 * times)


def test_runs_are_spread_by_xdist(run) -> None:
    text = HEAD + INNOCENT + LEAKING["module_list"][0] + TEST.format(name="leak")
    done = run(text, "-p", "xdist.plugin", "-n", "2", "-k", "log or warn or rounds or leak")
    done.assert_outcomes(passed=5, failed=1)
    done.stdout.fnmatch_lines(["E * KEPT: list, 32 items > [[]index[]] grows in each of 4 rounds"])


def test_unittest_s_tests_are_checked_as_well(run) -> None:
    done = run(UNITTEST)
    done.assert_outcomes(passed=2, failed=2)
    assert ".kept: list, 32 items" in done.stdout.str()
    assert "KEPT: list, 32 items" in done.stdout.str()


def test_a_block_gives_a_diff(run) -> None:
    text = """
    KEPT = []
    def test_block(heap_diff):
        with heap_diff() as found:
            KEPT.extend([{}, {}, {}])
        assert [row.what for row in found.diff.change.details if row.what == "dict"]
    """
    run(text).assert_outcomes(passed=1)


def test_the_mark_is_known_and_its_options_are_checked(run) -> None:
    text = """
    import pytest
    @pytest.mark.memwatch_check(loops=0)
    def test_marked():
        pass
    """
    done = run(text, "--strict-markers")
    done.stdout.fnmatch_lines(["E*OptionError: loops *1*"])


def test_a_run_that_does_not_use_it_loads_no_more_than_memwatch_itself(run) -> None:
    text = """
    import sys
    def test_nothing_loaded():
        assert not {"psutil", "objgraph", "memwatch.scenario", "memwatch.heap"} & sys.modules.keys()
    """
    run(text).assert_outcomes(passed=1)


def test_the_example_s_leak_is_found(run) -> None:
    text = (Path(__file__).parent.parent / "examples" / "check_in_tests.py").read_text(encoding="utf-8")
    done = run(text)
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(
        ["E * > store: test_module.Store > .visits: list, 32 items > * grows in each of 4 rounds"]
    )


def test_the_entry_point_names_the_plugin() -> None:
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parent.parent / "setup.cfg", encoding="utf-8")
    plugin, _, module = setup["options.entry_points"]["pytest11"].strip().partition(" = ")
    assert (plugin, module) == ("memwatch", PLUGIN)
    assert callable(importlib.import_module(module).heap_diff)


def test_pytest_may_find_memwatch_imported_already(pytester: pytest.Pytester) -> None:
    """As where MEMWATCH=1 has imported it at the start of the interpreter, and warnings are errors."""
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    pytester.makeconftest("import memwatch, pytest\n\npytest.register_assert_rewrite('memwatch')\n")
    pytester.makepyfile("def test_nothing():\n    pass\n")
    pytester.runpytest_subprocess("-p", "no:memwatch").assert_outcomes(passed=1)


SOCKET = """
import os, threading
from memwatch.default import listener, watcher

def test_socket():
    done = threading.Event()
    watcher().call_later(0.0, done.set)  # after what the plugin has asked for
    assert done.wait(30) and os.path.exists(listener().path) is LISTENS
"""


@pytest.mark.skipif(not folder.is_supported(), reason="no process listens where users have no numbers, as on Windows")
@pytest.mark.parametrize(("variable", "listens"), [("", False), ("1", True)])
def test_a_watched_run_has_no_socket_unless_it_is_asked_for(
    run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, variable: str, listens: bool
) -> None:
    monkeypatch.setenv("MEMWATCH_SOCKET", variable)
    pytester.makeconftest("import memwatch\n\nmemwatch.start()\n")
    run(SOCKET.replace("LISTENS", str(listens))).assert_outcomes(passed=1)


def test_pytest_starts_so_also_where_docstrings_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks whether it can rewrite each package that has a plugin, of which `-p` makes one."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    code = "import memwatch, pytest; raise SystemExit(pytest.main(['-p', 'memwatch', '-p', 'no:cacheprovider']))"
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings =\n    error\n    ignore:assertions not in test\n")
    done = subprocess.run([sys.executable, "-OO", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, done.stderr


FIXTURES = """
import asyncio, unittest
import pytest

class Store:
    def __init__(self):
        self.visits = []

@pytest.fixture
def store():
    return Store()

@pytest.mark.memwatch_check
def test_keeps(store):
    store.visits.append([object()])

@pytest.mark.memwatch_check(loops=3, max_growth=4096)
def test_may_keep(store):
    store.visits.append([object()])

class Tests(unittest.IsolatedAsyncioTestCase):
    kept = []

    @pytest.mark.memwatch_check
    async def test_leaks_in_a_loop_of_the_check_s_own(self):
        await asyncio.sleep(0)
        self.kept.append([object()])
"""


def test_a_failure_names_the_line_the_test_and_the_fixture(run) -> None:
    done = run(FIXTURES)
    done.assert_outcomes(passed=1, failed=2)
    told = ["*held by *fixture store: test_module.Store > .visits: list, 32 items > [[]index[]]"]
    told += ["*kept by your fixture store, which is the same in all rounds"]
    told += ["*checked *test_module.py:12 in test_keeps"]
    line = (
        ["*allocated *test_module.py:14 in test_keeps", "*> store.visits.append([[]object()[]])"] if IS_NATIVE else []
    )
    done.stdout.fnmatch_lines([*line, *told])
    done.stdout.fnmatch_lines(["*.kept: list, 32 items*", "*checked *Tests.test_leaks_in_a_loop_of_the_check_s_own"])
