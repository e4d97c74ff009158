"""The two record layouts of capture files, as `record_index` wants to see them.

pcap: draft-ietf-opsawg-pcap, section 5. pcapng: draft-ietf-opsawg-pcapng, sections 3 and 4.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from nftui.engine.frames.views import load
from nftui.probe.record_index import Mask, Positions

MAX_PACKET = 262_144
"""Longest packet taken from a file, libpcap's bound; a longer one means that the file is damaged."""
MAX_BLOCK = 1 << 24
"""Longest pcapng block."""

_MONTH = 86_400 * 30


class PcapRecords:
    """Records of a classic pcap file: seconds, fraction, captured length, wire length, data."""

    header = 16

    def __init__(self, data: NDArray[np.uint8], order: str, snaplen: int, fraction_limit: int, first: int) -> None:
        self._words = load(data, order + "u4")
        self._captured = struct.Struct(order + "I").unpack_from
        self._bytes = memoryview(data.data)
        self._snaplen = min(snaplen or MAX_PACKET, MAX_PACKET)
        self._fraction_limit = fraction_limit
        self._near = int(self._words[first])

    def following(self, positions: Positions) -> Positions:
        """Behind header and captured bytes."""
        return np.asarray(self._words[positions + 8] + (positions + 16))

    def step(self, position: int) -> int:
        """Header and captured bytes."""
        return int(self._captured(self._bytes, position + 8)[0]) + 16

    def plausible(self, positions: Positions, end: int) -> Mask:
        """Whether times and lengths look like those of a packet of this file."""
        del end
        seconds = self._words[positions].astype(np.int64)
        fraction = self._words[positions + 4]
        captured = self._words[positions + 8]
        wire = self._words[positions + 12]
        good = (np.abs(seconds - self._near) < _MONTH) & (fraction < self._fraction_limit) & (captured >= 14)
        return np.asarray(good & (captured <= self._snaplen) & (wire >= captured) & (wire <= MAX_PACKET), np.bool_)


class PcapngBlocks:
    """Blocks of a pcapng section: type, total length, body, total length again."""

    header = 12

    def __init__(self, data: NDArray[np.uint8], order: str) -> None:
        self._words = load(data, order + "u4")
        self._length = struct.Struct(order + "I").unpack_from
        self._bytes = memoryview(data.data)

    def following(self, positions: Positions) -> Positions:
        """Behind the block, at least its header: a shorter one is found to be damage by the reader."""
        return np.asarray(np.maximum(self._words[positions + 4], 12) + positions)

    def step(self, position: int) -> int:
        """Total length, at least a header's."""
        return max(12, int(self._length(self._bytes, position + 4)[0]))

    def plausible(self, positions: Positions, end: int) -> Mask:
        """Whether a known block type is there and both of its lengths agree."""
        kind = self._words[positions]
        length = self._words[positions + 4].astype(np.int64)
        good = (kind >= 1) & (kind <= 10) & (length >= 12) & (length % 4 == 0) & (length <= MAX_BLOCK)
        tail = positions + length - 4
        whole = good & (tail + 4 <= end)
        agree = self._words[np.where(whole, tail, positions)] == length
        return np.asarray(good & (~whole | agree), np.bool_)
