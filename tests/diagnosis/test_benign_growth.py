"""What the judge lets pass, and beside each such growth the leak that looks like it."""

import functools
import gc
import logging.handlers
import queue
import sys
import time
import weakref
from collections import OrderedDict, deque
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest

import memwatch
from memwatch.backend.allocations.live import Sampled
from memwatch.diagnosis import judge
from memwatch.diagnosis.benign_growth import BenignGrowth, will_be_full
from memwatch.diagnosis.lines import Lines
from memwatch.retain import Edge, EdgeKind, Holding, Step
from memwatch.watch import Dismissed, Leak

from ..paths import KEPT

MIB = 1 << 20


class Lru:
    """As Jinja's, Werkzeug's and urllib3's caches are made: a container with a capacity that it looks at."""

    def __init__(self, capacity, enforced=True):
        self.capacity = capacity
        self.enforced = enforced
        self.items = OrderedDict()

    def __len__(self):
        return len(self.items)

    def put(self, key, value):
        self.items[key] = value
        if self.enforced and len(self.items) > self.capacity:
            self.items.popitem(last=False)


class Wish:
    """Has a number that nothing looks at."""

    def __init__(self, capacity):
        self.capacity = capacity
        self.items = {}

    def put(self, key, value):
        self.items[key] = value


class Columns:
    """A buffer that is made anew, larger, for what comes; up to *most* bytes where it looks at that."""

    def __init__(self, most):
        self.most, self.used, self.data = most, 0, bytearray(10)

    def append(self, size):
        need = self.used + size
        if need > self.most:
            raise OverflowError
        self.data, self.used = bytearray(need), need


class Endless:
    def __init__(self, most):
        self.most, self.used, self.data = most, 0, bytearray(10)

    def append(self, size):
        self.used += size
        self.data = bytearray(self.used)


@pytest.fixture
def made(app, text):
    """Makes a program that holds strings in *holder*; gives what fills it with so many."""

    def make(holder, put):
        app.holder = holder
        return lambda count=1000, begin=0: [put(app.holder, n, text(n)) for n in range(begin, begin + count)]

    return make


def keep(holder, _, item):
    holder.append(item)


def remember(holder, number, item):
    holder(number, item)


def cached(maxsize):
    @functools.lru_cache(maxsize)
    def keep_argument(number, item):
        return item

    return keep_argument


FILLING = {
    "deque": (lambda bound: deque(maxlen=bound), keep),
    "lru_cache": (cached, remember),
    "queue": (lambda bound: queue.Queue(bound), lambda it, _, item: it.put(item)),
    "stack": (lambda bound: queue.LifoQueue(bound), lambda it, _, item: it.put(item)),
    "cache of the program's": (Lru, lambda it, number, item: it.put(number, item)),
    "log": (
        lambda bound: logging.handlers.MemoryHandler(bound, flushLevel=99),
        lambda it, number, item: it.buffer.append((number, item)),
    ),
}


@pytest.mark.parametrize("kind", FILLING)
def test_a_bounded_container_that_fills_is_held(case, made, kind):
    make, put = FILLING[kind]
    decision = case.judge(made(make(5000), put))
    assert isinstance(decision, Dismissed) and decision.why.startswith("a bounded ")
    assert decision.why.endswith(": 1,000 of at most 5,000")


@pytest.mark.parametrize("kind", ["deque", "cache of the program's"])
def test_so_is_one_that_has_just_become_full(case, made, kind):
    make, put = FILLING[kind]
    assert isinstance(case.judge(made(make(1000), put)), Dismissed)


class Expiring:
    """Keeps what is put into it for so many seconds."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.items = {}

    def put(self, key, value):
        self.items[key] = (time.monotonic(), value)
        while self.items[next(iter(self.items))][0] < time.monotonic() - self.seconds:
            self.items.popitem()


@pytest.mark.parametrize(
    ("seconds", "ago", "decision"), [(300.0, 50.0, Dismissed), (31.0, 0.0, Dismissed), (20.0, 50.0, Leak)]
)
def test_items_that_expire_are_no_leak_unless_they_stay_for_longer(case, made, app, seconds, ago, decision):
    fill = made(Expiring(seconds), lambda it, number, item: it.put(number, item))

    def grow():
        fill()
        for key, (then, item) in app.holder.items.items():
            app.holder.items[key] = (then - ago, item)

    assert isinstance(case.judge(grow), decision)


class Idle:
    """Has code that keeps it short, which nobody has called so far."""

    def __init__(self, most):
        self.most = most
        self.items = {}

    def put(self, key, value):
        self.items[key] = value

    def trim(self):
        while len(self.items) > self.most:
            self.items.popitem()


def tidy(idle):
    idle.trim()


class Forgotten(Idle):
    """The same where nothing names the code."""

    def put(self, key, value):
        self.rows[key] = value

    def __init__(self, most):
        self.most = most
        self.rows = {}

    def cut_down_to_size(self):
        while len(self.rows) > self.most:
            self.rows.popitem()


@pytest.mark.parametrize(("kind", "expected"), [(Idle, [Dismissed, Leak]), (Forgotten, [Leak])])
def test_code_that_is_not_run_is_believed_for_a_while_if_somebody_may_run_it(make_case, made, kind, expected):
    fill, case = made(kind(100_000), lambda it, number, item: it.put(number, item)), make_case()
    said = [case.judge(functools.partial(fill, 1000, 1000 * turn)) for turn in range(len(expected))]
    assert [type(it) for it in said] == expected and callable(tidy)


def test_nor_longer_where_its_items_keep_more_than_a_walk_meets(make_case, made, monkeypatch):
    monkeypatch.setattr(BenignGrowth, "filling", lambda *_: None)
    monkeypatch.setattr(judge, "will_be_full", lambda held, *_: "it fills" if held.bound else None)
    fill, case = made(Idle(100_000), lambda it, number, item: it.put(number, item)), make_case()
    said = [case.judge(functools.partial(fill, 1000, 1000 * turn)) for turn in range(2)]
    assert said[0] == Dismissed("it fills") and isinstance(said[1], Leak)


def holding(bound, used, items, size, kinds):
    return Holding(KEPT, items, size, sum(kinds.values()), kinds, "str", "deque", used, 1, bound, used, size)


@pytest.mark.parametrize(("seen", "is_held"), [(60, True), (40, False)])
def test_what_lies_where_others_lay_is_where_most_of_its_kind_are(seen, is_held):
    """A walk by addresses sees *seen* of 100 objects of 1 MB that a bounded deque got."""
    found = [holding(1000, 100, 100, seen * MIB, {"Item": 100, "bytearray": seen})]
    rows = [SimpleNamespace(what="bytearray", net=100, size_bytes=100 * MIB), SimpleNamespace(what="str", net=100)]
    rows[1].size_bytes = 0
    diff = SimpleNamespace(grown=(), change=SimpleNamespace(details=rows))
    why = BenignGrowth(found, diff, True, 100 * MIB, 64.0).filling(1 << 40)
    assert (why == "a bounded deque fills: 100 of at most 1,000") is is_held


@pytest.mark.parametrize(("grew", "is_held"), [(100, True), (400, False)])
def test_what_is_full_may_have_filled_where_nothing_was_counted(grew, is_held):
    found = [holding(100, 100, 100, 100 * MIB, {"bytearray": 100})]
    assert (BenignGrowth(found, None, True, grew * MIB, 64.0).filling(1 << 40) is not None) is is_held


def test_a_bound_on_small_views_is_no_excuse_for_what_they_pin():
    found = holding(1000, 100, 100, 100 * MIB, {"numpy.ndarray": 200})
    view = Step(Edge(EdgeKind.INDEX, "index"), "numpy.ndarray", traits=("small view",), bare=True)
    pinning = replace(found, path=replace(found.path, steps=(*found.path.steps[:-1], view)))
    for held, is_excused in ((found, True), (pinning, False)):
        assert (BenignGrowth([held], None, True, 100 * MIB, 64.0).filling(1 << 40) is not None) is is_excused


UNBOUNDED = {
    "deque": (lambda: deque(), keep),
    "lru_cache": (lambda: cached(None), remember),
    "queue": (lambda: queue.SimpleQueue(), lambda it, _, item: it.put(item)),
    "queue of no size": (lambda: queue.Queue(), lambda it, _, item: it.put(item)),
    "a number that nothing looks at": (lambda: Wish(5000), lambda it, number, item: it.put(number, item)),
    "outgrown": (lambda: Lru(500, enforced=False), lambda it, number, item: it.put(number, item)),
    "a list of full queues": (list, lambda it, _, item: it.append(deque([item], maxlen=1))),
}


@pytest.mark.parametrize("kind", UNBOUNDED)
def test_one_without_a_bound_is_a_leak(case, made, kind):
    make, put = UNBOUNDED[kind]
    assert isinstance(case.judge(made(make(), put)), Leak)


@pytest.mark.parametrize(("limit", "decision"), [(64 << 30, Dismissed), (300 * MIB, Leak)])
def test_a_bound_that_the_memory_does_not_allow_is_none(make_case, made, limit, decision):
    assert isinstance(make_case(limit=limit).judge(made(deque(maxlen=100_000), keep)), decision)


def test_many_bounded_containers_of_one_kind_are_added_up(case, app, text):
    app.sensors = [deque(maxlen=100) for _ in range(200)]
    decision = case.judge(lambda: [one.append(text(n)) for n in range(10) for one in app.sensors])
    assert (
        isinstance(decision, Dismissed)
        and decision.why == "bounded containers fill, such as a collections.deque: 10 of at most 100"
    )


def test_larger_items_in_a_full_container_are_a_leak(case, app, text):
    app.recent = deque((text(n)[:100] for n in range(500)), maxlen=500)
    leak = case.judge(lambda: app.recent.extend(text(n) + text(n) for n in range(500)))
    assert isinstance(leak, Leak) and leak.verdict == "objects"


def test_items_that_grow_in_a_bounded_container_are_a_leak(case, app, text):
    app.recent = deque(([] for _ in range(500)), maxlen=5000)
    leak = case.judge(lambda: [one.extend((text(n), text(-n))) for n, one in enumerate(app.recent)])
    assert isinstance(leak, Leak)


@pytest.mark.parametrize(("chained", "decision"), [(False, Dismissed), (True, Leak)])
def test_what_old_objects_get_once_each_is_held_and_chains_are_a_leak(case, app, text, make_class, chained, decision):
    user = make_class(app, "User")
    app.users = [user() for _ in range(1000)]

    def grow():
        for number in range(800):
            one = app.users[number % 200 if chained else number]
            one.log = (text(number), getattr(one, "log", None))

    assert isinstance(case.judge(grow), decision)


def test_a_leak_beside_a_cache_that_fills_is_told(case, app, text):
    app.cache, app.kept = deque(maxlen=5000), []
    leak = case.judge(lambda: [(app.cache.append(text(n)), app.kept.append(text(-n))) for n in range(500)])
    assert isinstance(leak, Leak)


def test_a_leak_beside_a_full_cache_is_told(case, app, text):
    app.cache, app.kept = deque(map(text, range(1000)), maxlen=1000), []
    leak = case.judge(lambda: [app.cache.extend(map(text, range(1000))), app.kept.extend(map(text, range(300)))])
    assert isinstance(leak, Leak) and any(".kept" in step for it in leak.report.suspects for step in it.held_by.lines)


def test_a_leak_in_c_beside_a_full_cache_is_told(case, app, text):
    app.cache = deque(map(text, range(1000)), maxlen=1000)
    app.hidden = bytearray(1)
    case.suspect()
    app.cache.extend(map(text, range(1000)))
    leak = case.verdict(base=case.read().base + 20 * MIB)
    assert isinstance(leak, Leak) and leak.verdict in ("native", "untracked")


def test_a_leak_of_what_a_cache_holds_too_is_told_with_both(make_case, app, text):
    vars(app).update(cache=deque(maxlen=100_000), kept=[])

    def handle():
        for _ in range(1000):
            app.cache.append(item := bytearray(4000))
            app.kept.append(item)

    case = make_case(age=1e6)
    leak = case.judge(handle)
    if case.ledger.censuses < 4:
        pytest.skip("this backend searches in slices, and has no time to look who else holds it")
    assert isinstance(leak, Leak)
    assert [it.share for it in leak.report.suspects[:2]] == pytest.approx([0.5, 0.5], abs=0.05)
    assert leak.report.suspects[0].held_by.lines[1].startswith(".kept") and leak.report.suspects[0].score > 0.4
    assert leak.report.suspects[1].held_by.lines[1].startswith(".cache") and leak.report.suspects[1].score < 0.1


@pytest.mark.parametrize(("kind", "expected"), [(Columns, Dismissed), (Endless, Leak)])
def test_a_buffer_that_is_made_anew_up_to_its_bound(case, app, kind, expected):
    app.columns = kind(20 * MIB)
    app.columns.append(4 * MIB)
    assert type(case.judge(lambda: app.columns.append(6 * MIB))) is expected


# ---- weak containers


def test_what_a_bounded_container_keeps_may_be_in_a_weak_one_too(case, app, text, make_class):
    order = make_class(app, "Order")
    app.known, app.recent = weakref.WeakValueDictionary(), deque(maxlen=50_000)

    def handle():
        for number in range(5000):
            one = order()
            app.known[f"{number} of a few"] = one
            app.recent.append(one)

    assert isinstance(case.judge(handle), Dismissed)


def test_many_names_for_what_stays_are_a_leak(case, app, text, make_class):
    app.known, app.one = weakref.WeakValueDictionary(), make_class(app, "Order")()
    leak = case.judge(lambda: [app.known.__setitem__(text(n), app.one) for n in range(1000)])
    assert isinstance(leak, Leak)


# ---- imports


def load(count, text, file=None):
    for number in range(count):
        module = sys.modules[f"app.part{number}"] = ModuleType(f"app.part{number}")
        module.__file__ = file or f"part{len(sys.modules)}.py"
        exec("\n".join(f"def f{n}(x):\n    return x + {n}, {n * number + 1000}" for n in range(200)), module.__dict__)


@pytest.fixture
def loaded_modules():
    before = set(sys.modules)
    yield lambda: len(sys.modules)
    for name in set(sys.modules) - before:
        del sys.modules[name]
    gc.collect()  # a third of what the tests after it would walk


def test_growth_by_imports_is_held(make_case, loaded_modules, app, text):
    decision = make_case(modules=loaded_modules).judge(lambda: load(20, text))
    assert isinstance(decision, Dismissed) and decision.why == "20 new modules, and what they define"


@pytest.mark.slow
@pytest.mark.skipif(memwatch.backend.name == "pure", reason="too slow for all the walks of four verdicts")
def test_imports_without_end_are_a_leak(make_case, loaded_modules, app, text):
    case = make_case(pause_budget=60.0, age=1e6, modules=loaded_modules)
    begun = len(sys.modules)
    decisions = []
    for number in range(4):
        case.past.clear()
        case.suspect()
        for part in range(20):
            name = f"app.part{number}_{part}"
            load(1, text)
            sys.modules[name] = sys.modules.pop("app.part0")
        decisions.append(type(case.verdict()))
        case.diagnosis.forget()
    assert decisions == [Dismissed, Dismissed, Dismissed, Leak] and len(sys.modules) >= begun + 80


def test_modules_made_from_one_file_again_and_again_are_no_imports(make_case, loaded_modules, app, text):
    leak = make_case(modules=loaded_modules).judge(lambda: load(120, text, "plugin.py"))
    assert isinstance(leak, Leak)
    first = leak.report.suspects[0]
    assert first.held_by.lines[:1] == ("module sys",) and first.held_by.lines[1].startswith(".modules: dict")


def test_functions_that_are_listed_while_one_module_comes_are_a_leak(make_case, loaded_modules, app, text):
    app.listeners = []
    grow = "app.listeners += [lambda number=number: number for number in range(3000)]"
    leak = make_case(modules=loaded_modules).judge(lambda: [load(1, text), exec(grow, {"app": app})])
    assert isinstance(leak, Leak) and leak.report.suspects[0].held_by.lines[1].startswith(".listeners")


def test_a_leak_while_modules_come_is_told(make_case, loaded_modules, app, text):
    app.kept = []
    leak = make_case(modules=loaded_modules).judge(lambda: [load(2, text), app.kept.extend(map(text, range(1000)))])
    assert isinstance(leak, Leak) and leak.report.suspects[0].held_by.lines[1].startswith(".kept")


def test_classes_made_without_imports_are_a_leak(case, app):
    app.models = []
    leak = case.judge(lambda: app.models.extend(type(f"Model{n}", (), {}) for n in range(2000)))
    assert isinstance(leak, Leak)


# ---- native memory of what comes and goes


def test_native_memory_is_told_at_the_second_time_if_a_full_container_turned_over(case, app, make_class):
    document = make_class(app, "Document")
    app.recent = deque((document() for _ in range(20)), maxlen=20)
    decisions = []
    for _ in range(2):
        case.past.clear()
        case.suspect()
        app.recent.extend([document() for _ in range(20)])  # together, so that none is where an old one was
        decisions.append(case.verdict(base=case.read().base + 20 * MIB))
    assert [type(it) for it in decisions] == [Dismissed, Leak]
    assert decisions[0].why == "items of a full collections.deque were replaced, maybe by larger ones"


def test_native_memory_beside_a_container_that_keeps_its_items_is_told_at_once(case, app, make_class):
    document = make_class(app, "Document")
    app.recent = deque((document() for _ in range(20)), maxlen=20)
    case.suspect()
    assert isinstance(case.verdict(base=case.read().base + 20 * MIB), Leak)


# ---- what comes and goes, and what is kept besides


def passing(what, births, net=100):
    """What is said of *net* new objects of 1 KB, of which samples were born in those seconds of 80."""
    rows = [
        SimpleNamespace(what=what, net=net, size_bytes=100 * 1024),
        SimpleNamespace(what="old", net=-5, size_bytes=-9),
    ]
    diff = SimpleNamespace(grown=(), change=SimpleNamespace(details=rows))
    samples = [Sampled((), 0, what, 1.0, 64.0, birth) for birth in births]
    return BenignGrowth((), diff, True, 100 * 1024, 80.0).passing(Lines(samples, bool, None, since=0, until=80))


def test_objects_of_which_none_is_old_come_and_go():
    assert passing("app.Request", range(45, 80)) == (
        "all the new objects of type app.Request are young: they come and go, and there are more and more"
    )


@pytest.mark.parametrize(
    ("births", "net"),
    [(range(5, 80), 100), (range(45, 50), 100), (range(45, 80), 1)],
    ids=["of all ages", "too few samples", "one that is made anew"],
)
def test_objects_that_stay_do_not_come_and_go(births, net):
    assert passing("app.Request", births, net) is None


@pytest.mark.parametrize(
    ("bound", "used", "grew", "waits", "is_held"),
    [
        (400, 128, 2 * MIB, 3, True),
        (400, 400, 2 * MIB, 3, False),
        (10**9, 128, 2 * MIB, 3, False),
        (1024, 128, 2 * MIB, 3, True),
        (1025, 128, 2 * MIB, 3, False),
        (400, 128, 2 * MIB, 1, False),
    ],
)
def test_a_bounded_container_fills_with_what_its_items_keep(bound, used, grew, waits, is_held):
    held = holding(bound, used, 100, 10_000, {"Template": 100})
    why = will_be_full(held, grew, 100 * MIB, waits)
    assert (why is not None and why.endswith(f": {used:,} of at most {bound:,}")) is is_held
