"""Extracts: flows that a query gave, as one Parquet file or as a store of their own.

The files have the columns, encodings, Bloom filters and footer of sealed slots, so whatever reads those reads these.
The rows come in the order in which they are to lie. A store gets one part per hour of reception, like one whose
slots are an hour long; it can be compacted, and collected into later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from nftui.engine.limits import Limits
from nftui.engine.store import disk
from nftui.engine.store.footer import Summary
from nftui.engine.store.layout import HOUR_MS, LIVE, PartName, new_writer, slot_start
from nftui.engine.store.reach import extend_reach
from nftui.engine.store.seal import finish, open_writer
from nftui.engine.store.segment import Origin

IDENT = "extract"
"""Name of the collector in the footers of extracts."""


def write_file(batches: Iterable[pa.RecordBatch], path: Path, schema: pa.Schema, limits: Limits) -> int:
    """Write rows as one file and force it to disk.

    Args:
        batches: rows with the columns of `schema`.
        path: of the file; what is there is overwritten.
        schema: of the file, with all core columns.
        limits: `row_group_rows` bounds the memory.

    Returns:
        Number of rows; with none, the file has no rows.

    Raises:
        OSError: the disk failed.
    """
    return _write(batches, path, schema, limits, "", 0).rows


def write_store(
    hours: Iterable[tuple[int, Iterable[pa.RecordBatch]]], root: Path, schema: pa.Schema, limits: Limits
) -> int:
    """Write rows as a store and force it to disk.

    Args:
        hours: start of each hour of reception (UTC ms, see `hour_sql`) and its rows.
        root: an empty directory.
        schema: as for `write_file`.
        limits: as for `write_file`.

    Returns:
        Number of rows.

    Raises:
        OSError: the disk failed.
    """
    writer = new_writer()
    rows = 0
    disk.make_directory(root / LIVE, root)  # the mark of a store, even of an empty one
    for part, (hour_ms, batches) in enumerate(hours, 1):
        name = PartName(hour_ms, writer, part)
        path = name.sealed(root)
        disk.make_directory(path.parent, root)
        summary = _write(batches, path, schema, limits, name.stem, hour_ms)
        extend_reach(path.parent.parent, hour_ms, *summary.span)
        disk.sync_directory(path.parent)
        rows += summary.rows
    disk.sync_directory(root)
    return rows


def hour_sql(column: str) -> str:
    """SQL expression of the start of the hour (UTC ms) that a time lies in, as files are named after it."""
    return f"LEAST(GREATEST({column}, 0) // {HOUR_MS} * {HOUR_MS}, {slot_start(2**62, HOUR_MS // 1000)})"


def _write(
    batches: Iterable[pa.RecordBatch], path: Path, schema: pa.Schema, limits: Limits, segment: str, slot_ms: int
) -> Summary:
    summary = Summary()
    with open_writer(path, schema, limits.row_group_rows) as writer:
        for table in _row_groups(batches, schema, limits.row_group_rows):
            summary.add(table)
            writer.write_table(table, row_group_size=table.num_rows)
        origin = Origin(slot_ms, HOUR_MS // 1000, IDENT)
        finish(writer, path, summary.encode(segment, origin, {}))
    disk.sync_file(path)
    return summary


def _row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema, rows: int) -> Iterator[pa.Table]:
    """The rows in tables of `rows`, the last one shorter."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        waiting += pa.Table.from_batches([batch]).select(schema.names).cast(schema).to_batches()
        count += batch.num_rows
        while count >= rows:
            table = pa.Table.from_batches(waiting, schema)
            yield table.slice(0, rows)
            rest: Any = table.slice(rows)
            waiting, count = rest.to_batches(), rest.num_rows
    if count:
        yield pa.Table.from_batches(waiting, schema)
