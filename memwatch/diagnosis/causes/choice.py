"""From what a walk found to words: the most exact cause that fits, and the type to name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...backend.meters.collector import collector_runs
from ...estimates import is_alike
from ...internal import internal
from ...retain import CHAINED, EdgeKind, Holding, RootKind, find_owner
from ...retain import UNREACHED as UNREACHED_ROOTS
from ..classes import is_library, is_programs, is_standard, unseen_keepers
from .below import CONTAINERS, OFTEN, SEVERAL, cause_inside, cause_unreached, is_replaced
from .cause import Cause, Pattern
from .holders import ATTRIBUTES, CYCLE_IN_C, FAR_BOUND, GENERAL, HOLDERS, NEAR_BOUND, REPLACED, UNREACHED, Holder
from .kept import KEPT
from .libraries import LIBRARIES
from .owned import ALL_OWNED, IN_LIBRARY, MADE, OWNED, STANDARD_OWNED, Calls, about, keeps_all, maker_of, owner_of
from .runtime import RUNTIME
from .variables import VARIABLES
from .verdicts import BY_VERDICT, GC_DISABLED, INTERPRETERS

_EXACT = (*LIBRARIES, *RUNTIME)
_BY_PATH = (*_EXACT, *KEPT, *VARIABLES)
ALL = (
    *_BY_PATH,
    ATTRIBUTES,
    GENERAL,
    FAR_BOUND,
    NEAR_BOUND,
    REPLACED,
    *ALL_OWNED,
    CYCLE_IN_C,
    UNREACHED,
    GC_DISABLED,
    INTERPRETERS,
    *BY_VERDICT.values(),
)
"""Every cause there is, in the order in which they are tried."""

_PATTERNS = {cause.name: tuple(map(Pattern, cause.paths)) for cause in _BY_PATH}
_NAMED = 3  # holders beside the first
_NO_CAUSE = Cause("", "", "")
_TREE = ("hamt", "hamt_array_node", "hamt_bitmap_node", "hamt_collision_node")  # that a context is made of
_CONTAINERS = CONTAINERS.union(_TREE)
_RUN = frozenset(
    ("function", "method", "builtin_function_or_method", "generator", "coroutine", "async_generator", "frame")
)
_CALLS = frozenset(
    (
        *("functools.partial", "asyncio.events.Handle", "asyncio.events.TimerHandle"),
        *("_asyncio.Future", "asyncio.futures.Future", "concurrent.futures._base.Future"),
    )
)
"""What these call is named, as of a method, or what they have for a result."""

_OWN_PARTS = ("threading.Condition", "_contextvars.Context")
"""What each of these has for itself, and neither calls nor has for a result."""

_WEAK = frozenset(("weakref.ReferenceType", "weakref.KeyedRef", "weakref.WeakMethod"))
_VALUES = frozenset(
    (
        *("datetime.datetime", "datetime.date", "datetime.time", "datetime.timedelta", "decimal.Decimal", "uuid.UUID"),
        *("fractions.Fraction", "ipaddress.IPv4Address", "ipaddress.IPv6Address"),
    )
)
"""Classes of the standard library that are mere data, as numbers and texts are: no part belongs to one."""
_NO_OWNERS = _WEAK | _VALUES | {"_frozen_importlib.ModuleSpec", "_frozen_importlib_external.SourceFileLoader"}
_THREADS = next(cause for cause in RUNTIME if cause.name == "threads-alive")
_FUNCTION_CACHES = tuple(cause for cause in RUNTIME if cause.name in ("cached-method", "function-cache"))
_CALLBACKS = next(cause for cause in RUNTIME if cause.name == "callbacks-in-c")
_SMALL_VIEWS = next(cause for cause in KEPT if cause.name == "small-views")
_LITTLE = 4  # times as much
_PASSED = 2  # times a bound


@internal
@dataclass(frozen=True, slots=True)
class Words:
    """A cause as it is reported for one holder; `name` is empty where nothing is known."""

    name: str = ""
    cause: str = ""
    hint: str = ""


def words_for(
    holding: Holding, verdict: str = "", counts: bool = True, line: str = "the program", calls: Calls = ()
) -> Words:
    """The words for *holding*; for *verdict* alone where its path says nothing. *counts* has the items counted; *line*
    is the program's line that makes what is held there, *calls* are functions that it has called, with their files."""
    unknown = _NO_CAUSE if not _has_bound(holding) else NEAR_BOUND if _is_nearly_full(holding) else FAR_BOUND
    cause, name = _choose(holding) or (BY_VERDICT.get(verdict, unknown), "")
    holder = _holder(holding)
    said = {
        "holder": holder.word if holder else "container",
        "drop": _how_to_drop(holding, holder) if holder else "drop items when they are done with",
        "name": name or "a function",
        "line": line,
    }
    owner = find_owner(holding.path) if cause.for_owner else owner_of(name) if cause in _FUNCTION_CACHES else None
    if owner is not None:
        said |= about(owner, None if cause in _FUNCTION_CACHES else holding.path, line, calls)
        cause = IN_LIBRARY.get(cause.name, STANDARD_OWNED if owner.is_standard else OWNED)
    kind = name_type(holding)
    maker = maker_of(kind) if cause.for_maker else None
    if maker is not None:
        said |= {"library": maker, "type": kind}
        cause = MADE
    counted = count_words(holding) if cause.counted and counts else ""
    if cause in (FAR_BOUND, NEAR_BOUND):
        counted = f": {holding.used or 0:,} of at most {holding.bound:,}"
    own = "; or ".join(filter(None, (keeps_all(owner), cause.hint.format(**said))))
    hints = [it for it in (own, _beside(holding)) if it]
    text = cause.cause.format(**said).replace("a Ordered", "an Ordered")
    return Words(cause.name, text + counted, "; ".join(hints))


def _how_to_drop(holding: Holding, holder: Holder) -> str:
    """How the container is emptied or bounded; held weakly only where Python can do that with what it has."""
    steps = holding.path.steps
    is_key = bool(steps) and steps[-1].edge.kind is EdgeKind.IS_KEY
    can_be_weak = "." in holding.frontier_type and holding.frontier_type not in _WEAK
    return holder.drop + (holder.weak_keys if is_key else holder.weak_items) * can_be_weak


def _is_nearly_full(holding: Holding) -> bool:
    return holding.bound is not None and 2 * (holding.used or 0) >= holding.bound


def _has_bound(holding: Holding) -> bool:
    """Whether it has a bound that it keeps: a number that it has passed by far is none."""
    return holding.bound is not None and (holding.used or 0) <= _PASSED * holding.bound


def _beside(holding: Holding) -> str:
    """What else has to let go of the objects."""
    if not holding.others:
        return ""
    own = holding.path.holder
    names = [f"others in {own}" if it.holder == own else it.holder for it in holding.others[:_NAMED]]
    more = len(holding.others) - len(names)
    named = " and by ".join([*names, f"{more} other{'s' * (more > 1)}"] if more else names)
    return f"the same objects are held by {named} as well, and stay until each lets go"


def words_for_verdict(verdict: str) -> Words:
    """The words for what is known by *verdict* alone."""
    cause = GC_DISABLED if verdict == "garbage" and not collector_runs() else BY_VERDICT.get(verdict, _NO_CAUSE)
    return Words(cause.name, cause.cause, cause.hint)


def name_type(holding: Holding) -> str:
    """The type to name.

    The class by which users know what a library keeps, where that is known. Else of those that come with nearly every
    held item a class of the program's before a builtin, and of builtins what is held itself before what it is made of.
    A mere container yields to what runs, as a function, and else to what it has most of; so does one object that holds
    many of a class of the program's, as a copy that has one more each time. A class of the standard library yields to
    one that is not, if it is not what is held, and one that the standard library keeps to itself to any other, where
    the program has not put it there. Of two other classes that which owns the other is named, and where neither does
    the program's own, else the one that leads to most. A library's object yields to the program's that came with it,
    beside it or each leading to the other. Classes that are held are named as such, and so is one that was made for
    each item, before a library's objects that describe it.
    """
    counts, top = holding.type_counts, holding.frontier_type
    if known := _known_kind(holding) or _wrapped(holding) or _companion(holding):
        return known
    often = [name for name, count in counts.items() if count >= OFTEN * holding.targets] or list(counts)
    own = [name for name in often if "." in name and (name == top or name not in _NO_OWNERS)]
    own = _called(own, holding) or own
    public = [name for name in own if not _is_internal(name) and not _is_far(name, holding)]
    first = [top] if top not in _CONTAINERS else [it for it in own if not _is_owned(it, own, holding)]
    own = public if public and not any(_is_put_there(it, public, holding) for it in first) else own
    if top in own or top == "type" or not often or (not own and top not in _CONTAINERS):
        return top
    own = [it for it in own if not is_standard(it) and not _leads_to_little(it, own, holding)] or own
    own = [name for name in own if name in holding.owners] or own  # what is farther was not met
    own = [name for name in own if not _is_owned(name, own, holding)] or own
    programs = [name for name in own if is_programs(name)] if top in _CONTAINERS or top in _CALLS else []
    if top in _CONTAINERS and "type" in often and not programs:
        return "type"
    others = [name for name in often if name in _RUN] or [name for name in often if name not in _TREE] or often
    return max(programs or own or others, key=lambda name: (_led_to(name, holding), counts[name], name == top))


def _called(own: Sequence[str], holding: Holding) -> list[str]:
    """What those of *own* that call something call, or have for a result: neither they nor parts of their own."""
    parts = _OWN_PARTS if not _CALLS.isdisjoint(own) else ()
    return [it for it in own if it not in (*_CALLS, *parts) and not _is_owned(it, parts, holding)]


def _known_kind(holding: Holding) -> str:
    """The class that a known library's cause names, if it comes with the items."""
    counts = holding.type_counts
    kinds = (it for it in LIBRARIES if it.kind and counts.get(it.kind, 0) >= OFTEN * holding.targets)
    known = (it.kind for it in kinds if any(Pattern(path).match(holding.path) is not None for path in it.paths))
    return next(known, "")


def _wrapped(holding: Holding) -> str:
    """The class of the program's of which most came below one object that came with them; empty without such."""
    counts = holding.type_counts if is_replaced(holding) else {}
    own = [name for name, count in counts.items() if count >= SEVERAL and "." in name and is_programs(name)]
    return max(own, key=lambda name: counts[name], default="")


def _companion(holding: Holding) -> str:
    """The class of the program's of which as many came as of the library's that is held: the value of which that is the
    key, the object that it keeps note of, so that each leads to the other, or whose method it calls. Empty without
    such. Of methods that are held it is the class whose they are: one object may have several."""
    top, counts = holding.frontier_type, holding.type_counts
    if not is_library(top) and top != "method":
        return ""
    noted = (it for it, way in holding.owners.items() if it != top and (top not in way or way[-1] == "method"))
    own = [name for name in {*holding.beside, *noted} if "." in name and is_programs(name)]
    if top == "method":
        return next((it for it in own if holding.owners.get(it) == (top,) and SEVERAL * counts[it] >= counts[top]), "")
    return next((name for name in sorted(own) if is_alike(counts.get(name, 0), counts.get(top, 0))), "")


def _led_to(name: str, holding: Holding) -> int:
    """How many of the objects are of a type whose first one is reached by way of the class *name*."""
    return sum(holding.type_counts.get(it, 0) for it, way in holding.owners.items() if name in way)


def _leads_to_little(name: str, others: Sequence[str], holding: Holding) -> bool:
    """Whether one of the *others* leads to far more: a library's lock beside the task and the loop that it serves."""
    most = max(_led_to(it, holding) for it in others)
    return _LITTLE * (_led_to(name, holding) + holding.type_counts[name]) < most


def _is_put_there(top: str, others: Sequence[str], holding: Holding) -> bool:
    """Whether the program holds *top* itself, and the *others* are parts of it: as an event loop and its sockets."""
    parts = all(map(is_standard, others)) and not top.startswith("_thread.")
    return parts and _is_internal(top) and find_owner(holding.path) is None


def _is_owned(name: str, others: Sequence[str], holding: Holding) -> bool:
    """Whether objects of that class lie below those of one of the *others*."""
    return any(owner in others and owner != name for owner in holding.owners.get(name, ()))


def _is_far(name: str, holding: Holding) -> bool:
    """Whether a library's class is only known to a function that what is held calls: it is no name for that."""
    is_apart = holding.frontier_type not in _CONTAINERS and is_library(name)
    return is_apart and not _RUN.isdisjoint(holding.owners.get(name, ()))


def _is_internal(name: str) -> bool:
    """Whether a library keeps it to itself, or the standard library makes it in a function, or as a lock it is a mere
    part of its classes."""
    if name.rpartition(".")[2].startswith("_"):
        return is_standard(name) or is_library(name)
    return is_standard(name) and ("<locals>" in name or name.startswith("_thread."))


def count_words(holding: Holding) -> str:
    """The items; where more came than the holder has, many holders alike were reported as one."""
    items, added = holding.holder_items or 0, holding.targets
    steps = holding.path.steps
    if steps and steps[-1].edge.kind is EdgeKind.IS_KEY:
        added = min(added, items)  # keys and values, counted together
    if holding.targets == 1 and items > 1:
        return f": {items:,} kept"  # the container itself is what came: a copy, or one that has just been made
    kept = f"{items:,} kept" if items >= added else "to many of its kind"
    return f": {added:,} added, {kept}"


def _choose(holding: Holding) -> tuple[Cause, str] | None:
    """The cause, and what its marked step is called."""
    if _has_bound(holding):
        return (_SMALL_VIEWS, "") if holding.pins else None
    if _is_in_threads(holding):
        return _THREADS, ""
    if holding.path.root.kind in UNREACHED_ROOTS:
        return _matching(holding, _EXACT) or cause_unreached(holding.path)
    inside = cause_inside(holding)
    found = _matching(holding, (*_EXACT, *KEPT)) or (None if inside is None else (inside, ""))
    return found or _matching(holding, VARIABLES) or _choose_by_holder(holding)


def _matching(holding: Holding, causes: Sequence[Cause]) -> tuple[Cause, str] | None:
    """The first of *causes* that fits, and what its marked step is called."""
    for cause in causes:
        found = (name for pattern in _PATTERNS[cause.name] if (name := pattern.match(holding.path)) is not None)
        name = next(found, None) if _is_such(holding, cause) else None
        if name is not None:
            unseen = _unseen_below(holding) if cause is _CALLBACKS else ""
            return (CYCLE_IN_C, unseen) if unseen else (cause, name)
    return None


def _unseen_below(holding: Holding) -> str:
    """A class of which one lies below each method that is held, and that may hold it, unseen by the collector: one of
    the same library."""
    if holding.frontier_type != "method":
        return ""
    library = name_type(holding).partition(".")[0]
    often = (name for name, count in holding.type_counts.items() if count >= OFTEN * holding.targets)
    return min(unseen_keepers([name for name in often if name.partition(".")[0] == library]), default="")


def _is_in_threads(holding: Holding) -> bool:
    """Whether a variable of one function holds it, in more and more threads that run it."""
    path = holding.path
    is_local = len(path.steps) == 1 and path.steps[0].edge.kind is EdgeKind.LOCAL
    return is_local and path.root.kind is RootKind.FUNCTION and not path.root.main and holding.targets >= SEVERAL


def _is_such(holding: Holding, cause: Cause) -> bool:
    """Whether as much came as the cause says, and what must hang below each item does."""
    if cause.many is not None and cause.many != _is_many(holding):
        return False
    return not cause.below or holding.type_counts.get(cause.below, 0) >= OFTEN * holding.targets


def _is_many(holding: Holding) -> bool:
    """Whether several objects came there, or one container with many items; an object in a chain is none."""
    last = holding.path.steps[-1] if holding.path.steps else None
    if last is not None and CHAINED in last.traits and not last.edge.is_item:
        return holding.targets >= SEVERAL and holding.path.root.kind in UNREACHED_ROOTS  # as many chains
    return holding.targets > 1 or (holding.frontier_type == holding.holder_type and holding.holder_items is not None)


def _choose_by_holder(holding: Holding) -> tuple[Cause, str] | None:
    if is_replaced(holding):
        return REPLACED, ""
    if _holder(holding) is None or not _is_many(holding):
        return None
    steps = holding.path.steps
    is_item = bool(steps) and steps[-1].edge.is_item and not _is_named(holding)
    if is_item or holding.frontier_type == holding.holder_type:
        return GENERAL, ""
    return (ATTRIBUTES, "") if holding.targets <= (holding.holder_items or 0) else None


def _is_named(holding: Holding) -> bool:
    """Whether what is held are variables of a module, as by globals()[name], or attributes of an object."""
    path = holding.path
    if holding.holder_type != "dict" or path.steps[-1].edge.kind is not EdgeKind.KEY:
        return False
    return path.root.kind is RootKind.MODULE if len(path.steps) == 1 else "dict" not in path.steps[-2].kinds


def _holder(holding: Holding) -> Holder | None:
    """What is known of the container, or of the builtin one that its class is derived from."""
    kinds = holding.path.reach[-2].kinds if len(holding.path.reach) > 1 else ()
    return next((HOLDERS[kind] for kind in (holding.holder_type, *kinds) if kind in HOLDERS), None)
