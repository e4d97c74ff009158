"""Flows for tests of the watch, from short descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from nftui.engine.batch import FlowBatch
from nftui.text import parse_address

NOW_MS = 1_790_000_000_000


def _halves(addresses: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    values = [parse_address(address) for address in addresses]
    pairs = [divmod(value, 1 << 64) for value in values]
    return tuple(np.array(half, np.uint64).view(np.int64) for half in zip(*pairs, strict=True))


def made(*rows: Mapping[str, object], now_ms: int = NOW_MS) -> FlowBatch:
    """A batch with a row per description; what is missing is an ordinary TCP flow of 10 packets."""
    usual = {
        "src": "192.0.2.1", "dst": "198.51.100.1", "src_port": 40000, "dst_port": 443, "proto": 6, "flags": 0x1B,
        "packets": 10, "bytes": 5000, "start": now_ms, "rate": 1,
    }  # fmt: skip
    filled = [usual | dict(row) for row in rows]
    src_hi, src_lo = _halves(row["src"] for row in filled)
    dst_hi, dst_lo = _halves(row["dst"] for row in filled)

    def column(name: str, kind: str) -> np.ndarray:
        return np.array([row[name] for row in filled], kind)

    return FlowBatch(
        len(filled),
        {
            "src_addr_hi": src_hi, "src_addr_lo": src_lo, "dst_addr_hi": dst_hi, "dst_addr_lo": dst_lo,
            "src_port": column("src_port", "u2"), "dst_port": column("dst_port", "u2"), "proto": column("proto", "u1"),
            "tcp_flags": column("flags", "u2"), "packets": column("packets", "i8"), "bytes": column("bytes", "i8"),
            "flows": np.ones(len(filled), np.int64), "sampling_rate": column("rate", "u4"),
            "time_flow_start_ms": column("start", "i8"), "time_flow_end_ms": column("start", "i8"),
        },
    )  # fmt: skip
