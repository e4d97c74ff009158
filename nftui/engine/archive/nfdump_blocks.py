"""Blocks of nfdump's files: read one after the other, found again behind damage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from nftui.engine.archive.nfdump_layout import BLOCK_HEADER, LARGEST_BLOCK, in_order

_HEADER = BLOCK_HEADER.itemsize
_LARGEST_STORED = LARGEST_BLOCK + (LARGEST_BLOCK >> 4) + 1024
"""Compression may make a block a little larger."""
_WINDOW = 2 * _LARGEST_STORED


@dataclass(frozen=True, slots=True)
class Block:
    """A block as it is in the file.

    Attributes:
        offset: of its header in the file.
        records: as the header says.
        type: what it holds.
        flags: as the header says.
        payload: the bytes behind the header; fewer than the header says if the file ends before.
        cut: whether it does.
    """

    offset: int
    records: int
    type: int
    flags: int
    payload: bytes
    cut: bool = False


class BlockReader:
    """Reads the blocks of a part of a file.

    Args:
        file: open for reading.
        order: byte order, `<` or `>`.
        types: types that a block may have.
        report: told of damage, as offset and words.
    """

    def __init__(self, file: BinaryIO, order: str, types: frozenset[int], report: Callable[[int, str], None]) -> None:
        self._file = file
        self._layout = in_order(BLOCK_HEADER, order)
        self._types = types
        self._report = report
        self._size = os.fstat(file.fileno()).st_size

    def blocks(self, start: int, end: int) -> Iterator[Block]:
        """The blocks from one offset to another; those that cannot be read are reported.

        Args:
            start: offset of the first header.
            end: offset behind the last block.
        """
        at = start
        end = min(end, self._size)
        while at < end:
            header = self._header(at) if at + _HEADER <= end else None
            size = int(header["size"]) if header is not None else 0
            if header is None or at + _HEADER + size > end:
                again = self._search(at + 1, end)
                if header is not None and again == end:
                    yield self._block(at, header, end)
                    self._report(at, f"block cut off: {end - at - _HEADER} of {size} bytes are there")
                    return
                self._report(at, f"no block where one should begin; {again - at} bytes passed over")
                at = again
                continue
            yield self._block(at, header, end)
            at += _HEADER + size

    def _block(self, at: int, header: Any, end: int) -> Block:
        self._file.seek(at + _HEADER)
        payload = self._file.read(min(int(header["size"]), end - at - _HEADER))
        return Block(
            at, int(header["records"]), int(header["type"]), int(header["flags"]), payload,
            len(payload) < int(header["size"]),
        )  # fmt: skip

    def _header(self, at: int) -> Any:
        """The header at an offset, None if it cannot be one."""
        self._file.seek(at)
        raw = self._file.read(_HEADER)
        if len(raw) < _HEADER:
            return None
        header = np.frombuffer(raw, self._layout)[0]
        records, size, kind, flags = header.tolist()
        good = kind in self._types and 0 < size <= _LARGEST_STORED and flags < 4 and 0 < records <= LARGEST_BLOCK
        return header if good else None

    def _plausible(self, headers: Any) -> Any:
        """Which headers can be ones."""
        types = np.isin(headers["type"], list(self._types))
        sizes = (headers["size"] > 0) & (headers["size"] <= _LARGEST_STORED)
        return types & sizes & (headers["flags"] < 4) & (headers["records"] > 0) & (headers["records"] <= LARGEST_BLOCK)

    def _search(self, at: int, end: int) -> int:
        """Where the next block begins whose end is the end, or the beginning of a further one; `end` if nowhere."""
        while at < end:
            self._file.seek(at)
            data = np.frombuffer(self._file.read(_WINDOW), np.uint8)
            count = min(len(data), end - at) - _HEADER + 1
            if count <= 0:
                return end
            headers: Any = np.ndarray((count,), self._layout, data, strides=(1,))
            for place in np.flatnonzero(self._plausible(headers)).tolist():
                following = at + place + _HEADER + int(headers["size"][place])
                if following == end or (following < end and self._header(following) is not None):
                    return int(at + place)
            at += count
        return end
