"""Parquet files that somebody else wrote: are they flows in our columns?

Files of a store tell by their names that they are. Any other file that begins like Parquet may have anything in it: a
column that is missing would end the question for all files, and a text where a number belongs would answer it wrong.
"""

from __future__ import annotations

from typing import Any

from nftui.engine.query.parquet import parquet_sql
from nftui.engine.schema import CORE, FIELDS, PHYSICAL, Kind

_INTEGERS = frozenset(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"))
_CORE_COLUMNS = tuple(column for name in CORE for column in FIELDS[name].physical)


def misfit(connection: Any, path: str) -> str:
    """Why a file cannot be asked for flows, in words; empty if it can. Raises duckdb.Error for a damaged one.

    Args:
        connection: of DuckDB.
        path: the file.
    """
    connection.execute(f"DESCRIBE SELECT * FROM {parquet_sql([path])}")  # noqa: S608
    types = {name: kind for name, kind, *_ in connection.fetchall()}
    missing = next((column for column in _CORE_COLUMNS if column not in types), None)
    if missing is not None:
        return f"no file of flows: it has no column {missing}"
    wrong = next((column for column, kind in types.items() if column in PHYSICAL and not _fits(column, kind)), None)
    return "" if wrong is None else f"no file of flows: its column {wrong} is of type {types[wrong]}"


def _fits(column: str, kind: str) -> bool:
    expected = PHYSICAL[column].kind
    if expected is Kind.TEXT:
        return kind == "VARCHAR"
    return kind == "BLOB" if expected is Kind.EXTRA else kind in _INTEGERS
