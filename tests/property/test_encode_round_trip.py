"""What an encoder writes, the decoder reads: every field that the protocol carries, and nulls as nulls."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nftui.engine.batch import FlowBatch, TextColumn, concat
from nftui.engine.counters import datagram_balance, record_balance
from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder
from nftui.engine.encode.datagrams import Datagrams
from nftui.engine.encode.ipfix import IpfixEncoder
from nftui.engine.encode.netflow5 import CARRIED, NetFlow5Encoder
from nftui.engine.encode.netflow9 import NetFlow9Encoder
from nftui.engine.schema import FIELDS, Kind, Show
from nftui.text import V4_PREFIX, parse_address

NOW = 1_700_000_000_000
BOOT = NOW - 86_400_000
NUMBERS = [
    field.name
    for field in FIELDS.values()
    if field.kind is Kind.INT
    and field.elements
    and field.name not in {"observation_domain_id", "etype", "sampling_rate", "flow_id"}
]
V9_ONLY = {"fields.not_carried.firewall_ext_event"}
"""ASA's field type 33002 is no identifier that IPFIX could name."""
TEXTS = ["application_name", "username", "in_if_name"]
ADDRESSES = ["next_hop", "bgp_next_hop", "post_nat_src_addr", "post_nat_dst_addr"]


def limit(name: str) -> int:
    """Largest value that has a place in every protocol."""
    item = FIELDS[name]
    bits = {Show.MAC: 48, Show.MPLS: 24}.get(item.show, 63 if item.dtype == "i8" else 8 * int(item.dtype[1:]))
    return 1 << bits


@st.composite
def batches(draw: st.DrawFn, ipv6: bool = True) -> FlowBatch:
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    batch = FlowBatch(n)
    is_v6 = (rng.random(n) < 0.3) & ipv6
    for name in ["src_addr", "dst_addr", *draw(st.lists(st.sampled_from(ADDRESSES), unique=True))]:
        batch.columns[name + "_hi"] = np.where(is_v6, parse_address("2001:db8::") >> 64, 0).astype(np.int64)
        batch.columns[name + "_lo"] = np.where(
            is_v6, rng.integers(1, 1 << 62, n), V4_PREFIX | rng.integers(1, 1 << 32, n)
        )
    for name in ["bytes", "packets", *draw(st.lists(st.sampled_from(NUMBERS), unique=True, max_size=30))]:
        batch.columns[name] = rng.integers(0, limit(name), n, dtype=np.uint64).astype(FIELDS[name].dtype)
        if name not in {"bytes", "packets", "flows"} and rng.random() < 0.4:
            batch.valid[name] = rng.random(n) < 0.6
    batch.columns["flow_id"] = np.arange(n)
    end = NOW - rng.integers(0, 3_600_000, n)
    batch.columns["time_flow_end_ms"] = end
    batch.columns["time_flow_start_ms"] = end - rng.integers(0, 3_600_000, n)
    for name in draw(st.lists(st.sampled_from(TEXTS), unique=True)):
        values = ["dns", "caf\u00e9", "x" * 31, "\u4e2d\u6587"]
        batch.text[name] = TextColumn(rng.integers(-1, len(values), n).astype(np.int32), values)
    return batch


def decode(datagrams: Datagrams) -> FlowBatch:
    decoder = Decoder()
    session = decoder.session(parse_address("192.0.2.1"), 4711)
    payloads = [bytes(datagram) for datagram in datagrams]
    out = decoder.decode(block_of(payloads, [session] * len(payloads), NOW))
    assert datagram_balance({"datagrams.received": len(payloads), **out.counts}) == 0
    assert record_balance(out.counts) == 0
    assert out.counts.get("sequence.lost", 0) == 0
    assert out.counts["flows.in"] == datagrams.flows.sum()
    return concat(out.batches)


def assert_same(sent: FlowBatch, got: FlowBatch, names: list[str]) -> None:
    assert len(sent) == len(got)
    for name in names:
        assert [sent.value(name, i) for i in range(len(sent))] == [got.value(name, i) for i in range(len(got))], name


@settings(max_examples=60, deadline=None)
@given(batches(), st.sampled_from([500, 1464, 9000]))
def test_v9(batch: FlowBatch, payload_bytes: int) -> None:
    _round_trip(batch, NetFlow9Encoder(3, boot_ms=BOOT, payload_bytes=payload_bytes))


@settings(max_examples=60, deadline=None)
@given(batches(), st.sampled_from([500, 1464, 9000]))
def test_ipfix(batch: FlowBatch, payload_bytes: int) -> None:
    _round_trip(batch, IpfixEncoder(3, payload_bytes=payload_bytes))


def _round_trip(batch: FlowBatch, encoder: NetFlow9Encoder | IpfixEncoder) -> None:
    datagrams = encoder.encode(batch, NOW)
    assert set(datagrams.counts) <= V9_ONLY
    got = decode(datagrams)
    got = got.take(np.argsort(got.columns["flow_id"]))
    names = [f.name for f in encoder.templates.carried(batch)]
    assert {"src_addr", "bytes", "time_flow_start_ms"} <= set(names)
    assert_same(batch, got, names)


@settings(max_examples=40, deadline=None)
@given(batches(ipv6=False))
def test_v5(batch: FlowBatch) -> None:
    for name, item in FIELDS.items():
        if name in CARRIED and name in batch.columns and item.kind is Kind.INT and not name.startswith("time"):
            size = 4 if name in {"bytes", "packets"} else 1 if name == "tcp_flags" else 2
            batch.columns[name] = np.minimum(batch.columns[name], np.array((1 << 8 * size) - 1)).astype(item.dtype)
    batch.valid.clear()
    got = decode(NetFlow5Encoder(boot_ms=BOOT).encode(batch, NOW))
    assert_same(batch, got, [name for name in CARRIED if batch.has(name)])


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 100_000), st.booleans())
def test_the_announced_sampling_rate_arrives(rate: int, ipfix: bool) -> None:
    encoder = IpfixEncoder(3, sampling_rate=rate) if ipfix else NetFlow9Encoder(3, boot_ms=BOOT, sampling_rate=rate)
    batch = FlowBatch(1, {name: np.ones(1, FIELDS[name].dtype) for name in ("bytes", "packets", "proto")})
    assert decode(encoder.encode(batch, NOW)).value("sampling_rate", 0) == rate
