"""Many sorted files into one order, in bounded memory and two passes.

The order is by time of reception in up to six equal portions, and by source address within each: a question about ten
minutes reads a part of the hour, one about an address a part of each portion.

The first pass reads times and sort keys alone and chooses boundaries, so that each range of a portion's keys holds
about as many rows as a row group shall have. The second reads every file once and deals its rows out to one spill file
per range; a range is then read back, sorted and handed on. Merging the files side by side instead would hold one
decoded row group of each in memory.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nftui.engine.store.seal import sort_keys, sort_rows
from nftui.engine.store.segment import widen
from nftui.errors import CorruptFile

_SAMPLE = 64
"""One row of so many decides about the boundaries."""
_MOST_PORTIONS = 6
_TIME = "time_received_ms"
_OPTIONS = pa.ipc.IpcWriteOptions(compression=pa.Codec("lz4", compression_level=-30), use_threads=False)


class Cancelled(Exception):
    """The work was given up because the program ends."""


def merged(
    paths: Sequence[Path], schema: pa.Schema, rows: int, spill: Path, cancelled: Callable[[], bool]
) -> Iterator[pa.Table]:
    """All rows of the files in tables of about `rows` rows, in order within and across tables.

    A single source address with more rows than that in a portion gets several tables.

    Args:
        paths: Parquet files with columns of `schema`; a missing column is null.
        schema: columns of the tables.
        rows: size of a table, which bounds the memory.
        spill: directory for temporary files `.range-<n>.tmp`; none is left.
        cancelled: asked between row groups.

    Raises:
        CorruptFile: a file cannot be read; its path comes first in the text.
        Cancelled: `cancelled` said so.
        OSError: the disk failed.
    """
    boundaries = _Boundaries.choose(paths, rows)
    ranges = _Ranges(spill, boundaries.count, schema)
    try:
        for path in paths:
            for batch in _row_groups(path, schema.names):
                if cancelled():
                    raise Cancelled
                ranges.deal(batch, boundaries.ranges(batch))
        for number in range(boundaries.count):
            for batches in ranges.take(number, 2 * rows):
                if cancelled():
                    raise Cancelled
                yield sort_rows(batches, schema)
    finally:
        ranges.close()


@dataclass(frozen=True, slots=True)
class _Boundaries:
    """Where portions of time end, and ranges of keys in each.

    Attributes:
        moments: int64[portions - 1], first time of each portion but the first.
        keys: by portion, int64[ranges - 1], first key of each range but the first.
    """

    moments: NDArray[np.int64]
    keys: tuple[NDArray[np.int64], ...]

    @classmethod
    def choose(cls, paths: Sequence[Path], rows: int) -> _Boundaries:
        """Boundaries of ranges of about so many rows, from a sample of the rows of all files."""
        moments, keys = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        total = 0
        for path in paths:
            for batch in _row_groups(path, [_TIME, "src_addr_hi", "src_addr_lo"]):
                total += batch.num_rows
                mine = sort_keys(batch)
                sample = np.argsort(mine, kind="stable")[::_SAMPLE]
                keys.append(mine[sample])
                moments.append(_times(batch)[sample])
        key, moment = np.concatenate(keys), np.concatenate(moments)
        parts = max(1, round(total / rows))
        edges = _quantiles(moment, min(parts, _MOST_PORTIONS))
        portion = np.searchsorted(edges, moment, side="right")
        keyed = [key[portion == number] for number in range(len(edges) + 1)]
        return cls(
            edges, tuple(_quantiles(some, max(1, round(parts * len(some) / max(1, len(key))))) for some in keyed)
        )

    @property
    def count(self) -> int:
        """Ranges of all portions."""
        return sum(len(keys) + 1 for keys in self.keys)

    def ranges(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        """Number of the range of each row."""
        portion = np.searchsorted(self.moments, _times(batch), side="right")
        keys = sort_keys(batch)
        numbers = np.zeros(len(keys), np.int64)
        first = 0
        for number, edges in enumerate(self.keys):
            mine = portion == number
            numbers[mine] = first + np.searchsorted(edges, keys[mine], side="right")
            first += len(edges) + 1
        return numbers


def _times(batch: pa.RecordBatch) -> NDArray[np.int64]:
    times: NDArray[np.int64] = batch.column(_TIME).to_numpy()
    return times


def _quantiles(values: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    """The first value of each of so many equal parts but the first."""
    if not len(values):
        return np.zeros(0, np.int64)
    return np.unique(np.sort(values)[np.arange(1, parts) * len(values) // parts])


def _row_groups(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Row groups of a file, their page checksums verified."""
    try:
        with pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
            present = [name for name in columns if name in file.schema_arrow.names]
            for index in range(file.num_row_groups):
                table = file.read_row_group(index, columns=present, use_threads=False)
                yield from table.combine_chunks().to_batches()
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk or the system, not what is in the file
        raise CorruptFile(f"{path}: {error}") from error


class _Ranges:
    """Rows that wait in one spill file per range of keys."""

    def __init__(self, directory: Path, count: int, schema: pa.Schema) -> None:
        self._schema = schema
        self._paths = [directory / f".range-{number}.tmp" for number in range(count)]
        self._writers: dict[int, tuple[pa.OSFile, pa.ipc.RecordBatchStreamWriter]] = {}

    def deal(self, batch: pa.RecordBatch, numbers: NDArray[np.int64]) -> None:
        """Write each row to the file of its range."""
        batch = widen(batch, self._schema)
        if (numbers[1:] < numbers[:-1]).any():
            order = np.argsort(numbers, kind="stable")
            batch, numbers = batch.take(order), numbers[order]
        edges = np.searchsorted(numbers, np.arange(len(self._paths) + 1)).tolist()
        for number, (start, stop) in enumerate(pairwise(edges)):
            if stop > start:
                self._writer(number).write_batch(batch.slice(start, stop - start))

    def take(self, number: int, most: int) -> Iterator[list[pa.RecordBatch]]:
        """Rows of a range, about `most` at once; its file goes."""
        if number not in self._writers:
            return
        self._finish(number)
        batches: list[pa.RecordBatch] = []
        count = 0
        with pa.OSFile(str(self._paths[number]), "rb") as file, pa.ipc.open_stream(file) as reader:
            for batch in reader:
                if batches and count + batch.num_rows > most:
                    yield batches
                    batches, count = [], 0
                batches.append(batch)
                count += batch.num_rows
        os.unlink(self._paths[number])
        if batches:
            yield batches

    def close(self) -> None:
        """Remove what is left."""
        for number in list(self._writers):
            with contextlib.suppress(pa.ArrowException, OSError):
                self._finish(number)
        for path in self._paths:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _writer(self, number: int) -> pa.ipc.RecordBatchStreamWriter:
        if number not in self._writers:
            file = pa.OSFile(str(self._paths[number]), "wb")
            self._writers[number] = (file, pa.ipc.new_stream(file, self._schema, options=_OPTIONS))
        return self._writers[number][1]

    def _finish(self, number: int) -> None:
        file, writer = self._writers.pop(number)
        try:
            writer.close()
        finally:
            file.close()
