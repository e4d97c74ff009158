"""The flows of live segments as a table that statements can read."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from nftui.engine.query.duck import duckdb, with_arrow
from nftui.engine.schema import CORE, FIELDS, PHYSICAL

if TYPE_CHECKING:
    from nftui.engine.query.sources import Sources
    from nftui.engine.store.narrow import NarrowBatch

TABLE = "live_flows"

_CORE_COLUMNS = frozenset(column for name in CORE for column in FIELDS[name].physical)


class LiveFlows:
    """What the segments held when it was first asked for.

    Kept as narrow as it is stored; the table has the columns that statements have asked for, which are few of all.

    Args:
        connection: where the table is made.
        sources: whose segments are read; a damaged one is noted in its `skipped`.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, sources: Sources) -> None:
        self._connection = connection
        self._sources = sources
        self._flows: list[NarrowBatch] | None = None
        self._columns: frozenset[str] = frozenset()
        self._made: frozenset[str] = frozenset()

    def columns(self) -> frozenset[str]:
        """Columns that any of the flows has, and those that every file has."""
        self._read()
        return self._columns

    def make_table(self, columns: Collection[str]) -> None:
        """Make sure that the table has those of the columns that there are."""
        flows = self._read()
        wanted = (self._columns & frozenset(columns)) | self._made or _CORE_COLUMNS
        if wanted == self._made:
            return
        import pyarrow as pa

        from nftui.engine.store.arrow import schema_of
        from nftui.engine.store.segment import widen

        with_arrow()
        schema = schema_of(wanted)
        table = pa.Table.from_batches([widen(batch.restore(wanted), schema) for batch in flows], schema)
        self._connection.register(TABLE, table)
        self._made = wanted

    def _read(self) -> list[NarrowBatch]:
        if self._flows is None:
            segments = self._sources.segments
            self._flows = [batch for segment in segments for batch in segment.narrow_batches()]
            self._columns = _CORE_COLUMNS.union(*(batch.record.schema.names for batch in self._flows)) & PHYSICAL.keys()
            self._sources.skipped += [
                (str(segment.path), f"{segment.damaged_bytes} damaged bytes")
                for segment in segments
                if segment.damaged_bytes
            ]
        return self._flows
