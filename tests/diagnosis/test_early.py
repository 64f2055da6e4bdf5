"""When a leak may be told early: the heap must leave no doubt, and here is each doubt beside the leak without it."""

import sys
from collections import OrderedDict, deque
from types import ModuleType

import pytest

from memwatch.backend.allocations.live import Sampled
from memwatch.diagnosis import settling
from memwatch.diagnosis.early import Agreement
from memwatch.diagnosis.findings import Evidence
from memwatch.diagnosis.lines import Lines
from memwatch.frames import Frame
from memwatch.retain import Edge, EdgeKind, RetainingPath, Root, RootKind, Step, find_remover, is_taken_with
from memwatch.watch import Dismissed, Growth, Leak, Sample

from ..paths import ITEM, attribute, path
from .conftest import WINDOW

AGAIN = Dismissed("one more look is to find the same")
PLACES = (Frame("handle", "app.py", 1, 0, 0),)


def early(case, step, looks=5, per_look=100):
    """Suspicion, looks, and an early candidate; *step* is called with numbers between them."""
    case.suspect()
    for look in range(looks):
        for number in range(per_look):
            step(look * per_look + number)
        if look < looks - 1:
            case.follow()
    decision = case.verdict(level="early", after=WINDOW / 4)
    if decision != AGAIN:
        return decision
    [step(looks * per_look + number) for number in range(4 * per_look)]
    return case.verdict(level="early")


@pytest.fixture
def case(make_case):
    return make_case(pause_budget=60.0, age=1e6)


def test_a_list_that_only_grows_is_told_early(case, app, text):
    vars(app)["early_kept"] = []
    leak = early(case, lambda n: app.early_kept.append(text(n)))
    assert isinstance(leak, Leak) and leak.report.suspects[0].held_by.lines[1].startswith(".early_kept: list")


@pytest.mark.parametrize(("last", "grew"), [(0, 1000), (400, 1000), (-400, 600)])
def test_noise_in_the_last_reading_is_no_growth_that_nothing_explains(last, grew):
    """1,000 bytes came in a straight line; the last reading alone is off by *last*."""
    suspicion = Growth("suspect", "ratchet", "base", 0.0, 100.0, 100.0, 1, 1, 8, "windows")
    evidence = Evidence(suspicion=suspicion, base=5000)
    samples = [
        Sample(100.0 + 10 * n, 10.0 * n, "tick", 5000 + 10 * n + last * (n == 100), 0, 0, 0, None, 0, 0, 0, 0.0, ())
        for n in range(-50, 101)
    ]
    assert evidence.grew_at_least(samples) == pytest.approx(grew, abs=0.03 * grew)
    assert Evidence().grew_at_least(samples) == 0


def test_after_few_looks_nobody_walks_the_heap(case, app, text):
    vars(app)["early_kept"] = []
    decision = early(case, lambda n: app.early_kept.append(text(n)), looks=3)
    assert decision == Dismissed("no type has grown at every look and explains the growth")
    assert case.ledger.censuses == 3


def test_two_looks_in_a_row_must_accuse_the_same(case, app, text):
    vars(app)["early_kept"] = []
    case.suspect()
    for look in range(5):
        case.follow() if look else None
        app.early_kept.extend(text(100 * look + n) for n in range(100))
    assert case.verdict(level="early", after=WINDOW / 4) == AGAIN
    vars(app).update(early_other=app.early_kept, early_kept=None)
    app.early_other.extend(text(1000 + n) for n in range(400))
    assert case.verdict(level="early") == AGAIN
    app.early_other.extend(text(2000 + n) for n in range(400))
    assert isinstance(case.verdict(level="early"), Leak)


def test_early_looks_do_not_prolong_the_wait_for_what_slows_down(case, app, text, monkeypatch):
    monkeypatch.setattr(settling, "_MOST", 1)
    monkeypatch.setattr(settling, "settles", lambda *_: "it slows down")
    vars(app)["early_kept"], said = [], []
    for _ in range(2):
        case.suspect()
        for look in range(5):
            case.follow() if look else None
            app.early_kept.extend(text(100 * look + n) for n in range(100))
        said += [case.verdict(level="early", after=WINDOW / 4), case.verdict()]
    assert said[:3] == [AGAIN, Dismissed("it slows down"), AGAIN] and isinstance(said[3], Leak)


def test_holders_are_looked_for_ever_more_rarely():
    agreement = Agreement()
    agreement.look(400.0)
    assert not agreement.is_due(519.0) and agreement.is_due(520.0)


def test_what_stood_still_once_is_not(case, app, text):
    vars(app)["early_kept"] = []
    decision = early(case, lambda n: app.early_kept.append(bytearray(4000)) if n // 100 != 2 else None)
    assert decision == Dismissed("no type has grown at every look and explains the growth", anew=True)


def test_what_evidence_that_begins_anew_held_before_is_no_growth(case, app, text):
    vars(app)["early_kept"] = []
    early(case, lambda n: app.early_kept.append(bytearray(4000)) if n // 100 != 2 else None)
    evidence = case.diagnosis._gatherer.evidence
    assert evidence.series.readings == 1
    assert abs(evidence.grew(case.read())) < 80_000  # it held twice that


def test_what_a_verdict_looks_up_and_keeps_is_memwatchs(case, app, text, monkeypatch):
    kept = []

    def settles(*_):
        kept.append(bytes(200_000))
        return "it slows down"

    monkeypatch.setattr(settling, "settles", settles)
    vars(app)["early_kept"] = []
    case.suspect()
    before = case.ledger.bytes
    app.early_kept.extend(map(text, range(100)))
    assert case.verdict() == Dismissed("it slows down")
    assert 150_000 <= case.ledger.bytes - before <= 1 << 18


def test_many_holders_are_not(case, app, text):
    vars(app).update(one=[], two={})
    decision = early(case, lambda n: (app.one.append(text(n)), app.two.setdefault(n, text(-n))))
    assert decision == Dismissed("many hold parts of it")


def test_sessions_that_come_and_go_are_not(case, app, text, make_class):
    session = make_class(app, "Session")
    session.__init__ = lambda self, n: setattr(self, "text", text(n))
    app.sessions = OrderedDict((n, session(n)) for n in range(-200, 0))

    def serve(number):
        app.sessions[number] = session(number)
        app.sessions[-1000 - number] = session(number)
        del app.sessions[next(iter(app.sessions))]

    decision = early(case, serve)
    assert isinstance(decision, Dismissed)  # new ones may be where old ones were; else they are seen to come and go


def over_a_life(case, app, text, counts):
    """What is said of a life of a role whose lives all grew, in which so many items came between the looks."""
    vars(app)["early_kept"] = []
    case.past.append(case.read())
    case.diagnosis.suspected(case.candidate("suspect", detector="lives"))
    for look, count in enumerate(counts):
        app.early_kept.extend(text(1000 * look + number) for number in range(count))
        if look < len(counts) - 2:
            case.follow()
        else:
            decision = case.verdict(level="early", detector="lives")
    return decision


def test_what_comes_ever_more_slowly_in_a_short_life_may_be_a_table_that_fills(case, app, text):
    assert isinstance(over_a_life(case, app, text, [100] * 5 + [400] * 2), Leak)
    decision = over_a_life(case, app, text, [150, 130, 110, 95, 80, 250, 200])
    assert isinstance(decision, Dismissed) and decision.why.endswith("more and more slowly, as into a table that fills")


def test_what_comes_ever_more_slowly_is_not(case, app, text, make_class):
    vars(app)["early_kept"] = []
    item = make_class(app, "Item")

    def keep(number):
        it = item()
        it.text = text(number)
        app.early_kept.append(it)

    keep(-1)  # else the type is new at the first look
    case.suspect()
    for look, count in enumerate((200, 160, 130, 100, 80)):
        [keep(1000 * look + number) for number in range(count)]
        case.follow() if look < 4 else None
    decision = case.verdict(level="early", after=WINDOW / 4)
    assert isinstance(decision, Dismissed)
    assert "more and more slowly" in decision.why or "not grow at every look" in decision.why  # by fewer looks


def test_what_comes_ever_more_slowly_but_larger_and_larger_is(case, app):
    vars(app)["early_kept"] = []
    case.suspect()
    for look, count in enumerate((200, 160, 130, 100, 80)):
        app.early_kept.extend(f"{look} {number} ".ljust(800_000 // count) for number in range(count))
        case.follow() if look < 4 else None
    assert case.verdict(level="early", after=WINDOW / 4) == AGAIN


def test_a_bounded_container_is_not(case, app, text):
    vars(app)["early_kept"] = deque(maxlen=100_000)
    assert isinstance(early(case, lambda n: app.early_kept.append(text(n))), Dismissed)


TAKERS = {
    "clear": "def flush():\n    early_rows.clear()",
    "del": "def drop(key):\n    del early_rows[key]",
    "new": "def begin():\n    global early_rows\n    early_rows = []",
    "method": "class Batch:\n    def send(self):\n        self.early_rows.pop()",
    "inner": "def outer():\n    return lambda: early_rows.remove(1)",
    "alias": "def trim():\n    rows = early_rows\n    del rows[0]",
    "chosen": "def trim(key, other):\n    del early_rows[cache[key] if key else other]",
    "loop": "def trim():\n    while early_rows and cache.pop(early_rows[0]):\n        early_rows.popleft()",
    "called": "def trim():\n    evict(early_rows)",
    "super": "class Rows(dict):\n    def trim(self):\n        super().popitem(early_rows)",
}
OTHERS = {
    "reads": "def show():\n    return len(early_rows), cache.clear()",
    "beside": "def serve(key):\n    del cache[keys[key]]\n    early_rows.append(key)",
    "part": "def serve(self, key):\n    self.items.pop(early_rows[0], None)\n    del self.cache[key]",
    "other": "def drop(key):\n    del cache[key]",
    "made": "class Batch:\n    def __init__(self):\n        self.early_rows = []",
}


@pytest.mark.parametrize("kind", TAKERS)
def test_what_the_program_may_empty_is_not(case, app, text, kind):
    vars(app)["early_rows"] = []
    exec(TAKERS[kind], app.__dict__)
    assert isinstance(early(case, lambda n: app.early_rows.append(text(n))), Dismissed)


@pytest.fixture
def program():
    module = sys.modules["app"] = ModuleType("app")
    module.__file__ = "/srv/app.py"
    yield module
    del sys.modules["app"]


@pytest.mark.parametrize("kind", [*TAKERS, *OTHERS])
def test_code_that_takes_things_out_is_found(program, kind):
    exec({**TAKERS, **OTHERS}[kind], program.__dict__)
    found = find_remover(path("app", attribute("early_rows", "list", 12), ITEM))
    assert (found is not None) is (kind in TAKERS)


TOGETHER = {
    "both": ("def sweep():\n    early_rows.pop(early_order.popleft())", True),
    "called": ("def drop(key):\n    del early_rows[key]\ndef sweep():\n    drop(early_order.popleft())", True),
    "one alone": ("def drop(key):\n    del early_rows[key]\ndef sweep():\n    early_order.popleft()", False),
    "put back": ("def sweep():\n    early_rows.append(early_order.popleft())", False),
}


@pytest.mark.parametrize("kind", TOGETHER)
def test_code_that_empties_two_containers_together_is_found(program, kind):
    source, together = TOGETHER[kind]
    exec(source, program.__dict__)
    rows, order = (path("app", attribute(name, "list", 12), ITEM) for name in ("early_rows", "early_order"))
    assert is_taken_with(rows, order) is together


def test_where_nothing_has_a_name_nothing_is_known(program):
    step = Step(Edge(EdgeKind.UNKNOWN, "reference"), "list")
    assert find_remover(RetainingPath(Root(RootKind.THREAD, "state"), (step,))) == "[reference]: list"


def test_a_start_up_is_forgotten_when_it_explains_nothing(case, app, make_class):
    names = [make_class(app, f"Part{n}") for n in range(40)]
    vars(app).update({f"early_part{n}": [] for n in range(40)}, early_kept=[bytearray(4000)])
    case.suspect()
    for look in range(5):
        [vars(app)[f"early_part{n}"].append([names[n]() for _ in range(400)]) for n in range(8 * look, 8 * look + 8)]
        case.follow()
    assert isinstance(case.verdict(level="early"), Dismissed)
    for look in range(5):
        app.early_kept.extend(bytearray(4000) for _ in range(100))
        case.follow() if look < 4 else None
    assert case.verdict(level="early", after=WINDOW / 4) == AGAIN
    app.early_kept.extend(bytearray(4000) for _ in range(400))
    leak = case.verdict(level="early")
    assert isinstance(leak, Leak) and leak.report.suspects[0].share > 0.8


def test_native_memory_that_is_all_young_is_known():
    young = [Sampled(PLACES, 0, "", 1.0, 64.0, birth) for birth in range(61, 80)]
    old = Sampled(PLACES, 0, "", 1.0, 64.0, 30)
    assert Lines(young, bool, None, since=0, until=80).is_young("", 1000.0)
    assert not Lines([*young, old], bool, None, since=0, until=80).is_young("", 1000.0)
    assert not Lines(young, bool, None, since=0, until=80).is_young("", 10000.0)
    assert not Lines(young[:5], bool, None, since=0, until=80).is_young("", 1.0)


@pytest.mark.parametrize(("births", "share"), [(range(0, 80, 5), 1.0), (range(60, 80), 0.25), (range(60, 70), None)])
def test_ages_are_the_parts_of_the_time_that_something_is_left_of(births, share):
    samples = [Sampled(PLACES, 0, "app.Order", 1.0, 64.0, birth) for birth in births]
    assert Lines(samples, bool, None, since=0, until=80).ages(("app.Order",)) == share
