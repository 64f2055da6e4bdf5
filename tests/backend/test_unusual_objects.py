"""Objects of every make that a program may hold: both backends see the same of them, and no walk changes them."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import pytest

import memwatch

if memwatch.backend.name != "native":
    pytest.skip("the C extension is compared with the pure backend", allow_module_level=True)

RunAlone = Callable[..., str]

ZOO = """
import array, asyncio, collections, contextvars, ctypes, datetime, decimal, enum, fractions, functools, io, itertools
import mmap, pathlib, queue, random, re, sqlite3, struct, sys, threading, types, typing, uuid, weakref, zlib
from xml.etree import ElementTree
class Texts(str): pass
class Numbers(int): pass
class Raw(bytes): pass
class Rows(tuple): pass
class Point(typing.NamedTuple):
    x: int
    y: int
class Color(enum.Enum): RED, GREEN = 1, 2
class Pair(ctypes.Structure): _fields_ = [("a", ctypes.c_int), ("b", ctypes.c_double)]
def with_dict(made):
    made.attribute, made.rows = 1.5, [made]
    return made
def generator(number):
    local = [number, str(number) * 9]
    yield local
    yield local
async def coroutine(number):
    local = {"number": number}
    await asyncio.sleep(0)
    return local
async def asynchronous(number):
    local = (number, str(number))
    yield local
def suspended(number):
    made = generator(number)
    next(made)
    return made
def started(make):
    made = make(5)
    try: made.send(None)
    except StopIteration: pass
    return made
def failure():
    local = ["held by a frame"] * 3
    try: local[5]
    except IndexError as error: return error
def filled(made, number):
    for place in range(number): made.append(place + 0.5)
    return made
def stepped(made):
    next(made, None)
    return made
def connected():
    connection = sqlite3.connect(":memory:")
    cursor = connection.execute("select 1, 'text'")
    return connection, cursor, cursor.fetchone()
def ordered():
    made = collections.OrderedDict((str(n), n) for n in range(20))
    made.move_to_end("3"); made.attribute = made
    return made
def closure(number): return lambda: number
def recursive():
    made = []
    made.append(made); made.append({1: made})
    return made
def make(n):
    view = memoryview(bytearray(100))
    return [
        with_dict(Texts("text " * 5)), with_dict(Numbers(n << 80)), with_dict(Raw(b"bytes" * n)),
        with_dict(Rows((n, [n]))),
        Point(n, -n), Color.RED, Pair(1, 2.5), (Pair * 5)(), ctypes.pointer(Pair()), ctypes.create_string_buffer(99),
        array.array("d", range(n % 50)), view[5:][::2], memoryview(view[3:]), mmap.mmap(-1, 4096), stepped(iter(view)),
        filled(collections.deque(), 200 + n), filled(collections.deque(maxlen=5), 9), ordered(),
        collections.Counter("abca"),
        collections.ChainMap({}, {1: 2}), collections.defaultdict(list, {n: [n]}), collections.UserDict(a=[n]),
        suspended(n), started(coroutine), asynchronous(n), failure(), failure().__traceback__, closure(n), recursive(),
        sys._getframe(), types.CellType([n]), types.CellType(), with_dict(functools.partial(print, n, end=[n])),
        types.SimpleNamespace(a=n, b=[n]), types.MappingProxyType({"a": n}), types.MethodType(print, n), [].append,
        decimal.Decimal(n) / 7, fractions.Fraction(n, 7), datetime.datetime.now(datetime.timezone.utc),
        datetime.timedelta(n), re.compile(f"a{n}(b)+"), re.match("(a)", "a"), *connected(), uuid.uuid4(),
        pathlib.Path("a") / "b",
        io.BytesIO(b"x" * 100 * n), io.StringIO("text" * n), zlib.compressobj(), struct.Struct("iid"), random.Random(n),
        queue.SimpleQueue(), queue.Queue(), threading.local(), threading.Lock(), threading.RLock(), threading.Event(),
        weakref.ref(recursive), weakref.WeakValueDictionary(), weakref.proxy(make),
        contextvars.ContextVar(f"name {n}", default=[n]),
        contextvars.copy_context(), itertools.tee([n])[0], itertools.chain([n], (n,)), stepped(itertools.groupby([n])),
        itertools.product([n], [n]), itertools.permutations([n, n]), itertools.count(n + 0.5), map(str, [n]),
        zip([n], [n]),
        enumerate([n]), reversed([n]), stepped(iter({n: n}.items())), {n: n}.keys(), slice(n, [n]), range(n, 1 << 70),
        frozenset((n, (n,))), bytearray(n * 10), complex(n, n), super(Texts, Texts()), property(make),
        staticmethod(make),
        list[int], int | str, typing.Optional[int], typing.TypeVar("T"),
        ElementTree.fromstring("<a b='c'><d/>text</a>"),
        functools.lru_cache(make), functools.cached_property(make), object(), type(f"Kind{n}", (Rows,),
        {"field": [n]})((n,)),
        type(f"Slots{n}", (), {"__slots__": ("a", "__weakref__", "__dict__")})(), ExceptionGroup("all",
        [ValueError(n)]),
    ]
"""

COMPARE = """
import ctypes, gc
from collections import Counter
from memwatch.backend import _native
from memwatch.backend.census import exact, pure
def counts(listing):
    return Counter(map(listing.labels.__getitem__, listing.kinds))
def by_address(listing):
    return dict(zip(listing.addresses, map(listing.labels.__getitem__, listing.kinds)))
def names_of_variables(listing):
    # what code holds and no Python reads
    codes = [it for it, kind in zip(listing.addresses, listing.kinds) if listing.labels[kind] == "code"]
    held = [_native.untracked_referents(ctypes.cast(it, ctypes.py_object).value, object) for it in codes]
    parts = [part for each in held for part in each]
    return {id(it) for part in parts for it in ([part, *part] if type(part) is tuple else [part])}
def compare():
    for _ in range(2):
        pure.list_objects(True, (), None)
        gc.collect()
        seen, expected = exact.list_objects(True, (), None), pure.list_objects(True, (), None)
    return by_address(seen), by_address(expected), names_of_variables(seen)
seen, expected, names = compare()
pairs = ((seen, expected.keys() | names), (expected, seen.keys()))
more, less = (Counter(one[it] for it in one.keys() - other) for one, other in pairs)
kinds = all(seen[it] == expected[it] for it in seen.keys() & expected.keys())
more["tuple"] -= gc.get_freeze_count()
more = {it: number for it, number in more.items() if number > 0}
print(kinds, max(more.values(), default=0) <= 2, sorted(+less)[:5], sorted(more.keys() - {"tuple"}))
print(sum(id(it) in seen for it in kept[0]) == len(set(map(id, kept[0]))) - sum(id(it) not in seen for it in kept[0]))
"""


def test_both_backends_see_the_same_of_everything(run_alone: RunAlone) -> None:
    program = ZOO + "kept = [make(n) for n in range(20)]\n" + COMPARE
    first, second = run_alone(program).splitlines()
    assert first == "True True [] []"
    assert second == "True"


@pytest.mark.parametrize(
    "allocator", ["debug", *(pytest.param(it, marks=pytest.mark.slow) for it in ("malloc", "malloc_debug"))]
)
def test_they_live_and_die_around_a_census(allocator: str, run_alone: RunAlone) -> None:
    program = """
import gc, warnings
warnings.simplefilter("ignore")  # of coroutines that were never awaited
from memwatch.backend.census import exact
kept = []
for turn in range(4):
    kept.append([make(n) for n in range(5)])
    for walk in (exact.count_objects, exact.list_objects, exact.take_identity):
        walk(True, (), None)
        walk(False, (), None)
    if turn % 2: del kept[0]
    gc.collect()
listing = exact.list_objects(True, (), None)
print(0 < min(listing.sizes), max(listing.sizes) < 1 << 30)
"""
    assert run_alone(ZOO + program, PYTHONMALLOC=allocator) == "True True\n"


LIBRARIES = {
    "numpy": """
import numpy
def make(n):
    rows = numpy.array([[n], {"n": n}, None, "text"], dtype=object)
    record = numpy.zeros(5, dtype=[("a", "i4"), ("b", "O")])
    record["b"] = [[n]] * 5
    whole = numpy.arange(1000 * n + 1000)
    return [rows, rows[1:], record, record["b"], whole, whole[::2].reshape(-1, 2), whole.view("i1"), numpy.float64(n),
            numpy.dtype([("a", "i4")]), numpy.ma.masked_array([n]), numpy.nditer(whole), numpy.random.default_rng(n),
            numpy.array([], dtype=object), numpy.array(n), numpy.char.array(["a"]), numpy.vectorize(str)]
""",
    "pandas": """
import pandas
def make(n):
    frame = pandas.DataFrame({"a": range(n + 5), "b": ["text"] * (n + 5), "c": [[n]] * (n + 5)})
    return [frame, frame.groupby("a"), frame["c"], frame.set_index("a").index, pandas.Timestamp.now(), frame.T]
""",
    "lxml": """
import lxml.etree
def make(n):
    tree = lxml.etree.fromstring("<a><b c='d'>text</b><e/></a>")
    return [tree, tree[0], list(tree.iter()), tree.getroottree(), tree.attrib, lxml.etree.XPath("//b")]
""",
}

AROUND = """
import gc, sys
from memwatch.backend import _native
from memwatch.backend.census import exact
kept = [make(n) for n in range(50)]
def labels(): return {f"{type(it).__module__}.{type(it).__qualname__}" for it in kept[0]}
counted = exact.count_objects(True, (), None)
listing = exact.list_objects(True, (), None)
print(0 < min(listing.sizes) and max(listing.sizes) < 1 << 30)
shown = {id(it) for it in gc.get_objects()}
found = set(listing.addresses)
print(all(id(it) in found for row in kept for it in row if gc.is_tracked(it)))
owners = [sys.getrefcount(it) for row in kept for it in row]
for walk in (exact.count_objects, exact.list_objects, exact.take_identity): walk(True, (), None)
print(owners == [sys.getrefcount(it) for row in kept for it in row])
del kept[25:]
gc.collect()
exact.count_objects(True, (), None)
"""


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("allocator", ["default", "debug"])
def test_objects_of_extension_modules(library: str, allocator: str, run_alone: RunAlone) -> None:
    pytest.importorskip(library)
    assert run_alone(LIBRARIES[library] + AROUND, PYTHONMALLOC=allocator) == "True\n" * 3


def test_arrays_are_counted_with_their_data() -> None:
    numpy = pytest.importorskip("numpy")
    from memwatch.backend.census.exact import count_objects

    def bytes_of_arrays() -> int:
        return count_objects(True, (), None).get("numpy.ndarray", (0, 0))[1]

    before = bytes_of_arrays()
    kept = [numpy.empty(50_000_000)]
    whole = bytes_of_arrays()
    assert whole - before == pytest.approx(kept[0].nbytes, rel=0.01)
    kept.extend(kept[0][place:] for place in range(1000))
    assert bytes_of_arrays() - whole < 1_000_000


def test_what_is_listed_is_not_held_while_labels_are_made(run_alone: RunAlone) -> None:
    """Other threads run meanwhile, and numpy for one resizes an array only if it has one owner."""
    program = """
import sys
from memwatch.backend import _native
from memwatch.backend.census.object_set import copy_column
class Owner: pass
owner, owners = Owner(), []
owner.rows = [None]
def look():
    owners.append(sys.getrefcount(owner.rows))
def name(types):
    look()
    return [0] * len(types)
_native.listing(True, (), (), (), (), name, copy_column)
look()
print(len(owners), owners[0] - owners[1])
"""
    assert run_alone(program) == "2 0\n"


@pytest.mark.parametrize("rounds", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_many_walks_leave_nothing_behind(rounds: int, run_alone: RunAlone) -> None:
    program = """
import gc, sys, warnings
from memwatch.backend.census import exact
warnings.simplefilter("ignore")
kept = [make(n) for n in range(3)]
class Order: pass
orders = [Order() for _ in range(100)]
def pages():
    with open("/proc/self/statm") as line: return int(line.read().split()[1])
def rounds(number):
    for _ in range(number):
        exact.count_objects(True, (), None)
        exact.list_objects(True, (), None)
        exact.take_identity(True, (), None)
    gc.collect()
    try: resident = pages()
    except OSError: resident = 0
    held = (dict, type, Order, Texts, Point, collections.deque, orders[5], kept[0][0])
    return sys.getallocatedblocks(), [sys.getrefcount(it) for it in held], resident
rounds(20)
before, after = rounds(20), rounds(ROUNDS)
print(after[0] - before[0] < 20, all(abs(b - a) < 5 for a, b in zip(after[1], before[1])), after[2] - before[2] < 500)
"""
    assert run_alone(ZOO + program.replace("ROUNDS", str(rounds))) == "True True True\n"
    assert gc.isenabled() and sys.exc_info()[0] is None


@pytest.mark.slow
def test_an_object_of_many_gib_in_each_kind_of_walk(run_alone: RunAlone) -> None:
    numpy = pytest.importorskip("numpy")
    program = """
import numpy
from memwatch.backend.census import exact
kept = [numpy.empty(5 << 30, "u1"), bytes(5 << 30)]
listing = exact.list_objects(True, (), None)
sizes = dict(zip(listing.addresses, listing.sizes))
print(all(sizes[id(it)] > 5 << 30 for it in kept), exact.take_identity(True, (), None).totals["bytes"][1] > 5 << 30)
"""
    assert numpy
    assert run_alone(program) == "True True\n"
