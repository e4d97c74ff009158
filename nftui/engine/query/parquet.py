"""Parquet files as a relation in DuckDB's SQL."""

from __future__ import annotations

from collections.abc import Sequence


def parquet_sql(paths: Sequence[str], union: bool = False, filename: bool = False) -> str:
    """FROM text that reads the files.

    Args:
        paths: taken as names, not as patterns.
        union: files may have different columns.
        filename: add a column of this name with the path that a row is from.
    """
    more = ", union_by_name = true" if union else ""
    more += ", filename = true" if filename else ""
    return f"read_parquet({listed_sql(paths)}, hive_partitioning = false{more})"


def listed_sql(paths: Sequence[str]) -> str:
    """The paths, taken as names, as a list of strings."""
    return "[" + ", ".join("'" + _glob_safe(path).replace("'", "''") + "'" for path in paths) + "]"


def _glob_safe(path: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in path)
