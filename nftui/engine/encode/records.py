"""Columns to wire bytes: fixed-size records as a matrix, records with variable-length strings as a byte run.

Counters of what could not be carried as it was, returned with the datagrams:
`values.saturated.FIELD` (a number that is too large for its place on the wire became the largest that fits),
`values.truncated.FIELD` (a text was cut), `values.as_trans.FIELD` (an AS number above 65535 became 23456),
`flows.not_carried.KIND` (a flow was left out), `fields.not_carried.FIELD` (values without a place on the wire).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import Array, FlowBatch, TextColumn
from nftui.engine.counters import Counts, add
from nftui.engine.encode.datagrams import Bytes
from nftui.engine.encode.templates import VARIABLE, Form, Template, WireField

UINT32_MAX = 0xFFFFFFFF
_LOW_32 = np.int64(UINT32_MAX)


@dataclass(slots=True)
class Records:
    """n encoded records one after the other; record i is `data[offsets[i]:offsets[i + 1]]`."""

    data: Bytes
    offsets: NDArray[np.int64]


def big_endian(values: Array, size: int) -> Bytes:
    """Integers as uint8[n, size] in network byte order; `values` must be non-negative and fit."""
    width = next(w for w in (1, 2, 4, 8) if w >= size)
    wide = np.ascontiguousarray(values).astype(f">u{width}").view(np.uint8).reshape(-1, width)
    return wide[:, width - size :]


def saturate(values: Array, size: int, name: str, counts: Counts) -> Array:
    """Values cut to the largest number of `size` bytes, counted as `values.saturated.NAME`."""
    if size >= values.dtype.itemsize:
        return values
    largest = (1 << (8 * size)) - 1
    over = int(np.count_nonzero(values > largest))
    if not over:
        return values
    add(counts, {f"values.saturated.{name}": over})
    cut: Array = np.minimum(values, np.array(largest, values.dtype))
    return cut


def uptime_of(times_ms: Array, boot_ms: int, export_ms: int, name: str, counts: Counts) -> Array:
    """UTC milliseconds as 32-bit milliseconds since boot, modulo 2^32 (RFC 3954 section 8, types 21 and 22).

    A collector can place a time within 2^31 ms (24.8 days) of the export; older ones become that limit.
    """
    oldest, newest = export_ms - (1 << 31) + 1, export_ms + (1 << 31) - 1
    cut = np.clip(times_ms.astype(np.int64), oldest, newest)
    over = int(np.count_nonzero(cut != times_ms))
    if over:
        add(counts, {f"values.saturated.{name}": over})
    return ((cut - boot_ms) & _LOW_32).astype(np.uint32)


@dataclass(frozen=True, slots=True)
class Moment:
    """When datagrams are exported and when the exporter booted, UTC milliseconds."""

    export_ms: int
    boot_ms: int


def pack_fixed(batch: FlowBatch, template: Template, moment: Moment, counts: Counts) -> Bytes:
    """All flows as uint8[n, template.size]; the template has no variable-length fields."""
    out = np.zeros((len(batch), template.size), np.uint8)
    position = 0
    for item in template.fields:
        out[:, position : position + item.length] = _field_bytes(batch, item, moment, counts)
        position += item.length
    return out


def pack_variable(batch: FlowBatch, template: Template, moment: Moment, counts: Counts) -> Records:
    """All flows as a byte run, strings with their length in front (RFC 7011 section 7)."""
    n = len(batch)
    pieces = [
        _text_runs(batch.text[item.name], item, counts)
        if item.length == VARIABLE
        else _matrix_runs(_field_bytes(batch, item, moment, counts))
        for item in template.fields
    ]
    offsets = np.zeros(n + 1, np.int64)
    np.cumsum(sum(piece.length for piece in pieces), out=offsets[1:])
    data = np.zeros(int(offsets[-1]), np.uint8)
    place = offsets[:-1].copy()
    for piece in pieces:
        steps = _ramp(piece.length)
        data[np.repeat(place, piece.length) + steps] = piece.source[np.repeat(piece.start, piece.length) + steps]
        place += piece.length
    return Records(data, offsets)


@dataclass(slots=True)
class _Runs:
    """One run of bytes per row: `source[start[i]:start[i] + length[i]]`."""

    source: Bytes
    start: NDArray[np.int64]
    length: NDArray[np.int64]


def _ramp(length: NDArray[np.int64]) -> NDArray[np.int64]:
    """0..length[0]-1, 0..length[1]-1, and so on."""
    ends = np.cumsum(length)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - length, length)


def _matrix_runs(matrix: Bytes) -> _Runs:
    n, width = matrix.shape
    return _Runs(np.ascontiguousarray(matrix).reshape(-1), np.arange(n) * width, np.full(n, width))


def _text_runs(column: TextColumn, item: WireField, counts: Counts) -> _Runs:
    blobs = []
    for value in column.values:
        raw = _cut(value, item.text_bytes)
        prefix = bytes([len(raw)]) if len(raw) < 255 else b"\xff" + len(raw).to_bytes(2, "big")
        blobs.append(prefix + raw)
    _count_cut(column, item.name, item.text_bytes, counts)
    sizes = np.array([len(blob) for blob in blobs], np.int64)
    starts = np.cumsum(sizes) - sizes
    source = np.frombuffer(b"".join(blobs), np.uint8)
    return _Runs(source, starts[column.codes], sizes[column.codes])


def _field_bytes(batch: FlowBatch, item: WireField, moment: Moment, counts: Counts) -> Bytes:
    """One fixed-size field of all flows as uint8[n, item.length]."""
    name = item.name
    match item.form:
        case Form.TEXT:
            return _padded_text(batch.text[name], item, counts)
        case Form.IPV4:
            return big_endian(batch.columns[name + "_lo"] & _LOW_32, 4)
        case Form.IPV6:
            halves = [big_endian(batch.columns[name + half].view(np.uint64), 8) for half in ("_hi", "_lo")]
            return np.concatenate(halves, axis=1)
        case Form.UPTIME:
            times = uptime_of(batch.columns[name], moment.boot_ms, moment.export_ms, name, counts)
            return big_endian(times, 4)
        case Form.NUMBER:
            return big_endian(saturate(batch.columns[name], item.length, name, counts), item.length)


def _padded_text(column: TextColumn, item: WireField, counts: Counts) -> Bytes:
    _count_cut(column, item.name, item.length, counts)
    table = np.zeros((len(column.values), item.length), np.uint8)
    for row, value in enumerate(column.values):
        raw = _cut(value, item.length)
        table[row, : len(raw)] = np.frombuffer(raw, np.uint8)
    return table[column.codes]


def _cut(value: str, size: int) -> bytes:
    """UTF-8 of at most `size` bytes that ends with a whole character."""
    raw = value.encode()
    return raw if len(raw) <= size else raw[:size].decode(errors="ignore").encode()


def _count_cut(column: TextColumn, name: str, size: int, counts: Counts) -> None:
    long = np.array([len(value.encode()) > size for value in column.values], np.bool_)
    cut = int(np.count_nonzero(long[column.codes])) if len(long) else 0
    if cut:
        add(counts, {f"values.truncated.{name}": cut})
