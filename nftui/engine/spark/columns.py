"""The registry's columns in Spark: types to read files with, tables to send, batches that come back.

Spark has no unsigned integers: it reads those of Parquet as the next wider signed type.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from nftui.engine.query.portable import plain_rows
from nftui.engine.schema import PHYSICAL, Kind
from nftui.engine.store.arrow import TYPES

_NUMBERS = {"i8": "BIGINT", "u4": "BIGINT", "u2": "INT", "u1": "SMALLINT"}
_SIGNED: dict[Any, Any] = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64()}


def read_schema() -> str:
    """All columns that a file may have, for Spark's reader: those that a file lacks are null there."""
    return ", ".join(f"{column} {sql_type(column)}" for column in PHYSICAL)


def sql_type(column: str) -> str:
    """Spark's type of a column."""
    field = PHYSICAL[column]
    if field.kind is Kind.TEXT:
        return "STRING"
    return "BINARY" if field.kind is Kind.EXTRA else _NUMBERS[field.dtype]


def sendable(table: pa.Table) -> pa.Table:
    """A table with types that Spark has, the same ones that it reads files with."""
    fields = [pa.field(field.name, _SIGNED.get(field.type, field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))


def flow_batches(tables: Iterable[pa.Table], size: int) -> Iterable[pa.RecordBatch]:
    """Results as batches of up to `size` rows, in which the registry's columns have the registry's types."""
    for table in tables:
        fields = [pa.field(field.name, TYPES.get(field.name, field.type)) for field in table.schema]
        yield from table.cast(pa.schema(fields)).to_batches(max_chunksize=size)


def plain_table(table: pa.Table) -> list[tuple[Any, ...]]:
    """Rows of a result as DuckDB gives them: sums, decimals in Spark, are integers."""
    if not table.num_columns:
        return []
    return plain_rows(zip(*(column.to_pylist() for column in table.columns), strict=True))
