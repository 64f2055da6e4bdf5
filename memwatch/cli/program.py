"""Runs a program in this process as `python` would: its own `__main__`, its path, its arguments, its tracebacks.

`__main__` is a new module that stays in `sys.modules`: threads that outlive the main code look up classes there to
pickle them. Modules, directories and archives are run by the function that the interpreter itself uses,
`runpy._run_module_as_main`, which runs in the current `__main__`.
"""

from __future__ import annotations

import builtins
import io
import os
import pkgutil
import runpy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader, SourcelessFileLoader
from types import CodeType, ModuleType, TracebackType


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: a script's path or, with `is_module`, a module's name; and its arguments.

    `source` is the script's content, None for a module, a directory or an archive.
    """

    name: str
    args: tuple[str, ...]
    is_module: bool
    source: bytes | None


def load_program(name: str, args: tuple[str, ...], is_module: bool) -> Program:
    """The program, its script read (once: it may be a pipe). Raises OSError where `python` could not open it."""
    if is_module or pkgutil.get_importer(_absolute(name)) is not None:  # a directory or an archive, with a `__main__`
        return Program(name, args, is_module, None)
    with io.open_code(_absolute(name)) as file:
        return Program(name, args, is_module, file.read())


def execute(program: Program) -> None:
    """Run the program to the end of its main code. Its exceptions pass through.

    An exception that the interpreter will print is printed without the frames of memwatch.
    """
    try:
        if program.is_module:
            _execute_module(program)
        elif program.source is None:
            _execute_folder(program)
        else:
            _execute_script(program, program.source)
    except SystemExit:
        raise
    except BaseException as error:
        _cut_when_printed(error)
        raise


def _execute_module(program: Program) -> None:
    sys.argv = ["-m", *program.args]
    _replace_path(os.getcwd)
    _replace_main()
    _run_module_as_main(program.name, True)


def _execute_folder(program: Program) -> None:
    sys.argv = [program.name, *program.args]
    folder = _absolute(program.name)
    if sys.flags.safe_path:
        sys.path.insert(0, folder)
    else:
        sys.path[0] = folder
    _replace_main()
    _run_module_as_main("__main__", False)


def _execute_script(program: Program, source: bytes) -> None:
    sys.argv = [program.name, *program.args]
    path = _absolute(program.name)
    _replace_path(lambda: os.path.dirname(os.path.abspath(path) if os.name == "nt" else os.path.realpath(path)))
    main = _replace_main()
    main.__dict__.update(__file__=path)
    if sys.version_info < (3, 15):
        main.__dict__.update(__cached__=None)
    compiled = pkgutil.read_code(io.BytesIO(source))
    main.__loader__ = (SourceFileLoader if compiled is None else SourcelessFileLoader)("__main__", path)
    code: CodeType = compiled or compile(source, path, "exec", dont_inherit=True)
    exec(code, main.__dict__)


_run_module_as_main: Callable[[str, bool], object] = vars(runpy)["_run_module_as_main"]


def _replace_path(entry: Callable[[], str]) -> None:
    """Replace the entry that the interpreter made for us, unless it was started without one (-P, -I,
    PYTHONSAFEPATH)."""
    if not sys.flags.safe_path:
        sys.path[0] = entry()


def _replace_main() -> ModuleType:
    """Put a new `__main__` into `sys.modules`, with the names that the interpreter gives to one."""
    main = ModuleType("__main__")
    if "__annotations__" in vars(sys.modules["__main__"]):
        main.__annotations__ = {}
    main.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = main
    return main


def _cut_when_printed(error: BaseException) -> None:
    """Have *error* printed by `sys.excepthook` without our frames at its start."""
    hook, program_frames = sys.excepthook, error.__traceback__
    while program_frames is not None and program_frames.tb_frame.f_code.co_filename == execute.__code__.co_filename:
        program_frames = program_frames.tb_next

    def print_cut(kind: type[BaseException], value: BaseException, traceback: TracebackType | None) -> None:
        sys.excepthook = hook
        cut = program_frames if value is error else traceback
        try:
            hook(kind, value.with_traceback(cut), cut)
        except BaseException as failure:  # which the interpreter prints, too
            failure.__traceback__ = failure.__traceback__ and failure.__traceback__.tb_next
            raise

    sys.excepthook = print_cut


def _absolute(path: str) -> str:
    """The path from the root, not normalized, as in a script's `__file__`."""
    return path if os.path.isabs(path) else os.path.join(os.getcwd(), path)
