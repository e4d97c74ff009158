"""The demo's traffic: the same for a seed, from reserved addresses only, adding up, with a scan and a flood."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import numpy as np
import pytest

from nftui.demo.sessions import Sessions, export
from nftui.demo.traffic import ACTIVE_TIMEOUT_MS, FLOOD, SCAN, SCANNER, STEP_MS, VICTIM, Traffic
from nftui.demo.world import Exporter
from nftui.engine.batch import FlowBatch, concat

START = 1_700_000_000_000
SECONDS = 100
RESERVED = [IPv4Network(net) for net in ("10.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


@pytest.fixture(scope="module")
def steps() -> list[dict[Exporter, FlowBatch]]:
    traffic = Traffic(400, 1, START)
    return [traffic.step() for _ in range(SECONDS * 1000 // STEP_MS)]


@pytest.fixture(scope="module")
def flows(steps: list[dict[Exporter, FlowBatch]]) -> dict[Exporter, FlowBatch]:
    return {exporter: concat([step[exporter] for step in steps]) for exporter in Exporter}


def test_a_seed_gives_the_same_flows() -> None:
    first, second, other = (Traffic(200, seed, START) for seed in (7, 7, 8))
    for _ in range(5):
        a, b, c = first.step(), second.step(), other.step()
        for exporter in Exporter:
            assert all(
                np.array_equal(a[exporter].columns[name], b[exporter].columns[name]) for name in a[exporter].columns
            )
        assert len(a[Exporter.EDGE]) != len(c[Exporter.EDGE]) or not np.array_equal(
            a[Exporter.EDGE].columns["bytes"], c[Exporter.EDGE].columns["bytes"]
        )


def test_addresses_are_private_or_for_documentation(flows: dict[Exporter, FlowBatch]) -> None:
    for batch in flows.values():
        for name in ("src_addr", "dst_addr"):
            pairs = set(zip(batch.columns[name + "_hi"].tolist(), batch.columns[name + "_lo"].tolist(), strict=True))
            for high, low in pairs:
                value = (high & (1 << 64) - 1) << 64 | low
                if value >> 32 == 0xFFFF:
                    assert any(IPv4Address(value & 0xFFFFFFFF) in net for net in RESERVED)
                else:
                    assert IPv6Address(value) in IPv6Network("2001:db8::/32")


def test_the_mix_is_as_promised(flows: dict[Exporter, FlowBatch]) -> None:
    total = sum(len(batch) for batch in flows.values())
    ipv6 = sum(int(np.count_nonzero(batch.columns["src_addr_hi"])) for batch in flows.values())
    assert 0.8 * 400 < total / SECONDS < 1.8 * 400
    assert 0.10 < ipv6 / total < 0.20
    assert not np.any(flows[Exporter.CORE].columns["src_addr_hi"])
    assert {17, 6, 1} == set(concat(list(flows.values())).columns["proto"].tolist())
    assert all(len(batch) > 0.1 * total for batch in flows.values())


def test_every_record_makes_sense(flows: dict[Exporter, FlowBatch]) -> None:
    for batch in flows.values():
        columns = batch.columns
        assert columns["packets"].min() >= 1
        assert np.all(columns["bytes"] >= 40 * columns["packets"])
        assert np.all(columns["bytes"] <= 1520 * columns["packets"])
        length = columns["time_flow_end_ms"] - columns["time_flow_start_ms"]
        assert length.min() >= 0
        assert length.max() <= ACTIVE_TIMEOUT_MS + STEP_MS
        assert columns["time_flow_end_ms"].max() <= START + SECONDS * 1000


@pytest.mark.parametrize(("event", "field", "host"), [(SCAN, "src_addr", SCANNER), (FLOOD, "dst_addr", VICTIM)])
def test_scan_and_flood_come_and_go(
    flows: dict[Exporter, FlowBatch], event: tuple[float, float, float], field: str, host: int
) -> None:
    columns = flows[Exporter.EDGE].columns
    first, length, share = event
    second = (columns["time_flow_start_ms"] - START) / 1000
    seen = (columns[field + "_lo"] == host) & (columns[field + "_hi"] == 0)
    if field == "src_addr":
        seen &= columns["dst_port"] == 22
    else:
        seen &= columns["src_port"] == 53
    during = (second >= first) & (second < first + length)
    assert np.count_nonzero(seen & during) > 0.8 * 400 * share * length
    assert np.count_nonzero(seen & ~during) < 0.02 * np.count_nonzero(seen)


def test_slices_of_a_long_flow_add_up() -> None:
    values = dict.fromkeys(Sessions.__dataclass_fields__, np.ones(1, np.int64))
    session = Sessions(**{
        **values, "start": np.array([1000]), "end": np.array([64_321]), "since": np.array([1000]),
        "packets": np.array([997]), "octets": np.array([1_000_003]), "sent": np.array([0]),
    })  # fmt: skip
    out, now = [], 1000
    while len(session):
        now += STEP_MS
        batch, session = export(session, now, 20_000)
        out.append(batch)
    records = concat(out).columns
    assert records["packets"].sum() == 997
    assert records["bytes"].sum() == 1_000_003
    assert records["time_flow_start_ms"].tolist() == [1000, 21_000, 41_000, 61_000]
    assert records["time_flow_end_ms"].tolist() == [21_000, 41_000, 61_000, 64_321]
    assert records["flow_end_reason"].tolist() == [2, 2, 2, 3]


def test_finish_exports_what_is_under_way() -> None:
    traffic = Traffic(300, 3, START)
    last = traffic.finish()
    assert sum(map(len, last.values())) > 100
    assert {4} == set(np.concatenate([b.columns["flow_end_reason"] for b in last.values()]).tolist())
    assert sum(map(len, traffic.finish().values())) == 0
