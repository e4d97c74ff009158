"""Records of one shape: which value lies where, so that all of them are taken out of a block together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import ExtraColumn, FlowBatch, Mask, TextColumn
from nftui.engine.schema import FIELDS, Kind, Quality
from nftui.text import V4_PREFIX, clean

Array = NDArray[Any]
Rows = NDArray[np.int64] | None
"""Rows of a batch; None for all of them."""


_TIMES = ("time_flow_start_ms", "time_flow_end_ms", "time_received_ms")
_EVENT_TIME = (0, 323)
"""observationTimeMilliseconds."""


def _index(rows: Rows) -> Any:
    return slice(None) if rows is None else rows


class Value(NamedTuple):
    """One value of a record.

    Attributes:
        offset: bytes from the start of the record.
        format: NumPy code with its byte order; see `nftui.engine.archive.nfdump_layout.Member.format`.
        field: field of the registry that it fills, or empty.
        element: IPFIX element (enterprise number, id) under which `extra` keeps it, or None.
        raw: kept in `extra` with the bytes as they are, and even if they are all zero.
        zero_is_null: the field is null where the value is zero.
    """

    offset: int
    format: str
    field: str = ""
    element: tuple[int, int] | None = None
    raw: bool = False
    zero_is_null: bool = False


@dataclass(slots=True)
class Shape:
    """Records that are equal in everything but their values.

    Attributes:
        size: bytes of a record.
        values: what a record holds; of two for one field, see `Builder`.
        quality: what is doubtful in every one of them.
    """

    size: int
    values: list[Value] = field(default_factory=list)
    quality: Quality = field(default_factory=lambda: Quality(0))

    def time_events(self) -> None:
        """Let the time of the event stand for times that the records do not have: firewalls log events, not flows."""
        if any(value.field == _TIMES[1] for value in self.values):
            return
        times = [value for value in self.values if value.element == _EVENT_TIME]
        if times:
            self.quality |= Quality.TIME_MISSING
            self.values += [times[0]._replace(field=name, element=None, zero_is_null=True) for name in _TIMES[:2]]

    def image(self, data: Array, positions: NDArray[np.int64]) -> Array:
        """The records as an array of `size` bytes each; a view if they follow each other without gaps.

        Args:
            data: uint8, the block.
            positions: of the records, all within the block.
        """
        first, count = int(positions[0]), len(positions)
        if int(positions[-1]) - first == self.size * (count - 1) and (np.diff(positions) == self.size).all():
            return data[first : first + self.size * count].reshape(count, self.size)
        windows = np.ndarray((len(data) - self.size + 1,), f"V{self.size}", data, strides=(1,))
        return windows[positions].view(np.uint8).reshape(count, self.size)


def value_of(image: Array, value: Value) -> Array:
    """One value of all records, as a view.

    Args:
        image: (n, size) bytes.
        value: which one.
    """
    kind = np.dtype(value.format)
    base, inner = kind.subdtype or (kind, ())
    strides = (image.strides[0], *((base.itemsize,) if inner else ()))
    return np.ndarray((len(image), *inner), base, image, value.offset, strides)


class Builder:
    """Puts the values of records of several shapes into one batch, each record in its own row.

    Args:
        length: rows.
        fields: registry fields that are wanted; None for all.
    """

    def __init__(self, length: int, fields: Collection[str] | None) -> None:
        self._wanted = fields
        self._batch = FlowBatch(length)
        self._full: set[str] = set()
        self._codes: dict[str, dict[str, int]] = {}
        self._kept: list[tuple[NDArray[np.int64], bytes, Array]] = []

    def wants(self, name: str) -> bool:
        """Whether a field is wanted."""
        return self._wanted is None or name in self._wanted

    def add(self, shape: Shape, image: Array, rows: Rows) -> None:
        """Take the values of records out.

        Args:
            shape: of the records.
            image: (n, size) bytes.
            rows: which rows they are.
        """
        if shape.quality:
            self.flag(shape.quality, np.ones(len(image), np.bool_), rows)
        done: set[str] = set()
        for value in shape.values:
            if value.field:
                if self.wants(value.field):
                    # What is null if zero adds nothing where it is zero, as what is there twice.
                    again = value.zero_is_null or value.field in done
                    self._add_field(value.field, value_of(image, value), rows, again)
                    done.add(value.field)
            elif value.element is not None and self.wants("extra"):
                self._keep(value, value_of(image, value), rows)

    def _add_field(self, name: str, values: Array, rows: Rows, again: bool) -> None:
        """Take a field; `again` if only values that are not zero count, of two such of one record the later.

        Exporters whose templates have both address families leave one of them zero.
        """
        item = FIELDS[name]
        if again:
            present = values.any(axis=1) if values.ndim == 2 else values != 0
            if not present.any():
                return
            rows = np.flatnonzero(present) if rows is None else rows[present]
            values = values[present]
        if item.kind is Kind.ADDRESS:
            if values.ndim == 2:
                self.put_address(name, values[:, 0].astype(np.uint64), values[:, 1].astype(np.uint64), rows)
            else:
                low = values.astype(np.uint64) | np.uint64(V4_PREFIX)
                self.put_address(name, np.zeros(len(values), np.uint64), low, rows)
        elif item.kind is Kind.TEXT:
            self._put_text(name, values, rows)
        else:
            self.put(name, values, rows)

    def put(self, name: str, values: Array, rows: Rows = None, valid: Mask | None = None) -> None:
        """Numbers of a field. Counters beyond 63 bits are cut and flagged, other numbers that do not fit are null."""
        dtype = np.dtype(FIELDS[name].dtype)
        if values.dtype.kind == "u" and values.dtype.itemsize == 8 and dtype.itemsize == 8:
            values = values.astype(np.uint64, copy=False)
            over = values > np.uint64(2**63 - 1)
            if over.any():
                values = np.where(over, np.uint64(2**63 - 1), values)
                self.flag(Quality.COUNTER_CLAMPED, over, rows)
        elif values.dtype.itemsize > dtype.itemsize:
            fits = values <= np.iinfo(dtype).max
            if not fits.all():
                valid = fits if valid is None else valid & fits
        self._set(FIELDS[name].physical[0], values, rows)
        self._mark(name, rows, valid)

    def put_address(self, name: str, high: Array, low: Array, rows: Rows = None, valid: Mask | None = None) -> None:
        """Addresses of a field, as the halves of 128 bits."""
        for column, values in zip(FIELDS[name].physical, (high, low), strict=True):
            self._set(column, values.view(np.int64), rows)
        self._mark(name, rows, valid)

    def flag(self, quality: Quality, doubtful: Mask, rows: Rows = None) -> None:
        """Say of records what is doubtful in them."""
        if self.wants("quality"):
            column = self._batch.columns.setdefault("quality", np.zeros(self._batch.length, np.uint16))
            index = np.flatnonzero(doubtful) if rows is None else rows[doubtful]
            column[index] |= np.uint16(quality)

    def has(self, name: str) -> Mask:
        """Rows that have a value of a field of numbers."""
        mask = self._batch.valid.get(name)
        if mask is not None:
            return mask
        return np.full(self._batch.length, FIELDS[name].physical[0] in self._batch.columns)

    def column(self, name: str) -> Array:
        """Values of a column, zero where there are none."""
        values = self._batch.columns.get(name)
        return values if values is not None else np.zeros(self._batch.length, np.int64)

    def _set(self, column: str, values: Array, rows: Rows) -> None:
        dtype = _DTYPES[column]
        if rows is None:
            self._batch.columns[column] = values.astype(dtype)
            return
        if column not in self._batch.columns:
            self._batch.columns[column] = np.zeros(self._batch.length, dtype)
        self._batch.columns[column][rows] = values.astype(dtype, copy=False)

    def _mark(self, name: str, rows: Rows, valid: Mask | None) -> None:
        if rows is None and valid is None:
            self._batch.valid.pop(name, None)
            self._full.add(name)
            return
        if name in self._full:
            if valid is None:
                return
            self._full.remove(name)
            self._batch.valid[name] = np.ones(self._batch.length, np.bool_)
        mask = self._batch.valid.setdefault(name, np.zeros(self._batch.length, np.bool_))
        mask[_index(rows)] = True if valid is None else valid

    def _put_text(self, name: str, values: Array, rows: Rows) -> None:
        found, inverse = np.unique(values, return_inverse=True)
        pool = self._codes.setdefault(name, {})
        texts = [clean(bytes(raw)) for raw in found.tolist()]
        codes = np.array([pool.setdefault(text, len(pool)) if text else -1 for text in texts], np.int32)[inverse]
        column = self._batch.text.setdefault(name, TextColumn(np.full(self._batch.length, -1, np.int32), []))
        column.codes[_index(rows)] = codes
        column.values = list(pool)

    def _keep(self, value: Value, values: Array, rows: Rows) -> None:
        """Keep an element for `extra`, where it is not zero."""
        assert value.element is not None
        present: Mask
        if value.raw:
            image = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)
            present = np.ones(len(values), np.bool_)
        else:
            image = np.ascontiguousarray(values.astype(values.dtype.newbyteorder(">"))).view(np.uint8)
            image = image.reshape(len(values), -1)
            present = np.asarray(image.any(axis=1))
        self.keep(value.element, image, present, rows)

    def keep(self, element: tuple[int, int], image: Array, present: Mask, rows: Rows = None) -> None:
        """Keep an element in `extra`.

        Args:
            element: enterprise number and id.
            image: (n, bytes) values in network byte order.
            present: which of them there are.
            rows: of the batch.
        """
        if present.any():
            header = element[0].to_bytes(4, "big") + element[1].to_bytes(2, "big") + image.shape[1].to_bytes(2, "big")
            index = np.arange(self._batch.length) if rows is None else rows
            self._kept.append((index[present], header, image[present]))

    def complete(self, fallback_ms: int) -> None:
        """Give every record what none may lack: times, and a number of flows.

        Args:
            fallback_ms: time of records that tell none, UTC ms.
        """
        start, end, received = _TIMES
        if self.wants(end) or self.wants(received):
            timeless = ~self.has(end)
            if timeless.any() and self.wants(end):
                rows = np.flatnonzero(timeless)
                for name in (start, end):
                    if self.wants(name):
                        self.put(name, np.full(len(rows), fallback_ms, np.int64), rows)
                self.flag(Quality.TIME_MISSING, timeless)
            if self.wants(received):
                rows = np.flatnonzero(self.column(received) == 0)
                if len(rows):
                    times = self.column(end)[rows] if self.wants(end) else np.full(len(rows), fallback_ms, np.int64)
                    self.put(received, times, rows)
        if self.wants("flows"):
            rows = np.flatnonzero(self.column("flows") == 0)
            if len(rows) == self._batch.length:
                self.put("flows", np.ones(len(rows), np.int64))
            elif len(rows):
                self.put("flows", np.ones(len(rows), np.int64), rows)

    def finish(self) -> FlowBatch:
        """The batch."""
        if self._kept:
            self._batch.extra = self._extra()
        for name, mask in list(self._batch.valid.items()):
            if mask.all():
                del self._batch.valid[name]
        if self.wants("quality") and "quality" not in self._batch.columns:
            self._batch.columns["quality"] = np.zeros(self._batch.length, np.uint16)
        return self._batch

    def _extra(self) -> ExtraColumn:
        lengths = np.zeros(self._batch.length, np.int64)
        for rows, header, image in self._kept:
            lengths[rows] += len(header) + image.shape[1]
        offsets = np.zeros(self._batch.length + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        data = np.empty(int(offsets[-1]), np.uint8)
        place = offsets[:-1].copy()
        for rows, header, image in self._kept:
            size = len(header) + image.shape[1]
            entry = np.empty((len(rows), size), np.uint8)
            entry[:, : len(header)] = np.frombuffer(header, np.uint8)
            entry[:, len(header) :] = image
            data[place[rows, None] + np.arange(size)] = entry
            place[rows] += size
        return ExtraColumn(offsets, data)


_DTYPES = {column: np.dtype(item.dtype) for item in FIELDS.values() if item.dtype for column in item.physical}
