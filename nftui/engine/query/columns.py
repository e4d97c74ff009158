"""Columns of flows in DuckDB's SQL, null where files do not have them."""

from __future__ import annotations

from collections.abc import Sequence

from nftui.engine.schema import PHYSICAL, Kind

SITE = "site"
"""The field that the place of a file in a lake gives to its flows."""

_SQL_TYPES = {"i8": "BIGINT", "u4": "UINTEGER", "u2": "USMALLINT", "u1": "UTINYINT"}


def columns_sql(columns: Sequence[str], known: frozenset[str], site: str = "") -> str:
    """SELECT text of the columns; those that are not known are null, of their type.

    Args:
        columns: that are wanted.
        known: that the files have.
        site: of the files; empty where they are of none, or of several and nobody asks.
    """
    given = {SITE: f"'{site}' AS {SITE}"} if site else {}
    return ", ".join(given.get(c) or (c if c in known else f"CAST(NULL AS {sql_type(c)}) AS {c}") for c in columns)


def sql_type(column: str) -> str:
    """DuckDB's type of a column."""
    field = PHYSICAL[column]
    if field.kind is Kind.TEXT:
        return "VARCHAR"
    return "BLOB" if field.kind is Kind.EXTRA else _SQL_TYPES[field.dtype]
