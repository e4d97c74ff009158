"""Flows with known values for tests of the store; `flow_id` tells them apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from nftui.engine.batch import FlowBatch
from nftui.engine.store.catalog import Catalog

V4 = 0xFFFF00000000
NOON_MS = 1_795_262_400_000  # 2026-11-21T12:00:00Z


def sample_flows(first: int, count: int, received_ms: int = NOON_MS) -> FlowBatch:
    """Flows numbered from `first`: bytes = 100 * (id % 7 + 1), packets = id % 7 + 1, TCP, UDP and ICMP in turn."""
    number = np.arange(first, first + count, dtype=np.int64)
    received = np.full(count, received_ms, np.int64)
    packets = number % 7 + 1
    columns = {
        "time_received_ms": received,
        "time_flow_start_ms": received - 3000,
        "time_flow_end_ms": received - 1000,
        "sampler_address_hi": np.zeros(count, np.int64),
        "sampler_address_lo": np.full(count, V4 | 0xC0000201, np.int64),
        "flow_source": np.full(count, 9, np.uint8),
        "src_addr_hi": np.zeros(count, np.int64),
        "src_addr_lo": V4 | (0x0A000000 + number * 7919 % 5000),
        "dst_addr_hi": np.zeros(count, np.int64),
        "dst_addr_lo": V4 | (0xC6336400 + number % 200),
        "proto": np.array([6, 17, 1], np.uint8)[number % 3],
        "packets": packets,
        "bytes": packets * 100,
        "flows": np.ones(count, np.int64),
        "quality": np.zeros(count, np.uint16),
        "flow_id": number,
    }
    return FlowBatch(count, columns)  # type: ignore[arg-type]


def stored_ids(root: Path) -> list[int]:
    """Numbers of all flows of a store, sealed and live, sorted; one that is there twice is listed twice."""
    ids: list[int] = []
    with Catalog(root).snapshot() as snapshot:
        for file in snapshot.sealed:
            ids += pq.read_table(file.path, columns=["flow_id"]).column(0).to_pylist()
        for reader in snapshot.live:
            ids += reader.table(["flow_id"]).column(0).to_pylist()
    return sorted(ids)
