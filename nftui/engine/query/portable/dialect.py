"""The engines that understand the program's SQL, and what they must be told once."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from nftui.errors import NftuiError


class Dialect(Enum):
    """An engine, by sqlglot's name of its dialect."""

    DUCKDB = "duckdb"
    SPARK = "spark"
    CLICKHOUSE = "clickhouse"


class NotPortable(NftuiError):
    """A statement of ours has something that is not known to mean the same in every engine: a defect of nftui."""


SETTINGS: Mapping[Dialect, Mapping[str, str]] = {
    Dialect.DUCKDB: {},
    Dialect.SPARK: {
        # An overflow or a cast that fails ends the query: never a wrong number.
        "spark.sql.ansi.enabled": "true",
        "spark.sql.session.timeZone": "UTC",
        # A backslash in a text is written twice.
        "spark.sql.parser.escapedStringLiterals": "false",
        "spark.sql.groupByAliases": "true",
        "spark.sql.groupByOrdinal": "true",
    },
    Dialect.CLICKHOUSE: {
        # `SELECT SUM(bytes) AS bytes` sums the column and not itself.
        "prefer_column_name_to_alias": "1",
        # What a LEFT JOIN does not find is NULL, not 0.
        "join_use_nulls": "1",
        # GREATEST and LEAST pass over NULL, as in DuckDB and Spark.
        "least_greatest_legacy_null_behavior": "0",
    },
}
"""Settings of a session that translated statements rely on."""
