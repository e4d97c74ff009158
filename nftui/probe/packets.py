"""A block of captured packets: one arena of bytes and columns that say where each packet lies.

Capture files and kernel rings both hand out such blocks, so that everything behind them is written once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nftui.engine.frames.views import Link

SPARE = 256
"""Bytes that an arena has behind the end of its last packet, so that gathers never leave it."""


SUPPORTED = frozenset(value for name, value in vars(Link).items() if name.isupper() and value >= 0)
"""Link types that can be metered."""


@dataclass(slots=True)
class PacketBlock:
    """n packets in the order of capture.

    Attributes:
        data: arena; at least `SPARE` bytes lie behind the end of the last packet.
        offset: int64[n], start of each packet's link header (network header for `Link.NETWORK`).
        captured: bytes of each packet that lie in the arena, integers of any width.
        wire: bytes of each packet on the wire, at least `captured` in a sane capture.
        seconds: UTC seconds of capture.
        nanoseconds: 0 to 999 999 999 behind the seconds.
        link: link type, one of `Link`.
        interface: index of the interface, one for all or uint32[n]; 0 when unknown.
        ethertype: ethertype of each packet for `Link.NETWORK`, else None.
        vlan: VLAN id that the kernel took out of each frame (0: none), or None when frames are as on the wire.
    """

    data: NDArray[np.uint8]
    offset: NDArray[np.int64]
    captured: NDArray[np.integer]
    wire: NDArray[np.integer]
    seconds: NDArray[np.integer]
    nanoseconds: NDArray[np.integer]
    link: int
    interface: int | NDArray[np.uint32] = 0
    ethertype: NDArray[np.uint16] | None = None
    vlan: NDArray[np.uint16] | None = None

    def __len__(self) -> int:
        return len(self.offset)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> PacketBlock:
        """The packets at the given positions; the arena is shared."""
        return PacketBlock(
            self.data,
            self.offset[rows],
            self.captured[rows],
            self.wire[rows],
            self.seconds[rows],
            self.nanoseconds[rows],
            self.link,
            self.interface if isinstance(self.interface, int) else self.interface[rows],
            None if self.ethertype is None else self.ethertype[rows],
            None if self.vlan is None else self.vlan[rows],
        )

    def time_ns(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """UTC nanoseconds of some of the packets."""
        return self.seconds[rows].astype(np.int64) * 1_000_000_000 + self.nanoseconds[rows].astype(np.int64)
