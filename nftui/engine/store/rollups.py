"""Roll-ups on disk: the sums of a compacted file are made and written. What is in them: `nftui.engine.query.rollup`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from nftui.engine.limits import Limits
from nftui.engine.query import rollup
from nftui.engine.query.parquet import parquet_sql
from nftui.engine.store import checksum, disk
from nftui.engine.store.merge import Cancelled

SPILL = "compaction"
"""Directory beside the file for what does not fit into memory."""
_GROUP_ROWS = 65_536
_CELLS = "chart_cells"


class _Writer:
    """A file that begins with its first rows."""

    def __init__(self, target: Path, cancelled: Callable[[], bool]) -> None:
        self._target = target
        self._cancelled = cancelled
        self._file: pq.ParquetWriter | None = None

    def write(self, rows: duckdb.DuckDBPyRelation) -> None:
        """Add the rows of a section."""
        reader = rows.to_arrow_reader(_GROUP_ROWS)
        for batch in reader:
            if self._cancelled():
                raise Cancelled
            if self._file is None:
                self._file = _open(self._target, reader.schema)
            self._file.write_batch(batch)

    def close(self) -> bool:
        """End the file; False if there is none."""
        if self._file is None:
            return False
        self._file.add_key_value_metadata({checksum.KEY: checksum.PLACE, rollup.VERSION_KEY: rollup.VERSION})
        self._file.close()
        self._file = None
        return True

    def give_up(self) -> None:
        """Let go of a file that is not wanted."""
        if self._file is not None:
            self._file.close()


def write_rollup(flows: Path, target: Path, limits: Limits, cancelled: Callable[[], bool]) -> tuple[str, ...] | None:
    """Write the roll-up of a file.

    Args:
        flows: a compacted file.
        target: the roll-up.
        limits: `compact_memory_bytes` bounds the memory.
        cancelled: asked often.

    Returns:
        What it has sections of charts by; None if a sum needs more than 63 bits or there are no flows: no roll-up then.

    Raises:
        Cancelled: `cancelled` said so.
    """
    relation = parquet_sql([str(flows)])
    writer = _Writer(target, cancelled)
    with duckdb.connect() as connection:
        for setting, value in (
            ("threads", "1"),
            ("memory_limit", f"{limits.compact_memory_bytes}B"),
            ("temp_directory", str(flows.with_name(SPILL))),
        ):
            connection.execute(f"SET {setting} = {_quoted(value)}")
        try:
            for section in rollup.SECTIONS:
                writer.write(connection.sql(rollup.make_sql(section, relation)))
            charts = _write_charts(connection, writer, relation)
            if not writer.close():
                return None
        except duckdb.ConversionException:
            return None
        finally:
            writer.give_up()
    checksum.stamp(target)
    return charts


def _write_charts(connection: duckdb.DuckDBPyConnection, writer: _Writer, relation: str) -> tuple[str, ...]:
    """Write the sections of charts that are worth it; returns what they are by."""
    [(possible, records)] = connection.execute(rollup.chartable_sql(relation)).fetchall()
    if not possible:
        return ()
    charts = []
    for name, section in rollup.CHARTS.items():
        cells = rollup.make_chart_sql(section, relation)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {_CELLS} AS {cells}").fetchall()
        [(rows,)] = connection.execute(f"SELECT COUNT(*) FROM {_CELLS}").fetchall()  # noqa: S608
        if rows <= rollup.most_cells(records):
            writer.write(connection.sql(f"SELECT * FROM {_CELLS} ORDER BY key_hi, key_lo, key_more, minute"))  # noqa: S608
            charts.append(name)
    return tuple(charts)


def _open(target: Path, schema: pa.Schema) -> pq.ParquetWriter:
    delta = [name for name in schema.names if name not in {"kind", "key_hi"}]
    disk.make_file(target)
    return pq.ParquetWriter(
        target,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=["kind", "key_hi"],  # type: ignore[arg-type]
        column_encoding=dict.fromkeys(delta, "DELTA_BINARY_PACKED"),
        write_page_checksum=True,
        store_schema=False,
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
