"""Columns of a batch that are filled piece by piece, by different records of the samples."""

from __future__ import annotations

import numpy as np

from nftui.engine.batch import Array, FlowBatch, Mask
from nftui.engine.decode.datagrams import Ints
from nftui.engine.schema import FIELDS
from nftui.text import V4_PREFIX


class Columns:
    """Columns of n samples.

    Attributes:
        length: n.
        texts: field name to position, length and mask of strings in the arena, for all rows.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self._values: dict[str, Array] = {}
        self._valid: dict[str, Mask] = {}
        self._whole: set[str] = set()
        self.texts: dict[str, tuple[Ints, Ints, Mask]] = {}

    def put(self, name: str, rows: Ints | None, values: Array) -> None:
        """Set values of a field.

        Args:
            name: field of one column.
            rows: where; None for all rows, in order.
            values: one for each of these rows, of any integer type.
        """
        dtype = FIELDS[name].dtype
        if rows is None:
            self._values[name] = values.astype(dtype, copy=False)
            self._complete(name)
            return
        self._column(name, dtype)[rows] = values
        self._mark(name, rows)

    def put_where(self, name: str, values: Array, has: Mask) -> None:
        """Set values of all rows that count only where the mask is True."""
        self._values[name] = values.astype(FIELDS[name].dtype, copy=False)
        self._valid[name] = has.copy()

    def put_ipv4_where(self, name: str, values: Array, has: Mask) -> None:
        """The same for IPv4 addresses."""
        self._values[name + "_hi"] = np.zeros(self.length, np.int64)
        self._values[name + "_lo"] = values.astype(np.int64) | V4_PREFIX
        self._valid[name] = has.copy()

    def put_address(self, name: str, rows: Ints | None, high: Array, low: Array) -> None:
        """Set addresses as two halves of 16 bytes, IPv4 mapped."""
        if rows is None:
            self._values[name + "_hi"], self._values[name + "_lo"] = high, low
            self._complete(name)
            return
        self._column(name + "_hi", "i8")[rows] = high
        self._column(name + "_lo", "i8")[rows] = low
        self._mark(name, rows)

    def put_ipv4(self, name: str, rows: Ints | None, value: Array) -> None:
        """Set IPv4 addresses."""
        self.put_address(name, rows, np.zeros(len(value), np.int64), value.astype(np.int64) | V4_PREFIX)

    def put_text(self, name: str, rows: Ints, position: Ints, length: Ints) -> None:
        """Set strings by their place in the arena."""
        if name not in self.texts:
            zeros = np.zeros((2, self.length), np.int64)
            self.texts[name] = zeros[0], zeros[1], np.zeros(self.length, np.bool_)
        positions, lengths, valid = self.texts[name]
        positions[rows], lengths[rows], valid[rows] = position, length, True

    def has(self, name: str) -> Mask:
        """Which rows have a value."""
        valid = self._valid.get(name)
        return np.full(self.length, name in self._whole, np.bool_) if valid is None else valid

    def ints(self, name: str) -> Ints:
        """Values of a field that has any."""
        return self._values[name].astype(np.int64)

    def drop(self, name: str, rows: Mask) -> None:
        """Take the values of some rows away."""
        if name in self._values and rows.any():
            self._valid[name] = self.has(name) & ~rows
            self._whole.discard(name)

    def batch(self) -> FlowBatch:
        """The columns as a flow batch."""
        empty = [name for name, valid in self._valid.items() if not valid.any()]
        gone = {column for name in empty for column in FIELDS[name].physical}
        return FlowBatch(
            self.length,
            {name: values for name, values in self._values.items() if name not in gone},
            {name: valid for name, valid in self._valid.items() if name not in empty and not valid.all()},
        )

    def _column(self, name: str, dtype: str) -> Array:
        values = self._values.get(name)
        if values is None:
            values = self._values[name] = np.zeros(self.length, dtype)
        return values

    def _mark(self, name: str, rows: Ints) -> None:
        if name not in self._whole:
            valid = self._valid.get(name)
            if valid is None:
                valid = self._valid[name] = np.zeros(self.length, np.bool_)
            valid[rows] = True

    def _complete(self, name: str) -> None:
        self._whole.add(name)
        self._valid.pop(name, None)
