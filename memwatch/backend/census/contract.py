"""The contract of a backend's census: what it is asked and what it gives."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ...errors import MemwatchError
from ...internal import internal

ShouldCancel = Callable[[], bool] | None

GROWN_FROM = 1024
"""Bytes that an object has at least when it is reported as grown in place: of smaller ones no size is kept."""


class Cancelled(MemwatchError):
    """A walk ended early because its `should_cancel` answered True; nothing was kept of it."""


class Overcopied(Cancelled):
    """A forked child was ended, since the program had more memory copied meanwhile than it may cost."""


@internal
@dataclass(frozen=True, slots=True)
class Listing:
    """Each object of the heap as three columns of one length, sorted by address.

    `addresses` is array("Q"); `kinds` array("I"), the place of the object's type label in `labels`; `sizes` holds
    shallow bytes, in array("I") or, where one object passes 4 GiB, array("Q").
    """

    labels: tuple[str, ...]
    addresses: array[int]
    kinds: array[int]
    sizes: array[int]


@internal
@dataclass(frozen=True, slots=True)
class TypeTurnover:
    """What happened to the objects of one type label between two object sets.

    At least `allocated` came and at least `freed` went. `doubtful` were at the same address in both: some of them may
    have died and been replaced, and then as many more came and went.
    """

    allocated: int
    freed: int
    doubtful: int


@internal
@dataclass(frozen=True, slots=True)
class Grown:
    """One object that stayed at its address and grew to `GROWN_FROM` bytes or more.

    `before_bytes` is 0 where the backend kept no size of it. The address is no reference: the object may be gone.
    """

    what: str
    address: int
    before_bytes: int
    after_bytes: int


class ObjectSet(Protocol):
    """Which objects there were at one moment, and of which type; it holds nothing of the program.

    A survivor is in two sets at the same address with the same label, and is not known to be born in between. Whatever
    was not in the first one came, even if it was only out of sight: allocated - freed is always the difference of the
    numbers of objects.
    """

    @property
    def deep(self) -> bool:
        """Whether also untracked objects were looked at."""

    @property
    def totals(self) -> Mapping[str, tuple[int, int]]:
        """By type label: how many objects, and their bytes together."""

    @property
    def nodes(self) -> int:
        """The number of objects."""

    @property
    def nbytes(self) -> int:
        """The bytes that the identity itself keeps."""

    @property
    def mapped_bytes(self) -> int:
        """Those of `nbytes` that lie in mappings of their own, in nobody's heap."""

    @property
    def pause_seconds(self) -> float:
        """For how long taking it held the interpreter without a break, as measured."""

    def contains(self, address: int, label: str) -> bool:
        """Whether an object of that type was at that address."""

    def label_at(self, address: int) -> str | None:
        """The type label of the object that was at that address; None if there was none, or if addresses are not
        known."""

    def addresses(self) -> array[int]:
        """The objects' addresses, sorted, as array("Q"); without those that are known to have been replaced since."""

    def compare(self, after: Any) -> tuple[Mapping[str, TypeTurnover], tuple[Grown, ...]]:
        """What happened until *after*, an identity of the same kind and depth: by label, and which objects grew.

        Only labels where something happened or is doubtful.
        """

    def came(self, after: Any, labels: Collection[str]) -> array[int]:
        """The addresses in *after* of objects with one of *labels* that are no survivors, sorted, as array("Q")."""

    def release(self) -> None:
        """Stop to watch births, if that was begun. May be called again; `compare` still works, with more doubt."""


@internal
@dataclass(frozen=True, slots=True)
class Look:
    """What a forked child has seen: which objects there are, and what it found as the answer to a search.

    `places` and `by_root` are what the extension tells: rows for `retain`, and (kind of root, items, bytes) of what is
    new. Making the child held the program for `pause_seconds`, and took `price_seconds` of processor time; the child
    has worked for `work_seconds`. Meanwhile the program has written to pages of `copied_bytes`, new ones among them,
    which were copied if they were there before.
    """

    identity: ObjectSet
    places: list[tuple[Any, ...]]
    by_root: list[tuple[int, int, int]]
    pause_seconds: float
    price_seconds: float
    work_seconds: float
    copied_bytes: int = 0


class Backend(Protocol):
    """Walks over the heap. None runs code of a user's object, and nothing that they give holds one unless said.

    The backends agree on objects and labels. Bytes are what the allocator gave, rounded as it rounds, where the
    backend can tell, and else what sys.getsizeof says, which leaves out the values of an instance's attributes.

    deep      False: the objects that the collector tracks. True: also what is reachable from them, each object once.
    exclude   objects that are not counted and whose references are not followed.
    should_cancel
              asked about every 2000 objects, or before and after a walk that holds the interpreter from end to end;
              when it answers True the walk ends with `Cancelled`.
    """

    def expected_pause(self, objects: int, deep: bool) -> float:
        """Seconds that a walk over a heap of so many objects is expected to hold the interpreter at once."""

    def expected_time(self, objects: int, deep: bool) -> float:
        """Seconds that such a walk is expected to take from its begin to its end."""

    def count_objects(
        self, deep: bool, exclude: Sequence[object], should_cancel: ShouldCancel
    ) -> Mapping[str, tuple[int, int]]:
        """By type label: how many objects, and their bytes together."""

    def list_objects(self, deep: bool, exclude: Sequence[object], should_cancel: ShouldCancel) -> Listing:
        """Every object with its type and size."""

    def take_identity(
        self,
        deep: bool,
        exclude: Sequence[object],
        should_cancel: ShouldCancel,
        births: bool = False,
        since: Any = None,
    ) -> ObjectSet:
        """Which objects there are.

        births    from this walk on watch what is born, where the backend can, until an identity is taken since this
                  one, or `release` is called.
        since     an identity taken with births: what was born since is settled at the very moment of this walk, and
                  its watching ends.
        """
