"""`memwatch run`: what it says, the events it writes, and its options."""

import importlib
import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

import memwatch
from memwatch.cli import main
from memwatch.retain.search import IN_C

from .conftest import FORKING

LEAKS = "import rounds\nrounds.leak()\n"
STOPS = f"import memwatch\n{LEAKS}{{}}for _ in range(8): memwatch.gc()\n"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "no program"),
        (("--tick", "soon", "x.py"), "--tick"),
        (("--tick", "0", "x.py"), "tick"),
        (("--tick", "nan", "x.py"), "tick"),
        (("--pace", "slow", "x.py"), "--pace"),
        (("--detector", "guess", "x.py"), "guess"),
        (("--json", ".", "x.py"), "cannot append events"),
        (("--json", "no/such/folder/f", "x.py"), "cannot append events"),
        (("--frobnicate", "x.py"), "--frobnicate"),
    ],
)
def test_bad_options_are_said_before_the_program_starts(lab, options, complaint):
    lab.write("x.py", "print('started')")
    ended = lab.watched(*options)
    assert (ended.status, ended.stdout) == (2, "")
    assert "usage: memwatch" in ended.stderr
    assert any(complaint in line for line in (ended.stderr, *ended.own))


def test_without_a_command_the_usage_is_shown(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "usage: memwatch" in capsys.readouterr().err


def test_a_short_run_says_how_it_began_and_that_it_was_too_short(lab):
    lab.write("x.py", "import os; print(os.getpid())")
    ended = lab.watched("x.py")
    version = f"CPython {sys.version_info[0]}.{sys.version_info[1]}"
    how = memwatch.backend.name + ", sampling every 64 KiB" * IN_C
    first = f"memwatch: watching pid {ended.stdout.strip()} ({version}, {how}); quiet until it is sure"
    assert ended.own[0] == first
    assert ended.own[1].startswith("memwatch: too short to judge (ran ")
    assert ended.own[1].endswith(", needs 64 s); nothing suspicious so far")
    assert len(ended.own) == 2
    assert ended.stderr == ""


def test_a_leak_is_told_as_it_happens_and_again_at_the_end(leaky):
    leaky.write("x.py", LEAKS)
    ended = leaky.watched("x.py")
    assert ended.status == 0
    assert ended.stderr.count("LEAK  pid ") == 1
    assert "heap growth over 5 consecutive GCs" in ended.stderr
    assert "\x1b" not in ended.stderr and ended.stderr.isascii()
    assert len(ended.own) == 2
    assert ended.own[1].startswith("memwatch: 1 leak in ")
    assert "; own cost " in ended.own[1]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (LEAKS, 1),
        (LEAKS + "raise SystemExit", 1),
        (LEAKS + "raise SystemExit(0)", 1),
        (LEAKS + "raise SystemExit(3)", 3),
        (LEAKS + "raise SystemExit('text')", 1),
        ("import threading, rounds\nthreading.Thread(target=rounds.leak).start()", 1),
        ("pass", 0),
        (STOPS.format(""), 1),
        (STOPS.format("rounds.kept.clear()\n"), 0),
    ],
)
def test_fail_on_leak_replaces_the_status_of_a_success_only(leaky, text, status):
    leaky.write("x.py", text)
    assert leaky.watched("--fail-on-leak", "x.py").status == status


def test_a_second_ctrl_c_does_not_take_the_last_line(monkeypatch):
    def stop():
        raise KeyboardInterrupt

    said = []
    screen = SimpleNamespace(pid=os.getpid(), end=lambda *known: said.append(known))
    watcher = SimpleNamespace(running=True, status=SimpleNamespace(judging=False))
    monkeypatch.setattr("memwatch.default.watcher", lambda: watcher)
    monkeypatch.setattr("memwatch.default.stop", stop)
    importlib.import_module("memwatch.cli.run")._finish(screen, None, None, watcher, None)
    assert said == [(watcher, True, ())]


def test_the_end_of_a_run_waits_for_a_verdict_that_is_under_way(monkeypatch):
    room = importlib.import_module("memwatch.cli.run")
    status, waited = SimpleNamespace(judging=True), []

    def sleep(seconds):
        waited.append(seconds)
        status.judging = len(waited) < 3

    monkeypatch.setattr(room, "sleep", sleep)
    monkeypatch.setattr(room, "Clock", SimpleNamespace(monotonic=lambda: 0.0))
    room._await_verdict(SimpleNamespace(running=True, status=status))
    assert len(waited) == 3
    monkeypatch.setattr(room, "sleep", waited.append)
    monkeypatch.setattr(room, "Clock", SimpleNamespace(monotonic=itertools.count(0, 20).__next__))
    status.judging = True
    room._await_verdict(SimpleNamespace(running=True, status=status))
    assert len(waited) == 4, "but not for ever"


def test_events_are_lines_of_json_for_the_owner_only(leaky):
    leaky.write("x.py", "import os\nprint(os.getpid())\n" + LEAKS)
    ended = leaky.watched("--json", "events.jsonl", "x.py")
    events = leaky.events()
    assert all(list(event) == ["event", "time", "pid", "data"] for event in events)
    assert {event["pid"] for event in events} == {int(ended.stdout)}
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)
    (leak,) = [event["data"] for event in events if event["event"] == "leak"]
    assert leak["report"]["pid"] == int(ended.stdout)
    assert events[-1]["event"] == "stats" and events[-1]["data"]["trigger"] == "exit"
    assert stat.S_IMODE((leaky.folder / "events.jsonl").stat().st_mode) == 0o600


def test_events_are_appended_to_what_is_there(lab):
    lab.write("x.py", "import os; os.chdir('/')")
    lab.write("events.jsonl", '{"event": "before"}\n')
    assert lab.watched("--json", "events.jsonl", "x.py").status == 0
    assert [event["event"] for event in lab.events()] == ["before", "stats"]


@pytest.mark.filterwarnings("ignore")
def test_a_forked_child_tells_its_leak_and_writes_its_events_but_has_no_last_line(leaky):
    leaky.write("x.py", FORKING)
    ended = leaky.watched("--json", "events.jsonl", "x.py")
    child = int(ended.stdout)
    assert f"LEAK  pid {child} " in ended.stderr
    assert child in {event["pid"] for event in leaky.events() if event["event"] == "leak"}
    assert [line.split()[1] for line in ended.own] == ["watching", "1"]
    assert f" in pid {child}, x.py); " in ended.own[-1]


def test_a_forked_child_that_runs_to_its_end_has_no_last_line(leaky):
    leaky.write("x.py", "import os\nif os.fork():\n    os.wait()\n")
    assert len(leaky.watched("x.py").own) == 2


def test_the_environment_tells_children_to_watch(lab):
    lab.write("x.py", "import os\nprint({k: v for k, v in os.environ.items() if 'MEMWATCH' in k}, os.getpid())")
    ended = lab.watched("--tick", "0.5", "--json", "events.jsonl", "x.py", MEMWATCH_PAUSE_BUDGET="0.2")
    seen, _, pid = ended.stdout.strip().rpartition(" ")
    told = {name: value for name, value in eval(seen).items() if value}
    assert "memwatch-run-" in told.pop("MEMWATCH_RUN_FOLDER")
    assert told == {
        "MEMWATCH": "1",
        "MEMWATCH_PACE": "job",
        "MEMWATCH_TICK": "0.5",
        "MEMWATCH_JSON": str(lab.folder / "events.jsonl"),
        "MEMWATCH_PAUSE_BUDGET": "0.2",
        "MEMWATCH_REPORT": "stderr",
        "MEMWATCH_SAMPLE_INTERVAL": "65536",
        "MEMWATCH_RUN_PID": pid,
    }


def test_a_line_per_reading_where_asked(lab):
    lab.write("x.py", "import memwatch\nmemwatch.gc()")
    lines = [line for line in lab.watched("--stats", "x.py").own if "full collections" in line]
    assert len(lines) == 2
    assert "(forced)" in lines[0] and "(exit)" in lines[1]


def test_a_full_disk_stops_nothing_and_is_said_once(lab):
    lab.write("x.py", "import memwatch\nfor _ in range(5):\n    memwatch.gc()\nprint('done')")
    ended = lab.watched("--json", "/dev/full", "x.py")
    assert (ended.status, ended.stdout) == (0, "done\n")
    assert ended.stderr.count("cannot be written to /dev/full (No space left on device)") == 1


LIMITED = """
import memwatch, resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
for _ in range(5):
    memwatch.gc()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(open("events.jsonl").read(), end="")
"""


def test_lines_stay_whole_when_the_disk_fills_and_none_is_lost_when_there_is_room_again(lab):
    lab.write("x.py", LIMITED)
    ended = lab.watched("--json", "events.jsonl", "x.py")
    early = [json.loads(line) for line in ended.stdout.splitlines()]
    assert 0 < len(early) < 5
    assert [event["data"]["trigger"] for event in lab.events()] == ["forced"] * 5 + ["exit"]


def test_kill_9_leaves_whole_lines(lab):
    lab.write("x.py", "import memwatch\nmemwatch.gc()\nprint('ready', flush=True)\nwhile True:\n    memwatch.gc()")
    for _ in range(5):
        process = lab.start(sys.executable, "-m", "memwatch", "run", "--json", "events.jsonl", "x.py")
        lab.wait_for(process, "ready")
        process.kill()
        assert lab.end(process).status == -signal.SIGKILL
    assert len(lab.events()) >= 5


@pytest.mark.parametrize("ending", ["os._exit(7)", "os.execv(sys.executable, ['python', '-c', 'exit(7)'])"])
def test_events_are_written_before_the_process_is_gone(lab, ending):
    lab.write("x.py", f"import os, sys, memwatch\nmemwatch.gc()\n{ending}")
    assert lab.watched("--json", "events.jsonl", "x.py").status == 7
    assert [event["data"]["trigger"] for event in lab.events()] == ["forced"]


def test_closing_every_descriptor_does_not_put_events_into_the_programs_files(lab):
    lab.write(
        "x.py",
        """
        import memwatch, os
        os.closerange(3, 100)
        mine = [open(f"mine{i}", "w") for i in range(20)]
        memwatch.gc()
        [file.close() for file in mine]
        """,
    )
    assert lab.watched("--json", "events.jsonl", "x.py").status == 0
    assert len(lab.events()) == 2
    assert {(lab.folder / f"mine{i}").read_text() for i in range(20)} == {""}


def test_a_program_may_listen_itself_and_end_the_watching(lab):
    lab.write(
        "x.py",
        """
        import memwatch
        seen = []
        memwatch.on("stats", seen.append)
        memwatch.gc()
        print(len(seen), memwatch.watcher().pace.name)
        memwatch.stop()
        """,
    )
    ended = lab.watched("x.py")
    assert (ended.status, ended.stdout) == (0, "1 job\n")
    assert ended.own[1:] == ("memwatch: cannot judge (watching ended before the program); nothing suspicious so far",)


def test_closed_standard_error_harms_nothing(lab):
    lab.write("x.py", "print('done')")
    command = [sys.executable, "-m", "memwatch", "run", "x.py"]
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" 2>&-', "sh", *command],
        cwd=lab.folder,
        env=lab.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "done\n")


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are of Unix")
@pytest.mark.parametrize(
    ("variables", "colored", "drawn"),
    [
        ({}, True, True),
        ({"NO_COLOR": "1"}, False, True),
        ({"PYTHONIOENCODING": "latin-1"}, True, False),
        ({"TERM": "dumb"}, False, True),
    ],
)
def test_colour_and_curve_are_for_terminals(leaky, variables, colored, drawn):
    leaky.write("x.py", LEAKS)
    master, slave = os.openpty()
    process = subprocess.Popen(
        # not sampled: on a busy machine all samples of so short a run may be young, and such growth is waited for
        [sys.executable, "-m", "memwatch", "run", "x.py"],
        cwd=leaky.folder,
        env=leaky.env | {"TERM": "xterm"} | variables,
        stderr=slave,
    )
    os.close(slave)
    shown = b""
    try:
        while piece := os.read(master, 65536):
            shown += piece
    except OSError:
        pass  # how Linux says that the other side is closed
    os.close(master)
    assert process.wait() == 0
    assert (b"\x1b[31mLEAK\x1b[0m" in shown) == colored
    assert any(bar in shown.decode("utf-8", "replace") for bar in "▁▂▃▄▅▆▇█") == drawn


def test_declined_sampling_is_not_spoken_of_and_reaches_children(lab):
    lab.write("x.py", "import os; print(os.environ['MEMWATCH_PROFILE'], os.environ['MEMWATCH_SAMPLE_INTERVAL'])")
    ended = lab.watched("--no-profile", "x.py")
    assert ended.stdout == "False 65536\n" and "sampling" not in ended.own[0]


TAKES_DESCRIPTOR_2 = """
import os
os.close(2)
data = os.open("data", os.O_WRONLY | os.O_CREAT)
assert data == 2
os.write(data, b"all of it")
"""


def test_a_data_file_that_has_become_descriptor_2_stays_as_it_is(lab):
    lab.write("x.py", TAKES_DESCRIPTOR_2)
    assert len(lab.watched("x.py").own) == 1
    assert (lab.folder / "data").read_text() == "all of it"


def test_what_to_do_next_tells_no_argument_of_the_program(leaky):
    leaky.write("x.py", "import rounds\nrounds.leak()")
    ended = leaky.watched("x.py", "--password=secret")
    assert "next   memwatch run --profile leak.html x.py ...   (flame" in ended.stderr
    assert "secret" not in ended.stderr


def test_variables_count_where_no_option_is_given(lab):
    lab.write("x.py", "import memwatch\nprint(memwatch.watcher().pace.name, memwatch.watcher().pace.tick)")
    ended = lab.watched("x.py", MEMWATCH_PACE="service", MEMWATCH_TICK="5")
    assert ended.stdout == "service 5.0\n"
    ended = lab.watched("--pace", "job", "x.py", MEMWATCH_PACE="service", MEMWATCH_PASE="job")
    assert ended.stdout == "job 0.25\n"
    assert "MEMWATCH_PASE is not known (is MEMWATCH_PACE meant?)" in "".join((ended.stderr, *ended.own))


def test_a_program_runs_where_no_thread_can_be_started(lab):
    lab.write("x.py", "import sys\nprint(__name__, sys.argv)\nsys.exit(3)\n")
    code = """
    import _thread, sys
    def refuse(*arguments, **options):
        raise RuntimeError("can't start new thread")
    _thread.start_new_thread = refuse
    import memwatch.cli
    sys.argv = ["memwatch", "run", "x.py", "1"]
    sys.exit(memwatch.cli.main())
    """
    ended = lab.end(lab.start(sys.executable, "-c", textwrap.dedent(code)))
    assert (ended.status, ended.stdout) == (3, "__main__ ['x.py', '1']\n")
    assert ended.own == ("memwatch: not watched: no thread can be started: can't start new thread",)
