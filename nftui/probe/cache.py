"""The flow cache as plain values, for the screen and for `dump-flows`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nftui.probe.flow_table import Flows, is_v6, protocol_of
from nftui.probe.timeouts import Reason
from nftui.text import V4_PREFIX

_U = np.uint64


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A flow in progress; pairs are for the lower and the upper address, and the way from one to the other.

    Attributes:
        sequence: number of the flow since the start.
        address: 128-bit addresses, IPv4 mapped.
        port: ports; for ICMP 0 and type * 256 + code.
        proto: IP protocol.
        octets, packets, flags, label: each way; flags are TCP control bits, label is the IPv6 flow label.
        start_ms, last_ms: UTC milliseconds of the first and the last packet.
        expires: UTC seconds when it will end if nothing comes, 0 for at once.
        vlan: VLAN id, 0 when not tracked.
        mac: Ethernet addresses, 0 when not tracked.
        process: name of the local process that owns it, empty when unknown or not asked for.
        reason: why it will end when its time is over.
    """

    sequence: int
    address: tuple[int, int]
    port: tuple[int, int]
    proto: int
    octets: tuple[int, int]
    packets: tuple[int, int]
    flags: tuple[int, int]
    label: tuple[int, int]
    start_ms: int
    last_ms: int
    expires: int
    vlan: int = 0
    mac: tuple[int, int] = (0, 0)
    process: str = ""
    reason: Reason = Reason.GENERAL

    def age_seconds(self, now_ms: int) -> float:
        """Since the first packet."""
        return max(0.0, (now_ms - self.start_ms) / 1000)

    def idle_seconds(self, now_ms: int) -> float:
        """Since the last packet."""
        return max(0.0, (now_ms - self.last_ms) / 1000)


@dataclass(frozen=True, slots=True)
class CacheSnapshot:
    """The flow cache at one moment.

    Attributes:
        now_ms: UTC milliseconds.
        total: flows in the cache.
        entries: the flows that expire next, at most as many as were asked for.
    """

    now_ms: int
    total: int
    entries: tuple[CacheEntry, ...]


def cache_entries(flows: Flows) -> tuple[CacheEntry, ...]:
    """Flows as plain values."""
    v6, proto, words = is_v6(flows).tolist(), protocol_of(flows).tolist(), flows["words"].tolist()
    columns = [flows[name].tolist() for name in ("octets", "packets", "flags", "label")]
    starts, lasts = (flows["start_ns"] // 1_000_000).tolist(), (flows["last_ns"] // 1_000_000).tolist()
    entries = []
    for row, (word, octets, packets, flags, label) in enumerate(zip(words, *columns, strict=True)):
        if v6[row]:
            pair = (word[0] << 64 | word[1], word[2] << 64 | word[3])
        else:
            raw = word[1].to_bytes(8, "little")
            pair = (V4_PREFIX | int.from_bytes(raw[:4], "big"), V4_PREFIX | int.from_bytes(raw[4:], "big"))
        ports = (word[4] & 0xFFFFFFFF).to_bytes(4, "little")
        entries.append(
            CacheEntry(
                int(flows["sequence"][row]),
                pair,
                (int.from_bytes(ports[:2], "big"), int.from_bytes(ports[2:], "big")),
                proto[row],
                tuple(octets),
                tuple(packets),
                tuple(flags),
                tuple(label),
                starts[row],
                lasts[row],
                int(flows["expires"][row]),
                word[5] & 0xFFF,
                (word[5] >> 16, word[6] >> 16),
                reason=Reason(int(flows["reason"][row])),
            )
        )
    return tuple(entries)
