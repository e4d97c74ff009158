"""Records of real devices: what tshark reads of the same datagrams, field by field."""

from __future__ import annotations

import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from export_wire import NOW_S, Collector, flows, message
from live_peers import need
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap
from vendor_records import CASES, datagram

from nftui import text
from nftui.engine.batch import FlowBatch

pytestmark = pytest.mark.peer

FIELDS = {
    "cflow.srcaddr": "src_addr", "cflow.dstaddr": "dst_addr", "cflow.octets": "bytes", "cflow.packets": "packets",
    "cflow.srcport": "src_port", "cflow.dstport": "dst_port", "cflow.protocol": "proto",
    "cflow.abstimestart": "time_flow_start_ms", "cflow.abstimeend": "time_flow_end_ms", "cflow.flow_id": "flow_id",
    "cflow.post_natsource_ipv4_address": "post_nat_src_addr", "cflow.inputint": "in_if", "cflow.outputint": "out_if",
    "cflow.srcas": "src_as", "cflow.dstas": "dst_as", "cflow.nexthop": "next_hop",
}  # fmt: skip
"""tshark's field to ours; a field that tshark does not show is not compared."""

DIFFERENCES = {
    "Cisco Nexus 9000, v9 with times of 8 bytes and names of interfaces": {
        "cflow.abstimestart": "tshark takes sysUptime of 8 bytes for a time since 1970",
        "cflow.abstimeend": "tshark takes sysUptime of 8 bytes for a time since 1970",
    },
}
"""Case to field to the reason why tshark reads something else."""


def v9_with_count(payload: bytes) -> bytes:
    """tshark believes the count of records in a v9 header."""
    return payload[:2] + (3).to_bytes(2, "big") + payload[4:] if payload[1] == 9 else payload


def read_by_tshark(path: Path) -> list[list[str]]:
    """First value of each field in each datagram, empty where tshark shows none."""
    packets = []
    for number, case in enumerate(CASES):
        packet = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(
            src=f"10.0.0.{number + 1}", dst="10.1.1.1"
        )
        packet = packet / UDP(sport=2055, dport=2055) / v9_with_count(datagram(case))
        packet.time = NOW_S
        packets.append(packet)
    wrpcap(str(path), packets)
    wanted = [part for field in FIELDS for part in ("-e", field)]
    command = ["tshark", "-r", str(path), "-d", "udp.port==2055,cflow", "-T", "fields", *wanted, "-E", "separator=|"]
    said = subprocess.run([*command, "-E", "occurrence=f"], capture_output=True, text=True, check=True).stdout
    return [line.split("|") for line in said.splitlines()]


def ours(batch: FlowBatch, name: str) -> str:
    value = batch.value(name, 0)
    return text.address(value) if name.endswith(("_addr", "_hop")) and isinstance(value, int) else str(value)


def as_ours(field: str, value: str) -> str:
    if "abstime" in field:
        moment = datetime.strptime(" ".join(value.split())[:-14] + " +0000", "%b %d, %Y %H:%M:%S %z")
        return str(round(moment.timestamp() * 1000))
    return value


def test_tshark_reads_the_same(tmp_path: Path) -> None:
    need("tshark")
    lines = read_by_tshark(tmp_path / "vendors.pcap")
    assert len(lines) == len(CASES)
    compared = 0
    for case, values in zip(CASES, lines, strict=True):
        collector = Collector()
        if case.before:
            collector.feed(message(case.version, case.before))
        batch = flows(collector.feed(datagram(case)))
        for (field, name), value in zip(FIELDS.items(), values, strict=True):
            if not value:
                continue
            same = ours(batch, name) == as_ours(field, value)
            assert same != (field in DIFFERENCES.get(case.name, {})), (case.name, field, value, ours(batch, name))
            compared += 1
    assert compared > 150
