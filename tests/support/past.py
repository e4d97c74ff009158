"""Random flows over three hours, and what a view of them must show, computed flow by flow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from store_samples import NOON_MS, V4, sample_flows

from nftui import text
from nftui.engine.batch import FlowBatch
from nftui.engine.history.values import TimeRange

HOUR = 3_600_000
Row = dict[str, Any]
_FIELDS = ("src_addr", "dst_addr", "src_port", "dst_port", "proto", "src_as", "dst_as", "in_if", "out_if",
           "sampler_address", "sampling_rate", "bytes", "packets", "flows", "out_bytes", "out_packets", "tcp_flags",
           "time_flow_start_ms", "time_flow_end_ms", "time_received_ms")  # fmt: skip
_ENDS: dict[str, tuple[tuple[tuple[str, ...], ...], int]] = {
    "host": ((("src_addr",), ("dst_addr",)), 1),
    "pair": ((("src_addr", "dst_addr"),), 0),
    "flow": ((("proto", "src_addr", "src_port", "dst_addr", "dst_port"),), 0),
    "port": ((("src_port", "proto"), ("dst_port", "proto")), 1),
    "proto": ((("proto",),), 0),
    "as": ((("src_as",), ("dst_as",)), 1),
    "interface": ((("sampler_address", "out_if"), ("sampler_address", "in_if")), 2),
    "exporter": ((("sampler_address",),), 0),
    "by:ip": ((("src_addr",), ("dst_addr",)), 0),
    "by:flags": ((("tcp_flags",),), 0),
    "by:srcport:p": ((("src_port", "proto"),), 0),
}
"""Fields of the keys of each view, and how many of the first ones must be there."""
VIEWS = tuple(_ENDS)


def past_flows(seed: int, count: int, opposite: bool = False) -> FlowBatch:
    """Flows whose keys repeat, are equal at both ends or missing; some are sampled, some long, some without duration.

    Args:
        seed: of the random numbers.
        count: how many.
        opposite: some have counters of the opposite direction.
    """
    rng = np.random.default_rng(seed)
    received = NOON_MS + rng.integers(0, 3 * HOUR, count)
    flows = sample_flows(0, count)
    columns = flows.columns
    columns["time_received_ms"] = received
    columns["time_flow_end_ms"] = received - rng.integers(-1000, 60_000, count)
    lengths = rng.integers(0, 2, count) * rng.choice([1, 900, 60_000, 2 * HOUR], count)
    columns["time_flow_start_ms"] = columns["time_flow_end_ms"] - lengths
    for side in ("src", "dst"):
        columns[f"{side}_addr_hi"] = rng.integers(0, 2, count) * -5
        columns[f"{side}_addr_lo"] = V4 | rng.integers(0, 4, count)
        columns[f"{side}_port"] = rng.integers(0, 3, count).astype(np.uint16)
        columns[f"{side}_as"] = rng.integers(0, 3, count).astype(np.uint32) * 2**31
        for name in ("addr", "port", "as"):
            flows.valid[f"{side}_{name}"] = rng.random(count) < 0.8
    for name in ("in_if", "out_if"):
        columns[name] = rng.integers(0, 3, count).astype(np.uint32)
        flows.valid[name] = rng.random(count) < 0.8
    columns["sampler_address_lo"] = V4 | rng.integers(0, 2, count)
    columns["sampling_rate"] = rng.choice(np.array([0, 1, 100], np.uint32), count)
    columns["tcp_flags"] = rng.integers(0, 3, count).astype(np.uint16)
    columns["bytes"] = rng.integers(0, 2**39, count)
    columns["flows"] = rng.integers(1, 3, count)
    if opposite:
        columns["out_bytes"] = rng.integers(0, 2**30, count)
        columns["out_packets"] = rng.integers(0, 5, count)
        flows.valid["out_bytes"] = rng.random(count) < 0.5
    for name in ("sampling_rate", "bytes", "packets", "proto"):
        flows.valid[name] = rng.random(count) < 0.8
    return flows


def rows_of(flows: FlowBatch) -> list[Row]:
    """Each flow as a dictionary without the fields that it lacks."""
    rows = []
    for place in range(len(flows)):
        values = {name: flows.value(name, place) for name in _FIELDS if flows.has(name)}
        rows.append({name: value for name, value in values.items() if value is not None})
    return rows


def overlapping(rows: Iterable[Row], within: TimeRange) -> list[Row]:
    """The flows that count in a range."""
    return [
        row for row in rows
        if row["time_flow_end_ms"] >= within.start_ms and row["time_flow_start_ms"] < within.end_ms
    ]  # fmt: skip


def passed(row: Row, amount: int, within: TimeRange) -> int:
    """What of a counter lies in a range."""
    start, end = row["time_flow_start_ms"], max(row["time_flow_start_ms"], row["time_flow_end_ms"])

    def until(moment: int) -> int:
        if moment <= start:
            return 0
        return amount if moment >= end else amount * (moment - start) // (end - start)

    return until(within.end_ms) - until(within.start_ms)


@dataclass(slots=True)
class Group:
    """Sums by the names of columns: rates are those of what lies in the range, in the units of a second."""

    sums: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    seen: int = 0


def expected(view: str, rows: Sequence[Row], within: TimeRange, scaled: bool) -> dict[tuple[str, ...], Group]:
    """Every group of a view by the texts of its key; `rows` overlap the range."""
    ends, required = _ENDS[view]
    directed = required > 0
    groups: dict[tuple[str, ...], Group] = defaultdict(Group)
    for row in rows:
        rate = max(1, row.get("sampling_rate", 1)) if scaled else 1
        forward, backward = row.get("bytes", 0) * rate, row.get("out_bytes", 0) * rate
        packets = (row.get("packets", 0) + row.get("out_packets", 0)) * rate
        inside = [passed(row, amount, within) for amount in (forward, backward, packets)]
        seen: list[tuple[str, ...]] = []
        for place, names in enumerate(ends):
            if any(name not in row for name in names[:required]):
                continue
            key = tuple(write(name, row) for name in names)
            sums = groups[key].sums
            groups[key].seen = max(groups[key].seen, row["time_flow_start_ms"], row["time_flow_end_ms"])
            if directed:
                sums["tx_bytes"] += backward if place else forward
                sums["rx_bytes"] += forward if place else backward
                sums["tx"] += 8 * inside[1 if place else 0]
                sums["rx"] += 8 * inside[0 if place else 1]
            if key in seen:
                continue
            seen.append(key)
            for name, amount in (("bytes", forward + backward), ("packets", packets), ("flows", row["flows"]),
                                 ("rate", 8 * (inside[0] + inside[1])), ("packet_rate", inside[2])):  # fmt: skip
                sums[name] += amount
    return dict(groups)


def write(name: str, row: Row) -> str:
    """A field as it stands in a table."""
    if name not in row:
        return "-"
    if name == "proto":
        return text.protocol(row[name])
    if name == "tcp_flags":
        return text.tcp_flags(row[name])
    return text.address(row[name]) if "addr" in name else str(row[name])
