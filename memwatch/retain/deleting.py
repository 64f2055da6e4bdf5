"""Does the program delete rows of a database? The SQL in its own code shows it. Nothing is run."""

from __future__ import annotations

import re
from opcode import opmap
from types import CodeType
from typing import Any

from .collecting import own_code
from .comparisons import instructions, name_of
from .functions import has_run_at
from .views import View

_DELETES = re.compile(r"\b(?:delete\s+from|drop\s+table|truncate)\b", re.IGNORECASE)
_CONSTANT = opmap["LOAD_CONST"]


def find_deleting() -> str | None:
    """The program's own function that has used such a statement, or a variable with one; None without one."""
    view = own_code()
    return next((code.co_qualname for code in view.codes if _has_deleted(view, code)), None)


def _has_deleted(view: View, code: CodeType) -> bool:
    for place, (op, arg) in enumerate(instructions(code)):
        name = name_of(code, op, arg)
        texts = [code.co_consts[arg]] if op == _CONSTANT else view.values(name) if name else []
        if any(map(_deletes, texts)) and has_run_at(code, place):
            return True
    return False


def _deletes(text: Any) -> bool:
    return type(text) is str and _DELETES.search(text) is not None
