"""Hypothesis, without its limits of time, as machines are shared. It is imported here and not in conftest.py, as its
modules are an eighth of the heap that the tests of other rooms walk.
"""

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

__all__ = ["HealthCheck", "example", "given", "settings", "st"]

settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")
