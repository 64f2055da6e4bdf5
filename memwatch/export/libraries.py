"""The libraries that exporters use, each an extra. If one is missing or does not fit, this is logged once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from ..errors import UnsupportedError
from ..logs import Log

_log = Log()
_reported: set[str] = set()


def load(extra: str, module: str, *names: str) -> Any:
    """The module, which has all *names*. Raises UnsupportedError, which says how to install it."""
    try:
        found = import_module(module)
    except ImportError as error:
        raise UnsupportedError(f"{module} cannot be imported ({error}); pip install 'memwatch[{extra}]'") from None
    if missing := [name for name in names if not hasattr(found, name)]:
        version = getattr(found, "__version__", "this version")
        raise UnsupportedError(
            f"{module} {version} has no {', '.join(missing)}; pip install -U 'memwatch[{extra}]' brings one that has"
        )
    return found


@contextmanager
def logged_once(what: str) -> Iterator[None]:
    """Wraps the use of such a library: an error is logged the first time, and never raised."""
    try:
        yield
    except Exception as error:
        log_once(what, str(error) if isinstance(error, UnsupportedError) else f"{type(error).__name__}: {error}")


def log_once(what: str, why: str) -> None:
    """Log that *what* does not work, the first time in a process."""
    if what not in _reported:
        _reported.add(what)
        _log.warning("%s does not work (logged once): %s", what, why)
