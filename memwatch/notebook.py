"""IPython and Jupyter: `%load_ext memwatch`, then `%%memwatch` above a cell says what the cell leaves behind.

What the cell leaves is shown as a diff by type, and as a flame graph of the lines that allocated what is still alive.
"""

from __future__ import annotations

import argparse
import asyncio
import shlex
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, NoReturn

from . import profile
from .calltree import stacks_of
from .errors import OptionError
from .frames import Frame
from .heap import Diff, HeapDiff
from .internal import internal
from .notebook_display import Shown
from .profile import Profile
from .treebuilder import build

_INTERVAL = 4096  # bytes a sample: a cell runs once, and is waited for
_RUNS_CODE = "InteractiveShell.run_code"
_RUNS_MAGIC = "InteractiveShell.run_cell_magic"
_NAME = "memwatch"
_WAITS = (
    "%%memwatch cannot measure a cell that awaits in a notebook: the event loop runs already. "
    "Await within `with memwatch.HeapDiff() as found:` instead; found.diff then says what it left behind"
)


@internal
class CellReport(Shown):
    """What a cell has left behind: `diff`, and `profile`, None where none could be taken; `note` says why."""

    __slots__ = ("diff", "note", "profile")

    def __init__(self, diff: Diff, taken: Profile | None, note: str) -> None:
        self.diff, self.profile, self.note = diff, taken, note

    def __str__(self) -> str:
        return "\n".join(
            [str(self.diff), *([str(self.profile)] if self.profile else []), *([self.note] * bool(self.note))]
        )

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        graph = self.profile._repr_html_() if self.profile is not None and self.profile.root.total_bytes else ""
        return f"{self.diff._repr_html_()}{graph}"


def load(shell: Any) -> None:
    """Make the magic known to *shell*, an InteractiveShell; whichever IPython it is, it has this method."""
    shell.register_magic_function(lambda line, cell: run_cell(shell, line, cell), "cell", _NAME)


def run_cell(shell: Any, line: str, cell: str) -> CellReport | None:
    """Run *cell* as it would run without the magic; None where it raised, for then it has not done all that it does.

    Raises OptionError where *line* has an option that the magic does not know, or where the cell would have to wait.
    """
    options = _parse(line)
    if _must_wait(shell, cell):
        raise OptionError(_WAITS)
    busy = profile.is_running()
    note = "no flame graph: a profile is being taken already" if busy and not options.no_profile else ""
    wanted = not (busy or options.no_profile)
    with profile.sampling(_INTERVAL) if wanted else nullcontext() as sampler:
        with HeapDiff(deep=not options.shallow) as heap_diff:
            outcome = shell.run_cell(cell)
        taken = _of_cell(sampler.get()) if sampler is not None else None
    if not getattr(outcome, "success", True):
        return None
    return CellReport(heap_diff.diff, taken, note)


def _must_wait(shell: Any, cell: str) -> bool:
    """A magic is no coroutine: what awaits can only run in it where no event loop does, as in a terminal."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return bool(shell.should_run_async(cell, transformed_cell=shell.transform_cell(cell)))


def _of_cell(taken: Profile) -> Profile:
    """The profile without the frames of the shell that led to the cell, and without what the shell did around it."""
    found = [(stack, _below_shell(stack.frames)) for stack in stacks_of(taken.root)]
    stacks = [replace(stack, frames=frames) for stack, frames in found if frames is not None]
    return replace(taken, tree=replace(taken.tree, root=build(stacks), name="cell"))


def _below_shell(frames: tuple[Frame, ...]) -> tuple[Frame, ...] | None:
    calls = [place for place, it in enumerate(frames, 1) if it.function.endswith(_RUNS_CODE)]
    if calls:
        return frames[calls[-1] :]
    return None if any(it.function.endswith(_RUNS_MAGIC) for it in frames) else frames


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise OptionError(f"%%memwatch: {message}")


def _parse(line: str) -> argparse.Namespace:
    parser = _Parser(prog="%%memwatch", add_help=False, allow_abbrev=False)
    parser.add_argument("--no-profile", action="store_true")
    parser.add_argument("--shallow", action="store_true")
    return parser.parse_args(shlex.split(line))
