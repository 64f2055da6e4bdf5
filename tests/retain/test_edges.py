"""Each way of holding an object is told by the name that stands in the source."""

from __future__ import annotations

import contextvars
import functools
import gc
import sys
import threading
import types
import warnings
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest

from memwatch import backend
from memwatch.backend.census.referents import FrozenDict
from memwatch.retain import Root, RootKind, find_holdings, find_path
from memwatch.retain.edges import path_along


class Order:
    """What is held."""


class Plain:
    """Attributes of any name; CPython keeps their values inline, without a dict."""

    def __init__(self, value: Any) -> None:
        self.name = "plain"
        self.value = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Shadowed:
    value: Any = None

    def __init__(self, value: Any) -> None:
        self.value = value


class Stack(list[Any]):
    """A list of the program's own."""


class Registry(dict[Any, Any]):
    def __init__(self, value: Any) -> None:
        self.last = value


def with_dict(value: Any) -> Plain:
    plain = Plain(value)
    assert plain.__dict__
    return plain


def set_from_outside(value: Any) -> Plain:
    plain = Plain(None)
    plain.value_from_outside = value  # type: ignore[attr-defined]
    return plain


def set_on_a_library_s(value: Any) -> Any:
    """An attribute whose name stands in code that has run and is gone."""
    made = type("Flask", (), {"__module__": "flask.app"})()
    exec("made.handlers_of_ours = value", {"made": made, "value": value})
    return made


def of_a_thread(value: Any) -> threading.local:
    local = threading.local()
    local.request = value
    return local


def class_with(value: Any) -> type:
    return type("Config", (), {"__module__": "app", "value": value})


def closure_over(value: Any) -> Callable[[], Any]:
    other = "other"

    def inner() -> Any:
        return other, value

    return inner


def nested_closure(value: Any) -> Callable[[], Any]:
    held = {"one": value}

    def inner() -> Any:
        return held

    return inner


def with_default(value: Any) -> Callable[[], Any]:
    def handler(order: Any = value) -> Any:
        return order

    return handler


def with_keyword_default(value: Any) -> Callable[[], Any]:
    def handler(*, order: Any = value) -> Any:
        return order

    return handler


def with_function_attribute(value: Any) -> Callable[[], Any]:
    inner = with_default(None)
    inner.cache = value  # type: ignore[attr-defined]
    return inner


def suspended(value: Any) -> Iterator[Any]:
    def numbers() -> Iterator[int]:
        order = value
        yield 1
        print(order)

    made = numbers()
    next(made)
    return made


def bounded_cache(value: Any) -> Any:
    box = [value]

    @functools.lru_cache(maxsize=8)
    def price(number: int) -> Any:
        return box.pop()

    price(1)
    return price


def context_with(value: Any) -> contextvars.Context:
    variable: contextvars.ContextVar[Any] = contextvars.ContextVar("request")
    context = contextvars.copy_context()
    context.run(variable.set, value)
    return context


def caught(value: Any) -> Exception:
    def failing() -> None:
        order = value
        raise ValueError(len(repr(order)))

    try:
        failing()
    except ValueError as error:
        return error
    raise AssertionError


def keys_of_weak(value: Any) -> Any:
    table: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
    table[Order] = value
    return table


HERE = f"{__name__}."
DRAWN: dict[str, tuple[Callable[[Any], Any], str]] = {
    "list": (lambda it: [None, it], "kept: list, 2 items > [index]"),
    "tuple": (lambda it: (None, it), "kept: tuple, 2 items > [index]"),
    "set": (lambda it: {it}, "kept: set, 1 item > [item]"),
    "frozenset": (lambda it: frozenset({it}), "kept: frozenset, 1 item > [item]"),
    "list subclass": (lambda it: Stack([it]), f"kept: {HERE}Stack, 1 item > [index]"),
    "deque": (lambda it: deque([it]), "kept: collections.deque, 1 item > [index]"),
    "dict, name as key": (lambda it: {"events": it}, "kept: dict, 1 item > ['events']"),
    "dict, data as key": (lambda it: {f"user {id(it)}": it}, "kept: dict, 1 item > [str key]"),
    "dict, small number": (lambda it: {42: it}, "kept: dict, 1 item > [42]"),
    "dict, large number": (lambda it: {123_456: it}, "kept: dict, 1 item > [int key]"),
    "dict, tuple as key": (lambda it: {("a", 1): it}, "kept: dict, 1 item > [tuple key]"),
    "dict, class as key": (lambda it: {Order: it}, "kept: dict, 1 item > [type key]"),
    "frozendict": (lambda it: FrozenDict({"events": it}), f"kept: {FrozenDict.__name__}, 1 item > ['events']"),
    "dict, it is the key": (lambda it: {it: 1}, "kept: dict, 1 item > [key]"),
    "OrderedDict": (lambda it: OrderedDict(a=it), "kept: collections.OrderedDict, 1 item > ['a']"),
    "defaultdict": (
        lambda it: defaultdict(list, a=[it]),
        "kept: collections.defaultdict, 1 item > ['a']: list, 1 item > [index]",
    ),
    "attribute of a dict": (Registry, f"kept: {HERE}Registry, 0 items > .last: {HERE}Order"),
    "attribute": (Plain, f"kept: {HERE}Plain > .value: {HERE}Order"),
    "attribute, with a dict": (with_dict, f"kept: {HERE}Plain > .value: {HERE}Order"),
    "attribute, set elsewhere": (set_from_outside, f"kept: {HERE}Plain > .value_from_outside: {HERE}Order"),
    "attribute, set on a library's": (
        set_on_a_library_s,
        "kept: flask.app.Flask > " + (f".handlers_of_ours: {HERE}Order" if backend.name == "native" else "[reference]"),
    ),
    "attribute of a namespace": (
        lambda it: types.SimpleNamespace(value=it),
        f"kept: types.SimpleNamespace > .value: {HERE}Order",
    ),
    "attribute of a thread": (of_a_thread, f"kept: _thread._local > .request: {HERE}Order"),
    "attribute that hides a class's": (Shadowed, f"kept: {HERE}Shadowed > .value: {HERE}Order"),
    "dict in an attribute": (lambda it: Plain({"a": it}), f"kept: {HERE}Plain > .value: dict, 1 item > ['a']"),
    "slot": (Slotted, f"kept: {HERE}Slotted > .value: {HERE}Order"),
    "class attribute": (class_with, f"kept: class app.Config > .value: {HERE}Order"),
    "closure": (closure_over, f"kept: function {HERE}closure_over.<locals>.inner > cell value: {HERE}Order"),
    "closure over a dict": (
        nested_closure,
        f"kept: function {HERE}nested_closure.<locals>.inner > cell held: dict, 1 item > ['one']",
    ),
    "default": (
        with_default,
        f"kept: function {HERE}with_default.<locals>.handler > .__defaults__: tuple, 1 item > [index]",
    ),
    "keyword default": (
        with_keyword_default,
        f"kept: function {HERE}with_keyword_default.<locals>.handler > .__kwdefaults__: dict, 1 item > ['order']",
    ),
    "function attribute": (
        with_function_attribute,
        f"kept: function {HERE}with_default.<locals>.handler > .cache: {HERE}Order",
    ),
    "bound method": (
        lambda it: types.MethodType(with_default(None), it),
        f"kept: method > .__self__: {HERE}Order",
    ),
    "partial": (
        lambda it: functools.partial(print, it),
        "kept: functools.partial > .args: tuple, 1 item > [index]",
    ),
    "property": (lambda it: property(it), f"kept: property > .fget: {HERE}Order"),
    "generator": (
        suspended,
        "kept: generator suspended.<locals>.numbers > local order: " + f"{HERE}Order",
    ),
    "lru_cache with a bound": (
        bounded_cache,
        f"kept: functools.lru_cache wrapper of {HERE}bounded_cache.<locals>.price, 1 item > [cached]",
    ),
    "context": (context_with, f"kept: _contextvars.Context > context variable request: {HERE}Order"),
    "traceback": (
        caught,
        "kept: ValueError > .__traceback__: traceback > .tb_next: traceback > .tb_frame: frame > local order: "
        f"{HERE}Order",
    ),
    "weak keys": (
        keys_of_weak,
        "kept: weakref.WeakKeyDictionary > .data: dict, 1 item > [weakref.ReferenceType key]",
    ),
    "array of objects": (lambda it: numpy.array([it], dtype=object), "kept: numpy.ndarray > [item]"),
    "mapping proxy": (
        lambda it: types.MappingProxyType({"a": it}),
        "kept: mappingproxy > mapping: dict, 1 item > ['a']",
    ),
}


@pytest.mark.parametrize("way", DRAWN)
def test_the_path_is_drawn(way: str, app: Any, walk_again: Callable[[Any], list[Any]]) -> None:
    hold, drawn = DRAWN[way]
    held = Order()
    app.kept = hold(held)
    path = find_path(held)
    assert path is not None
    assert path.text == f"module app > {drawn}"
    assert any(found is held for found in walk_again(path))


def test_an_unbounded_cache_is_told_with_its_function(app: Any, walk_again: Callable[[Any], list[Any]]) -> None:
    @functools.cache
    def price(number: int) -> Any:
        return Order()

    app.price = price
    path = find_path(price(1))
    assert path is not None
    cell = f"{HERE}test_an_unbounded_cache_is_told_with_its_function.<locals>.price"
    assert path.text == (
        f"module app > price: functools.lru_cache wrapper of {cell}, 1 item > cache: dict, 1 item > [1]"
    )
    assert price(1) in walk_again(path)


def test_a_variable_is_found_though_its_function_s_globals_are_nearer_to_others(app: Any) -> None:
    app.kept = [Order()]
    app.handler = types.FunctionType(with_default.__code__, vars(app))
    path = find_path(app.kept[0])
    assert path is not None and path.text == "module app > kept: list, 1 item > [index]"


def test_names_are_printed_on_one_line_whatever_they_are(app: Any) -> None:
    for name in ("it's", 'say "no"', "nul\0nul", "half \udc80", "two\nlines"):
        held = Order()
        vars(app)[name] = [held]
        path = find_path(held)
        assert path is not None and "\n" not in path.text and "\0" not in path.text
        assert path.text.encode("utf-8")
        del vars(app)[name]


def test_a_dict_in_an_instance_is_not_taken_for_the_dict_of_the_instance(app: Any) -> None:
    held = Order()
    app.kept = with_dict({"order": held})
    path = find_path(held)
    assert path is not None and path.parts[-2:] == (".value: dict, 1 item", "['order']")


def test_keys_that_are_data_are_never_shown(app: Any) -> None:
    held = Order()
    secret = "".join(["pass", "word of ", "Ann"])
    app.kept = {secret: [held]}
    path = find_path(held)
    assert path is not None and "Ann" not in path.text and "[str key]" in path.text
    plain = Plain(None)
    plain.__dict__[secret] = held
    app.kept = plain
    path = find_path(held)
    assert path is not None and "Ann" not in path.text


def test_a_name_that_the_interpreter_gives_is_shown_and_data_like_it_is_not(app: Any) -> None:
    exec("import warnings\ndef old():\n    warnings.warn('old')", vars(app))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda *arguments, **options: None
        app.old()
    noted = next(value for name, value in vars(app).items() if name.startswith("__warningreg"))
    noted["one"] = Order()
    path = find_path(noted["one"])
    assert path is not None and path.lines[1].startswith(".__warningregistry__: dict")
    for data in ("__Ann Smith__", f"__{'a' * 50}__"):
        held = vars(app)["".join(list(data))] = [Order()]
        path = find_path(held[0])
        assert path is not None and ("Ann" not in path.text and "aaa" not in path.text)


def test_many_variables_of_a_context(app: Any, known: Callable[[], Any]) -> None:
    app.context = contextvars.Context()
    app.variables = [contextvars.ContextVar[Any](f"variable {number}") for number in range(40)]
    before = known()
    for variable in app.variables:
        app.context.run(variable.set, Order())
    found = max(find_holdings(before), key=lambda holding: holding.type_counts.get(f"{HERE}Order", 0))
    assert found.path.text == "module app > context: _contextvars.Context > [context variable]"
    assert found.type_counts[f"{HERE}Order"] == 40


def test_what_a_c_module_has_in_its_state_is_told_by_the_variable_that_it_is(app: Any) -> None:
    app.cache = {"one": Order()}
    path = path_along([sys.modules["_functools"], app.cache, app.cache["one"]], Root(RootKind.MODULE, "_functools"))
    assert path.text == "module app > cache: dict, 1 item > ['one']"
    alone = path_along([sys.modules["_functools"], Order()], Root(RootKind.MODULE, "_functools"))
    assert alone.text == "module _functools > [module state]"


def test_an_attribute_that_its_class_has_as_well_is_the_instance_s(app: Any) -> None:
    """As `param` does, which keeps all under one name in both."""
    kind = type("Parameters", (), {"_values": functools.cached_property(len)})
    app.kept = kind()
    app.kept._values = order = {"rows": [Order()]}
    names = app.kept.__dict__  # older versions keep the values elsewhere until then
    path = path_along([app, vars(app), app.kept, names, order, order["rows"]], Root(RootKind.MODULE, "app"))
    assert path.text == f"module app > kept: {HERE}Parameters > ._values: dict, 1 item > ['rows']"


def test_what_was_replaced_just_now_has_the_name_of_its_successor(app: Any) -> None:
    gone, app.small, app.name = bytes(1000), b"small", "a name"

    def drawn() -> str:
        return path_along([app, vars(app), gone], Root(RootKind.MODULE, "app")).lines[1]

    assert drawn() == "[key]"
    app.history = gone + b"more"
    assert drawn() == ".history: bytes"
    app.other = bytes(900)
    assert drawn() == "[key]"
    gone = next(name for name in vars(app) if name == "history")
    app.copy = "".join(list(gone))
    assert drawn() == "[key]"
    app.error, again = OSError("not there"), []
    for _ in range(2):
        try:
            raise app.error
        except OSError as error:
            again.append(error.__traceback__)
    path = path_along([app, vars(app), app.error, again[0]], Root(RootKind.MODULE, "app"))
    assert path.lines[2] == ".__traceback__: traceback"


@pytest.mark.skipif(backend.name == "pure", reason="the C backend reads what lies in an instance")
def test_so_has_what_lies_in_an_instance_without_a_dict(app: Any) -> None:
    app.core = Plain({1: Order()})
    path = path_along([app, vars(app), app.core, {1: Order()}, Order()], Root(RootKind.MODULE, "app"))
    assert path.text == f"module app > core: {HERE}Plain > .value: dict, 1 item > [reference]"


def test_looking_does_not_give_an_instance_a_dict(app: Any) -> None:
    app.kept = Plain(Order())
    before = [type(held) for held in gc.get_referents(app.kept)]
    assert find_path(app.kept.value) is not None
    assert [type(held) for held in gc.get_referents(app.kept)] == before
