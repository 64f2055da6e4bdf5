"""A program runs under `memwatch run` as it does under python: same status, same output, same traceback."""

import os
import py_compile
import signal
import subprocess
import sys
import zipapp

import pytest

FACTS = """
import sys
facts = {k: v for k, v in list(globals().items()) if k not in ("__builtins__", "__loader__", "__spec__", "sys")}
print(sorted(facts.items()), list(globals())[:9])
print(type(__loader__), __loader__.name, __loader__.get_filename(), __spec__ and (__spec__.name, __spec__.origin))
print(sys.argv, sys.path, __builtins__ is sys.modules["builtins"], sys.modules["__main__"].__dict__ is globals())
"""

SCRIPTS = {
    "returns": "print('done')",
    "reads its input": "print(input() + '!')",
    "raises": "def f(n):\n    return 1 / n\ndef g():\n    f(0)\ng()",
    "raises from another": "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('b') from e",
    "raises a group": "raise ExceptionGroup('two', [ValueError(1), TypeError(2)])",
    "raises what has notes": "e = ValueError('a')\ne.add_note('note')\nraise e",
    "is no Python": "x = 1\ndef (:\n",
    "imports what is no Python": "open('broken.py', 'w').write('def (:')\nimport broken",
    "warns": "import warnings\nwarnings.warn('old', DeprecationWarning)",
    "exits": "import sys\nsys.exit()",
    "exits with 3": "import sys\nsys.exit(3)",
    "exits with -1": "import sys\nsys.exit(-1)",
    "exits with True": "import sys\nsys.exit(True)",
    "exits with text": "import sys\nsys.exit('so it is')",
    "exits with no text": "import sys\nsys.exit('')",
    "exits with a list": "import sys\nsys.exit([])",
    "ends at once": "import os\nos._exit(7)",
    "aborts": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "is terminated": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
    "interrupts itself": "def f():\n    raise KeyboardInterrupt\nf()",
    "has a hook": "import sys\nsys.excepthook = lambda k, v, t: print(k, v, t.tb_lineno, t.tb_next)\n1 / 0",
    "has a hook that fails": "import sys\ndef hook(k, v, t):\n    raise OSError\nsys.excepthook = hook\n1 / 0",
    "fails in a thread": "import threading\nt = threading.Thread(target=int, args='a', name='t')\nt.start()\nt.join()",
    "has exit functions": "import atexit\natexit.register(print, 1)\natexit.register(print, 2)\nprint(0)",
    "fails in an exit function": "import atexit\natexit.register(int, 'a')",
    "leaves a thread": """
        import threading
        def late():
            threading.main_thread().join()
            print(__name__, threading.main_thread().is_alive())
        threading.Thread(target=late).start()
    """,
    "leaves a thread and fails": """
        import sys, threading
        def late():
            threading.main_thread().join()
            print("late", file=sys.stderr)
        threading.Thread(target=late).start()
        1 / 0
    """,
    "pickles in a late thread": """
        import pickle, threading
        class Point:
            pass
        def late():
            threading.main_thread().join()
            print(type(pickle.loads(pickle.dumps(Point()))) is Point)
        threading.Thread(target=late).start()
    """,
    "has signals as usual": """
        import signal
        print([str(signal.getsignal(s)).split(" at ")[0] for s in sorted(signal.valid_signals())])
        print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
    """,
    "sees no other threads": "import threading as t\nprint(t.active_count(), [x.name for x in t.enumerate()])",
    "replaces itself": """
        import os, sys
        if "again" not in sys.argv:
            os.execv(sys.executable, [sys.executable, __file__, "again"])
        print(sys.argv, __name__)
        sys.exit(5)
    """,
}


def assert_same(lab, *args, flags=(), **variables):
    """Both ways end alike; returns what the watched one said."""
    plain = lab.python(*args, flags=flags, typed="typed\n", **variables)
    watched = lab.watched(*args, flags=flags, typed="typed\n", **variables)
    assert watched.stdout == plain.stdout
    assert watched.stderr == plain.stderr
    assert watched.status == plain.status
    return watched


@pytest.mark.parametrize("what", SCRIPTS)
def test_a_script_ends_as_under_python(lab, what):
    lab.write("script.py", SCRIPTS[what])
    watched = assert_same(lab, "script.py")
    assert watched.own[0].startswith("memwatch: watching pid ")


@pytest.mark.parametrize("path", ["script.py", "./script.py", "sub/../script.py", "link.py", "sub/link.py"])
def test_a_script_finds_its_own_names_and_path(lab, path):
    lab.write("script.py", FACTS)
    (lab.folder / "sub").mkdir()
    (lab.folder / "link.py").symlink_to("script.py")
    (lab.folder / "sub" / "link.py").symlink_to("../script.py")
    assert_same(lab, path, "a", "--tick", "x", "--", "-m", "b")
    assert_same(lab, str(lab.folder / path))


@pytest.mark.parametrize("name", ["package", "package.module", "module", "package.sub"])
def test_a_module_finds_its_own_names_and_path(lab, name):
    for path in ("package/__init__.py", "package/sub/__init__.py"):
        lab.write(path, "")
    for path in ("package/__main__.py", "package/module.py", "package/sub/__main__.py", "module.py"):
        lab.write(path, FACTS)
    assert_same(lab, "-m", name, "a", "--json", "-m")


@pytest.mark.parametrize("name", ["nothing", "package", "package.nothing", "failing", "broken"])
def test_a_module_that_cannot_run_fails_as_under_python(lab, name):
    lab.write("package/__init__.py", "")
    lab.write("failing.py", "def f():\n    1 / 0\nf()")
    lab.write("broken.py", "def (:")
    assert_same(lab, "-m", name)


@pytest.mark.parametrize("flags", [(), ("-P",), ("-W", "error"), ("-O",), ("-X", "utf8")])
def test_flags_of_the_interpreter_hold(lab, flags):
    lab.write("script.py", FACTS + "import os\nprint(sys.flags, sys.warnoptions)\n")
    assert_same(lab, "script.py", flags=flags)
    assert_same(lab, "-m", "script", flags=flags, PYTHONPATH=f"{lab.env['PYTHONPATH']}:.")


def test_the_safe_path_variable_holds(lab):
    lab.write("script.py", FACTS)
    lab.write("folder/__main__.py", FACTS)
    assert_same(lab, "script.py", PYTHONSAFEPATH="1")
    assert_same(lab, "folder", PYTHONSAFEPATH="1")


def test_directories_archives_and_compiled_files_run(lab):
    lab.write("folder/__main__.py", FACTS + "1 / 0")
    zipapp.create_archive(lab.folder / "folder", lab.folder / "archive.pyz")
    script = lab.write("script.py", FACTS + "1 / 0")
    py_compile.compile(script, lab.folder / "compiled.pyc")
    (lab.folder / "empty").mkdir()
    for name in ("folder", "./folder", "archive.pyz", "compiled.pyc", "empty"):
        assert_same(lab, name)


@pytest.mark.parametrize("name", ["missing.py", "no/such/folder.py"])
def test_a_missing_script_is_pythons_error_and_nothing_else(lab, name):
    watched = assert_same(lab, name)
    assert watched.status == 2
    assert watched.own == ()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything is readable here")
def test_an_unreadable_script_is_pythons_error(lab):
    lab.write("script.py", "").chmod(0)
    assert_same(lab, "script.py")


def test_a_script_may_come_through_a_pipe(lab):
    lab.env["SCRIPT"] = "import sys; print(sys.argv[1:], __name__, __file__)"

    def run(*command):
        through_pipe = 'printenv SCRIPT | "$@" /dev/stdin a'
        return lab.end(lab.start("/bin/sh", "-c", through_pipe, "sh", sys.executable, *command)).stdout

    assert run("-m", "memwatch", "run") == run() == "['a'] __main__ /dev/stdin\n"


START_METHODS = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
class Point:
    def __init__(self, x):
        self.x = x
def move(point):
    return Point(point.x + 1), __name__, sys.argv
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with ProcessPoolExecutor(2, context) as pool:
        print([(point.x, name, argv) for point, name, argv in pool.map(move, [Point(1), Point(2)])])
    process = context.Process(target=move, args=(None,))
    process.start()
    process.join()
    print(process.exitcode)
"""


# A __main__ inside a package or a folder is not imported by a spawned child, under python neither.
@pytest.mark.parametrize(
    ("method", "args"),
    [(method, args) for method in ("spawn", "fork", "forkserver") for args in (("program.py",), ("-m", "program"))]
    + [("fork", ("-m", "package")), ("fork", ("folder",))],
)
def test_multiprocessing_works(lab, method, args):
    for path in ("program.py", "package/__main__.py", "folder/__main__.py"):
        lab.write(path, START_METHODS)
    lab.write("package/__init__.py", "")
    plain = lab.python(*args, method)
    watched = lab.watched(*args, method)
    assert (watched.status, watched.stdout) == (plain.status, plain.stdout)
    assert watched.stdout.endswith("\n1\n")


WAITING = """
import os, sys, threading, time
def tell(main=sys._getframe()):
    while main.f_lineno != 9:
        pass
    time.sleep(0.2)
    os.write(1, b"ready\\n")
threading.Thread(target=tell, daemon=True).start()
time.sleep(20)
"""

WAITING_FOR_A_THREAD = """
import os, threading
def work():
    threading.main_thread().join()
    os.write(1, b"ready\\n")
    os.read(0, 1)
threading.Thread(target=work).start()
"""

HANDLING = """
import signal, sys, time
def handle(number, frame):
    sys.exit(number)
signal.signal(signal.SIGTERM, handle)
signal.signal(signal.SIGINT, handle)
print("ready", flush=True)
time.sleep(20)
"""


@pytest.mark.parametrize("text", [WAITING, HANDLING])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("args", [("script.py",), ("-m", "script")])
def test_a_signal_does_what_it_does_under_python(lab, text, sent, args):
    lab.write("script.py", text)

    def interrupt(*command):
        process = lab.start(sys.executable, *command, *args)
        lab.wait_for(process, "ready")
        process.send_signal(sent)
        return lab.end(process)

    plain, watched = interrupt(), interrupt("-m", "memwatch", "run")
    assert (watched.status, watched.stderr) == (plain.status, plain.stderr)


@pytest.mark.parametrize("options", [(), ("--fail-on-leak",)])
def test_ctrl_c_while_threads_are_waited_for_ends_with_the_same_status(lab, options):
    lab.write("script.py", WAITING_FOR_A_THREAD)

    def interrupt(*command):
        process = lab.start(sys.executable, *command, "script.py")
        lab.wait_for(process, "ready")
        process.send_signal(signal.SIGINT)
        return lab.end(process, "go on\n").status

    assert interrupt("-m", "memwatch", "run", *options) == interrupt()


def test_commands_run_where_docstrings_are_left_out():
    run = subprocess.run([sys.executable, "-OO", "-m", "memwatch", "--help"], capture_output=True, text=True)
    assert run.returncode == 0 and "watch it for leaks" in run.stdout
