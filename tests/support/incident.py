"""An hour of a made-up company's traffic with an incident in it: what the walk-throughs look at.

10:12  203.0.113.199 tries port 22 on every host of 10.10.0.0/22
10:15  it logs in to 10.10.1.9, a long session
10:20  from then on 10.10.1.9 calls 198.51.100.77 port 443 every minute
10:41  10.10.1.9 sends 2.4 GB to 198.51.100.77 within four minutes
10:50  a SYN flood against 10.10.2.80 port 443, for three minutes
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nftui.demo.traffic import Traffic
from nftui.engine.batch import FlowBatch, concat
from nftui.engine.store.writer import StoreWriter
from nftui.text import parse_address

TEN_MS = 1_763_632_800_000
"""2025-11-20T10:00:00Z."""
MINUTE_MS = 60_000
SCANNER, VICTIM, PARTNER, FLOODED = "203.0.113.199", "10.10.1.9", "198.51.100.77", "10.10.2.80"
SENT_BYTES = 2_400_000_000
_EXPORTER = "192.0.2.1"


def incident_store(root: Path, rate: int = 60) -> Path:
    """The hour as a store.

    Args:
        root: where; must not exist.
        rate: ordinary flows per second.
    """
    chance = np.random.default_rng(4)
    pattern = _minute(rate)
    special = _incident()
    writer = StoreWriter(root)
    writer.open()
    for minute in range(60):
        start, end = TEN_MS + minute * MINUTE_MS, TEN_MS + (minute + 1) * MINUTE_MS
        writer.append(_varied(pattern, start, chance))
        for batch in special:
            if start <= int(batch.columns["time_received_ms"][0]) < end:
                writer.append(batch)
    writer.close()
    return root


def _minute(rate: int) -> FlowBatch:
    """What is sent in a minute, with the time of reception counted from its start."""
    traffic = Traffic(rate, 3, TEN_MS)
    batches = []
    while traffic.now_ms < TEN_MS + MINUTE_MS:
        batches += [batch for batch in traffic.step().values() if len(batch)]
    whole = concat(batches)
    whole.columns["flows"] = np.ones(len(whole), np.int64)
    return whole


def _varied(pattern: FlowBatch, start_ms: int, chance: np.random.Generator) -> FlowBatch:
    """The minute again, at another time, with other flows missing and each of them somewhere else in it."""
    batch = pattern.take(chance.random(len(pattern)) < chance.uniform(0.5, 1.0))
    received = np.sort(start_ms + chance.integers(0, MINUTE_MS, len(batch)))
    lasted = np.clip(batch.columns["time_flow_end_ms"] - batch.columns["time_flow_start_ms"], 0, MINUTE_MS)
    batch.columns["time_received_ms"] = received
    batch.columns["time_flow_end_ms"] = received - 200
    batch.columns["time_flow_start_ms"] = received - 200 - lasted
    return batch


def _incident() -> list[FlowBatch]:
    chance = np.random.default_rng(5)
    batches = []
    inside = parse_address("10.10.0.0")
    for second in range(60):
        targets = inside + 17 * second + np.arange(17)
        at = TEN_MS + 12 * MINUTE_MS + second * 1000
        batches.append(_flows(at, 17, SCANNER, targets, 40_000 + second, 22, flags=2, packets=1, size=60))
    at = TEN_MS + 15 * MINUTE_MS
    batches += [
        _flows(at + part * MINUTE_MS, 1, SCANNER, VICTIM, 51_515, 22, packets=900, size=120) for part in range(5)
    ]
    for call in range(39):
        at = TEN_MS + (20 + call) * MINUTE_MS + int(chance.integers(0, 300))
        batches.append(_flows(at, 1, VICTIM, PARTNER, 52_000 + call, 443, packets=9, size=140))
    parts = 48
    for part in range(parts):
        at = TEN_MS + 41 * MINUTE_MS + part * 5000
        batches.append(_flows(at, 1, VICTIM, PARTNER, 53_000, 443, packets=SENT_BYTES // parts // 1250, size=1250))
    sources = parse_address("198.18.0.0")
    for second in range(180):
        at = TEN_MS + 50 * MINUTE_MS + second * 1000
        count = 700
        flood = _flows(at, count, sources + chance.integers(0, 60_000, count), FLOODED, 1024, 443, flags=2, packets=1,
                       size=40, ttl=113)  # fmt: skip
        flood.columns["src_port"] = chance.integers(1024, 65_535, count).astype(np.uint16)
        batches.append(flood)
    return batches


def _flows(
    at_ms: int, count: int, src: object, dst: object, src_port: int, dst_port: int, flags: int = 0x1B,
    packets: int = 10, size: int = 500, ttl: int = 57,
) -> FlowBatch:  # fmt: skip
    halves = {}
    for name, address in (("src_addr", src), ("dst_addr", dst), ("sampler_address", _EXPORTER)):
        value = parse_address(address) if isinstance(address, str) else address
        low = np.broadcast_to(np.asarray(value), count).astype(np.int64)
        halves |= {f"{name}_hi": np.zeros(count, np.int64), f"{name}_lo": low}
    numbers = {
        "time_received_ms": (at_ms, "i8"), "time_flow_start_ms": (at_ms - 800, "i8"),
        "time_flow_end_ms": (at_ms - 300, "i8"), "flow_source": (9, "u1"), "src_port": (src_port, "u2"),
        "dst_port": (dst_port, "u2"), "proto": (6, "u1"), "tcp_flags": (flags, "u2"), "packets": (packets, "i8"),
        "bytes": (packets * size, "i8"), "flows": (1, "i8"), "in_if": (3, "u4"), "out_if": (1, "u4"),
        "min_ttl": (ttl, "u1"), "quality": (0, "u2"),
    }  # fmt: skip
    return FlowBatch(count, halves | {name: np.full(count, value, kind) for name, (value, kind) in numbers.items()})
