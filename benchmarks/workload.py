"""Made-up flows and their datagrams, encoded before the clock starts."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch, TextColumn
from nftui.engine.encode.datagrams import Datagrams
from nftui.engine.encode.ipfix import IpfixEncoder
from nftui.engine.encode.netflow5 import NetFlow5Encoder
from nftui.engine.encode.netflow9 import NetFlow9Encoder
from nftui.engine.encode.sflow import SflowEncoder
from nftui.engine.schema import FIELDS
from nftui.text import V4_PREFIX

KINDS = ("v5", "v9", "ipfix", "ipfix-varlen", "exporters1000", "one-record", "sflow")
"""`exporters1000` is v9 from a thousand addresses, `one-record` v9 with one IPv4 flow in each datagram."""
EXPORTERS = {"exporters1000": 1000}
"""Addresses that a kind is sent from, where it is not what the caller says."""
_ONE_RECORD_BYTES = 112
"""Payload that holds the template, or one record of IPv4 and not two."""
_UPTIME_MS = 86_400_000
_REFRESH_DATAGRAMS = 512
_SIZES = {"bytes": 4, "packets": 4, "in_if": 2, "out_if": 2, "tcp_flags": 1}
"""Sizes that routers use in NetFlow v9."""


def make_flows(count: int, seed: int, ipv6: bool, names: bool) -> FlowBatch:
    """Flows of 19 fields; addresses, ports and sizes as spread as real traffic, one eighth of them IPv6."""
    rng = np.random.default_rng(seed)
    batch = FlowBatch(count)
    is_v6 = (rng.random(count) < 0.125) if ipv6 else np.zeros(count, np.bool_)
    for name in ("src_addr", "dst_addr", "next_hop"):
        spread = 1 << (16 if name != "next_hop" else 2)
        host = (rng.pareto(0.8, count) * 40).astype(np.int64) % spread
        batch.columns[name + "_hi"] = np.where(is_v6, 0x20010DB800000000, 0)
        batch.columns[name + "_lo"] = np.where(is_v6, host + 1, V4_PREFIX | 0x0A000000 | host)
    end = time.time_ns() // 1_000_000 - rng.integers(0, 2_000, count)
    packets = (rng.pareto(1.1, count) * 3 + 1).astype(np.int64) % 1_000_000
    values = {
        "time_flow_start_ms": end - (rng.pareto(1.0, count) * 500).astype(np.int64) % 60_000,
        "time_flow_end_ms": end,
        "src_port": rng.integers(1024, 65536, count),
        "dst_port": rng.choice(np.array([443, 443, 443, 80, 53, 53, 22, 25, 123, 8080]), count),
        "proto": np.where(rng.random(count) < 0.7, 6, 17),
        "tcp_flags": rng.integers(0, 64, count),
        "ip_tos": rng.choice(np.array([0, 0, 0, 8, 184]), count),
        "packets": packets,
        "bytes": packets * rng.integers(40, 1500, count),
        "in_if": rng.integers(1, 48, count),
        "out_if": rng.integers(1, 48, count),
        "src_as": rng.integers(64496, 64512, count),
        "dst_as": rng.integers(64496, 64512, count),
        "src_mask": rng.integers(8, 33, count),
        "dst_mask": rng.integers(8, 33, count),
        "direction": rng.integers(0, 2, count),
    }
    for name, column in values.items():
        batch.columns[name] = column.astype(FIELDS[name].dtype)
    if names:
        apps = [f"application-{i}" for i in range(60)]
        users = [f"user{i}@example.org" for i in range(400)]
        batch.text["application_name"] = TextColumn(rng.integers(0, len(apps), count).astype(np.int32), apps)
        batch.text["username"] = TextColumn(rng.integers(0, len(users), count).astype(np.int32), users)
    return batch


@dataclass(slots=True)
class Stream:
    """Datagrams of one exporter, to be sent again and again.

    Attributes:
        datagrams: in order.
        sequence_at: offset of the sequence number in a header.
        step: by how much each pass moves the sequence number on.
    """

    datagrams: Datagrams
    sequence_at: int
    step: int

    def next_pass(self) -> None:
        """Move the sequence numbers on, in place."""
        places = self.datagrams.offset[:, None] + self.sequence_at + np.arange(4)
        numbers: NDArray[np.uint32] = self.datagrams.data[places].view(">u4")[:, 0].astype(np.uint32)
        moved = (numbers + np.uint32(self.step)).astype(">u4").view(np.uint8).reshape(-1, 4)
        self.datagrams.data[places] = moved


def make_stream(kind: str, flows: int, seed: int) -> Stream:
    """Encode so many flows as one exporter sends them."""
    now = time.time_ns() // 1_000_000
    if kind == "sflow":
        return _make_samples(flows, seed, now)
    batch = make_flows(flows, seed, ipv6=kind not in {"v5", "one-record"}, names=kind == "ipfix-varlen")
    if kind == "v5":
        five = NetFlow5Encoder(boot_ms=now - _UPTIME_MS)
        return Stream(five.encode(batch, now), 16, five.sequence)
    if kind in {"v9", "exporters1000", "one-record"}:
        small = {"payload_bytes": _ONE_RECORD_BYTES} if kind == "one-record" else {}
        nine = NetFlow9Encoder(1, boot_ms=now - _UPTIME_MS, sizes=_SIZES, refresh_datagrams=_REFRESH_DATAGRAMS, **small)
        return Stream(nine.encode(batch, now), 12, nine.sequence)
    ten = IpfixEncoder(1, refresh_datagrams=_REFRESH_DATAGRAMS)
    return Stream(ten.encode(batch, now), 8, ten.sequence)


def _make_samples(count: int, seed: int, now: int) -> Stream:
    """Samples as switches send them: 128 bytes of each packet, and its VLANs."""
    batch = make_flows(count, seed, ipv6=True, names=False)
    rng = np.random.default_rng(seed)
    for name in ("next_hop_hi", "next_hop_lo", "src_mask", "dst_mask", "src_as", "dst_as"):
        del batch.columns[name]
    batch.columns["packets"] = np.ones(count, np.int64)
    batch.columns["bytes"] = rng.choice(np.array([64, 64, 90, 594, 1518, 1518, 1518]), count)
    batch.columns["src_vlan"] = rng.integers(1, 100, count).astype(np.uint16)
    batch.columns["dst_vlan"] = batch.columns["src_vlan"]
    batch.columns["sampling_rate"] = np.full(count, 1024, np.uint32)
    agent = SflowEncoder(V4_PREFIX | 0x7F000101 + seed % 250, header_bytes=128)
    datagrams = _shuffle(agent.encode(batch, now), rng)
    return Stream(datagrams, 16, agent.sequence)


def _shuffle(datagrams: Datagrams, rng: np.random.Generator) -> Datagrams:
    """The encoder puts samples of one shape together; a switch does not. Their numbers stay in order."""
    order = rng.permutation(len(datagrams))
    offset, length = datagrams.offset[order], datagrams.length[order]
    ends = np.cumsum(length)
    starts = ends - length
    data = datagrams.data[np.repeat(offset - starts, length) + np.arange(int(ends[-1]))]
    places = starts[:, None] + 16 + np.arange(4)
    data[places] = np.arange(len(order), dtype=">u4").view(np.uint8).reshape(-1, 4)
    return Datagrams(data, starts, length, datagrams.flows[order], datagrams.counts)
