"""Types that break the rules of the C interface, or bend those of Python: a census stays right and harms nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import memwatch

RunAlone = Callable[..., str]

native = pytest.mark.skipif(memwatch.backend.name != "native", reason="the C extension is not in use")

BEGIN = """
import gc, sys
gc.disable()  # the collector itself does not survive some of these types
sys.path.insert(0, {folder!r})
import broken_types
from memwatch.backend import _native
from memwatch.backend.census import exact
def count(label):
    return exact.count_objects(True, (), None).get(label, (0, 0))
def found(label):
    listing, identity = exact.list_objects(True, (), None), exact.take_identity(True, (), None)
    listed = list(listing.kinds).count(listing.labels.index(label))
    return {{count(label)[0], listed, identity.totals[label][0]}}
"""


@native
@pytest.mark.parametrize("mode", ["OWNS", "BORROWS", "VISITS_NULL", "VISITS_OFTEN", "VISITS_ITSELF", "GOES_ON"])
def test_a_traverse_that_shows_what_it_should_not(mode: str, broken_types: str, run_alone: RunAlone) -> None:
    program = f"""
number = "OWNS BORROWS VISITS_NULL VISITS_OFTEN VISITS_ITSELF GOES_ON".split().index({mode!r})
class Item: __slots__ = ()
held = [Item() for _ in range(50)]
shown = tuple(held) if {mode!r} == "GOES_ON" else held
kept = [broken_types.Broken(number, shown) for _ in range(20)]
print(found("broken_types.Broken"), found("__main__.Item"))
kept.clear()
"""
    assert run_alone(BEGIN.format(folder=broken_types) + program) == "{20} {50}\n"


@native
def test_a_traverse_that_does_not_stop_when_memory_is_out(broken_types: str, run_alone: RunAlone) -> None:
    program = """
kept = broken_types.Broken(5, tuple(type(f"Kind{n}", (), {})() for n in range(3000)))
failures = 0
for walk in (exact.count_objects, exact.list_objects, exact.take_identity):
    for mappings in range(1000):
        _native.fail_after(mappings)
        try: walk(True, (), None)
        except MemoryError: failures += 1
        else: break
    _native.fail_after(-1)
print(failures > 15, found("broken_types.Broken"))
"""
    assert run_alone(BEGIN.format(folder=broken_types) + program) == "True {1}\n"


@native
def test_a_size_that_cannot_be_is_not_believed(broken_types: str, run_alone: RunAlone) -> None:
    """Nor one that is raised, is no number, or would overflow with the words before the object."""
    program = """
def fail(): raise KeyboardInterrupt
sizes = set()
for answer in (-1, -(2**63), 2**62, 2**63 - 1, 2**63, "text", None, 1.5, fail, lambda: -5):
    sized = broken_types.Sized(answer)
    sizes |= {count("broken_types.Sized"), (1, _native.measure(sized))}
    listing = exact.list_objects(True, (), None)
    sizes.add((1, dict(zip(listing.addresses, listing.sizes))[id(sized)]))
print(sizes, count("broken_types.Sized"), sys.exc_info()[0])
sized = broken_types.Sized(1234)
print(count("broken_types.Sized"))
"""
    assert run_alone(BEGIN.format(folder=broken_types) + program) == "{(1, 48)} (1, 48) None\n(1, 1248)\n"


@native
@pytest.mark.parametrize("walk", ["count_objects", "list_objects", "take_identity"])
def test_a_size_in_c_that_runs_python(walk: str, broken_types: str, run_alone: RunAlone) -> None:
    """Meanwhile classes lose the method that is being called, objects change their class, and a census is taken."""
    program = f"""
class Calm(broken_types.Sized): __sizeof__ = object.__sizeof__
class Turned(broken_types.Sized): pass
def disturb():
    calls.append(1)
    for item in kept:
        if type(item) is Turned: item.__class__ = Calm
    if "__sizeof__" in vars(broken_types.Sized): del broken_types.Sized.__sizeof__
    exact.{walk}(True, (), None)
    gc.collect()
    return 100
calls, kept = [], [Calm(1)]
kept += [kind(disturb) for _ in range(20) for kind in (Turned, broken_types.Sized)]
exact.{walk}(True, (), None)
print(len(calls) > 0, len({{type(item) for item in kept}}), count("__main__.Calm")[0], count("__main__.Turned")[0])
"""
    assert run_alone(BEGIN.format(folder=broken_types) + program, PYTHONMALLOC="debug") == "True 2 21 0\n"


@native
def test_a_number_of_items_that_cannot_be(broken_types: str, run_alone: RunAlone) -> None:
    program = """
class Derived(broken_types.Vector): pass
for kind in (broken_types.Vector, Derived):
    vector = kind(10)
    bare = _native.measure(kind(0))
    print(_native.measure(vector) - bare, end=" ")
    for items in (-10, 2**62, -(2**63), 2**63 - 1):
        broken_types.lie(vector, items)
        print(_native.measure(vector) - bare, end=" ")
    broken_types.lie(vector, 10)
"""
    assert run_alone(BEGIN.format(folder=broken_types) + program).split() == ["240", "240", "0", "0", "0"] * 2


def test_a_struct_that_is_not_set_up(run_alone: RunAlone) -> None:
    """Its `__sizeof__` in C reads what only `__init__` makes."""
    program = """
import struct
from memwatch.backend.census.chosen import count_objects, list_objects
class Packed(struct.Struct):
    def __init__(self):
        print(count_objects(True, (), None)["__main__.Packed"][0])
        super().__init__("ii")
kept = [struct.Struct.__new__(struct.Struct), Packed()]
listing = list_objects(True, (), None)
print(min(size for address, size in zip(listing.addresses, listing.sizes) if address in set(map(id, kept))) > 30)
"""
    assert run_alone(program) == "1\nTrue\n"


def test_a_type_whose_name_is_no_text(broken_types: str, run_alone: RunAlone) -> None:
    program = f"""
import sys
sys.path.insert(0, {broken_types!r})
import broken_types
from memwatch.backend.census.chosen import count_objects, list_objects
kept = [broken_types.nameless() for _ in range(5)]
listing = list_objects(True, (), None)
print(count_objects(True, (), None)["?.?"][0], list(listing.kinds).count(listing.labels.index("?.?")))
"""
    assert run_alone(program) == "5 5\n"


HOSTILE = """
from memwatch.backend.census.chosen import count_objects, list_objects
def fail(*_): raise AssertionError("code of the program was run")
class Meta(type):
    __instancecheck__ = __subclasscheck__ = __getattribute__ = __hash__ = __eq__ = __len__ = __repr__ = __str__ = fail
    __bool__ = __iter__ = __contains__ = __call__ = __dir__ = __sizeof__ = fail
    __module__ = __name__ = __mro__ = __bases__ = property(fail)
class Name(str):
    __eq__ = __hash__ = __str__ = __repr__ = __format__ = __len__ = __bool__ = __getattribute__ = fail
def make(*bases, **more):
    body = {"__sizeof__": fail, "__getattribute__": fail, "__eq__": fail, "__hash__": None, "__repr__": fail,
            "__len__": fail, "__bool__": fail, "__class__": property(fail), "__del__": lambda self: None, **more}
    return type.__new__(Meta, "Hostile", bases, body)
hostile = [make(base, __module__=module) for base in (object, list, dict, tuple, int, str, bytes, set, bytearray)
           for module in (5, None, property(fail), b"x", Name("of a name"), "plain")]
kept = []
for kind in hostile:
    kept.append(object.__new__(kind) if type.mro(kind)[1] is object else type.mro(kind)[1].__new__(kind))
for deep in (True, False):
    counted = count_objects(deep, (), None)
    listing = list_objects(deep, (), None)
    listed = {label: list(listing.kinds).count(place) for place, label in enumerate(listing.labels)}
    for label in ("?.Hostile", "plain.Hostile", "of a name.Hostile"):
        print(counted[label][0], listed[label], end=" ")
"""


def test_classes_all_of_whose_methods_raise(run_alone: RunAlone) -> None:
    """Nine bases each, in four modules that are no text and two that are; all but those of one field are tracked."""
    assert run_alone(HOSTILE) == "36 36 9 9 9 9 " * 2


def test_a_class_whose_order_of_bases_is_being_asked_for(run_alone: RunAlone) -> None:
    program = """
from memwatch.backend.census.chosen import count_objects
class Meta(type):
    def mro(cls):
        counted.append(count_objects(True, (), None)["type"][0])
        return super().mro()
class Named:
    def __set_name__(self, owner, name): counted.append(count_objects(True, (), None)["type"][0])
    def __init_subclass__(cls): counted.append(count_objects(True, (), None)["type"][0])
counted = []
class Order(Named, metaclass=Meta): field = Named()
print(len(counted), min(counted) > 50)
"""
    assert run_alone(program) == "3 True\n"


def test_objects_with_a_place_of_their_own_for_attributes(broken_types: str, run_alone: RunAlone) -> None:
    program = f"""
import gc, sys, weakref
sys.path.insert(0, {broken_types!r})
import broken_types
from memwatch.backend.census.chosen import count_objects
class Button(broken_types.Widget):
    def __init__(self): self.text, self.style = "a text " * 9 + str(id(self)), [len(kept)]
def count(*labels):
    gc.collect()
    return [count_objects(True, (), None)[label][0] for label in labels]
kept = []
before = count("dict", "list", "str", "weakref.ReferenceType")
for _ in range(1000):
    kept.append(Button())
    kept.append(weakref.ref(kept[-1]))
after = count("dict", "list", "str", "weakref.ReferenceType")
print(count("__main__.Button"), [(new - old + 400) // 1000 for old, new in zip(before, after)])
"""
    assert run_alone(program) == "[1000] [1, 1, 1, 1]\n"
