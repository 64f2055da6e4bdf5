"""Who holds it? Paths of references from the roots (modules, running functions, the interpreter) to objects."""

from ..backend.census.contract import Cancelled
from .collecting import Collecting, find_collecting
from .comparisons import code_is_read_once
from .deleting import find_deleting
from .found import Question
from .holdings import ask_grown, ask_holders, find_grown, find_holdings, grown_of, holdings_of
from .near import Wanted, find_near
from .object_labels import with_fewer_items
from .owners import Owner, find_owner
from .path import Holding, RetainingPath
from .references import count_imported
from .removal import find_remover, is_taken_with
from .retaining_paths import find_path, retaining_paths
from .search import bytes_of_places, expected_search, unreached
from .sharing import share_among
from .steps import ATTRIBUTES, CHAINED, IN_OWN_ARRAY, ITEMS, UNREACHED, Edge, EdgeKind, Root, RootKind, Step
from .takers import find_takers, find_undoing
from .unseen import Unseen, find_unseen

__all__ = [
    "ATTRIBUTES",
    "CHAINED",
    "IN_OWN_ARRAY",
    "ITEMS",
    "UNREACHED",
    "Cancelled",
    "Collecting",
    "Edge",
    "EdgeKind",
    "Holding",
    "Owner",
    "Question",
    "RetainingPath",
    "Root",
    "RootKind",
    "Step",
    "Unseen",
    "Wanted",
    "ask_grown",
    "ask_holders",
    "bytes_of_places",
    "code_is_read_once",
    "count_imported",
    "expected_search",
    "find_collecting",
    "find_deleting",
    "find_grown",
    "find_holdings",
    "find_near",
    "find_owner",
    "find_path",
    "find_remover",
    "find_takers",
    "find_undoing",
    "find_unseen",
    "grown_of",
    "holdings_of",
    "is_taken_with",
    "retaining_paths",
    "share_among",
    "unreached",
    "with_fewer_items",
]
