"""The C extension; native/module.c says what each function does."""

from _queue import SimpleQueue
from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from types import CodeType, FrameType
from typing import Any, TypedDict

contract: str  # a number for this file, as it was when the extension was built
knows_frames: bool

# on free-threaded Python alone, where nothing from here to the sampler is offered
walks_heap: bool

def tracked() -> tuple[list[object], list[int], list[int]]: ...
def stopped_threads(variables: bool, /) -> list[tuple[int, CodeType, dict[str, Any], Any]]: ...
def stopped_referents(objects: Sequence[object], /) -> list[list[object]]: ...
def count(
    deep: bool,
    own_types: Collection[int],
    part_types: Collection[int],
    records: list[object],
    exclude: Sequence[object],
    /,
) -> list[tuple[type, int, int, int]] | None: ...
def count_in_child(
    deep: bool,
    own_types: Collection[int],
    part_types: Collection[int],
    records: list[object],
    exclude: Sequence[object],
    patience: float,
    /,
) -> tuple[list[tuple[str, int, int, int]], float] | None: ...
def write_graph(
    deep: bool,
    own_types: Collection[int],
    part_types: Collection[int],
    records: list[object],
    exclude: Sequence[object],
    patience: float,
    ask: Callable[[], None] | None,
    in_child: bool,
    groups: tuple[list[tuple[str, Any]], list[tuple[str, Any]], list[tuple[str, int]]],
    threads: list[tuple[int, str]],
    array_type: type | None,
    file: int,
    allocations: tuple[list[str], bytes, bytes, int, bytes, bytes],
    fold: bool,
    show_keys: bool,
    /,
) -> tuple[tuple[int, int, int, int, int, int, int, int], float, float, float] | None: ...
def retained(
    deep: bool,
    own_types: Collection[int],
    part_types: Collection[int],
    records: list[object],
    exclude: Sequence[object],
    patience: float,
    ask: Callable[[], None] | None,
    in_child: bool,
    groups: tuple[list[tuple[str, Any]], list[tuple[str, Any]], list[tuple[str, int]]],
    threads: list[tuple[int, str]],
    array_type: type | None,
    top: int,
    wanted: int,
    /,
) -> tuple[bytes, float, float, float] | None: ...
def retained_of(
    starts: array[int],
    targets: array[int],
    sizes: array[int],
    classes: array[int],
    most_classes: int,
    top: int,
    group_class: int,
    /,
) -> bytes: ...
def dominators_of(starts: array[int], targets: array[int], sizes: array[int], /) -> tuple[bytes, bytes]: ...
def call_in_main(function: Callable[[], object], /) -> bool: ...
def signal_flag(signum: int, /) -> None: ...
def signals_seen() -> int: ...
def snapshot(
    deep: bool,
    own_types: Collection[int],
    part_types: Collection[int],
    records: list[object],
    exclude: Sequence[object],
    births: bool,
    since: Snapshot | None,
    /,
) -> tuple[Snapshot, list[tuple[type, int, int, int]]] | None: ...
def listing(
    deep: bool,
    own_types: Collection[int],
    part_types: Collection[int],
    records: list[object],
    exclude: Sequence[object],
    name: Callable[[list[type]], list[int]],
    copy: Callable[[str, memoryview], array[int]],
    /,
) -> tuple[array[int], array[int], array[int]] | None: ...

class SearchRequest(TypedDict):
    """What a search is asked, as search/request.c says."""

    own_types: Collection[int]
    hidden: list[object]
    modules: list[object]
    late: list[object]
    mode: int
    given: array[int] | None
    grown: array[int] | None
    main_thread: int
    array_type: type | None
    most: int
    named: int
    branches: int
    near: int

def search(request: SearchRequest, /) -> list[tuple[Any, ...]] | None: ...
def look_in_child(
    deep: bool,
    own_types: Collection[int],
    part_types: Collection[int],
    records: list[object],
    exclude: Sequence[object],
    patience: float,
    ask: Callable[[], object] | None,
    known: Snapshot | None,
    question: SearchRequest | None,
    /,
) -> (
    tuple[
        Snapshot,
        list[tuple[str, int, int, int]],
        tuple[list[tuple[Any, ...]], list[tuple[int, int, int]]] | None,
        float,
        float,
        float,
        int,
    ]
    | None
): ...
def tracked_at(types: Mapping[int, int], /) -> list[Any] | None: ...
def held(holder: object, address: int, type: int, alike: bool, array_type: type | None, /) -> Any: ...
def key_of(names: object, instance: object, is_key: bool, /) -> tuple[Any] | None: ...
def some_values(names: object, every: int, /) -> list[Any]: ...
def know_arrays(array_type: type | None, /) -> None: ...
def untracked_referents(holder: object, array_type: type, /) -> list[object]: ...
def attributes(instance: object, /) -> list[tuple[str, object]]: ...
def measure(instance: object, /) -> int: ...
def may_count_blocks() -> bool: ...
def malloc_bytes() -> int | None: ...
def sqlite_page_bytes(path: str, /) -> int | None: ...
def count_blocks() -> tuple[int, int | None]: ...
def count_stopped() -> tuple[int, int, float]: ...
def peak_bytes() -> int: ...
def fail_after(mappings: int, /) -> int: ...

class GCCallback:
    queue: SimpleQueue[Any]
    on_any: Callable[[], None] | None
    on_unseen_fork: Callable[[], None] | None
    unseen_since: float
    begun: float
    blocks_cost: float
    retired: bool
    def __init__(
        self,
        queue: SimpleQueue[Any],
        quiet: dict[int, int],
        count_blocks: Callable[[], tuple[int, int | None]],
        record: type[tuple[Any, ...]],
        cheap: float,
        /,
    ) -> None: ...
    @property
    def seconds(self) -> float: ...
    @property
    def dropped(self) -> int: ...
    def __call__(self, phase: str, info: dict[str, int], /) -> None: ...
    def after_fork(self, frame: FrameType | None, /) -> None: ...

class Snapshot:
    def __len__(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    def number(self, address: int, /) -> int | None: ...
    @property
    def hash_bits(self) -> int: ...
    def addresses(self, copy: Callable[[str, memoryview], array[int]], /) -> array[int]: ...
    def release(self) -> None: ...
    def compare(
        self, after: Snapshot, numbers: list[int], numbers_after: list[int], labels: int, /
    ) -> tuple[list[tuple[int, int, int, int]], list[tuple[int, int, int, int]]]: ...
    def came(
        self,
        after: Snapshot,
        numbers: list[int],
        numbers_after: list[int],
        wanted: bytes,
        copy: Callable[[str, memoryview], array[int]],
        /,
    ) -> array[int]: ...

def sampling_start(interval: float, depth: int, most: int, /) -> None: ...
def sampling_stop() -> None: ...
def sampling_running() -> bool: ...
def sampling_set_interval(interval: float, /) -> None: ...
def sampling_set_depth(depth: int, /) -> None: ...
def sampling_seed(number: int, /) -> None: ...
def sampling_stats() -> SamplingStats: ...
def sampling_read() -> tuple[
    list[tuple[str, str, int, bool]], bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, int
]: ...
def sampling_follow_label(variable: ContextVar[int], /) -> None: ...
def label_type(
    variable: ContextVar[int],
    known: dict[Any, Any],
    make: Callable[[Any, Any], tuple[Any, dict[int, int]]],
    number: Callable[[int, Any, dict[int, int]], int],
    /,
) -> type | None: ...
def sampling_follow_local(code: CodeType, variable: int, /) -> int | None: ...
def sampling_label(label: int, /) -> tuple[int, Any, int] | None: ...
def sampling_label_now() -> int: ...
def sampling_objects(types: list[type], /) -> bytes: ...
def sampling_frames(depth: int, /) -> list[tuple[str, str, int, int, int]]: ...
def sampling_fail_after(mappings: int, /) -> int: ...
def sampling_native(on: bool, /) -> None: ...
def sampling_native_stats() -> NativeStats: ...
def sampling_native_slots() -> list[tuple[str, str, int, int, bool]]: ...
def sampling_follow() -> None: ...

class NativeStats(TypedDict):
    on: bool
    objects: int
    slots: int
    live: int

class SamplingStats(TypedDict):
    taken: int
    expected: float
    dropped: int
    live: int
    stacks: int
    overflow: int
    bytes: int
    interval: float
    mode: str
