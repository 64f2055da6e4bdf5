"""What `pytest --memwatch` adds to a run: the watch, the summary, JUnit's property, the exit status."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from .findings import Findings, joined
from .text import render
from .watch import SuiteWatch

_SENT = "memwatch"
_NAME = "memwatch"


class SuitePlugin:
    """One process of a run: it tests, or it leads workers that do, or both are one."""

    def __init__(self, config: pytest.Config, least: int, fails: bool) -> None:
        self._config, self._least, self._fails = config, least, fails
        self._pid = os.getpid()
        self._watch: SuiteWatch | None = None
        self._found: list[Findings] = []

    @property
    def findings(self) -> Findings:
        """What is known by now, of all workers."""
        return joined(self._found)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtestloop(self) -> Iterator[None]:
        """Watch from before the first test until after the last; a leader of workers watches nothing itself."""
        if not (self._config.pluginmanager.hasplugin("dsession") or self._config.option.collectonly):
            self._watch = SuiteWatch(self._least, self._config.pluginmanager.get_plugins)
        outcome: Any = yield
        watch, self._watch = self._watch, None
        if watch is None or os.getpid() != self._pid:
            return
        interrupted = Findings(missing=("the run was interrupted: what its tests left was not looked at",))
        self._found.append(interrupted if _is_interrupt(outcome) else watch.finish())

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note when a test begins."""
        if self._watch is not None:
            self._watch.begin_test(nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take what a worker has sent; one that has died has sent nothing."""
        worker, sent = node.gateway.id, getattr(node, "workeroutput", {}).get(_SENT)
        if sent is not None:
            self._found.append(Findings.from_dict(sent, worker))
        else:
            self._found.append(Findings(missing=(f"worker {worker} has died: what its tests left is not known",)))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send it to the leader, or write JUnit's property and make the run fail if that was asked for."""
        sent: Any = getattr(self._config, "workeroutput", None)
        if sent is not None:
            sent[_SENT] = self.findings.to_dict()
            return
        for row in self.findings.left:
            place = f"{row.allocated_at}, " if row.allocated_at else ""
            tests = ", ".join(test for test, _ in row.tests)
            self._write_property(f"{row.type} +{row.size_bytes} bytes, {place}held by {row.held_by}; tests: {tests}")
        if self._fails and self.findings.left and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The summary, below the tests."""
        terminalreporter.section("memory left behind (memwatch)")
        for line in render(self.findings):
            terminalreporter.line(line)

    def _write_property(self, text: str) -> None:
        """A property of JUnit's file, if one is written, as the fixture `record_testsuite_property` would make it."""
        try:
            from _pytest.junitxml import xml_key
        except ImportError:
            return
        xml = self._config.stash.get(xml_key, None)
        if xml is not None:
            xml.add_global_property(_NAME, text)


def _is_interrupt(outcome: Any) -> bool:
    return outcome.excinfo is not None and issubclass(outcome.excinfo[0], KeyboardInterrupt)
