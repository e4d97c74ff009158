"""The same captures through softflowd and through our probe: flows, statistics, text."""

from __future__ import annotations

import json
from collections import Counter
from ipaddress import ip_address
from pathlib import Path

import pytest
from loopback_ports import free_port
from probe_packets import write_pcap
from probe_peers import INTEROP, Totals, add, captures, listening, need, run_probe, run_softflowd

from nftui.engine.batch import FlowBatch
from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder
from nftui.text import address

pytestmark = pytest.mark.peer

GENERATED = captures()
DIFFERENT = {
    "dlt-ppp": "softflowd takes PPP frames for cut off",
    "http-qinq": "softflowd has one VLAN tag",
    "qinq-ntopng": "softflowd has one VLAN tag",
    "null-loopback": "softflowd has Linux's number for IPv6 only",
    "pppoe-http": "softflowd has no PPPoE",
    "sll2": "softflowd has no Linux cooked v2",
    "hdlc": "no IP over HDLC in either",
    "ipv6-fragments": "softflowd gives later IPv6 fragments protocol 0",
    "sctp": "softflowd has no ports for SCTP",
    "malformed-icmp": "softflowd reads ICMP type and code from behind the packet",
}
"""Captures where softflowd 1.1.0 differs, and why; docs/probe.md tells the user."""

NOT_READ = {
    "hdlc": "link type 104",
    "null-loopback": "one packet has a family number of no system",
    "test-tcpreplay": "ten packets are Ethernet inside of an MPLS pseudowire",
    "vntag": "VN-tag",
}
"""Captures with packets that we do not find, and why."""

SHARED = sorted(path for path in (INTEROP / "packets").glob("*.pcap*") if path.stem not in DIFFERENT)


@pytest.fixture(params=[*GENERATED, *(path.stem for path in SHARED)])
def capture(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param in GENERATED:
        frames, times = GENERATED[request.param]
        return write_pcap(tmp_path / "generated.pcap", frames, times)
    return next(path for path in SHARED if path.stem == request.param)


def totals_of(datagrams: list[bytes], received_ms: int) -> Totals:
    """Packets, bytes and records per 5-tuple as our decoder reads them."""
    decoder = Decoder()
    session = decoder.session(1, 1)
    decoded = decoder.decode(block_of(datagrams, [session] * len(datagrams), received_ms))
    totals: Totals = Counter()
    for batch in decoded.batches:
        for row in range(len(batch)):
            add(totals, key_of(batch, row), value(batch, "packets", row), value(batch, "bytes", row))
    return totals


def value(batch: FlowBatch, name: str, row: int) -> int:
    found = batch.value(name, row)
    return found if isinstance(found, int) else 0


def key_of(batch: FlowBatch, row: int) -> tuple[str, str, int, int, int]:
    ends = [address(value(batch, name, row)) for name in ("src_addr", "dst_addr")]
    ports = [value(batch, name, row) for name in ("src_port", "dst_port", "proto")]
    return ends[0], ends[1], ports[0], ports[1], ports[2]


@pytest.mark.parametrize("version", ["5", "9", "10"])
def test_packets_bytes_and_flows_per_5_tuple_are_equal(capture: Path, version: str) -> None:
    need("softflowd")
    port = free_port()
    target = ["-n", f"127.0.0.1:{port}", "-v", version]
    with listening(port) as theirs:
        run_softflowd(capture, *target)
    with listening(port) as ours:
        run_probe(capture, *target, "--fragments", "separate")
    now = 1_900_000_000_000
    expected, found = totals_of(theirs, now), totals_of(ours, now)
    assert found == expected
    if version != "5" and capture.stem == "generated":
        assert found


@pytest.mark.parametrize("max_flows", ["8192", "50"])
def test_statistics_are_softflowds_line_for_line(capture: Path, max_flows: str) -> None:
    need("softflowd")
    port = free_port()
    target = ["-n", f"127.0.0.1:{port}", "-v", "9", "-m", max_flows]
    with listening(port):
        theirs = run_softflowd(capture, *target).splitlines()
        ours = run_probe(capture, *target, "--fragments", "separate").splitlines()

    def numbers(lines: list[str]) -> list[str]:
        # How many records fit a datagram is a matter of size; flows and records are not.
        return [line.partition(" in ")[0] if line.startswith("Flows exported") else line for line in lines]

    assert numbers(ours) == numbers(theirs)


@pytest.mark.parametrize("level", ["ip", "proto", "full"])
@pytest.mark.parametrize("sampling", ["1", "3"])
def test_levels_and_sampling_are_softflowds(tmp_path: Path, level: str, sampling: str) -> None:
    need("softflowd")
    frames, _ = GENERATED["mixed"]
    capture = write_pcap(tmp_path / "a.pcap", frames)
    port = free_port()
    options = ["-n", f"127.0.0.1:{port}", "-v", "9", "-T", level, "-s", sampling]
    with listening(port) as theirs:
        text = run_softflowd(capture, *options)
    with listening(port) as ours:
        own = run_probe(capture, *options)
    assert totals_of(ours, 1) == totals_of(theirs, 1)
    assert own.splitlines()[:5] == text.splitlines()[:5]


@pytest.mark.parametrize("level", ["vlan", "ether"])
def test_records_of_vlan_and_ether_levels_are_softflowds(tmp_path: Path, level: str) -> None:
    need("softflowd")
    frames, _ = GENERATED["vlan"]
    capture = write_pcap(tmp_path / "a.pcap", frames)
    port = free_port()
    options = ["-n", f"127.0.0.1:{port}", "-v", "9", "-T", level]
    with listening(port) as theirs:
        run_softflowd(capture, *options)
    with listening(port) as ours:
        run_probe(capture, *options)
    assert totals_of(ours, 1) == totals_of(theirs, 1)


def test_a_filter_means_the_same(tmp_path: Path) -> None:
    need("softflowd")
    frames, _ = GENERATED["mixed"]
    capture = write_pcap(tmp_path / "a.pcap", frames)
    expression = "udp port 53 or (tcp and greater 500)"
    theirs = run_softflowd(capture, "-v", "9", expression).splitlines()
    ours = run_probe(capture, "-v", "9", expression).splitlines()
    assert [line for line in ours if "exported" not in line] == [line for line in theirs if "exported" not in line]


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in (INTEROP / "packets").glob("*.pcap*") if path.stem not in NOT_READ)
)
def test_flows_are_those_that_the_corpus_expects(name: str) -> None:
    """Packets per 5-tuple of the outermost IP header, which an independent decoder found."""
    capture = next((INTEROP / "packets").glob(f"{name}.pcap*"))
    expected = json.loads((INTEROP / "packets" / f"{name}.expected.json").read_text())["flows"]
    port = free_port()
    with listening(port) as ours:
        run_probe(capture, "-n", f"127.0.0.1:{port}", "--fragments", "separate")
    found: Counter[tuple[str, str, int]] = Counter()
    for (key, what), count in totals_of(ours, 1).items():
        if what == "packets":
            found[address_text(key[0]), address_text(key[1]), key[4]] += count
    wanted: Counter[tuple[str, str, int]] = Counter()
    for flow in expected:
        wanted[address_text(flow["src_addr"]), address_text(flow["dst_addr"]), flow["proto"]] += flow["packets"]
    assert found == wanted


def address_text(text: str) -> str:
    return str(ip_address(text))
