"""One declaration of options: what it makes of a keyword, a variable, a flag, and of the page about them."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import pytest

import memwatch
from memwatch.cli.flags import add_options, given_options
from memwatch.environment import read_variables
from memwatch.errors import OptionError
from memwatch.option_kinds import Choice, File, Kind, Option, Seconds, Switch, Whole
from memwatch.options import OPTIONS, Options, StartOptions

DOCS = Path(memwatch.__file__).parent.parent / "docs"


def test_what_is_not_given_reads_as_its_default():
    options = Options(pace="job")
    assert (options.pace, options.tick, options.pause_budget, options.profile) == ("job", None, 0.1, True)
    assert options.given == {"pace": "job"} and repr(options) == "Options(pace='job')"


def test_what_stands_on_the_right_wins():
    joined = Options(pace="job", native=False) | Options(pace="service", tick=2)
    assert joined.given == {"pace": "service", "native": False, "tick": 2}


def test_a_tick_and_a_sample_are_chosen_for_each_other():
    assert (Options(tick=60.0) | Options(sample=5.0)).given == {"sample": 5.0}
    assert read_variables({"MEMWATCH_TICK": "1", "MEMWATCH_SAMPLE": "5"})[0].given == {"tick": 1.0, "sample": 5.0}


def test_options_are_equal_if_they_do_the_same():
    assert Options() == Options(profile=True) != Options(profile=False) and Options() != {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pase": "job"}, "unknown option 'pase'; there are pace, detector, tick"),
        ({"pace": "slow"}, "pace must be service or job, not 'slow'"),
        ({"tick": True}, "tick must be a number of seconds from 0.01 to 3600, not True"),
        ({"tick": float("nan")}, "tick must be a number of seconds from 0.01 to 3600, not nan"),
        ({"pause_budget": None}, "pause_budget must be a number of seconds from 0 to 60, not None"),
        ({"profile": 1}, "profile must be True or False, not 1"),
        ({"sample_interval": 2.0}, "sample_interval must be a whole number from 1 to 1099511627776 bytes, not 2.0"),
        ({"sample_interval": 10**5000}, "not a larger number"),
        ({"json": ""}, "json must be the path of a file, not ''"),
        ({"json": object}, "json must be the path of a file, not a value of type type"),
    ],
)
def test_what_is_not_allowed_is_refused(given, message):
    with pytest.raises(OptionError) as caught:
        Options(**given)
    assert message in str(caught.value)


def test_start_takes_no_option_of_the_variables_alone():
    with pytest.raises(OptionError, match="unknown option 'json'"):
        memwatch.start(json="events.jsonl")
    assert Options(pace="job", json="f").for_start().given == {"pace": "job"}


def parse(*words: str) -> Options:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_options(parser)
    return given_options(parser.parse_args(words))


def test_flags_are_read_as_they_are_declared():
    assert parse().given == {}
    found = parse("--no-profile", "--show-keys", "--report", "leak.html", "--sample-interval", "65536", "--pace", "job")
    page = str(Path("leak.html").absolute())
    assert found.given == {
        "pace": "job", "profile": False, "sample_interval": 65536, "show_keys": True, "html": page
    }  # fmt: skip


def test_a_bad_flag_names_what_is_allowed():
    with pytest.raises(argparse.ArgumentError, match=r"--tick: tick must be a number of seconds .* not 'soon'"):
        parse("--tick", "soon")


@pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS)
def test_each_default_is_allowed_and_each_option_says_what_it_does(option: Option[object]):
    assert option.check(option.default) == option.default
    assert option.help or option.name.startswith("run_")
    assert option.name in (memwatch.start.__doc__ or "") or not option.keyword


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Choice("a", "b", "c"), "b", "b"), (File(), "x", "x"), (Kind(), "x", "x"), (Seconds(0.0, 9.0), "1", 1.0),
        (Switch(), " YES", True), (Switch(), "off", False), (Whole(1, 9), "7", 7),
    ],
)  # fmt: skip
def test_each_kind_reads_its_text(kind: Kind[object], text: str, value: object):
    assert Option(kind, value).read(text) == value
    with pytest.raises(OptionError, match=r"^ must be "):
        Option(kind, value).read("")


def test_the_page_has_the_table_of_the_declarations():
    spec = importlib.util.spec_from_file_location("options_page", DOCS / "options.py")
    assert spec is not None and spec.loader is not None
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.with_table(text) == text, "run python docs/options.py"


def test_type_checkers_know_the_keywords_of_start():
    assert list(StartOptions.__annotations__) == [it.name for it in OPTIONS.values() if it.keyword]
