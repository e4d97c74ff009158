"""Captures of traffic as recordings: metered once, with the capture's times; captures of exports stay as they are."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from export_wire import v5, v5_record
from probe_packets import START, tcp, udp, write_pcap

from nftui.engine.store.catalog import Catalog
from nftui.probe.metered import MeteredCaptures


def flows(root: str) -> list[dict[str, int]]:
    """Stored flows in order of their reception."""
    found: list[dict[str, int]] = []
    with Catalog(Path(root)).snapshot() as snapshot:
        for file in snapshot.sealed:
            found += pq.read_table(
                file.path, columns=["time_received_ms", "time_flow_start_ms", "src_port", "packets", "bytes"]
            ).to_pylist()
    return sorted(found, key=lambda flow: (flow["time_received_ms"], flow["src_port"]))


def test_flows_of_a_capture_end_when_they_would_have(tmp_path: Path):
    packet = udp("192.0.2.1", "198.51.100.2", 5000, 53, payload=72)
    ended = tcp("192.0.2.1", "198.51.100.2", 6000, 443, flags=0x11)
    long = udp("192.0.2.3", "198.51.100.2", 7000, 4500, payload=72)
    times = [0.0, 0.5, 1.0, *range(2, 200, 2)]
    path = write_pcap(
        tmp_path / "traffic.pcap", [packet, packet, ended, *[long] * 99], [START + second for second in times]
    )
    metered = MeteredCaptures()
    try:
        root = metered.flows_of(str(path))
        assert root != str(path)
        found = flows(root)
        slices = [flow for flow in found if flow["src_port"] == 7000]
        # A long flow comes in slices of a minute, not as one record at the end of the file.
        assert len(slices) >= 3
        assert sum(flow["packets"] for flow in slices) == 99
        assert slices[0]["time_received_ms"] <= (START + 2 + 65) * 1000
        (question,) = [flow for flow in found if flow["src_port"] == 5000]
        assert (question["packets"], question["bytes"]) == (2, 200)
        assert question["time_flow_start_ms"] == START * 1000
        assert all(START * 1000 <= flow["time_received_ms"] <= (START + 200) * 1000 for flow in found)
    finally:
        metered.remove()
    assert not Path(root).exists()


def test_a_capture_of_exports_is_played_as_it_is(tmp_path: Path):
    payload = v5([v5_record()])
    frame = udp("192.0.2.1", "192.0.2.2", 4000, 2055, payload=len(payload))
    frame = frame[: -len(payload)] + payload
    path = write_pcap(tmp_path / "exports.pcap", [frame])
    metered = MeteredCaptures()
    assert metered.flows_of(str(path)) == str(path)
    assert metered.flows_of(str(tmp_path)) == str(tmp_path)
