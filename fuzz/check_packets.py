"""What must hold for packets of any content."""

from __future__ import annotations

import struct

import numpy as np
from check_exports import datagrams_of
from promises import BrokenPromise

from nftui.probe.flow_table import Flows
from nftui.probe.meter import Meter, MeterConfig
from nftui.probe.packets import SPARE, SUPPORTED, PacketBlock
from nftui.probe.parse import Level

_LINKS = sorted(SUPPORTED)
_CONFIGS = (
    MeterConfig(max_flows=500, gre=True, vxlan=True),
    MeterConfig(level=Level.ETHER),
    MeterConfig(level=Level.IP, join_fragments=False, ipv6=False),
)


def frames(data: bytes) -> int:
    """A byte that chooses link type and settings, then frames with their lengths in front; gives metered packets."""
    choice = data[0] if data else 0
    parts = datagrams_of(data[1:], b"")
    kept = np.array([len(part) for part in parts], np.int64)
    block = PacketBlock(
        np.frombuffer(b"".join(parts) + b"\xff" * SPARE, np.uint8), np.cumsum(kept) - kept, kept, kept.copy(),
        np.full(len(parts), 1_700_000_000, np.int64), np.arange(len(parts), dtype=np.int64),
        _LINKS[choice % len(_LINKS)],
    )  # fmt: skip
    ended: list[Flows] = []
    meter = Meter(_CONFIGS[choice // len(_LINKS) % len(_CONFIGS)], ended.append, live=False, started_ms=0)
    if parts:
        meter.add(block)
    meter.finish()
    seen = meter.statistics(0)
    metered = sum(int(flows["packets"].sum()) for flows in ended)
    if metered + seen.too_short != seen.packets or seen.packets + seen.non_ip + seen.non_sampled != len(parts):
        raise BrokenPromise("packets are not what was counted")
    return metered


def packed_frames(frames_of: list[bytes], link: int, config: int = 0) -> bytes:
    """An input made of frames."""
    return bytes([config * len(_LINKS) + _LINKS.index(link)]) + b"".join(
        struct.pack(">H", len(frame)) + frame for frame in frames_of
    )
