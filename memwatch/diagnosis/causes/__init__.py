"""Causes known by name, as data: what happened in plain words, and what exactly to do about it.

The more exact tables come first: what libraries and the runtime keep, then what is kept, then where, then what holds
it. Of a table the first cause wins whose pattern fits the path; a wrong cause is worse than a general one.
"""

from __future__ import annotations

from .cause import Cause
from .choice import ALL, Words, count_words, name_type, words_for, words_for_verdict
from .verdicts import BY_VERDICT

__all__ = ["ALL", "BY_VERDICT", "Cause", "Words", "count_words", "name_type", "words_for", "words_for_verdict"]
