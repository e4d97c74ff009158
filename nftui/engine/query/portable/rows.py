"""Values of other engines as DuckDB would have given them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any


def plain_value(value: Any) -> Any:
    """A value as a plain Python one: sums, which are decimals without a fraction in Spark, as integers."""
    if isinstance(value, Decimal):
        return int(value)
    return bytes(value) if isinstance(value, bytearray | memoryview) else value


def plain_rows(rows: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Rows with plain values."""
    return [tuple(map(plain_value, row)) for row in rows]
