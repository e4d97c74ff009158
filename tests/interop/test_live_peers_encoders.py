"""What our encoders write, as tshark and nfcapd read it: well-formed, no flow missing, every value the same.

nfcapd 1.7.1 does not count options data records in IPFIX sequence numbers (RFC 7011 section 3.1 does), so it reports
sequence failures for an exporter that announces sampling; it does not look at the announcement either.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from live_peers import Row, need, nfcapd, send_paced, theirs

from nftui.demo.traffic import Traffic
from nftui.demo.world import Exporter
from nftui.engine.batch import FlowBatch, concat
from nftui.engine.encode.datagrams import Datagrams
from nftui.engine.encode.ipfix import IpfixEncoder
from nftui.engine.encode.netflow5 import NetFlow5Encoder
from nftui.engine.encode.netflow9 import NetFlow9Encoder
from nftui.text import address

pytestmark = pytest.mark.peer

NOW = time.time_ns() // 1_000_000
WARNING = 0x600000
"""Wireshark's severity."""
BOOT = NOW - 86_400_000
ENCODERS = {
    "v5": lambda: NetFlow5Encoder(boot_ms=BOOT),
    "v9": lambda: NetFlow9Encoder(7, boot_ms=BOOT, refresh_datagrams=20),
    "v9-sampled": lambda: NetFlow9Encoder(7, boot_ms=BOOT, refresh_datagrams=20, sampling_rate=1),
    "ipfix": lambda: IpfixEncoder(7, refresh_datagrams=20),
}


@pytest.fixture(scope="module")
def flows() -> FlowBatch:
    """Ten seconds of the demo's branch: both families, all protocols, names."""
    traffic = Traffic(800, 5, NOW - 10_000)
    return concat([traffic.step()[Exporter.BRANCH] for _ in range(100)])


def rows(batch: FlowBatch, ipv6: bool) -> Counter[Row]:
    names = ("src_addr", "src_port", "dst_addr", "dst_port", "proto", "packets", "bytes", "tcp_flags",
             "time_flow_start_ms", "time_flow_end_ms")  # fmt: skip
    found: Counter[Row] = Counter()
    for i in range(len(batch)):
        row = [batch.value(name, i) for name in names]
        if ipv6 or row[0] >> 32 == 0xFFFF:
            row[0], row[2] = address(row[0]), address(row[2])
            found[tuple(row)] += 1
    return found


@pytest.mark.parametrize("kind", ENCODERS)
def test_nfcapd_stores_every_flow_as_it_is(tmp_path: Path, flows: FlowBatch, kind: str) -> None:
    need("nfcapd", "nfdump")
    datagrams = ENCODERS[kind]().encode(flows, NOW)
    with nfcapd(tmp_path / "nfcapd") as port:
        send_paced(datagrams, port)
    wanted = rows(flows, ipv6=kind != "v5")
    assert sum(wanted.values()) == datagrams.flows.sum() > 1000
    if kind.startswith("v9"):  # nfcapd does not show ICMP types of v9 that are in the destination port
        wanted = Counter((*row[:3], 0, *row[4:]) if row[4] == 1 else row for row in wanted.elements())
    assert theirs(tmp_path / "nfcapd") == wanted
    said = subprocess.run(["nfdump", "-R", str(tmp_path / "nfcapd"), "-I"], capture_output=True, text=True).stdout
    assert re.search(r"^Sequence failures: 0$", said, re.MULTILINE)


@pytest.mark.parametrize("kind", [*ENCODERS, "ipfix-sampled"])
def test_tshark_finds_nothing_malformed(tmp_path: Path, flows: FlowBatch, kind: str) -> None:
    need("tshark")
    encoder = IpfixEncoder(7, refresh_datagrams=20, sampling_rate=10) if kind == "ipfix-sampled" else ENCODERS[kind]()
    datagrams = encoder.encode(flows, NOW)
    capture = tmp_path / "export.pcap"
    write_capture(capture, datagrams)
    decode = ["tshark", "-r", str(capture), "-d", "udp.port==23999,cflow"]
    bad = subprocess.run(
        [*decode, "-Y", f"_ws.malformed || _ws.expert.severity >= {WARNING}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert bad.stdout == ""
    said = subprocess.run([*decode, "-T", "fields", "-e", "cflow.octets"], capture_output=True, text=True, check=True)
    octets = [int(word) for line in said.stdout.splitlines() for word in line.split(",") if word]
    wanted = rows(flows, ipv6=kind != "v5")
    assert (len(octets), sum(octets)) == (wanted.total(), sum(row[6] * n for row, n in wanted.items()))


def write_capture(path: Path, datagrams: Datagrams) -> None:
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether
    from scapy.utils import wrpcap

    frame = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="192.0.2.1", dst="192.0.2.2")
    wrpcap(str(path), [frame / UDP(sport=4711, dport=23999) / bytes(datagram) for datagram in datagrams])
