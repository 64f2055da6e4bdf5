"""The parser of the command line: it suggests the nearest word, and lists the exit statuses below the help."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

STATUSES = """exit status:
  0    done; of `run` the program's own status
  1    something could not be read, reached or written; with `run --fail-on-leak`: it leaked what was not freed;
       with `report --compare` or `--since`: a leak is not surely gone
  2    the command line is wrong; of `run`: the program cannot be opened; of `convert` and `snapshot`:
       a file cannot be read or written
  130  ended by Ctrl-C
"""

_CHOICE = re.compile(r"invalid choice: '?([^' ]+)'? \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """Suggests what was perhaps meant. The command that gets unknown words reports them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.suggest_on_error = False  # which Python 3.15 switches on, and which has words of its own

    def parse(self, argv: Sequence[str] | None = None) -> argparse.Namespace:
        """The arguments in *argv*, the process's own if None; ends with status 2 if they are wrong."""
        found, left = self.parse_known_args(argv)
        if left:
            asked = getattr(found, "parser", self)
            asked.error(f"unrecognized arguments: {' '.join(left)}")
        if found.command is None:  # not by argparse, which would say so of a misspelt option, too
            self.error("which COMMAND? `memwatch --help` lists them")
        return found

    def error(self, message: str) -> NoReturn:
        """End with status 2; the message suggests the nearest known word."""
        super().error(f"{message}{self._suggestion(message)}")

    def _suggestion(self, message: str) -> str:
        choice = _CHOICE.search(message)
        if choice is not None:
            words, known = [choice[1]], re.findall(r"[\w-]+", choice[2])
        else:
            unknown = message.partition("unrecognized arguments: ")[2].split()
            words = [word.partition("=")[0] for word in unknown if word.startswith("-")]
            known = [name for action in self._actions for name in action.option_strings]
        near = [found for word in words for found in get_close_matches(word, known, 1, 0.6)]
        return f"; did you mean {near[0]}?" if near else ""
