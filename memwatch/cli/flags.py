"""The flags of `memwatch run`, made from the declarations of the options."""

from __future__ import annotations

import argparse
import os
from functools import partial
from typing import Any

from ..errors import OptionError
from ..option_kinds import Choice, File, Option, Switch
from ..options import OPTIONS, Options

_PREFIX = "option_"  # of their names among the arguments, where others are


def add_options(parser: argparse.ArgumentParser) -> None:
    """A flag for each option that has one."""
    for option in OPTIONS.values():
        if option.flag:
            help = _help(option).replace("`", "").replace("%", "%%")
            parser.add_argument(option.flag, dest=_PREFIX + option.name, default=None, help=help, **_how(option))


def given_options(args: argparse.Namespace) -> Options:
    """The options that the command line gives; raises OptionError."""
    given = {name: getattr(args, _PREFIX + name, None) for name in OPTIONS}
    return Options(**{name: value for name, value in given.items() if value is not None})


def _help(option: Option[Any]) -> str:
    if isinstance(option.kind, Switch):
        return option.off or option.help
    default = option.in_run or option.shown_default
    return option.help if default == "none" else f"{option.help} (default: {default})"


def _how(option: Option[Any]) -> dict[str, Any]:
    """What `argparse` needs to read it."""
    kind = option.kind
    if isinstance(kind, Switch):
        return {"action": "store_const", "const": not option.default}
    if isinstance(kind, Choice):
        return {"choices": kind.names}
    return {"type": partial(_read, option), "metavar": kind.placeholder}


def _read(option: Option[Any], text: str) -> Any:
    try:
        value = option.read(text)
    except OptionError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return os.path.abspath(value) if isinstance(option.kind, File) else value
