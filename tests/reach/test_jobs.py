"""Questions that are begun by one connection and collected by another, with bounds on what is kept."""

from __future__ import annotations

import os

import pytest

from memwatch.errors import MemwatchError, OptionError
from memwatch.reach import jobs as module
from memwatch.reach.jobs import Jobs
from memwatch.reach.reply import Reply


class Watcher:
    """Calls what is to be called later when it is told to."""

    def __init__(self):
        self.running, self.waiting = True, []

    def call_later(self, seconds, function):
        self.waiting.append(function)

    def turn(self):
        waiting, self.waiting = self.waiting, []
        for function in waiting:
            function()


@pytest.fixture
def watcher():
    return Watcher()


@pytest.fixture
def jobs(watcher):
    made = Jobs()
    made.reply = Reply(watcher, None, lambda value, error: None)
    return made


def give(reply, question):
    reply.give({"for": question})


def begin(jobs, ask=give, **words):
    return jobs.begin(jobs.reply, {"ask": "gc", **words}, ask)


def test_a_job_runs_and_is_done(jobs, watcher):
    number = begin(jobs, ask=give, seconds=3)
    assert jobs.find(number).to_dict()["state"] == "running" and jobs.find(number).answer() is None
    watcher.turn()
    assert jobs.find(number).state == "done" and jobs.find(number).answer() == {"for": {"ask": "gc", "seconds": 3}}
    assert [job["job"] for job in jobs.list()] == [number]


def test_what_goes_wrong_is_told(jobs, watcher):
    def fail(reply, question):
        raise OptionError("not so")

    def stumble(reply, question):
        raise ValueError("data of the program")

    one, other = begin(jobs, fail), begin(jobs, stumble)
    watcher.turn()
    assert (jobs.find(one).state, jobs.find(one).error) == ("failed", "not so")
    assert "ValueError" in jobs.find(other).error and "data" not in jobs.find(other).error


def test_it_fails_when_watching_ends(jobs, watcher):
    number = begin(jobs)
    watcher.running = False
    assert jobs.find(number).state == "failed" and "stopped" in jobs.find(number).error


def test_few_run_at_once(jobs, watcher):
    for _ in range(module._MOST_RUNNING):
        begin(jobs, lambda reply, question: None)
    with pytest.raises(MemwatchError, match="being answered"):
        begin(jobs)
    jobs.drop(1)
    begin(jobs)


def test_few_answers_are_kept(jobs, watcher):
    for _ in range(40):
        begin(jobs)
        watcher.turn()
    assert len(jobs.list()) == module._MOST_KEPT and jobs.list()[-1]["job"] == 40
    with pytest.raises(OptionError):
        jobs.find(1)


def test_what_is_dropped_is_cancelled(jobs, watcher):
    cancelled = []

    def wait(reply, question):
        reply.on_cancel = lambda: cancelled.append(1)

    number = begin(jobs, wait)
    watcher.turn()
    jobs.drop(number)
    assert cancelled == [1] and jobs.list() == []


@pytest.mark.parametrize(
    "question", [None, [], {}, {"ask": "begin"}, {"ask": "detach"}, {"ask": ["gc"]}, {"ask": "status"}]
)
def test_not_everything_can_be_begun(jobs, question):
    with pytest.raises(OptionError, match="must be one of report, diff"):
        jobs.begin(jobs.reply, question, give)


@pytest.mark.parametrize("number", [0, 1, -1, None, "1", True, 1.0])
def test_a_number_must_be_one(jobs, number):
    with pytest.raises(OptionError):
        jobs.find(number)


def test_a_file_goes_with_its_job_and_only_the_newest_stays(jobs, watcher, tmp_path):
    def write(reply, question):
        folder = tmp_path / str(question["number"])
        folder.mkdir()
        (folder / "heap").write_text("x")
        reply.give({"path": str(folder / "heap")})

    for number in (1, 2):
        jobs.begin(jobs.reply, {"ask": "snapshot", "temporary": True, "number": number}, write)
        watcher.turn()
    assert [path.name for path in tmp_path.iterdir()] == ["2"]
    jobs.drop(2)
    assert list(tmp_path.iterdir()) == []


def test_a_forked_child_knows_none_of_them(jobs, watcher, monkeypatch):
    begin(jobs)
    monkeypatch.setattr(module.os, "getpid", lambda: os.getppid())
    assert jobs.list() == []
