"""What it all means: joins growth, census and holders into one `Report`, and decides whether growth is a leak."""

from __future__ import annotations

from .judge import Diagnosis
from .report import Report, Suspect, TypeRow

__all__ = ["Diagnosis", "Report", "Suspect", "TypeRow"]
