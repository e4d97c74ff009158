"""Datagrams as they come from a socket or a file: one arena of bytes and where each datagram lies in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui import text

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

SPARE_BYTES = 256
"""Bytes behind the last datagram that may be read (never used), so that no gather needs a bounds check of its own."""


@dataclass(slots=True)
class DatagramBlock:
    """n datagrams in the order of arrival.

    Attributes:
        data: arena; at least `SPARE_BYTES` bytes follow the last used one.
        offset: int64[n], start of each datagram in `data`.
        length: int64[n], bytes of each datagram, 0 or more.
        session: int64[n], index of each datagram's transport session, from `Decoder.session`.
        received_ms: int64[n], UTC milliseconds of arrival.
    """

    data: Bytes
    offset: Ints
    length: Ints
    session: Ints
    received_ms: Ints

    def __len__(self) -> int:
        return len(self.offset)


@dataclass(frozen=True, slots=True)
class Session:
    """One exporter process: the address and UDP port that datagrams come from (RFC 7011 section 8.4).

    Attributes:
        index: number of the session in `DatagramBlock.session`.
        address: 128 bits, IPv4 mapped.
        port: UDP port.
    """

    index: int
    address: int
    port: int

    @property
    def label(self) -> str:
        """The address as text."""
        return text.address(self.address)


def block_of(payloads: Sequence[bytes], sessions: Sequence[int], received_ms: int | Sequence[int]) -> DatagramBlock:
    """Block of the given payloads, for files and tests; `received_ms` is one time for all or one for each."""
    length = np.array([len(payload) for payload in payloads], np.int64)
    offset = np.zeros(len(payloads), np.int64)
    np.cumsum(length[:-1], out=offset[1:])
    data = np.frombuffer(b"".join(payloads) + bytes(SPARE_BYTES), np.uint8)
    received = np.empty(len(payloads), np.int64)
    received[:] = received_ms
    return DatagramBlock(data, offset, length, np.array(sessions, np.int64), received)


class Wire:
    """Big-endian reads at any position of an arena.

    An overlapping view (one element per byte, stride 1) turns many unaligned reads into one gather:
    `wire.u4[positions]` reads a 32-bit number at each position.

    Args:
        data: arena with `SPARE_BYTES` behind the last position that is read.
    """

    __slots__ = ("data", "u1", "u2", "u4", "u8")

    def __init__(self, data: Bytes) -> None:
        self.data = data
        self.u1 = data
        self.u2 = self._view(">u2", 2)
        self.u4 = self._view(">u4", 4)
        self.u8 = self._view(">u8", 8)

    def _view(self, dtype: str, width: int) -> NDArray[Any]:
        return np.ndarray((max(0, len(self.data) - width + 1),), dtype, self.data, strides=(1,))

    def images(self, positions: Ints, size: int) -> NDArray[np.void]:
        """Copies of `size` bytes at each position, as raw items of that size."""
        image: NDArray[np.void] = self._view(f"V{size}", size)[positions]
        return image


def spans(counts: Ints) -> Ints:
    """`0 1 .. counts[0]-1  0 1 .. counts[1]-1  ...`: the place of each row within its own span."""
    total = int(counts.sum())
    return np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)


def positions(starts: Ints, counts: Ints, size: int) -> Ints:
    """Position of each of `counts[i]` records of one size that begin at `starts[i]`."""
    before = np.cumsum(counts) - counts
    out = np.repeat(starts - before * size, counts)
    out += np.arange(0, len(out) * size, size)
    return out


def distinct(values: Ints) -> tuple[Ints, Ints]:
    """Different values in order, and for each row the place of its value: `np.unique`, short if there is one value."""
    if len(values) and (values == values[0]).all():
        return values[:1], np.zeros(len(values), np.int64)
    found, inverse = np.unique(values, return_inverse=True)
    return found, inverse
