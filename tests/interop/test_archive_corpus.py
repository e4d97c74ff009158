"""Every nfcapd and flow-tools file of the corpus: flow by flow as nfdump or flow-tools of its version reads it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from archive_records import elements, normal, rows_of, shown
from corpus_cases import FOLDER

from nftui.engine.archive.formats import open_archive
from nftui.engine.schema import FIELDS

FILES = sorted((FOLDER / "files").glob("*.expected.json"))
pytestmark = pytest.mark.skipif(not FILES, reason=f"no interop corpus at {FOLDER} (NFTUI_INTEROP)")

NAMES = {
    "tos": "ip_tos", "start_ms": "time_flow_start_ms", "end_ms": "time_flow_end_ms", "x_dst_tos": "dst_tos",
    "nat_src_addr": "post_nat_src_addr", "nat_dst_addr": "post_nat_dst_addr", "nat_src_port": "post_nat_src_port",
    "nat_dst_port": "post_nat_dst_port", "vrf_in": "ingress_vrf", "vrf_out": "egress_vrf", "vlan": "src_vlan",
    "vlan_out": "dst_vlan", "src_mac": "in_src_mac", "dst_mac": "in_dst_mac", "x_ip4_router": "sampler_address",
    "x_ip6_router": "sampler_address", "x_next_as": "next_as", "x_prev_as": "prev_as", "x_connect_id": "flow_id",
    "x_xevent_id": "firewall_ext_event", "x_aggr_flows": "flows", "x_received": "time_received_ms",
    "exporter": "sampler_address", **{f"x_mpls_{i}": f"mpls_{i}" for i in range(1, 11)},
}  # fmt: skip
"""Key of the expectation to field, where they differ."""

DIFFERENCES = {
    # A record with addresses of both families, one of them zero: nfdump 1.7.1 shows either, 1.7.8 as we do.
    "nfcapd-1.7.1-none": {"src_addr": 49, "dst_addr": 49, "forwarding_status": 13},
    "nfcapd-1.7.1-lz4": {"src_addr": 49, "dst_addr": 49, "forwarding_status": 13},
    # Both next hops are there and zero: nfdump shows the IPv6 one. No flows in a record is one flow.
    "nfcapd-1.6.24-none": {"next_hop": 2, "bgp_next_hop": 2, "flows": 1},
    "nfcapd-1.6.24-lzo": {"next_hop": 2, "bgp_next_hop": 2, "flows": 1},
    # The clock of the exporter wrapped between start and export: flow-tools has the start 49 days ahead.
    "ft-v05.2026-11-21.094500+0000.s": {"time_flow_start_ms": 2},
}
"""File to how many values differ, by field."""


def of_name(path: Path) -> str:
    return path.name.removesuffix(".expected.json")


def as_a_decimal(milliseconds: int) -> int:
    """A time whose milliseconds stand as a plain number behind the point, read as a decimal fraction."""
    seconds, rest = divmod(milliseconds, 1000)
    return seconds * 1000 + round(float(f"0.{rest}") * 1000)


@pytest.mark.parametrize("expectation", [path for path in FILES if "sample-00" not in path.name], ids=of_name)
def test_every_flow_is_as_the_tool_of_the_version_reads_it(expectation: Path) -> None:
    expected = json.loads(expectation.read_text())["records"]
    rows = rows_of(str(expectation.with_name(of_name(expectation))))
    assert len(rows) == len(expected)
    differences: Counter[str] = Counter()
    compared = 0
    newest = "1.7.8" in expectation.name
    for (batch, row), record in zip(rows, expected, strict=True):
        for key, value in record.items():
            field = NAMES.get(key, key)
            if field in FIELDS and field not in {"icmp_type", "icmp_code"}:
                differences[field] += shown(batch, field, row) != normal(value)
                compared += 1
        if "icmp_type" in record:
            assert batch.value("dst_port", row) == record["icmp_type"] << 8 | record["icmp_code"]
        if "event_ms" in record:
            assert record["event_ms"] in map(as_a_decimal, elements(batch, row, 323))
        if "x_sampled" in record:
            assert batch.value("sampling_rate", row) == (1 if record["x_sampled"] else None)
        for side in ("ingress", "egress"):
            if f"x_{side}_acl" in record:
                ids = [batch.value(f"{side}_{part}_id", row) for part in ("acl", "ace", "xace")]
                # The file has them as they were on the wire; nfdump 1.7.8 shows them the wrong way round.
                shown_ids = [int.from_bytes(n.to_bytes(4, "little"), "big") for n in ids] if newest else ids
                assert "/".join(f"{n:#x}" for n in shown_ids) == record[f"x_{side}_acl"]
    assert compared >= 8 * len(rows)
    assert {field: count for field, count in differences.items() if count} == DIFFERENCES.get(of_name(expectation), {})


def test_the_readable_part_of_a_cut_file_comes_out_and_the_cut_is_named() -> None:
    path = FOLDER / "files" / "ftv5.2016-01-13.compress.9.sample-00"
    expected: list[dict[str, Any]] = json.loads(path.with_name(path.name + ".expected.json").read_text())["records"]
    archive = open_archive(str(path))
    batches = list(archive.batches())
    assert [shown(batch, "src_addr", row) for batch in batches for row in range(len(batch))] == [
        record["src_addr"] for record in expected
    ]
    assert archive.trouble == "the compressed data end too early at byte 10240, and 1 more"


@pytest.mark.parametrize(
    ("name", "ident", "flows", "sequence_failures"),
    [
        ("nfcapd-17-sample", "RB-QG-MW-SOLUCOES", 3018, 53),
        ("nfcapd-1.7.1-lz4", "none", 1826, 103),
        ("nfcapd-1.6.24-lzo", "none", 1830, 98),
        ("nfgen-1.7.8-lz4", "TestFlows", 129, 0),
    ],
)
def test_ident_and_statistics_survive(name: str, ident: str, flows: int, sequence_failures: int) -> None:
    about = open_archive(str(FOLDER / "files" / name)).about
    assert about.ident == ident
    assert about.statistics["flows"] == flows
    assert about.statistics["sequence_failures"] == sequence_failures


def test_exporters_and_samplers_survive() -> None:
    archive = open_archive(str(FOLDER / "files" / "nfcapd-1.7.1-lz4"))
    sampled = [
        elements(batch, row, 305)
        for batch in archive.batches()
        for row in range(len(batch))
        if batch.value("sampling_rate", row) == 1
    ]
    assert [(exporter.address, exporter.version) for exporter in list(archive.about.exporters.values())[:1]] == [
        (0xFFFF << 32 | 0x7F000201, 9)
    ]
    assert len(archive.about.exporters) == 74
    assert [(sampler.exporter, sampler.id, sampler.rate) for sampler in archive.about.samplers] == [(33, -1, 100)]
    assert sampled == [[100]] * 4
