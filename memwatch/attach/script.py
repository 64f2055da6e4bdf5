"""The Python code that a foreign process is made to run: it starts a thread that begins to watch, and ends.

The program is held up for the start of that thread alone. It is run in a namespace of its own, and does nothing the
second time, as a process may be asked in two ways. All signals are blocked in the thread, as in all of memwatch's.
"""

from __future__ import annotations

from typing import Any

DONE = "done"
"""What stands in the file of the answer when it went well; anything else says why it did not."""

_CODE = """
def begin():
    import os, sys, _signal, _thread
    def run():
        try:
            os.close(os.open(%(path)r + ".begun", os.O_CREAT | os.O_EXCL))
        except OSError:
            return
        try:
            import memwatch.attach.inside as inside
            said = inside.begin(%(options)r)
        except ModuleNotFoundError as error:
            said = "there is no module %%s for %%s" %% (error.name, sys.executable)
        except BaseException as error:
            said = "%%s: %%s" %% (type(error).__name__, error)
        with open(%(path)r, "w") as file:
            file.write(said + "\\n")
    monkey = sys.modules.get("gevent.monkey")
    start = monkey.get_original("_thread", "start_new_thread") if monkey else _thread.start_new_thread
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
    stack = _thread.stack_size(2 << 20)
    try:
        start(run, ())
    finally:
        _thread.stack_size(stack)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
begin()
"""


def make_script(path: str, options: dict[str, Any]) -> str:
    """One statement that leaves no name behind; the answer goes to the file *path*, *options* are those of `start`."""
    return f"exec({_CODE % {'path': path, 'options': options}!r}, {{}})\n"
