"""nfdump files that we write, as nfdump 1.7.1 reads them: flow by flow, with their statistics, ident and exporters."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from live_peers import need

from nftui.engine.archive.nfdump_file import NfdumpFile
from nftui.engine.archive.nfdump_layout import Compression
from nftui.engine.archive.write_nfdump import NfdumpWriter
from nftui.engine.archive.writing import Sink
from nftui.engine.batch import FlowBatch, TextColumn

pytestmark = pytest.mark.peer

CORPUS = Path(os.environ.get("NFTUI_INTEROP", Path(__file__).parents[3] / "shared" / "interop")) / "files"
V4 = 0xFFFF << 32
START = 1_700_000_000_000


def nfdump(path: Path, *arguments: str) -> str:
    need("nfdump")
    environment = {**os.environ, "TZ": "UTC"}
    done = subprocess.run(
        ["nfdump", "-r", str(path), *arguments], capture_output=True, text=True, check=True, env=environment
    )
    assert "Unknown" not in done.stderr + done.stdout
    return done.stdout


def read_by_nfdump(path: Path) -> list[dict[str, Any]]:
    said = nfdump(path, "-o", "json", "-N")
    found: list[dict[str, Any]] = json.loads(said[said.index("[") :])
    return found


def write(
    path: Path, batches: list[FlowBatch], compression: Compression = Compression.LZ4, **more: Any
) -> NfdumpWriter:
    sink = Sink(path)
    writer = NfdumpWriter(sink, compression, **more)
    writer.begin()
    for batch in batches:
        writer.write(batch)
    writer.finish()
    sink.close()
    return writer


def address(batch: FlowBatch, name: str, values: list[int], valid: list[bool] | None = None) -> None:
    batch.columns[f"{name}_hi"] = np.array([value >> 64 for value in values], np.uint64).view(np.int64)
    batch.columns[f"{name}_lo"] = np.array([value & (1 << 64) - 1 for value in values], np.uint64).view(np.int64)
    if valid is not None:
        batch.valid[name] = np.array(valid)


def number(batch: FlowBatch, name: str, dtype: str, values: list[int], valid: list[bool] | None = None) -> None:
    batch.columns[name] = np.array(values, dtype)
    if valid is not None:
        batch.valid[name] = np.array(valid)


def sample() -> FlowBatch:
    """An IPv4 flow that was sampled, an IPv6 flow with labels and MACs, a NAT event of a firewall."""
    batch = FlowBatch(3)
    v6 = 0x20010DB8 << 96
    address(batch, "src_addr", [V4 | 0xC0000201, v6 | 1, V4 | 0x0A000001])
    address(batch, "dst_addr", [V4 | 0xC0000202, v6 | 2, V4 | 0xC6336401])
    address(batch, "sampler_address", [V4 | 0x7F000005, V4 | 0x7F000006, v6 | 0xFF])
    address(batch, "next_hop", [V4 | 0xC00002FE, v6 | 0xFE, 0], [True, True, False])
    address(batch, "bgp_next_hop", [0, v6 | 0xFD, 0], [False, True, False])
    address(batch, "post_nat_src_addr", [0, 0, V4 | 0xCB007101], [False, False, True])
    address(batch, "post_nat_dst_addr", [0, 0, V4 | 0xC6336401], [False, False, True])
    number(batch, "time_received_ms", "i8", [START + 9000 + i for i in range(3)])
    number(batch, "time_flow_start_ms", "i8", [START + i for i in range(3)])
    number(batch, "time_flow_end_ms", "i8", [START + 5000 + i for i in range(3)])
    number(batch, "flow_source", "u1", [5, 10, 9])
    number(batch, "observation_domain_id", "u4", [0, 77, 8], [False, True, True])
    number(batch, "flows", "i8", [1, 4, 1])
    number(batch, "quality", "u2", [0, 0, 0])
    number(batch, "src_port", "u2", [40000, 443, 40001])
    number(batch, "dst_port", "u2", [53, 50000, 80])
    number(batch, "proto", "u1", [17, 6, 6])
    number(batch, "tcp_flags", "u2", [0, 0x11B, 2])
    number(batch, "ip_tos", "u1", [184, 0, 0])
    number(batch, "bytes", "i8", [1500, 1 << 40, 60])
    number(batch, "packets", "i8", [1, 1 << 33, 1])
    number(batch, "out_bytes", "i8", [0, 5000, 0], [False, True, False])
    number(batch, "out_packets", "i8", [0, 50, 0], [False, True, False])
    number(batch, "sampling_rate", "u4", [1000, 0, 0], [True, False, False])
    number(batch, "in_if", "u4", [1, 2, 3])
    number(batch, "out_if", "u4", [70000, 5, 6])
    number(batch, "src_as", "u4", [4200000001, 0, 0], [True, False, False])
    number(batch, "dst_as", "u4", [65000, 0, 0], [True, False, False])
    number(batch, "src_mask", "u1", [24, 48, 0], [True, True, False])
    number(batch, "dst_mask", "u1", [16, 64, 0], [True, True, False])
    number(batch, "src_vlan", "u2", [0, 100, 0], [False, True, False])
    number(batch, "dst_vlan", "u2", [0, 200, 0], [False, True, False])
    number(batch, "in_src_mac", "i8", [0, 0x020000000001, 0], [False, True, False])
    number(batch, "out_dst_mac", "i8", [0, 0x020000000002, 0], [False, True, False])
    number(batch, "mpls_1", "u4", [0, 16001 << 4 | 0b0100, 0], [False, True, False])
    number(batch, "mpls_2", "u4", [0, 24 << 4 | 1, 0], [False, True, False])
    number(batch, "firewall_event", "u1", [0, 0, 1], [False, False, True])
    number(batch, "firewall_ext_event", "u2", [0, 0, 1001], [False, False, True])
    number(batch, "flow_id", "i8", [0, 0, 123456], [False, False, True])
    number(batch, "post_nat_src_port", "u2", [0, 0, 61000], [False, False, True])
    number(batch, "post_nat_dst_port", "u2", [0, 0, 80], [False, False, True])
    number(batch, "ingress_vrf", "u4", [0, 12, 0], [False, True, False])
    number(batch, "egress_vrf", "u4", [0, 13, 0], [False, True, False])
    number(batch, "ingress_acl_id", "u4", [0, 0, 0x0F8E7FF3], [False, False, True])
    number(batch, "ingress_ace_id", "u4", [0, 0, 0x0FC1A030], [False, False, True])
    number(batch, "egress_xace_id", "u4", [0, 0, 7], [False, False, True])
    number(batch, "client_latency_us", "i8", [0, 1500, 0], [False, True, False])
    number(batch, "min_ttl", "u1", [60, 0, 0], [True, False, False])
    batch.text["username"] = TextColumn(np.array([-1, -1, 0], np.int32), ["ann@example.org"])
    return batch


# nfdump does not pad the milliseconds of t_event.
WANTED: list[dict[str, object]] = [
    {"type": "FLOW", "sampled": 1, "first": "2023-11-14T22:13:20.000", "last": "2023-11-14T22:13:25.000",
     "received": "2023-11-14T22:13:29.000", "in_packets": 1000, "in_bytes": 1_500_000, "proto": 17,
     "src4_addr": "192.0.2.1", "dst4_addr": "192.0.2.2", "src_port": 40000, "dst_port": 53, "src_tos": 184,
     "input_snmp": 1, "output_snmp": 70000, "src_mask": 24, "dst_mask": 16, "src_as": 4200000001, "dst_as": 65000,
     "ip4_next_hop": "192.0.2.254", "ip4_router": "127.0.0.5"},
    {"type": "FLOW", "sampled": 0, "first": "2023-11-14T22:13:20.001", "in_packets": 1 << 33, "in_bytes": 1 << 40,
     "out_packets": 50, "out_bytes": 5000, "aggr_flows": 4, "proto": 6, "tcp_flags": "...AP.SF",
     "src6_addr": "2001:db8::1", "dst6_addr": "2001:db8::2", "src_mask": 48, "dst_mask": 64, "src_vlan": 100,
     "dst_vlan": 200, "ip6_next_hop": "2001:db8::fe", "bgp6_next_hop": "2001:db8::fd", "ip4_router": "127.0.0.6",
     "cli_latency": 1.5,
     "in_src_mac": "02:00:00:00:00:01", "out_dst_mac": "02:00:00:00:00:02", "mpls_1": "16001-2-0", "mpls_2": "24-0-1"},
    {"type": "EVENT", "sampled": 0, "src4_addr": "10.0.0.1", "dst4_addr": "198.51.100.1", "connect_id": "123456",
     "event_id": "1", "event": "CREATE", "xevent_id": "1001", "t_event": "2023-11-14T22:13:20.2",
     "ingress_acl": "0xf8e7ff3/0xfc1a030/0x0", "egress_acl": "0x0/0x0/0x7",
     "src4_xlt_ip": "203.0.113.1", "dst4_xlt_ip": "198.51.100.1", "src_xlt_port": "61000", "dst_xlt_port": "80",
     "user_name": "ann@example.org", "ip6_router": "2001:db8::ff"},
]  # fmt: skip


@pytest.mark.parametrize("compression", [Compression.LZ4, Compression.NONE])
def test_every_extension_reads_back_with_its_values(tmp_path: Path, compression: Compression) -> None:
    path = tmp_path / "nfcapd.202311142210"
    writer = write(path, [sample()], compression, ident="edge-1")
    found = sorted(read_by_nfdump(path), key=lambda flow: flow["first"])
    for flow, wanted in zip(found, WANTED, strict=True):
        assert {name: flow.get(name) for name in wanted} == wanted
    assert writer.counts == {"fields.not_carried.min_ttl": 1, "values.truncated.tcp_flags": 1}


def test_statistics_ident_and_exporters(tmp_path: Path) -> None:
    path = tmp_path / "nfcapd.202311142210"
    write(path, [sample(), sample()], ident="edge-1")
    said = dict(line.split(": ") for line in nfdump(path, "-I").splitlines() if ": " in line)
    packets = {"udp": 1000, "tcp": (1 << 33) + 50 + 1}
    octets = {"udp": 1_500_000, "tcp": (1 << 40) + 5000 + 60}
    assert said["Ident"] == "edge-1"
    assert (int(said["Flows"]), int(said["Flows_tcp"]), int(said["Flows_udp"])) == (12, 10, 2)
    for kind in ("tcp", "udp"):
        assert int(said[f"Packets_{kind}"]) == 2 * packets[kind]
        assert int(said[f"Bytes_{kind}"]) == 2 * octets[kind]
    assert (int(said["First"]), int(said["msec_first"])) == (START // 1000, 0)
    assert (int(said["Last"]), int(said["msec_last"])) == (START // 1000 + 5, 2)
    exporters = nfdump(path, "-E", str(path))
    assert re.search(r"IP:\s+127\.0\.0\.5, version: 5, ID: +0", exporters)
    assert re.search(r"IP:\s+127\.0\.0\.6, version: 10, ID: 77", exporters)
    assert re.search(r"IP:\s+2001:db8::ff, version: 9, ID: +8", exporters)
    assert re.search(r"interval: 1, .*999", exporters)  # 1 packet, then 999 that are passed over


def test_blocks_end_where_nfdump_wants_them_to(tmp_path: Path) -> None:
    """30 000 flows are several blocks; every flow comes back once."""
    path = tmp_path / "nfcapd.202311142210"
    rows = np.tile(np.arange(3), 10_000)
    write(path, [sample().take(rows)])
    assert len(read_by_nfdump(path)) == 30_000


@pytest.mark.parametrize("name", ["nfcapd-17-sample", "nfcapd-1.7.1-lz4", "nfcapd-1.7.1-none"])
def test_files_of_nfcapd_come_back_equal(tmp_path: Path, name: str) -> None:
    """Read by us, written by us, read by nfdump: as nfdump reads the original.

    Left aside are records that hold the same thing twice (both address families), user names that are there but
    empty, and times that the exporter did not send, which are the time of reception to us and 1970 to nfdump.
    """
    source = CORPUS / name
    if not source.exists():
        pytest.skip("the interop files are not here")
    path = tmp_path / "nfcapd.202311142210"
    write(path, list(NfdumpFile(str(source)).batches()))

    wanted, found = ([plain(flow) for flow in read_by_nfdump(of)] for of in (source, path))
    assert len(wanted) == len(found)
    compared = Counter(json.dumps(flow, sort_keys=True) for flow in wanted if is_regular(flow))
    assert compared.total() > 1300
    assert compared - Counter(json.dumps(flow, sort_keys=True) for flow in found) == Counter()


def plain(flow: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in flow.items() if key != "export_sysid" and value != "<empty>"}


def is_regular(flow: dict[str, Any]) -> bool:
    """Whether it has all times, and no address of both families or of IPv4 as IPv6."""
    twice = any(str(value).startswith("::ffff:") for value in flow.values()) or any(
        key.replace("4", "6") in flow for key in flow if "4" in key and key[0] != "m"
    )
    return not twice and "received" in flow and "1970" not in flow["first"] + flow["last"]
