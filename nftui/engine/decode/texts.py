"""Strings from the wire as dictionary-coded columns.

Every distinct string of a block is decoded and made harmless once; rows only carry its code.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nftui import text
from nftui.engine.batch import Mask, TextColumn
from nftui.engine.decode.datagrams import Ints, Wire

_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_HALF = np.uint64(32)


def code_texts(wire: Wire, positions: Ints, lengths: Ints, valid: Mask | None, limit: int) -> TextColumn:
    """Column of the strings at the given places.

    Args:
        wire: the arena.
        positions: int64[n], first byte of each string.
        lengths: int64[n], bytes of each string, at most `limit`.
        valid: False where there is no string.
        limit: longest string kept, in bytes.

    Returns:
        Column of n rows. Empty strings (also all NUL) are values, not nulls.
    """
    size = len(positions)
    codes = np.full(size, -1, np.int32)
    rows = np.arange(size) if valid is None else np.flatnonzero(valid)
    if not len(rows):
        return TextColumn(codes, [])
    start, length = positions[rows], np.minimum(lengths[rows], limit)
    inverse, first = _distinct(wire, start, length)
    values: dict[str, int] = {}
    translate = np.empty(len(first), np.int32)
    data = wire.data
    for index, (begin, count) in enumerate(zip(start[first].tolist(), length[first].tolist(), strict=True)):
        value = text.clean(data[begin : begin + count].tobytes(), limit)
        translate[index] = values.setdefault(value, len(values))
    codes[rows] = translate[inverse]
    return TextColumn(codes, list(values))


def _distinct(wire: Wire, start: Ints, length: Ints) -> tuple[Ints, Ints]:
    """Group equal strings: (group of each row, one row of each group).

    Rows are grouped by a 64-bit hash; every row is then compared with its group's representative byte by byte,
    so that a collision, made by chance or on purpose, costs time and never gives a wrong string.
    """
    longest = int(length.max())
    width = next(step for step in (8, 16, 32, 64, 128, 256, 1 << 16) if step >= longest)
    if int(start.max()) + width > len(wire.data):
        return _distinct_slowly(wire, start, length)
    image = wire.images(start, width).view(np.uint8).reshape(len(start), width)
    image = image * (np.arange(width) < length[:, None])
    words: NDArray[np.uint64] = image.view(np.uint64)
    hashes = length.astype(np.uint64) * _ODD
    for column in range(width // 8):
        hashes ^= words[:, column]
        hashes *= _MIX
        hashes ^= hashes >> _HALF
    inverse, first = _groups(hashes)
    if not ((words == words[first][inverse]).all() and (length == length[first][inverse]).all()):
        return _distinct_slowly(wire, start, length)
    return inverse, first


def _groups(hashes: NDArray[np.uint64]) -> tuple[Ints, Ints]:
    """Group of each row, and one row of each group; np.unique would sort stably, which takes four times as long."""
    order = np.argsort(hashes)
    ordered = hashes[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    inverse = np.empty(len(order), np.int64)
    inverse[order] = np.repeat(np.arange(len(begins)), np.diff(np.r_[begins, len(order)]))
    return inverse, order[begins]


def _distinct_slowly(wire: Wire, start: Ints, length: Ints) -> tuple[Ints, Ints]:
    groups: dict[bytes, int] = {}
    first: list[int] = []
    inverse = np.empty(len(start), np.int64)
    for row, (begin, count) in enumerate(zip(start.tolist(), length.tolist(), strict=True)):
        raw = wire.data[begin : begin + count].tobytes()
        group = groups.get(raw)
        if group is None:
            group = groups[raw] = len(first)
            first.append(row)
        inverse[row] = group
    return inverse, np.array(first, np.int64)
