"""Elements without a column: built for many rows at once, in the format of `nftui.engine.batch.ExtraColumn`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import ExtraColumn, Mask
from nftui.engine.decode.datagrams import Ints, Wire, spans


@dataclass(slots=True)
class Entries:
    """One entry for each of n rows.

    Attributes:
        headers: 8 bytes of enterprise number, element id and length; (8,) or (n, 8) where they differ.
        positions: int64[n], where the value lies in the arena.
        lengths: bytes of the value, one for all rows or int64[n].
        valid: False where the row has no such entry; None when all have it.
    """

    headers: NDArray[np.uint8]
    positions: Ints
    lengths: int | Ints
    valid: Mask | None = None


def header(pen: int, element: int, length: int) -> NDArray[np.uint8]:
    """The 8 bytes in front of a value."""
    raw = pen.to_bytes(4, "big") + element.to_bytes(2, "big") + length.to_bytes(2, "big")
    return np.frombuffer(raw, np.uint8)


def build(wire: Wire, rows: int, entries: list[Entries], limit: int) -> tuple[ExtraColumn | None, int]:
    """Column of the entries, each row's in the order of the list.

    Args:
        wire: the arena.
        rows: number of rows.
        entries: what each row has.
        limit: bytes kept per row; entries beyond it are left out.

    Returns:
        The column (None when there is nothing) and the number of entries left out.
    """
    if not entries or not rows:
        return None, 0
    fixed = [entry.lengths for entry in entries if isinstance(entry.lengths, int) and entry.valid is None]
    if len(fixed) == len(entries) and sum(fixed) + 8 * len(fixed) <= limit:
        return _build_fixed(wire, rows, entries, fixed), 0
    sizes = np.zeros((rows, len(entries)), np.int64)
    for column, entry in enumerate(entries):
        sizes[:, column] = np.add(entry.lengths, 8)
        if entry.valid is not None:
            sizes[~entry.valid, column] = 0
    over = (np.cumsum(sizes, axis=1) > limit) & (sizes > 0)
    dropped = int(np.count_nonzero(over))
    sizes[over] = 0
    offsets = np.zeros(rows + 1, np.int64)
    np.cumsum(sizes.sum(axis=1), out=offsets[1:])
    total = int(offsets[-1])
    if not total:
        return None, dropped
    begin = offsets[:-1, None] + np.cumsum(sizes, axis=1) - sizes
    data = np.empty(total, np.uint8)
    for column, entry in enumerate(entries):
        present = np.flatnonzero(sizes[:, column])
        if len(present):
            _scatter(wire, data, begin[present, column], entry, present)
    return ExtraColumn(offsets, data), dropped


def _build_fixed(wire: Wire, rows: int, entries: list[Entries], lengths: list[int]) -> ExtraColumn:
    size = sum(lengths) + 8 * len(lengths)
    data = np.empty((rows, size), np.uint8)
    at = 0
    for entry, length in zip(entries, lengths, strict=True):
        data[:, at : at + 8] = entry.headers
        at += 8
        if length:
            data[:, at : at + length] = wire.images(entry.positions, length).view(np.uint8).reshape(rows, length)
            at += length
    return ExtraColumn(np.arange(rows + 1, dtype=np.int64) * size, data.reshape(-1))


def _scatter(wire: Wire, data: NDArray[np.uint8], begin: Ints, entry: Entries, rows: Ints) -> None:
    headers = entry.headers if entry.headers.ndim == 1 else entry.headers[rows]
    data[begin[:, None] + np.arange(8)] = headers
    source = entry.positions[rows]
    lengths = np.full(len(rows), entry.lengths) if isinstance(entry.lengths, int) else entry.lengths[rows]
    inner = spans(lengths)
    data[np.repeat(begin + 8, lengths) + inner] = wire.data[np.repeat(source, lengths) + inner]
