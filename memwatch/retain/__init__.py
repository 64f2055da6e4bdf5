"""Who holds it? Paths of references from the roots (modules, running functions, the interpreter) to objects."""

from ..backend.contract import GaveUp
from .holdings import find_holdings, find_path
from .path import Holding, RetainingPath, join_steps
from .references import register_at_fork_hook

__all__ = ["GaveUp", "Holding", "RetainingPath", "find_holdings", "find_path", "join_steps", "register_at_fork_hook"]
