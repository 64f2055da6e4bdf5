"""Which interpreters were made and not closed? No walk in this one meets what they hold, and no frame of this one has
allocated it: it is reported as theirs, with the line that makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .account import Account
from .causes.verdicts import INTERPRETERS
from .lines import NO_OBJECT, Site
from .report import Suspect
from .suspects import FIRST_SHARE

_MOST = 16 << 20  # bytes of one: one that has done nothing takes 2 to 3 MiB, one of a pool 5
_MAKERS = ("/interpreters/__init__.py", "/concurrent/futures/interpreter.py")  # of the standard library, from 3.14 on


def with_interpreters(
    suspects: Sequence[Suspect], loose: Sequence[Site], account: Account, more: int
) -> tuple[Suspect, ...]:
    """*suspects* with *more* interpreters in the place of objects that nothing holds, if they can be theirs."""
    theirs = [site for site in loose if not site.native]
    size = min(sum(site.size_bytes for site in theirs), account.total, more * _MOST)
    share = size / account.total if account.total > 0 else 0.0
    if share < FIRST_SHARE:
        return tuple(suspects)
    site = max(theirs, key=_is_maker)
    frames = site.frames if any(_is_maker(site)[:2]) else ()
    made = Suspect("interpreter", more, round(size), share, share, None, 0, INTERPRETERS.cause, INTERPRETERS.hint)
    made = replace(made, allocated_at=frames, samples=site.samples if frames else 0)
    others = [it for it in suspects if it.held_by or (it.type == NO_OBJECT and it.allocated_at != frames)]
    return tuple(sorted((made, *others), key=lambda suspect: -suspect.score))


def _is_maker(site: Site) -> tuple[bool, bool, bool, float]:
    """What speaks for *site* as the place that makes interpreters, the strongest first. In them none of the program's
    own frames is on the stack, and what is taken to make one is no object."""
    files = [str(frame["file"]).replace("\\", "/") for frame in site.frames]
    is_own = any(frame["in_app"] for frame in site.frames)
    return any(file.endswith(_MAKERS) for file in files), is_own, site.label == NO_OBJECT, site.size_bytes
