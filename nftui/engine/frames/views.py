"""Packets in one arena of bytes: integers at any position, and what a packet begins with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]


class Link:
    """Link types of capture files, https://www.tcpdump.org/linktypes.html."""

    NULL = 0
    ETHERNET = 1
    PPP = 9
    RAW_BSD = 12
    RAW_OPENBSD = 14
    RAW = 101
    LOOP = 108
    LINUX_SLL = 113
    IPV4 = 228
    IPV6 = 229
    LINUX_SLL2 = 276
    NETWORK = -1
    """Packets start at their network header and `PacketBlock.ethertype` says which: AF_PACKET's cooked sockets."""


def load(data: NDArray[np.uint8], dtype: str) -> NDArray[Any]:
    """The arena seen as values of `dtype` that start at every byte: element i lies at bytes i, i+1, ..."""
    size = np.dtype(dtype).itemsize
    return np.ndarray((len(data) - size + 1,), dtype, data, strides=(1,))


class Views:
    """One arena as integers of each width at every byte position, network byte order."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self.u1 = data
        self.u2: NDArray[np.uint16] = load(data, ">u2")
        self.u4: NDArray[np.uint32] = load(data, ">u4")
        self.u8: NDArray[np.uint64] = load(data, ">u8")

    def byte(self, at: Ints) -> Ints:
        """One byte at each position."""
        return self.u1[at].astype(np.int64)

    def short(self, at: Ints) -> Ints:
        """Two bytes at each position."""
        return self.u2[at].astype(np.int64)

    def word(self, at: Ints) -> Ints:
        """Four bytes at each position."""
        return self.u4[at].astype(np.int64)
