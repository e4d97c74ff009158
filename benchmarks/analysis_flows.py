"""Made-up flows of six hours in 72 slots for benchmarks/analysis.py, or of more: the same for every run and every tool.

About 190 000 addresses of very unequal weight, one in ten IPv6; 60 % TCP, 34 % UDP, 6 % ICMP; three exporters;
sizes from a heavy-tailed distribution; five flows of six have a 5-tuple of their own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch
from nftui.engine.schema import FIELDS
from nftui.text import V4_PREFIX

SLOTS = 72
SLOT_MS = 300_000
START_MS = 1_763_596_800_000
"""2025-11-20T00:00:00Z."""
EXPORTERS = 3
BUSY = V4_PREFIX | 0x0A010203
"""10.1.2.3: some flows in every slot, 120 per million."""
RARE = V4_PREFIX | 0xC6336407
"""198.51.100.7: 25 flows in one slot."""
_RARE_FLOWS = 25
_V6_HIGH = 0x20010DB800000000
_HOSTS = 200_000
_SKEW = 1.05


def _addresses(rng: np.random.Generator, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Halves of addresses; host k has a weight of about k to the power of -_SKEW."""
    edge = _HOSTS ** (1 - _SKEW) - 1
    host = ((1 + rng.random(count) * edge) ** (1 / (1 - _SKEW))).astype(np.int64)
    scattered = host * 2_654_435_761 % (1 << 24)
    is_v6 = host % 10 == 7
    high = np.where(is_v6, _V6_HIGH | (scattered >> 12), 0)
    low = np.where(is_v6, scattered * 0x9E3779B1, V4_PREFIX | 0x0A000000 | scattered)
    return high.astype(np.int64), np.where(host == 1200, BUSY, low)


def slot_sizes(flows: int, slots: int = SLOTS) -> NDArray[np.int64]:
    """Flows of each slot: a slow wave, `flows` together."""
    weight = 1 + 0.22 * np.sin(np.arange(slots) / SLOTS * 2 * np.pi)
    sizes = np.floor(weight / weight.sum() * flows).astype(np.int64)
    sizes[0] += flows - sizes.sum()
    return sizes


def slot_flows(slot: int, count: int, slots: int = SLOTS) -> FlowBatch:
    """Flows received in a slot, in order of reception."""
    rng = np.random.default_rng([slot, count])
    fresh = count * 5 // 6
    received = np.sort(START_MS + slot * SLOT_MS + rng.integers(0, SLOT_MS - 2000, count))
    end = received - rng.integers(0, 3000, count)
    duration = np.minimum((rng.lognormal(6.5, 2.2, count)).astype(np.int64), 280_000)
    high, low = np.empty((2, count), np.int64), np.empty((2, count), np.int64)
    for side in (0, 1):
        high[side], low[side] = _addresses(rng, count)
    pick = rng.random(count)
    proto = np.where(pick < 0.60, 6, np.where(pick < 0.94, 17, np.where(high[0] != 0, 58, 1)))
    services = np.array([443, 443, 443, 443, 80, 80, 53, 53, 22, 25, 123, 993, 3389, 8080, 8443])
    service = np.where(rng.random(count) < 0.8, rng.choice(services, count), rng.integers(1, 65536, count))
    client = rng.integers(1024, 65536, count)
    reply = rng.random(count) < 0.45
    source_port, target_port = np.where(reply, service, client), np.where(reply, client, service)
    icmp = (proto == 1) | (proto == 58)
    source_port[icmp], target_port[icmp] = 0, rng.choice(np.array([0, 2048, 769]), int(icmp.sum()))
    again = np.arange(fresh, count) % max(fresh, 1)
    for column in (*high, *low, proto, source_port, target_port):
        column[fresh:] = column[again]
    if slot == slots // 2:
        where = rng.choice(count, min(_RARE_FLOWS, count), replace=False)
        high[0][where], low[0][where] = 0, RARE
    packets = (rng.pareto(1.2, count) * 3 + 1).astype(np.int64) % 1_000_000 + 1
    size = np.clip(rng.lognormal(5.6, 0.9, count), 40, 1500).astype(np.int64)
    exporter = rng.integers(0, EXPORTERS, count)
    values = {
        "time_received_ms": received, "time_flow_start_ms": end - duration, "time_flow_end_ms": end,
        "sampler_address_hi": np.zeros(count), "sampler_address_lo": V4_PREFIX | 0x7F000101 + exporter,
        "observation_domain_id": exporter + 1, "flow_source": np.full(count, 9),
        "src_addr_hi": high[0], "src_addr_lo": low[0], "dst_addr_hi": high[1], "dst_addr_lo": low[1],
        "src_port": source_port, "dst_port": target_port, "proto": proto,
        "tcp_flags": np.where(proto == 6, rng.choice(np.array([0x1B, 0x1B, 0x1B, 0x02, 0x12, 0x14, 0x18]), count), 0),
        "ip_tos": rng.choice(np.array([0, 0, 0, 0, 8, 184]), count),
        "bytes": packets * size, "packets": packets, "flows": np.ones(count),
        "in_if": rng.integers(1, 25, count), "out_if": rng.integers(1, 25, count),
        "src_as": 64496 + low[0] % 400, "dst_as": 64496 + low[1] % 400,
        "src_mask": 16 + low[0] % 9, "dst_mask": 16 + low[1] % 9, "quality": np.zeros(count),
    }  # fmt: skip
    columns = {}
    for name, column in values.items():
        field = name.removesuffix("_hi").removesuffix("_lo")
        columns[name] = column.astype(FIELDS[field].dtype)
    return FlowBatch(count, columns)
