"""Who holds it? Paths of references from the roots (modules, running functions, the interpreter) to objects."""

from ..backend.census.contract import GaveUp
from .drawing import split_step
from .holdings import find_holdings
from .path import Holding, Link, RetainingPath, join_steps
from .references import register_at_fork_hook
from .removal import find_remover
from .retaining_paths import find_path, retaining_paths
from .search import expected_search
from .sharing import share_among

__all__ = [
    "GaveUp",
    "Holding",
    "Link",
    "RetainingPath",
    "expected_search",
    "find_holdings",
    "find_path",
    "find_remover",
    "join_steps",
    "register_at_fork_hook",
    "retaining_paths",
    "share_among",
    "split_step",
]
