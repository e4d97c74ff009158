"""What the sFlow encoder writes, the decoder reads."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nftui.engine.batch import FlowBatch, concat
from nftui.engine.counters import datagram_balance, record_balance
from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder
from nftui.engine.encode.sflow import SflowEncoder
from nftui.engine.schema import FIELDS
from nftui.text import V4_PREFIX, parse_address

NOW = 1_700_000_000_000
AGENT = parse_address("192.0.2.1")
SIMPLE = {
    "bytes": 32, "in_if": 32, "out_if": 32, "sampling_rate": 23, "in_src_mac": 48, "in_dst_mac": 48, "max_ttl": 8,
    "ip_tos": 8,
}  # fmt: skip
"""Field and bits of its values: all flows have them."""
RECORDS = [("src_vlan", 12), ("dst_vlan", 12), ("src_mask", 8), ("dst_mask", 8), ("src_as", 32), ("dst_as", 32)]
RECORDS += [("prev_as", 32)]


@st.composite
def batches(draw: st.DrawFn) -> FlowBatch:
    n = draw(st.integers(1, 50))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    batch = FlowBatch(n)
    is_v6 = rng.random(n) < 0.3
    names = ["src_addr", "dst_addr", *draw(st.lists(st.sampled_from(["next_hop", "bgp_next_hop"]), unique=True))]
    for name in names:
        batch.columns[name + "_hi"] = np.where(is_v6, 0x20010DB800000000, 0)
        v4 = V4_PREFIX | rng.integers(1, 1 << 32, n)
        batch.columns[name + "_lo"] = np.where(is_v6, rng.integers(1, 1 << 62, n), v4)
    for name, bits in [*SIMPLE.items(), *draw(st.lists(st.sampled_from(RECORDS), unique=True))]:
        batch.columns[name] = rng.integers(1, 1 << bits, n).astype(FIELDS[name].dtype)
    small = draw(st.booleans())
    for name in ("in_if", "out_if"):
        batch.columns[name] %= np.uint32(1 << 24 if small else (1 << 32) - 1)
    batch.columns["proto"] = rng.choice(np.array([6, 6, 17, 47, 132], np.uint8), n)
    ports = np.isin(batch.columns["proto"], (6, 17, 132))
    for name in ("src_port", "dst_port"):
        batch.columns[name] = rng.integers(1, 1 << 16, n).astype(np.uint16)
        batch.valid[name] = ports
    batch.columns["tcp_flags"] = (rng.integers(0, 256, n) * (batch.columns["proto"] == 6)).astype(np.uint16)
    batch.columns["packets"] = np.ones(n, np.int64)
    batch.columns["row"] = np.arange(n)
    return batch


@settings(max_examples=60, deadline=None)
@given(batches(), st.integers(200, 9000), st.sampled_from([0, 64, 128]), st.booleans())
def test_decoded_is_what_was_encoded(batch: FlowBatch, payload: int, header: int, v6_agent: bool) -> None:
    rows = batch.columns.pop("row")
    # The sample's own number says which flow it was: numbers follow the order of the flows of a source.
    batch.columns["observation_point_id"] = rows
    agent = parse_address("2001:db8::1") if v6_agent else AGENT
    encoder = SflowEncoder(agent, sub_agent=9, header_bytes=header, payload_bytes=max(payload, 560))
    sent = encoder.encode(batch, NOW)
    assert sent.counts == {}
    assert max(sent.length) <= max(payload, 560)

    decoder = Decoder()
    session = decoder.session(agent, 6343)
    decoded = decoder.decode(block_of([bytes(raw) for raw in sent], [session] * len(sent), NOW))
    assert decoded.counts["records.flows"] == len(batch)
    assert not {"samples.broken", "datagrams.trailing", "decoder_bug", "datagrams.count_mismatch"} & set(decoded.counts)
    assert datagram_balance(decoded.counts) == record_balance(decoded.counts) == 0
    decoder.expire(NOW + 5000)
    got = concat(decoded.batches)
    got = got.take(np.argsort(got.columns["observation_point_id"]))
    assert set(got.columns["observation_domain_id"].tolist()) == {9}
    carried = {column.removesuffix("_hi").removesuffix("_lo") for column in batch.columns}
    for name in sorted(carried):
        ours = [got.value(name, row) for row in range(len(got))]
        wanted = [batch.value(name, row) for row in range(len(batch))]
        assert ours == wanted, name


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=6))
def test_numbers_go_on_from_batch_to_batch(sizes: list[int]) -> None:
    encoder = SflowEncoder(AGENT)
    decoder = Decoder()
    session = decoder.session(AGENT, 6343)
    for size in sizes:
        batch = FlowBatch(size)
        batch.columns["in_if"] = (np.arange(size) % 3).astype(np.uint32)
        batch.columns["packets"] = np.ones(size, np.int64)
        sent = [bytes(raw) for raw in encoder.encode(batch, NOW)]
        decoder.decode(block_of(sent, [session] * len(sent), NOW))
    counts = decoder.expire(NOW + 5000).counts
    assert "sequence.lost" not in counts
    assert "samples.lost" not in counts


def test_what_is_not_carried_is_counted() -> None:
    batch = FlowBatch(3)
    batch.columns["packets"] = np.array([1, 7, 2])
    batch.columns["ingress_vrf"] = np.array([1, 2, 3], np.uint32)
    sent = SflowEncoder(AGENT).encode(batch, NOW)
    assert sent.counts == {"values.saturated.packets": 2, "fields.not_carried.ingress_vrf": 3}
