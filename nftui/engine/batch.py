"""FlowBatch: many flows as columns. The one record type of the program.

Never a Python object per flow on a hot path: whatever handles flows handles these batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.schema import FIELDS, PHYSICAL, Kind

Array = NDArray[Any]
Mask = NDArray[np.bool_]
Index = NDArray[np.int64]


@dataclass(slots=True)
class TextColumn:
    """Text of n rows as codes into a list of distinct values.

    Attributes:
        codes: int32[n], index into `values`, -1 for null.
        values: distinct texts.
    """

    codes: NDArray[np.int32]
    values: list[str]

    def take(self, rows: Index | Mask) -> TextColumn:
        """The chosen rows; the list of values is shared."""
        return TextColumn(self.codes[rows], self.values)

    def at(self, row: int) -> str | None:
        """Value of one row."""
        code = int(self.codes[row])
        return None if code < 0 else self.values[code]


@dataclass(slots=True)
class ExtraColumn:
    """Elements without a column of their own, per row a run of bytes.

    A run is a sequence of entries `enterprise number u32, element id u16, length u16, value` in network byte
    order: the wire's own bytes, so that nothing is lost and a name given later applies to old flows too.

    Attributes:
        offsets: int64[n + 1]; row i is `data[offsets[i]:offsets[i + 1]]`.
        data: uint8, all runs one after the other.
    """

    offsets: NDArray[np.int64]
    data: NDArray[np.uint8]

    def take(self, rows: Index | Mask) -> ExtraColumn:
        """The chosen rows."""
        index = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        starts = self.offsets[:-1][index]
        lengths = self.offsets[1:][index] - starts
        offsets = np.zeros(len(index) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        source = np.repeat(starts - offsets[:-1], lengths) + np.arange(int(offsets[-1]))
        return ExtraColumn(offsets, self.data[source])

    def slice(self, start: int, stop: int) -> ExtraColumn:
        """The rows from `start` up to `stop`, sharing the bytes."""
        offsets = self.offsets[start : stop + 1]
        return ExtraColumn(offsets - offsets[0], self.data[int(offsets[0]) : int(offsets[-1])])

    def at(self, row: int) -> list[tuple[int, int, bytes]]:
        """Entries of one row as (enterprise number, element id, value)."""
        run = self.data[int(self.offsets[row]) : int(self.offsets[row + 1])].tobytes()
        entries = []
        position = 0
        while position + 8 <= len(run):
            pen = int.from_bytes(run[position : position + 4], "big")
            element = int.from_bytes(run[position + 4 : position + 6], "big")
            length = int.from_bytes(run[position + 6 : position + 8], "big")
            entries.append((pen, element, run[position + 8 : position + 8 + length]))
            position += 8 + length
        return entries


@dataclass(slots=True)
class FlowBatch:
    """n flows as columns.

    A column that is missing is null in all rows. Addresses are two int64 columns, `NAME_hi` and `NAME_lo`, the
    halves of the 16 bytes in network order (IPv4 is hi = 0, lo = 0xffff00000000 | address).

    Attributes:
        length: number of flows.
        columns: physical column name to values, n long, of the registry's dtype.
        valid: field name to bool[n], False where the field is null; a missing mask means no nulls.
        text: text fields.
        extra: elements without a column, or None.
    """

    length: int
    columns: dict[str, Array] = field(default_factory=dict)
    valid: dict[str, Mask] = field(default_factory=dict)
    text: dict[str, TextColumn] = field(default_factory=dict)
    extra: ExtraColumn | None = None

    def __len__(self) -> int:
        return self.length

    def has(self, name: str) -> bool:
        """Whether any row may hold a value of the field."""
        if name == "extra":
            return self.extra is not None
        return name in self.text or FIELDS[name].physical[0] in self.columns

    def value(self, name: str, row: int) -> int | str | list[tuple[int, int, bytes]] | None:
        """One value for display: int (addresses as 128-bit int), text, extra entries, or None for null."""
        if name == "extra":
            return self.extra.at(row) if self.extra is not None else None
        if name in self.text:
            return self.text[name].at(row)
        columns = FIELDS[name].physical
        if columns[0] not in self.columns or (name in self.valid and not self.valid[name][row]):
            return None
        if len(columns) == 1:
            return int(self.columns[columns[0]][row])
        high, low = (int(self.columns[column][row]) & 0xFFFFFFFFFFFFFFFF for column in columns)
        return high << 64 | low

    def or_zero(self, name: str) -> Index:
        """Numbers of a field as int64[n], 0 where it is null."""
        if not self.has(name):
            return np.zeros(self.length, np.int64)
        values = self.columns[name].astype(np.int64)
        return np.where(self.valid[name], values, 0) if name in self.valid else values

    def take(self, rows: Index | Mask) -> FlowBatch:
        """The flows at the given positions, or where the mask is True."""
        length = int(np.count_nonzero(rows)) if rows.dtype == np.bool_ else len(rows)
        return FlowBatch(
            length,
            {name: column[rows] for name, column in self.columns.items()},
            {name: mask[rows] for name, mask in self.valid.items()},
            {name: column.take(rows) for name, column in self.text.items()},
            self.extra.take(rows) if self.extra is not None else None,
        )

    def slice(self, start: int, stop: int) -> FlowBatch:
        """The flows from `start` up to `stop`, at most to the end; views, nothing is copied."""
        stop = min(stop, self.length)
        return FlowBatch(
            stop - start,
            {name: column[start:stop] for name, column in self.columns.items()},
            {name: mask[start:stop] for name, mask in self.valid.items()},
            {name: TextColumn(column.codes[start:stop], column.values) for name, column in self.text.items()},
            self.extra.slice(start, stop) if self.extra is not None else None,
        )


def concat(batches: Sequence[FlowBatch], buffers: dict[str, Array] | None = None) -> FlowBatch:
    """All flows of the batches, in order. Fields that only some batches have are null in the others.

    Args:
        batches: at least one.
        buffers: memory of earlier calls, by column, to be used again instead of new pages from the system (which
            cost four times the copying). The result then is valid until the next call with the same buffers.
    """
    if len(batches) == 1:
        return batches[0]
    length = sum(len(batch) for batch in batches)
    out = FlowBatch(length)
    names = dict.fromkeys(PHYSICAL[c].name for batch in batches for c in batch.columns)
    for name in names:
        _concat_columns(out, name, batches, buffers)
    for name in dict.fromkeys(n for batch in batches for n in batch.text):
        out.text[name] = _concat_text([(len(batch), batch.text.get(name)) for batch in batches])
    if any(batch.extra is not None for batch in batches):
        out.extra = _concat_extra(batches)
    return out


def _concat_columns(out: FlowBatch, name: str, batches: Sequence[FlowBatch], buffers: dict[str, Array] | None) -> None:
    item = FIELDS[name]
    for column in item.physical:
        parts = [b.columns[column] if column in b.columns else np.zeros(len(b), item.dtype) for b in batches]
        if buffers is None:
            out.columns[column] = np.concatenate(parts)
        else:
            if column not in buffers or len(buffers[column]) < out.length:
                buffers[column] = np.empty(out.length, item.dtype)
            out.columns[column] = np.concatenate(parts, out=buffers[column][: out.length])
    if any(name in b.valid or item.physical[0] not in b.columns for b in batches):
        out.valid[name] = np.concatenate(
            [b.valid[name] if name in b.valid else np.full(len(b), item.physical[0] in b.columns) for b in batches]
        )


def _concat_text(parts: list[tuple[int, TextColumn | None]]) -> TextColumn:
    pool: dict[str, int] = {}
    codes = []
    for length, column in parts:
        if column is None:
            codes.append(np.full(length, -1, np.int32))
            continue
        translate = np.array([pool.setdefault(v, len(pool)) for v in column.values] + [-1], np.int32)
        codes.append(translate[column.codes])
    return TextColumn(np.concatenate(codes), list(pool))


def _concat_extra(batches: Sequence[FlowBatch]) -> ExtraColumn:
    lengths = [np.diff(b.extra.offsets) if b.extra is not None else np.zeros(len(b), np.int64) for b in batches]
    offsets = np.zeros(sum(len(part) for part in lengths) + 1, np.int64)
    np.cumsum(np.concatenate(lengths), out=offsets[1:])
    return ExtraColumn(offsets, np.concatenate([b.extra.data for b in batches if b.extra is not None]))


def null_columns(batch: FlowBatch, names: Sequence[str]) -> None:
    """Give the batch columns, all null, for the fields that it does not have (in place)."""
    for name in names:
        item = FIELDS[name]
        if item.kind in {Kind.INT, Kind.ADDRESS} and item.physical[0] not in batch.columns:
            for column in item.physical:
                batch.columns[column] = np.zeros(batch.length, item.dtype)
            batch.valid[name] = np.zeros(batch.length, np.bool_)
