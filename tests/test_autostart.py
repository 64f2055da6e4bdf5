"""`import memwatch.autostart`: watching by environment variables, reports by logging, and never harm."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import memwatch
from memwatch.environment import export_options, read_variables
from memwatch.options import OPTIONS, Options

ROOT = Path(memwatch.__file__).parent.parent

TELL = """
import logging, sys
class Tell(logging.Handler):
    def emit(self, record):
        report = getattr(record, "memwatch_report", None)
        print(record.name, record.levelname, record.getMessage().splitlines()[0], type(report).__name__)
logging.getLogger().addHandler(Tell())
import memwatch.autostart
from memwatch import default
"""

LEAK = """
import memwatch
kept = []
for _ in range(6):
    kept.extend(bytes(1000) for _ in range(2000))
    memwatch.gc()
"""


@pytest.fixture
def run(tmp_path):
    """Runs a text in a new interpreter; variables are MEMWATCH_*."""

    def run(text, status=0, **variables):
        plain = {name: value for name, value in os.environ.items() if not name.startswith("MEMWATCH")}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-X", "warn_default_encoding", "-c", textwrap.dedent(text)],
            cwd=tmp_path,
            env=plain | {"PYTHONPATH": str(ROOT)} | {f"MEMWATCH_{name}": value for name, value in variables.items()},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done

    return run


def test_without_variables_it_watches_as_a_service_and_is_silent(run):
    done = run("import memwatch.autostart as a; print(a.default.watcher().pace.name)")
    assert (done.stdout, done.stderr) == ("service\n", "")


def test_variables_are_options(run):
    done = run(
        TELL + "w = default.watcher(); print(w.pace.name, w.pace.tick)", PACE="job", TICK="0.5", PAUSE_BUDGET="0.2"
    )
    assert done.stdout == "job 0.5\n"


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"PACE": "slow"}, "pace must be service or job, not 'slow'"),
        ({"TICK": "soon"}, "MEMWATCH_TICK='soon'"),
        ({"TICK": "-1"}, "tick must be"),
        ({"DETECTOR": "guess"}, "'guess'"),
        ({"PAUSE_BUDGET": "1e9"}, "pause_budget must be"),
        ({"JSON": "no/such/folder/f"}, "MEMWATCH_JSON: cannot append events"),
        ({"REPORT": "paper"}, "MEMWATCH_REPORT='paper'"),
        ({"RUN_PID": "me"}, "MEMWATCH_RUN_PID='me'"),
        ({"PASE": "job"}, "MEMWATCH_PASE is not known (is MEMWATCH_PACE meant?)"),
        (
            {"PROFILE": "perhaps"},
            "MEMWATCH_PROFILE='perhaps': profile must be 1, true, yes, on, or 0, false, no, off, not 'perhaps'",
        ),
        ({"TICK": "soon", "PACE": "slow", "DETECTOR": "guess"}, "MEMWATCH_TICK='soon'"),
    ],
)
def test_a_bad_value_is_warned_about_once_and_the_rest_holds(run, variables, complaint):
    done = run(TELL + "print(default.watcher().pace.name)", **variables)
    warning, pace = done.stdout.splitlines()
    assert warning.startswith("memwatch WARNING memwatch watches with defaults for: ")
    assert complaint in warning
    assert pace == "service"


def test_the_start_is_told_to_those_who_listen(run):
    done = run("import logging\nlogging.basicConfig(level=logging.INFO)\nimport memwatch.autostart", PACE="job")
    assert re.fullmatch(
        r"INFO:memwatch:memwatch is watching pid \d+, pace job, backend \w+, decides after 1m 4s at the earliest\n",
        done.stderr,
    )


@pytest.mark.parametrize("word", ["True", "yes", " on "])
def test_words_for_yes_are_known(run, word):
    done = run(f"import os\nos.environ['MEMWATCH'] = {word!r}\n" + TELL + "print(default.watcher() is not None)")
    assert done.stdout == "True\n"


def test_an_unknown_word_is_warned_about_and_nothing_is_watched(run):
    done = run("import os\nos.environ['MEMWATCH'] = 'maybe'\n" + TELL + "print(default.watcher())")
    warning, watcher = done.stdout.splitlines()
    assert "memwatch does not watch this process: MEMWATCH='maybe': it must be 1" in warning
    assert watcher == "None"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_that_nobody_reads_holds_nobody_up(run, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    done = run(TELL + "print('on')", JSON=str(tmp_path / "pipe"))
    warning, on = done.stdout.splitlines()
    assert "(nobody reads it); they wait in memory" in warning
    assert on == "on"


@pytest.mark.skipif(os.name != "posix", reason="needs descriptors that a shell can close")
def test_where_standard_error_is_closed_no_file_takes_its_number(run, tmp_path):
    done = run(
        """
        import os
        os.close(2)
        import memwatch.autostart
        try:
            os.fstat(2)
        except OSError:
            print("closed")
        """,
        JSON=str(tmp_path / "events.jsonl"),
    )
    assert done.stdout == "closed\n"
    (event,) = map(json.loads, (tmp_path / "events.jsonl").read_text().splitlines())
    assert event["data"]["trigger"] == "exit"


def test_one_bad_value_does_not_cost_the_good_ones(run):
    done = run(TELL + "print(default.watcher().pace.name)", PACE="job", DETECTOR="guess")
    assert done.stdout.splitlines()[-1] == "job"


def test_a_leak_is_one_warning_with_its_report(run):
    done = run(TELL + LEAK)
    (record,) = done.stdout.splitlines()
    assert record.startswith("memwatch WARNING LEAK  pid ")
    assert record.endswith(" dict")


def test_a_program_without_logging_sees_the_report_on_standard_error(run):
    done = run("import memwatch.autostart\n" + LEAK)
    assert done.stdout == ""
    assert done.stderr.startswith("LEAK  pid ")


def test_reports_can_be_printed_as_run_does(run):
    done = run(TELL + LEAK, REPORT="stderr")
    assert done.stdout == ""
    assert done.stderr.startswith("\nLEAK  pid ")
    assert "memwatch: " not in done.stderr


def test_a_process_that_took_the_place_of_a_run_says_its_last_line(run):
    again = "import os, sys\nos.environ['MEMWATCH_RUN_PID'] = str(os.getpid())\nimport memwatch.autostart\n"
    done = run(again, REPORT="stderr")
    assert done.stderr.startswith("memwatch: too short to judge")


def test_events_go_to_the_file(run, tmp_path):
    run("import memwatch.autostart", JSON=str(tmp_path / "events.jsonl"))
    (event,) = map(json.loads, (tmp_path / "events.jsonl").read_text().splitlines())
    assert (event["event"], event["data"]["trigger"]) == ("stats", "exit")


def test_a_program_that_watches_itself_keeps_its_watcher(run):
    done = run(
        """
        import memwatch
        watcher = memwatch.start(pace="job")
        import memwatch.autostart
        print(memwatch.watcher() is watcher)
        """
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


SUBINTERPRETER = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
made = interpreters.create()
failed = interpreters.run_string(made, "import memwatch.autostart; assert memwatch.watcher() is None")
assert not failed, failed
interpreters.destroy(made)
print("done")
"""


def test_in_a_subinterpreter_it_steps_aside(run):
    done = run("import memwatch\n" + SUBINTERPRETER)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_what_fails_is_logged_and_the_program_goes_on(run):
    done = run("import sys; sys.modules['memwatch.watch'] = None\n" + TELL + "print('on')")
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("memwatch ERROR memwatch does not watch this process")
    assert last == "on"


def test_end_undoes_everything(run):
    done = run(
        """
        import memwatch.autostart
        from memwatch import signals
        memwatch.autostart.end()
        print(memwatch.watcher(), [bool(event.receivers) for event in signals.EVENTS.values()])
        """
    )
    assert done.stdout == "None [False, False, False, False]\n"


GIVEN = {
    "pace": "job", "detector": "consecutive", "tick": 0.5, "sample": 2.0, "pause_budget": 0.2, "stats_interval": 5.0,
    "profile": False, "sample_interval": 65536, "show_keys": True, "native": False, "socket": False,
    "json": "/f.jsonl", "html": "/leak.html", "report": "stderr", "run_pid": 42, "run_folder": "/below",
    "run_profile": "/profile.html", "record": "/lives.memwatch", "release": "1.2", "log": "line",
    "snapshot_signal": "SIGUSR2", "ignore": ("app.Cache",), "min_growth": 1 << 20,
}  # fmt: skip
"""Another value than the default for each option."""


def test_options_survive_the_way_through_the_environment():
    assert GIVEN.keys() == OPTIONS.keys()
    assert read_variables(export_options(Options(**GIVEN))) == (Options(**GIVEN), ())
    assert read_variables(export_options(Options())) == (Options(), ())
    assert read_variables({}) == (Options(), ())
