"""Code behind a switch that is off, and that nobody turns on: ``if self.bounded and len(rows) > self.most``. Nothing is
run.

A switch is a global or an attribute with a truth value that the program's own functions never set, but where the object
is made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from opcode import opmap, opname
from types import CodeType

from .attributes import instance_value
from .comparisons import instructions, loaded_variables, name_of, once, variables_of
from .flow import reached
from .functions import methods_of
from .references import read_frames
from .removal import own_functions
from .views import View

_TRUE = frozenset(op for op, name in enumerate(opname) if "JUMP" in name and name.endswith("IF_TRUE"))
_FALSE = frozenset(op for op, name in enumerate(opname) if "JUMP" in name and name.endswith("IF_FALSE"))
_NOTHING = frozenset(opmap[name] for name in ("CACHE", "EXTENDED_ARG", "TO_BOOL") if name in opmap)
_GLOBALS = frozenset((opmap["LOAD_GLOBAL"], opmap["LOAD_NAME"]))
_NOP = opmap["NOP"]
_STORE_NAME = opmap["STORE_NAME"]
_STORES = frozenset((opmap["STORE_ATTR"], opmap["STORE_GLOBAL"], _STORE_NAME))
_MAKERS = frozenset(("__init__", "__new__", "__post_init__", "__setstate__"))
_BODY = "<module>"


def without_off(view: View) -> View:
    """*view* without those instructions of the program's own code that a switch keeps from being run."""
    methods = set() if view.owner is None else set(map(id, methods_of(type(view.owner))))
    found = {id(code): dict(_tests(view, code, id(code) in methods)) for code in view.codes}
    names = {name for tests in found.values() for name, _ in tests.values()}
    if not names:
        return view
    own = [code for _, code in own_functions(set())]
    running = [frame.f_code for _, frame in read_frames() if frame.f_code.co_name == _BODY]
    names -= _set_by(own, running, names)
    is_own, codes, originals = set(map(id, (*own, *running))), [], dict(view.originals)
    for code in view.codes:
        decided = {place: taken for place, (name, taken) in found[id(code)].items() if name in names}
        left = _without(code, reached(code, decided=decided)) if decided and id(code) in is_own else code
        codes.append(left)
        if left is not code:
            originals[id(left)] = code
    return view._replace(codes=tuple(codes), originals=originals)


def _tests(view: View, code: CodeType, is_method: bool) -> Iterator[tuple[int, tuple[str, bool]]]:
    """The places of jumps that ask a truth value alone: its name, and whether the jump is taken."""
    variables = variables_of(code)
    instance = code.co_varnames[:1] if is_method and code.co_argcount else ()
    for place, if_true, (owner, of), (read, word) in _jumps(code):
        name, value = name_of(code, read, word), None
        if name is not None and read in _GLOBALS:
            value = view.sources[-1](name)
        elif name is not None and instance and loaded_variables(owner, of, variables)[-1:] == [*instance]:
            value = instance_value(view.owner, name)
        if type(value) is bool:
            yield place, (name or "", value is if_true)


@once
def _jumps(code: CodeType) -> Iterable[tuple[int, bool, tuple[int, int], tuple[int, int]]]:
    """The places of jumps by a truth value, whether they are taken if it is true, and the two operations before."""
    before = [(0, 0), (0, 0)]
    for place, (op, arg) in enumerate(instructions(code)):
        if op in _TRUE or op in _FALSE:
            yield place, op in _TRUE, before[0], before[1]
        if op not in _NOTHING:
            before = [before[1], (op, arg)]


def _set_by(own: Iterable[CodeType], running: Iterable[CodeType], names: Collection[str]) -> set[str]:
    """Those of *names* that functions set, so that they may be on later, or the body of a module that still runs."""
    found = [name for code in own if code.co_name not in _MAKERS for name, _ in _stores(code, names)]
    for code in running:
        stores = list(_stores(code, names))
        found += [name for name, is_variable in stores if not is_variable or stores.count((name, True)) > 1]
    return set(found)


def _stores(code: CodeType, names: Collection[str]) -> Iterator[tuple[str, bool]]:
    """What of *names* is set, each time, and whether it is a variable of the body of a module."""
    for op, arg in instructions(code) if any(it in names for it in code.co_names) else ():
        if op in _STORES and code.co_names[arg] in names:
            yield code.co_names[arg], op == _STORE_NAME


def _without(code: CodeType, places: Collection[int]) -> CodeType:
    """*code* with those *places* alone, and the names that stand there; itself if that is all of it."""
    found = list(instructions(code))
    off = [place for place, (op, _) in enumerate(found) if place not in places and op not in _NOTHING]
    if not off:
        return code
    raw = bytearray(code.co_code)
    for place in off:
        raw[2 * place : 2 * place + 2] = bytes((_NOP, 0))
    gone = {name for place in off if (name := name_of(code, *found[place])) is not None}
    kept = {name for place in places if (name := name_of(code, *found[place])) is not None}
    names = tuple("" if name in gone - kept else name for name in code.co_names)
    return code.replace(co_code=bytes(raw), co_names=names)
