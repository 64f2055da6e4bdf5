"""Who holds what is new? One walk finds all new objects, grouped by place."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ..backend.quiet import quiet
from ..backend.type_labels import type_label
from .atexit_root import root_of
from .bounds import Bound, Codes, are_kept_up, bound_of, is_weak, owners_of, seconds_kept
from .edges import holder_of, is_large, path_along
from .found import NEW_UNKNOWN, NEW_WANTED, HoldingSite, Query, Question
from .greenlets import inside_greenlet, is_greenlet, roots_in_greenlets
from .object_labels import length
from .ownership import inner_address, noted_types, owners_by_type
from .path import Holding
from .row_counts import rows_of
from .search import Search, ask_child
from .sharing import TRIED, share_over
from .steps import ANY_ITEM, WHICHEVER, EdgeKind, Root, RootKind, Step

_MOST_NAMED = 48

_Likeness = tuple[Root, tuple[Step, ...]]
"""What the paths to places alike have in common: the root, and the steps without what differs."""


def find_holdings(
    known: Iterable[int],
    *,
    grown: Iterable[int] | None = None,
    should_cancel: Callable[[], bool] | None = None,
    ignore: Sequence[Any] = (),
    in_slices: bool = False,
    show_keys: bool = False,
    least: int = 0,
) -> tuple[Holding, ...]:
    """Find from the roots who holds the objects whose address is not in *known*; the most retained bytes come first.

    An array *known* has to be sorted. If it has tracked objects alone, *grown* has the addresses of those that grew in
    place: untracked objects are then new only in them, and below new objects. *should_cancel* is called about every
    2000 objects, or before and after a search in C; when it answers True, `Cancelled` is raised. What only *ignore* or
    memwatch hold is left out. With *in_slices* the walk is done in Python: it takes several times as long, but other
    threads run in between. *show_keys* shows every dict key on a path. Places with fewer than *least* bytes are not
    named, since naming takes long.

    While it runs it holds a part of the heap, so an object that the program drops meanwhile may be freed in this
    thread. It holds nothing afterwards.
    """
    addresses = known if type(known) is array and known.typecode == "Q" else array("Q", sorted(known))
    kept = [known, addresses, grown, *ignore]
    query = Query(
        NEW_UNKNOWN,
        addresses,
        _MOST_NAMED,
        grown=grown,
        ignore=kept,
        should_cancel=should_cancel,
        in_slices=in_slices,
    )
    with quiet, Search(query) as places:
        return holdings_at([found for found in places if found.size >= least], show_keys, addresses)


def find_grown(
    addresses: Sequence[int], by: int, should_cancel: Callable[[], bool] | None = None, show_keys: bool = False
) -> tuple[Holding, ...]:
    """Who holds the old objects at *addresses*, buffers that grew in place, with others of their type by so many bytes;
    nobody if they are gone. Raises `Cancelled`."""
    with quiet, Search(replace(_query_of(addresses), should_cancel=should_cancel)) as places:
        return _grown_at(places, by, show_keys)


def _query_of(addresses: Sequence[int]) -> Query:
    return Query(NEW_WANTED, array("Q", sorted(addresses)), len(addresses))


def _grown_at(places: Sequence[HoldingSite], by: int, show_keys: bool) -> tuple[Holding, ...]:
    """The holdings at *places*, which the *by* bytes are shared among: of buffers, each bounded by itself."""
    found = sum(place.targets for place in places)
    for place in places:
        place.size, place.types = by * place.targets // found, Counter()  # no object of its type came
        place.targets = 1
    return holdings_at(places, show_keys)


def ask_grown(addresses: Sequence[int]) -> Question:
    """The question of `find_grown` for a forked child."""
    return ask_child(_query_of(addresses))


def grown_of(question: Question, rows: list[Any], by: int, show_keys: bool = False) -> tuple[Holding, ...]:
    """What `find_grown` gives, by the answer of a forked child."""
    with quiet, Search.of_child(question, rows) as places:
        return _grown_at(places, by, show_keys)


def ask_holders() -> Question:
    """The question "who holds what is new?" for a forked child, and who else holds what is at the largest place."""
    return ask_child(Query(NEW_UNKNOWN, array("Q"), _MOST_NAMED, TRIED))


def holdings_of(
    question: Question,
    rows: list[Any],
    show_keys: bool = False,
    is_over: Callable[[], bool] = lambda: False,
    may_list: bool = False,
    is_old: Callable[[Any], bool] | None = None,
) -> tuple[Holding, ...]:
    """The holdings in the answer of a forked child that still exist in this process, as of `find_holdings`. The largest
    are named first, until *is_over* answers True. What C code alone holds is named if all tracked objects *may* be
    listed for that. *is_old* tells which objects were there before; with it the first is told with all its holders."""
    with quiet, Search.of_child(question, rows, may_list, is_old) as places:
        named = holdings_at([place for place in places if place.targets], show_keys, is_over=is_over)
        ways = [place for place in places if not place.targets]
        shared = share_over(ways, named[0], is_old, show_keys) if named and ways and is_old is not None else named[:1]
        return (*shared, *named[1:])


def holdings_at(
    places: Iterable[HoldingSite],
    show_keys: bool,
    known: array[int] | None = None,
    is_over: Callable[[], bool] = lambda: False,
) -> tuple[Holding, ...]:
    """The holdings at *places*, most bytes first, as many as can be named before *is_over*; similar places are one."""
    reported: dict[_Likeness, Holding] = {}
    greenlets: set[_Likeness] = set()
    keepers: list[Holding] = []
    largest = sorted(places, key=lambda found: -found.size)[:_MOST_NAMED]
    _name_roots(largest)
    for found in largest:
        if reported and is_over():
            break
        holding = _holding(found, show_keys, known)
        inside = _inside_greenlet(found) if holding.bound is None else None
        if inside is not None:
            keepers += [holding] * is_greenlet(found.chain[-1])
            holding = _holding(inside, show_keys, known)
        like = holding.path.root, holding.path.normalized
        if inside is None and is_greenlet(found.chain[-1]):
            greenlets.add(like)
        same = reported.get(like)
        reported[like] = holding if same is None else _joined(same, holding, _is_of_keys(same) == _is_of_keys(holding))
    topmost = sorted(_topmost(reported), key=lambda holding: -holding.retained_bytes)
    keepers += [reported[like] for like in greenlets]
    return tuple(_with_keeper(it, keepers) if it.path.root.kind is RootKind.GREENLET else it for it in topmost)


def _inside_greenlet(found: HoldingSite) -> HoldingSite | None:
    """A place below a suspended greenlet, named by the variable inside, if the collector is shown it."""
    inside = inside_greenlet(found.chain, found.types)
    return None if inside is None else replace(found, root=inside[0], chain=list(inside[1]))


def _with_keeper(holding: Holding, keepers: Sequence[Holding]) -> Holding:
    """Holdings below suspended greenlets, with the path to the holder of the greenlets if there are as many of
    these."""
    alike = (it.path for it in keepers if it.targets <= 2 * holding.targets and holding.targets <= 2 * it.targets)
    keeper = next(alike, None)
    return holding if keeper is None else replace(holding, others=(keeper,))


def _name_roots(places: Iterable[HoldingSite]) -> None:
    """Replace roots that the search knows only as "held in C" by what is known of them."""
    in_c = [found for found in places if found.root.kind is RootKind.HELD_IN_C]
    in_greenlets = roots_in_greenlets({id(found.chain[0]) for found in in_c})
    alike = Counter[int]()  # by the address of their type
    for found in in_c:
        alike[id(type(found.chain[-1]))] += found.targets
    for found in in_c:
        found.root = in_greenlets.get(id(found.chain[0])) or root_of(found, alike[id(type(found.chain[-1]))])


def _topmost(reported: dict[_Likeness, Holding]) -> Iterable[Holding]:
    """The holdings, each joined to the one above it on its path, unless more hangs below than above.

    Less hangs below where a container grows and its older items get new members. More hangs below where those members
    grow and the container has some turnover.
    """
    top: dict[_Likeness, Holding] = {}
    for like in sorted(reported, key=lambda like: len(like[1])):
        root, steps = like
        items = (n for n in range(len(steps) - 1) if steps[n].edge == WHICHEVER)
        above = next((place for n in items if (place := (root, (*steps[:n], ANY_ITEM))) in top), like)
        joins = above is not like and reported[like].retained_bytes <= top[above].retained_bytes
        top[above if joins else like] = _joined(top[above], reported[like], False) if joins else reported[like]
    return top.values()


def _is_of_keys(holding: Holding) -> bool:
    steps = holding.path.steps
    return bool(steps) and steps[-1].edge.kind is EdgeKind.IS_KEY


def _joined(one: Holding, other: Holding, as_targets: bool) -> Holding:
    """Two holdings as one, with the path of the first; with *as_targets* the other's targets count too. Else they are
    members of its older items: one for each has come with an item that lies where another lay, and looks old."""
    types = Counter(one.type_counts)
    types.update(other.type_counts)
    is_same = one.holder_address == other.holder_address
    several = as_targets and not is_same
    within = not as_targets and one.is_bounded and other.targets <= (one.holder_items or 0) - one.targets
    return Holding(
        path=one.path,
        targets=one.targets + as_targets * other.targets,
        retained_bytes=one.retained_bytes + other.retained_bytes,
        retained_items=one.retained_items + other.retained_items,
        type_counts=dict(types.most_common()),
        frontier_type=one.frontier_type,
        holder_type=one.holder_type,
        holder_items=one.holder_items,
        holder_address=one.holder_address,
        bound=_sum(one.bound, other.bound) if several else one.bound,
        used=_sum(one.used, other.used) if several else one.used,
        bounded_bytes=one.bounded_bytes + (other.retained_bytes if within else other.bounded_bytes),
        weak=one.weak and other.weak,
        target_address=one.target_address,
        inner_address=one.inner_address,
        seconds_kept=one.seconds_kept,
        owners=one.owners,
        notes=one.notes,
        beside=one.beside | other.beside | {other.frontier_type} if is_same else one.beside,
        in_use=one.in_use and other.in_use,
        kept_up=one.kept_up and (other.kept_up or not as_targets),
        rows=None if several else one.rows,
    )


def _holding(found: HoldingSite, show_keys: bool, known: array[int] | None) -> Holding:
    """The holding of the objects at a place."""
    chain = found.chain
    top = chain[-1]
    alone = found.targets == 1
    holder = top if alone and is_large(top) else holder_of(chain)
    targets = _targets(found, holder)
    each = found.size / max(targets, 1)
    into = (chain, top) if alone and _is_plain_attribute(chain) else _into(chain, holder)
    rows = rows_of(top) if into[1] is top and into[1] is not holder else None
    bound, kept, in_use = _limits(into, each)
    within = bound is not None and bound.used <= bound.limit
    return Holding(
        path=path_along(chain, found.root, alone, show_keys),
        targets=targets,
        retained_bytes=found.size,
        retained_items=found.items,
        type_counts=dict(found.types.most_common()),
        frontier_type=type_label(type(top)),
        holder_type=type_label(type(holder)),
        holder_items=length(holder),
        holder_address=id(holder),
        bound=bound.limit if bound else None,
        used=bound.used if bound else None,
        bounded_bytes=found.size if within else 0,
        weak=is_weak(chain, holder),
        target_address=id(top),
        inner_address=inner_address(top, known),
        seconds_kept=kept,
        owners=owners_by_type(top, found.types, known),
        notes=noted_types(top, found.types, known),
        in_use=in_use,
        kept_up=kept is not None and in_use and are_kept_up(*into, kept),
        rows=rows,
    )


def _limits(into: tuple[list[Any], Any], each: float) -> tuple[Bound | None, float | None, bool]:
    """What *into* cannot pass: a size, or an age in seconds; and whether the code that keeps it there is in use."""
    bound, kept = _limits_by(into, each, "all")
    if (bound, kept) == (None, None):
        return None, None, True
    found, age = _limits_by(into, each, "used")
    if (bound is None or found is not None) and (kept is None or age is not None):
        return bound, kept, True
    return *_limits_by(into, each, "living"), False


def _limits_by(into: tuple[list[Any], Any], each: float, codes: Codes) -> tuple[Bound | None, float | None]:
    """The same, by what these *codes* keep."""
    bound = bound_of(*into, each, codes)
    return bound, seconds_kept(*into, codes) if bound is None or bound.is_far else None


def _is_plain_attribute(chain: list[Any]) -> bool:
    """Whether the last of *chain* is an attribute without items, such as a buffer: then a bound is about its size."""
    return length(chain[-1]) is None and length(owners_of(chain, chain[-1])[-1]) is None


def _into(chain: list[Any], holder: Any) -> tuple[list[Any], Any]:
    """What *holder*, the last but one of *chain*, was itself put into, if it is a tuple. The tuple came with its items,
    and passes for old only because another object lay at its address."""
    while type(holder) is tuple and len(chain) > 2 and holder is chain[-2]:
        chain = chain[:-1]
        holder = holder_of(chain)
    return chain, holder


def _targets(found: HoldingSite, holder: Any) -> int:
    """How many were put there: the keys and values of one dict count once, if they are of one type."""
    items = length(holder) if issubclass(type(holder), dict) else None
    return items if items is not None and items < found.targets <= 2 * items else found.targets


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
