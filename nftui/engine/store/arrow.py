"""FlowBatch to Arrow and back: the physical form of flows in every file of the store.

Integers have the registry's type, addresses are two int64 halves, text is a string, `extra` a binary run.
A row without text or without extra elements is null there. Columns that are null in every row are left out.

Columns without nulls are passed without a copy in both directions, so a batch made by `from_arrow` is read-only
and one given to `to_arrow` must not change while the Arrow batch lives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nftui.engine.batch import ExtraColumn, FlowBatch, Mask, TextColumn
from nftui.engine.schema import CORE, FIELDS, PHYSICAL, Kind

_NUMBERS: Mapping[str, pa.DataType] = {
    "i8": pa.int64(), "u4": pa.uint32(), "u2": pa.uint16(), "u1": pa.uint8(),
}  # fmt: skip


def _column_type(column: str) -> pa.DataType:
    field = PHYSICAL[column]
    if field.kind is Kind.TEXT:
        return pa.string()
    return pa.binary() if field.kind is Kind.EXTRA else _NUMBERS[field.dtype]


TYPES: Mapping[str, Any] = {column: _column_type(column) for column in PHYSICAL}
"""Arrow type of each column that a file may have, in the order of the record."""

CORE_COLUMNS: tuple[str, ...] = tuple(column for name in CORE for column in FIELDS[name].physical)
"""Columns that every sealed file has."""

_FIELDS: Mapping[str, pa.Field[Any]] = {column: pa.field(column, kind) for column, kind in TYPES.items()}


def schema_of(columns: Iterable[str]) -> pa.Schema:
    """Arrow schema of the given columns, put in the order of the record."""
    wanted = set(columns)
    return pa.schema([field for column, field in _FIELDS.items() if column in wanted])


def nulls(rows: int, column: str) -> pa.Array[Any]:
    """A column without any value."""
    array: pa.Array[Any] = pa.nulls(rows, TYPES[column])
    return array


def to_arrow(batch: FlowBatch) -> pa.RecordBatch:
    """The batch's columns that hold any value, in the order of the record."""
    arrays: dict[str, pa.Array[Any]] = {}
    masks = {name: _validity(mask) for name, mask in batch.valid.items()}
    for column, values in batch.columns.items():
        field = PHYSICAL[column]
        bitmap, missing = masks.get(field.name, (None, 0))
        if missing < batch.length:
            data = _buffer(np.ascontiguousarray(values, field.dtype))
            arrays[column] = pa.Array.from_buffers(TYPES[column], batch.length, [bitmap, data], missing)
    for name, text in batch.text.items():
        if (text.codes >= 0).any():
            words = pa.array(text.values, pa.string())
            arrays[name] = pa.DictionaryArray.from_arrays(text.codes, words, text.codes < 0).dictionary_decode()
    if batch.extra is not None and len(batch.extra.data):
        arrays["extra"] = _extra_array(batch.extra)
    fields = [field for column, field in _FIELDS.items() if column in arrays]
    return pa.RecordBatch.from_arrays([arrays[field.name] for field in fields], schema=pa.schema(fields))


def from_arrow(data: pa.RecordBatch | pa.Table) -> FlowBatch:
    """Flows from Arrow columns. Columns that the registry does not have (newer files, partitions) are left out."""
    batch = FlowBatch(data.num_rows)
    for column in data.schema.names:
        field = PHYSICAL.get(column)
        if field is None or data.column(column).null_count == data.num_rows:
            continue
        array = _one_array(data.column(column), column)
        if field.kind is Kind.TEXT:
            batch.text[column] = _text_column(array)
        elif field.kind is Kind.EXTRA:
            batch.extra = _extra_column(array)
        else:
            batch.columns[column] = _view(array.buffers()[1], field.dtype)[array.offset : array.offset + len(array)]
            if array.null_count:
                batch.valid[field.name] = _mask(array)
    return batch


def _buffer(values: Any) -> pa.Buffer:
    return pa.py_buffer(values)


def _validity(mask: Mask) -> tuple[pa.Buffer | None, int]:
    missing = len(mask) - int(np.count_nonzero(mask))
    if not missing:
        return None, 0
    return _buffer(np.packbits(mask, bitorder="little")), missing


def _extra_array(extra: ExtraColumn) -> pa.Array[Any]:
    offsets = extra.offsets.astype(np.int32)
    bitmap, missing = _validity(offsets[1:] > offsets[:-1])
    data = np.ascontiguousarray(extra.data)
    buffers = [bitmap, _buffer(offsets), _buffer(data)]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers, missing)


def _one_array(column: Any, name: str) -> pa.Array[Any]:
    """A column as one array of the type that the registry gives it."""
    array: pa.Array[Any] = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return array if array.type == TYPES[name] else array.cast(TYPES[name])


def _view(buffer: Any, dtype: str) -> NDArray[Any]:
    return np.frombuffer(buffer, dtype) if buffer is not None else np.zeros(0, dtype)


def _mask(array: pa.Array[Any]) -> Mask:
    bits = np.unpackbits(_view(array.buffers()[0], "u1"), bitorder="little", count=array.offset + len(array))
    return bits[array.offset :].view(np.bool_)


def _text_column(array: Any) -> TextColumn:
    encoded = array.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return TextColumn(codes.astype(np.int32, copy=False), encoded.dictionary.to_pylist())


def _extra_column(array: Any) -> ExtraColumn:
    array = array.fill_null(b"")
    _, raw, data = array.buffers()
    offsets = _view(raw, "i4")[array.offset : array.offset + len(array) + 1].astype(np.int64)
    return ExtraColumn(offsets - offsets[0], _view(data, "u1")[int(offsets[0]) : int(offsets[-1])])
