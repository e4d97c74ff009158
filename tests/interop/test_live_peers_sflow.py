"""sFlow beside sfcapd, from pmacctd's sfprobe, and our encoder's datagrams as tshark reads them.

sfcapd multiplies packets and octets by the sampling rate. Differences: it leaves discarded packets out, gives the type
of ICMP as source port, ends a datagram at an extended gateway record without an AS path (vf-sflow-padding), reports
protocol 47 for a sample without a packet (gp-sflow-testpacket6), prefers the length of a sampled IPv4 record to that of
the frame (akv-sflow-ipv4-data), and has 0.0.0.0 where there is no address.
"""

from __future__ import annotations

import socket
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from corpus_cases import cases
from export_wire import NOW_MS
from live_peers import (
    PATIENCE_SECONDS,
    Tee,
    make_capture,
    need,
    nfcapd,
    nftui,
    ours,
    send_paced,
    theirs,
    wait_for_datagrams,
    without_times,
)
from probe_packets import ethernet, ip, write_pcap

from nftui import text
from nftui.engine.batch import FlowBatch, concat
from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder
from nftui.engine.encode.sflow import SflowEncoder
from nftui.text import V4_PREFIX

pytestmark = pytest.mark.peer
LEFT_OUT = {"vf-sflow-padding", "td-sflow-segv", "gp-sflow-testpacket6", "akv-sflow-ipv4-data"}
"""Cases where sfcapd is known to give something else: see above; the sample of the third has no packet."""
Shown = tuple[str, int, str, int, int, int, int, int]


def decoded(payloads: list[bytes]) -> FlowBatch:
    decoder = Decoder()
    session = decoder.session(V4_PREFIX | 0x7F000001, 6343)
    return concat(decoder.decode(block_of(payloads, [session] * len(payloads), NOW_MS)).batches)


def shown(batch: FlowBatch) -> Counter[Shown]:
    """Flows as sfcapd counts them: times the sampling rate, without type and code of ICMP."""
    found: Counter[Shown] = Counter()
    for row in range(len(batch)):
        value = {name: batch.value(name, row) or 0 for name in ("src_addr", "dst_addr", "src_port", "dst_port")}
        numbers = [batch.value(name, row) or 0 for name in ("proto", "packets", "bytes", "tcp_flags")]
        rate = batch.value("sampling_rate", row)
        if rate is None:  # a discarded packet
            continue
        proto, packets, octets, flags = numbers
        port = 0 if proto in {1, 58} else value["dst_port"]
        source, target = (text.address(value[name] or V4_PREFIX) for name in ("src_addr", "dst_addr"))
        ends = (source, value["src_port"], target, port)
        found[*ends, proto, packets * rate, octets * rate, flags] += 1
    return found


def test_corpus_beside_sfcapd(tmp_path: Path) -> None:
    need("sfcapd", "nfdump")
    chosen = [case for case in cases(("sflow5",)) if case.name not in LEFT_OUT]
    if not chosen:
        pytest.skip("no interop corpus (NFTUI_INTEROP)")
    payloads = [item.payload for case in chosen for item in case.datagrams()]
    with nfcapd(tmp_path / "sfcapd", "sfcapd") as port:
        send_paced(payloads, port)
    others: Counter[Shown] = Counter()
    for row, count in theirs(tmp_path / "sfcapd").items():
        ports = (0, 0) if row[4] in {1, 58} else (row[1], row[3])
        others[row[0], ports[0], row[2], ports[1], *row[4:8]] += count
    mine = shown(decoded(payloads))
    assert sum(mine.values()) > 270
    assert mine == others


def test_sfprobe_beside_sfcapd(tmp_path: Path) -> None:
    need("pmacctd", "sfcapd", "nfdump")
    capture = tmp_path / "made.pcap"
    make_capture(capture, 1_700_000_000)
    with nftui(tmp_path / "nftui") as (port, engine), nfcapd(tmp_path / "sfcapd", "sfcapd") as peer_port:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind(("127.0.0.1", 0))
        tee = Tee(opened, [port, peer_port])
        tee.start()
        config = tmp_path / "pmacctd.conf"
        config.write_text(
            f"daemonize: false\npcap_savefile: {capture}\nplugins: sfprobe\nsfprobe_receiver: 127.0.0.1:{tee.port}\n"
            "sfprobe_agentip: 127.0.0.1\naggregate: src_host, dst_host, src_port, dst_port, proto\n"
        )
        subprocess.run(["pmacctd", "-f", str(config)], capture_output=True, timeout=PATIENCE_SECONDS, check=True)
        datagrams = tee.finish()
        assert datagrams > 10
        wait_for_datagrams(engine, datagrams)
        counts = engine.ledger.snapshot()
    # sfprobe does not send its last, unfinished datagram.
    assert 300 < counts["records.flows"] <= 324
    assert "sequence.lost" not in counts
    mine, others = ours(tmp_path / "nftui"), theirs(tmp_path / "sfcapd")
    assert sum(mine.values()) == counts["records.flows"]
    assert [row for row in without_times(mine) if row[4] not in {1, 58}] == [
        row for row in without_times(others) if row[4] not in {1, 58}
    ]
    assert sum(row[6] * count for row, count in mine.items()) == sum(row[6] * count for row, count in others.items())


def test_tshark_reads_what_the_encoder_writes(tmp_path: Path) -> None:
    need("tshark")
    count = 60
    rng = np.random.default_rng(1)
    batch = FlowBatch(count)
    for name in ("src_addr", "dst_addr", "next_hop", "bgp_next_hop"):
        batch.columns[name + "_hi"] = np.zeros(count, np.int64)
        batch.columns[name + "_lo"] = V4_PREFIX | rng.integers(1, 1 << 32, count)
    for name, values in {
        "proto": rng.choice(np.array([1, 6, 17]), count).astype(np.uint8), "packets": np.ones(count, np.int64),
        "bytes": rng.integers(64, 1519, count), "in_if": np.arange(count).astype(np.uint32),
        "src_vlan": np.full(count, 5, np.uint16), "src_as": np.full(count, 65001, np.uint32),
        "dst_as": np.full(count, 65002, np.uint32), "sampling_rate": np.full(count, 512, np.uint32),
    }.items():  # fmt: skip
        batch.columns[name] = values
    sent = [bytes(raw) for raw in SflowEncoder(V4_PREFIX | 0x7F000001).encode(batch, NOW_MS)]
    frames = []
    for raw in sent:
        udp = b"\x18\xc7\x18\xc7" + (8 + len(raw)).to_bytes(2, "big") + b"\0\0" + raw
        frames.append(ethernet(ip("192.0.2.1", "192.0.2.2", 17, udp)))
    path = write_pcap(tmp_path / "sent.pcap", frames)
    said = subprocess.run(["tshark", "-r", str(path), "-V"], capture_output=True, text=True, check=True).stdout
    assert "Malformed" not in said
    assert said.count("Flow sample, seq") == count
    lengths = Counter(
        int(line.split(":")[1].split()[0])
        for line in said.splitlines()
        if "Frame Length:" in line and "bytes (" not in line
    )
    got = decoded(sent)
    assert lengths == Counter(got.columns["bytes"].tolist()) == Counter(batch.columns["bytes"].tolist())
