"""What it all means: joins growth, census and holders into one `Report`, and decides whether growth is a leak."""

from __future__ import annotations

from .account import Account, TypeRow
from .inquiry import Inquiry
from .judge import Diagnosis
from .report import Report, Suspect

__all__ = ["Account", "Diagnosis", "Inquiry", "Report", "Suspect", "TypeRow"]
