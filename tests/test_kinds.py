"""Types are known by identity: what a metaclass of the program's says of equal or a hash is not asked."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

import memwatch
from memwatch.kinds import Kinds

PACKAGE = Path(memwatch.__file__).parent
ROOMS = ("backend", "heap", "retain", "diagnosis", "scenario")  # those that meet objects of the program


class Touchy(type):
    """Whose classes must not be compared, hashed, or asked for anything."""

    def __eq__(cls, other):
        raise SystemError("compared")

    def __hash__(cls):
        raise SystemError("hashed")


class Kept(metaclass=Touchy):
    pass


def test_nothing_is_asked_of_a_metaclass():
    kinds = Kinds(int, float)
    assert int in kinds
    assert bool not in kinds
    assert Kept not in kinds


class Order:
    def __init__(self):
        self.part = Kept()


def test_who_holds_an_object_that_refers_to_one_of_such_a_class():
    kept = [Order()]
    assert memwatch.retaining_paths(kept[0])


def is_type_of(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "type"


def faults(path):
    """The lines that compare the type of an object by equal, or look it up by its hash."""
    module = ".".join(("memwatch", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Subscript) and is_type_of(node.slice):
            yield node.lineno
        if not isinstance(node, ast.Compare) or not any(map(is_type_of, (node.left, *node.comparators))):
            continue
        [wanted] = node.comparators
        if isinstance(node.ops[0], ast.Eq | ast.NotEq):
            yield node.lineno
        if isinstance(node.ops[0], ast.In | ast.NotIn) and not (
            isinstance(wanted, ast.Name) and isinstance(getattr(import_module(module), wanted.id), Kinds)
        ):
            yield node.lineno


@pytest.mark.parametrize("room", ROOMS)
def test_types_are_compared_by_identity(room):
    found = {str(path): lines for path in (PACKAGE / room).rglob("*.py") if (lines := list(faults(path)))}
    assert found == {}
