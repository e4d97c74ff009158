"""FlowBatch to Arrow and back: the physical form of flows in every file of the store.

Integers have the registry's type, addresses are two int64 halves, text is a string, `extra` a binary run.
A row without text or without extra elements is null there. Columns that are null in every row are left out.

Columns without nulls are passed without a copy in both directions, so a batch made by `from_arrow` is read-only
and one given to `to_arrow` must not change while the Arrow batch lives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nftui.engine.batch import Array, ExtraColumn, FlowBatch, Mask, TextColumn
from nftui.engine.schema import CORE, FIELDS, PHYSICAL, Kind

_NUMBERS: Mapping[str, pa.DataType] = {
    "i8": pa.int64(), "u4": pa.uint32(), "u2": pa.uint16(), "u1": pa.uint8(),
}  # fmt: skip


def _column_type(column: str) -> pa.DataType:
    field = PHYSICAL[column]
    if field.kind is Kind.TEXT:
        return pa.string()
    return pa.binary() if field.kind is Kind.EXTRA else _NUMBERS[field.dtype]


TYPES: Mapping[str, pa.DataType] = {column: _column_type(column) for column in PHYSICAL}
"""Arrow type of each column that a file may have, in the order of the record."""

CORE_COLUMNS: tuple[str, ...] = tuple(column for name in CORE for column in FIELDS[name].physical)
"""Columns that every sealed file has."""

_FIELDS: Mapping[str, pa.Field] = {column: pa.field(column, kind) for column, kind in TYPES.items()}


def schema_of(columns: Iterable[str]) -> pa.Schema:
    """Arrow schema of the given columns, put in the order of the record."""
    wanted = set(columns)
    return pa.schema([field for column, field in _FIELDS.items() if column in wanted])


def nulls(rows: int, column: str) -> Array:
    """A column without any value."""
    return pa.nulls(rows, TYPES[column])


def to_arrow(batch: FlowBatch) -> pa.RecordBatch:
    """The batch's columns that hold any value, in the order of the record."""
    arrays: dict[str, pa.Array] = {}
    masks = {name: _validity(mask) for name, mask in batch.valid.items()}
    for column, values in batch.columns.items():
        bitmap, nulls = masks.get(PHYSICAL[column].name, (None, 0))
        if nulls < batch.length or not batch.length:
            kind = TYPES[column]
            data = pa.py_buffer(np.ascontiguousarray(values, kind.to_pandas_dtype()))
            arrays[column] = pa.Array.from_buffers(kind, batch.length, [bitmap, data], nulls)
    for name, text in batch.text.items():
        array = pa.DictionaryArray.from_arrays(
            pa.array(text.codes, mask=text.codes < 0), pa.array(text.values, pa.string())
        ).dictionary_decode()
        if array.null_count < batch.length or not batch.length:
            arrays[name] = array
    if batch.extra is not None and len(batch.extra.data):
        arrays["extra"] = _extra_array(batch.extra)
    fields = [field for column, field in _FIELDS.items() if column in arrays]
    return pa.RecordBatch.from_arrays([arrays[field.name] for field in fields], schema=pa.schema(fields))


def from_arrow(data: pa.RecordBatch | pa.Table) -> FlowBatch:
    """Flows from Arrow columns. Columns that the registry does not have (newer files, partitions) are left out."""
    batch = FlowBatch(data.num_rows)
    for column in data.schema.names:
        field = PHYSICAL.get(column)
        if field is None:
            continue
        array = _one_array(data.column(column))
        if field.kind is Kind.TEXT:
            batch.text[column] = _text_column(array)
        elif field.kind is Kind.EXTRA:
            batch.extra = _extra_column(array)
        elif array.null_count < len(array) or not len(array):
            batch.columns[column] = _values(array, TYPES[column])
            if array.null_count:
                batch.valid[field.name] = _mask(array)
    return batch


def _validity(mask: Mask) -> tuple[pa.Buffer | None, int]:
    nulls = len(mask) - int(np.count_nonzero(mask))
    if not nulls:
        return None, 0
    return pa.py_buffer(np.packbits(mask, bitorder="little")), nulls


def _extra_array(extra: ExtraColumn) -> pa.Array:
    offsets = extra.offsets.astype(np.int32)
    bitmap, nulls = _validity(offsets[1:] > offsets[:-1])
    buffers = [bitmap, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(extra.data))]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers, nulls)


def _one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], column.type)])


def _values(array: pa.Array, kind: pa.DataType) -> Array:
    if array.type != kind:
        array = array.cast(kind)
    # Null rows hold whatever the buffer holds; the mask is what says so.
    data = array.buffers()[1]
    values: Array = np.frombuffer(data, kind.to_pandas_dtype())[array.offset : array.offset + len(array)]
    return values


def _mask(array: pa.Array) -> NDArray[np.bool_]:
    bits = np.frombuffer(array.buffers()[0], np.uint8)
    return np.unpackbits(bits, bitorder="little", count=array.offset + len(array))[array.offset :].view(np.bool_)


def _text_column(array: pa.Array) -> TextColumn:
    encoded = array.cast(pa.string()).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    return TextColumn(codes, encoded.dictionary.to_pylist())


def _extra_column(array: pa.Array) -> ExtraColumn:
    array = array.cast(pa.binary())
    if array.null_count:
        array = array.fill_null(b"")
    raw, data = array.buffers()[1:]
    offsets = np.frombuffer(raw, np.int32)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    content = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    if not len(offsets):
        offsets = np.zeros(1, np.int64)
    return ExtraColumn(offsets - offsets[0], content[int(offsets[0]) : int(offsets[-1])])
