"""Sealing: a live segment becomes a Parquet file, and no crash between two steps loses or doubles a flow.

    1. write the Parquet file under a temporary name        crash: the segment is whole, the temporary file is removed
    2. force it to disk
    3. link it to its name, which never replaces a file,     crash before: as 1. After: the Parquet file of the same
       and force the directory to disk                       stem exists, so the segment is removed at the next start
    4. remove the segment

Rows are sorted by source address within a row group: equal addresses lie together, which compresses better and
lets queries skip. Times are delta encoded, the rest is dictionary encoded where it pays; the lower halves of the
addresses have Bloom filters, so that a search for an address skips files that do not have it. Figures: docs/adr.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nftui.engine.counters import Counts
from nftui.engine.limits import Limits
from nftui.engine.schema import FIELDS, Kind, Show
from nftui.engine.store import checksum, disk
from nftui.engine.store.arrow import CORE_COLUMNS, nulls, schema_of
from nftui.engine.store.footer import KEY, Summary, read_footer, totals
from nftui.engine.store.layout import PartName
from nftui.engine.store.narrow import NarrowBatch, restore_column
from nftui.engine.store.quarantine import quarantine
from nftui.engine.store.reach import extend_reach
from nftui.engine.store.segment import SegmentReader
from nftui.errors import CorruptFile

_TIMES = tuple(name for name, field in FIELDS.items() if field.show is Show.TIME)
_BLOOM = tuple(
    field.physical[1] for field in FIELDS.values() if field.kind is Kind.ADDRESS and field.name != "sampler_address"
)


class SealCancelled(Exception):
    """The seal was given up because the program ends; the segment is as it was."""


@dataclass(frozen=True, slots=True)
class SealedSlot:
    """A sealed part of a slot.

    Attributes:
        path: the Parquet file.
        slot_ms: start of the slot, UTC ms.
        slot_seconds: its length.
        rows: records in this part.
        flows: sum of the flows that the records stand for.
        packets: sum as the exporters counted, not scaled.
        bytes: sum as the exporters counted, not scaled.
        file_bytes: size of the file.
        notes: what was handed to `StoreWriter.note` for this part.
        damaged_bytes: of the segment, that could not be read; the segment was put aside instead of removed.
    """

    path: Path
    slot_ms: int
    slot_seconds: int
    rows: int
    flows: int
    packets: int
    bytes: int
    file_bytes: int
    notes: Counts
    damaged_bytes: int = 0


def seal_segment(
    root: Path, name: PartName, limits: Limits, cancelled: Callable[[], bool] = lambda: False
) -> SealedSlot | None:
    """Seal one segment and remove it. A segment without flows is only removed, and None returned.

    Args:
        root: the store.
        name: the part; its segment is not written any more.
        limits: `row_group_rows` bounds the memory.
        cancelled: asked between row groups.

    Raises:
        SealCancelled: `cancelled` said so.
        CorruptFile: the segment has flows but none can be read, or a sound file of another origin has its name.
        OSError: the disk failed; the segment is as it was.
    """
    segment, temporary, final = name.segment(root), name.temporary(root), name.sealed(root)
    with SegmentReader(segment) as reader:
        summary = _write(reader, name, temporary, limits, cancelled)
        if not summary.rows and (reader.damaged_bytes or reader.tail_bytes):
            raise CorruptFile(f"{segment}: no flow can be read")
    if summary.rows:
        disk.sync_file(temporary)
        disk.make_directory(final.parent.parent, root)
        first, last = summary.span
        extend_reach(final.parent.parent, name.slot_ms, first, last)
        disk.make_directory(final.parent, root)
        try:
            disk.publish(temporary, final)
        except FileExistsError:
            os.unlink(temporary)
            _check_same(final, name)
    if reader.damaged_bytes:
        quarantine(root, segment)
    else:
        os.unlink(segment)
    return replace(sealed_slot(final), damaged_bytes=reader.damaged_bytes) if summary.rows else None


def sealed_slot(path: Path) -> SealedSlot:
    """What a sealed file says about itself; raises CorruptFile or OSError."""
    about = read_footer(path)
    (flows, packets, octets), notes = totals(about)
    return SealedSlot(
        path, about["slot_ms"], about["slot_seconds"], about["rows"], flows, packets, octets, path.stat().st_size, notes
    )


def finish(writer: pq.ParquetWriter, path: Path, about: str) -> None:
    """End a file with what its footer says and a checksum over all of it.

    Raises:
        OSError: the file is not what was written: a writer whose disk failed once may close without an error.
    """
    writer.add_key_value_metadata({KEY: about, checksum.KEY: checksum.PLACE})
    writer.close()
    try:
        read_footer(path)
    except CorruptFile as error:
        raise OSError(errno.EIO, str(error), str(path)) from error
    checksum.stamp(path)


def _check_same(final: Path, name: PartName) -> None:
    if read_footer(final)["segment"] != name.stem:
        raise CorruptFile(f"{final}: has the name of another file")


def _write(
    reader: SegmentReader, name: PartName, temporary: Path, limits: Limits, cancelled: Callable[[], bool]
) -> Summary:
    """Write the temporary file; none is left if this raises or there are no rows."""
    schema = schema_of({*CORE_COLUMNS, *reader.columns()})
    summary = Summary()
    writer: pq.ParquetWriter | None = None
    try:
        for batches in _groups(reader, limits.row_group_rows):
            if cancelled():
                raise SealCancelled
            table = sort_rows(batches, schema)
            if writer is None:
                writer = open_writer(temporary, schema, table.num_rows)
            summary.add(table)
            writer.write_table(table, row_group_size=table.num_rows)
            del table  # the next group is read into the memory that this one had
        if writer is not None and reader.origin is not None:
            finish(writer, temporary, summary.encode(name.stem, reader.origin, reader.notes))
    except BaseException:
        if writer is not None:
            with contextlib.suppress(Exception):
                writer.close()
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return summary


def _groups(reader: SegmentReader, rows: int) -> Iterator[list[NarrowBatch]]:
    """Batches of about `rows` rows together."""
    batches: list[NarrowBatch] = []
    count = 0
    for batch in reader.narrow_batches():
        if batches and count + batch.record.num_rows > rows:
            yield batches
            batches, count = [], 0
        batches.append(batch)
        count += batch.record.num_rows
    if batches:
        yield batches


def sort_rows(batches: list[pa.RecordBatch] | list[NarrowBatch], schema: pa.Schema) -> pa.Table:
    """One table with all columns of `schema`, rows sorted by source address.

    Empties the list, and restores and frees column by column, so that rows are in memory once, and narrow ones hardly
    twice.
    """
    narrow = [batch if isinstance(batch, NarrowBatch) else NarrowBatch(batch) for batch in batches]
    batches.clear()
    order: Any = pa.array(stable_order(np.concatenate([_keys(batch) for batch in narrow])))
    parts = [
        (batch.record.num_rows, dict(zip(batch.record.schema.names, batch.record.columns, strict=True)), batch.offsets)
        for batch in narrow
    ]
    narrow.clear()
    columns: list[Any] = []
    for name in schema.names:
        pieces = [(rows, arrays.pop(name, None), offsets) for rows, arrays, offsets in parts]
        if all(piece is None for _, piece, _ in pieces):
            columns.append(nulls(len(order), name))
        else:
            whole: Any = [
                nulls(rows, name) if piece is None else restore_column(name, piece, offsets)
                for rows, piece, offsets in pieces
            ]
            del pieces
            columns.append(pa.concat_arrays(whole).take(order))
    return pa.Table.from_arrays(columns, schema=schema)


def stable_order(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions that sort the keys, equal ones in their order: what NumPy's stable sort gives, in half the time.

    Only NumPy's other sort uses the processor's vector instructions. So ties are sorted by position afterwards.
    """
    order = np.argsort(keys)
    ordered = keys[order]
    packed = np.zeros(len(keys), np.int64)
    np.cumsum(ordered[1:] != ordered[:-1], out=packed[1:])
    bits = len(keys).bit_length()
    packed <<= bits
    packed |= order
    packed.sort()
    packed &= (1 << bits) - 1
    return packed


def _keys(batch: NarrowBatch) -> NDArray[np.int64]:
    if "src_addr_lo" not in batch.record.schema.names:
        return np.zeros(batch.record.num_rows, np.int64)
    return sort_keys(batch.restore(("src_addr_hi", "src_addr_lo")))


def sort_keys(batch: pa.RecordBatch | pa.Table) -> NDArray[np.int64]:
    """What rows are sorted by, int64[rows]: exact order for IPv4 source addresses, for IPv6 equal ones together."""
    if "src_addr_lo" not in batch.schema.names:
        return np.zeros(batch.num_rows, np.int64)
    columns: Any = [batch.column(f"src_addr_{half}") for half in ("hi", "lo")]
    high, low = (column.fill_null(0).to_numpy() for column in columns)
    keys: NDArray[np.int64] = low + high * np.int64(0x9E3779B97F4A7C1 | 1)
    return keys


def open_writer(temporary: Path, schema: pa.Schema, rows: int) -> pq.ParquetWriter:
    """A Parquet file for flows in the store's encodings; `rows` is the size of a row group, for the Bloom filters."""
    names = schema.names
    dictionary: Any = [name for name in names if name not in _TIMES]
    disk.make_file(temporary)
    return pq.ParquetWriter(
        temporary,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=dictionary,
        column_encoding={name: "DELTA_BINARY_PACKED" for name in names if name in _TIMES},
        bloom_filter_options={name: {"ndv": rows, "fpp": 0.05} for name in names if name in _BLOOM},
        write_page_checksum=True,
        store_schema=False,
    )
