"""Sightings of random indicators in random flows, against a loop over every flow and every indicator."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_flows import BASE_MS, DEFAULTS, flow_file

from nftui.engine.query.indicators import Indicator, parse_indicator
from nftui.engine.query.parser import parse_filter
from nftui.engine.query.query import Query
from nftui.engine.query.session import Session
from nftui.engine.query.sightings import TIMELINE_BINS, TOP_PEERS, Sightings, find_sightings
from nftui.engine.query.sources import find_sources
from nftui.text import parse_address

ADDRESSES = (
    "10.0.0.1", "10.0.0.2", "10.0.1.9", "192.0.2.255", "255.255.255.255", "2001:db8::1", "2001:db8::ffff:0:0:1",
    "2001:db8:0:1::1", "fe80::1",
)  # fmt: skip
INDICATORS = (
    *ADDRESSES, "203.0.113.7", "10.0.0.0/31", "10.0.0.0/23", "10.0.0.2-10.0.1.9", "0.0.0.0/0", "2001:db8::/64",
    "2001:db8::/32", "::/0", "ffff::/16", "port 443", "tcp/443", "udp/53", "port 2048", "port 65535",
    "10.0.0.1:443", "10.0.0.2:53/udp", "[2001:db8::1]:443",
)  # fmt: skip
address = st.one_of(st.sampled_from(ADDRESSES), st.none())
port = st.sampled_from((443, 53, 2048, 65535, None))
flow = st.fixed_dictionaries(
    {
        "src_addr": address, "dst_addr": address, "src_port": port, "dst_port": port,
        "proto": st.sampled_from((6, 17, 1, 58, 132, None)), "bytes": st.sampled_from((0, 1, 1500, 1 << 38, None)),
        "packets": st.sampled_from((0, 1, 7, None)), "flows": st.integers(1, 3),
        "sampling_rate": st.sampled_from((None, 1, 100)), "sampler_address": st.sampled_from(("127.0.0.1", "::1")),
        "time_flow_start_ms": st.integers(BASE_MS, BASE_MS + 5000),
        "time_flow_end_ms": st.integers(BASE_MS + 5000, BASE_MS + 9000),
    }
)  # fmt: skip


def matches(indicator: Indicator, row: dict[str, object], side: str) -> bool:
    ports = indicator.port is None or (
        row[f"{side}_port"] == indicator.port
        and (row["proto"] not in {1, 58} if indicator.proto is None else row["proto"] == indicator.proto)
    )
    if not ports or indicator.block is None:
        return ports
    value = row[f"{side}_addr"]
    return value is not None and indicator.block[0] <= parse_address(str(value)) <= indicator.block[1]


def expected(indicator: Indicator, rows: list[dict[str, object]], scaled: bool) -> dict[str, object] | None:
    seen = [(row, matches(indicator, row, "src"), matches(indicator, row, "dst")) for row in rows]
    seen = [(row, source, target) for row, source, target in seen if source or target]
    if not seen:
        return None

    def amount(row: dict[str, object], name: str) -> int:
        rate = row["sampling_rate"] if scaled and row["sampling_rate"] else 1
        return int(row[name] or 0) * int(rate)  # type: ignore[call-overload]

    peers: dict[str | None, list[int]] = {}
    for row, source, _ in seen:
        # The other end; a port was seen with whoever has it.
        own = source == (indicator.block is None)
        peer = peers.setdefault(row["src_addr" if own else "dst_addr"], [0, 0])  # type: ignore[arg-type]
        peer[0] += int(row["flows"])  # type: ignore[call-overload]
        peer[1] += amount(row, "bytes")
    exporters = Counter()
    for row, _, _ in seen:
        exporters[row["sampler_address"]] += row["flows"]  # type: ignore[arg-type]
    flows = [(int(row["flows"]), source, target) for row, source, target in seen]  # type: ignore[call-overload]
    return {
        "first": min(row["time_flow_start_ms"] for row, _, _ in seen),  # type: ignore[type-var]
        "last": max(row["time_flow_end_ms"] for row, _, _ in seen),  # type: ignore[type-var]
        "records": len(seen), "flows": sum(n for n, _, _ in flows), "source": sum(n for n, s, _ in flows if s),
        "destination": sum(n for n, _, d in flows if d),
        "packets": sum(amount(row, "packets") for row, _, _ in seen),
        "bytes": sum(amount(row, "bytes") for row, _, _ in seen), "peers": len(peers.keys() - {None}),
        "top": sorted((n[1] for n in peers.values()), reverse=True)[:TOP_PEERS], "exporters": dict(exporters),
        "by_peer": peers,
    }  # fmt: skip


def search(path: Path, indicators: list[Indicator], scaled: bool, condition: str = "any") -> Sightings:
    with closing(Session(find_sources([str(path)]), threads=1)) as session:
        return find_sightings(session, Query(session, parse_filter(condition), scaled=scaled), indicators, scaled)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(flow, min_size=1, max_size=25),
    st.lists(st.sampled_from(INDICATORS), min_size=1, max_size=14, unique=True),
    st.booleans(),
)
def test_every_number_is_that_of_a_loop(
    tmp_path: Path, given_rows: list[dict[str, object]], names: list[str], scaled: bool
) -> None:
    rows = [{**DEFAULTS, **row} for row in given_rows]
    wanted = [parse_indicator(name) for name in names]
    indicators = [indicator for indicator in wanted if indicator is not None]
    assert len(indicators) == len(names)
    result = search(flow_file(tmp_path / "flows.parquet", rows), indicators, scaled)  # type: ignore[arg-type]
    for number, indicator in enumerate(indicators):
        want, got = expected(indicator, rows, scaled), result.found.get(number)
        assert (got is None) == (want is None), indicator.text
        if got is None or want is None:
            continue
        assert {
            "first": got.first_ms, "last": got.last_ms, "records": got.records, "flows": got.flows,
            "source": got.flows_as_source, "destination": got.flows_as_destination, "packets": got.packets,
            "bytes": got.bytes, "peers": got.peers, "top": [peer.bytes for peer in got.top_peers],
        } == {key: want[key] for key in want if key not in {"exporters", "by_peer"}}, indicator.text  # fmt: skip
        by_peer = {None if n is None else parse_address(n): sums for n, sums in want["by_peer"].items()}  # type: ignore[attr-defined]
        assert all([peer.flows, peer.bytes] == by_peer[peer.address] for peer in got.top_peers)
        assert set(got.exporters) == {parse_address(name) for name in want["exporters"]}  # type: ignore[attr-defined]
        assert len(got.timeline) == TIMELINE_BINS
        assert sum(got.timeline) == got.flows


def test_the_filter_limits_the_search(tmp_path: Path) -> None:
    path = flow_file(tmp_path / "flows.parquet", [{"proto": 6}, {"proto": 17, "bytes": 5}])
    indicator = parse_indicator("10.0.0.1")
    assert indicator is not None
    assert search(path, [indicator], True, "proto udp").found[0].bytes == 5


@pytest.mark.parametrize("names", [["203.0.113.9"], ["203.0.113.0/24"], ["port 9"], ["203.0.113.9:9"]])
def test_nothing_is_found_where_nothing_is(tmp_path: Path, names: list[str]) -> None:
    path = flow_file(tmp_path / "flows.parquet", [{}])
    indicators = [indicator for name in names if (indicator := parse_indicator(name))]
    assert search(path, indicators, True) == Sightings({}, None)
