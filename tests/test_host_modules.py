"""Programs that look at all modules, or throw them away, are not disturbed by memwatch's.

Each test is a script in a process of its own.
"""

import pytest

from .test_default import python


def test_who_looks_at_all_attributes_of_all_modules_meets_no_error_but_an_import_error():
    """freezegun does so when a clock is frozen, `inspect.getmembers` for one module."""
    done = python(
        """
        import sys
        for extra in ("urllib3", "opentelemetry", "prometheus_client", "sentry_sdk", "pyroscope", "rich", "textual"):
            sys.modules[extra] = None
        import memwatch.autostart, memwatch.export, memwatch.heap
        for module in [module for name, module in sys.modules.items() if name.partition(".")[0] == "memwatch"]:
            for name in dir(module):
                try:
                    getattr(module, name)
                except (ImportError, AttributeError, TypeError):
                    pass
        try:
            memwatch.handlers.Webhook
        except memwatch.UnsupportedError as error:
            print(error)
        """
    )
    assert done.stdout.startswith("urllib3 2 is needed") and done.stderr == ""


FAKE = """
        class Fake(type(sys)):
            def __getattr__(self, name):
                raise RuntimeError(name)

        for name in ("gc", "json", "logging", "os", "psutil", "threading", "time", "weakref"):
            sys.modules[name] = Fake(name)
        Fake._shutdown = lambda module: None  # which Python calls at the end
        """


@pytest.mark.parametrize("replace", ["sys.modules.clear()", FAKE])
def test_a_program_that_empties_sys_modules_or_replaces_modules_ends_in_silence(replace):
    done = python(
        f"""
        import sys, time, memwatch
        memwatch.on("stats", lambda stats: None)
        watcher = memwatch.start(tick=0.01, stats_interval=0.1)
        {replace.strip()}
        before, deadline = watcher.readings, time.monotonic() + 60
        while watcher.readings < before + 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        print(watcher.readings >= before + 5)
        """
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
