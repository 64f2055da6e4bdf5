"""SQLAlchemy's cache of compiled statements, whose bound is `query_cache_size`: 9 MiB a minute, full after 7 minutes.

The leak: a dict of the program's own as `compiled_cache`.

Holder: .compiled: dict
Healthy: ._compiled_cache
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from steady import LEAKS, drive

orders = sa.Table("orders", sa.MetaData(), *(sa.Column(f"field_{n}", sa.Integer) for n in range(12)))
compiled: dict[Any, Any] = {}
engine = sa.create_engine("sqlite://", query_cache_size=1_500)
if LEAKS:
    engine = engine.execution_options(compiled_cache=compiled)


def step(number: int) -> None:
    """A statement that no request before had: another name for each of its columns."""
    if number % 4 == 0:
        with engine.connect() as connection:
            connection.execute(sa.select(*(it.label(f"{it.name}_{number}") for it in orders.columns)))


if __name__ == "__main__":
    with engine.begin() as connection:
        orders.create(connection)
    drive(step)
