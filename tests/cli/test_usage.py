"""`memwatch usage`: a table or JSON, once or again and again, and how it ends."""

import json
import os
import signal
import subprocess
import sys

import pytest

IDLE = "import sys; print(flush=True); sys.stdin.read()"


@pytest.fixture
def idle(lab):
    """An idle process."""
    process = lab.start(sys.executable, "-c", IDLE)
    lab.wait_for(process, "")
    yield process
    process.kill()
    process.communicate()


def show(lab, *args):
    return lab.python("-m", "memwatch", "usage", *map(str, args))


def test_a_table_with_a_line_for_each_process(lab, idle):
    ended = show(lab, idle.pid, os.getpid(), idle.pid)
    heading, first, second = ended.stdout.splitlines()
    assert " ".join(heading.split()) == "time pid cpu rss uss swap vms threads files elapsed"
    assert (first.split()[1], second.split()[1]) == (str(idle.pid), str(os.getpid()))
    assert len(heading) == len(first) == len(second) and first.split()[3] == "%"
    assert (ended.status, ended.stderr, ended.own) == (0, "", ())
    assert ended.stdout.isascii()


def test_json_is_an_object_a_line(lab, idle):
    ended = show(lab, "--json", idle.pid)
    (shown,) = map(json.loads, ended.stdout.splitlines())
    assert shown["pid"] == idle.pid and shown["memory"] == shown["rss"] > 0 and shown["children"] is None


def test_children_are_added_when_asked_for(lab, idle):
    ended = show(lab, "--children", os.getpid())
    heading, line = ended.stdout.splitlines()
    assert heading.split()[-1] == "children" and int(line.split()[-1]) >= 1


def test_a_process_that_is_not_there_is_said_and_the_others_are_shown(lab, idle):
    idle.communicate()
    ended = show(lab, idle.pid, os.getpid())
    assert ended.status == 1 and ended.own == (f"memwatch: there is no process {idle.pid}",)
    assert len(ended.stdout.splitlines()) == 2


def test_no_process_at_all_is_no_table(lab, idle):
    idle.communicate()
    ended = show(lab, idle.pid, "--watch")
    assert (ended.status, ended.stdout) == (1, "")


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ((), "PID"),
        (("x",), "'x'"),
        (("0",), "not 0"),
        (("-1",), "not -1"),
        ((str(2**70),), "from 1 to 4294967295"),
        (("1", "--watch", "0"), "0.1 to 86400"),
        (("1", "--watch", "nan"), "0.1 to 86400"),
        (("1", "--watch", "often"), "often"),
        (("1", "--wat"), "--wat"),
    ],
)
def test_bad_usage_is_said(lab, args, complaint):
    ended = show(lab, *args)
    assert (ended.status, ended.stdout) == (2, "")
    assert "usage: memwatch" in ended.stderr
    assert any(complaint in line for line in (ended.stderr, *ended.own))


def test_watching_ends_with_the_process(lab, idle):
    watching = lab.start(sys.executable, "-u", "-m", "memwatch", "usage", str(idle.pid), "--watch", "0.1", "--json")
    shown = [json.loads(watching.stdout.readline()) for _ in range(3)]
    idle.communicate()
    ended = lab.end(watching)
    assert (ended.status, ended.stderr, ended.own) == (0, "", ())
    assert shown[0]["time"] < shown[1]["time"] < shown[2]["time"] and shown[0]["cpu"] == shown[0]["cpu_lifetime"]


@pytest.mark.skipif(os.name != "posix", reason="SIGINT to a process is POSIX")
def test_ctrl_c_ends_it_without_a_word(lab, idle):
    watching = lab.start(sys.executable, "-m", "memwatch", "usage", str(idle.pid), "--watch", "60")
    assert "pid" in watching.stdout.readline() and str(idle.pid) in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    ended = lab.end(watching)
    assert (ended.status, ended.stdout, ended.stderr) == (0, "", "")


def test_a_closed_pipe_ends_it_without_a_word(lab, idle):
    watching = lab.start(sys.executable, "-m", "memwatch", "usage", str(idle.pid), "--watch", "0.1")
    watching.stdout.readline()
    watching.stdout.close()
    assert watching.wait(60) == 0
    assert watching.stderr.read() == ""
    watching.stdin.close()
    watching.stderr.close()


def test_without_an_output_nothing_is_printed_and_nothing_fails(lab, idle):
    ended = lab.end(lab.start("sh", "-c", f"{sys.executable} -m memwatch usage {idle.pid} >&-"))
    assert (ended.status, ended.stderr) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_said(lab, idle):
    ended = lab.end(lab.start("sh", "-c", f"{sys.executable} -m memwatch usage {idle.pid} --watch > /dev/full"))
    assert (ended.status, ended.stderr) == (1, "")
    assert ended.own == ("memwatch: cannot write: No space left on device",)


def test_a_pid_that_watch_took_for_its_seconds_is_asked_for(lab, idle):
    ended = show(lab, "--watch", idle.pid)
    assert ended.status == 2 and "memwatch usage PID --watch" in ended.stderr


def test_it_brings_neither_the_watcher_nor_a_terminal_package_to_its_end(lab, idle):
    code = (
        f"import sys; from memwatch.cli import main; main(['usage', '{idle.pid}']); "
        "import memwatch; assert memwatch.watcher() is None and 'rich' not in sys.modules"
    )
    assert lab.python("-c", code).status == 0


def test_its_help_names_the_options(lab):
    command = [sys.executable, "-m", "memwatch", "usage", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=lab.env)
    assert all(option in done.stdout for option in ("PID", "--watch", "--children", "--json"))
