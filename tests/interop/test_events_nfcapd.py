"""Events of firewalls and NAT: what nfcapd stored of a datagram beside what we decode, field by field."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from event_wire import asa_events, cgn_events
from export_wire import NOW_MS, Collector
from live_peers import need, nfcapd, send_paced

from nftui import text
from nftui.engine.batch import FlowBatch

pytestmark = pytest.mark.peer

FIELDS = {
    "src addr": "src_addr", "dst addr": "dst_addr", "src port": "src_port", "dst port": "dst_port",
    "input": "in_if", "output": "out_if", "connect ID": "flow_id", "fw event": "firewall_event",
    "fw ext event": "firewall_ext_event", "Event time": "time_flow_end_ms", "src xlt ip": "post_nat_src_addr",
    "dst xlt ip": "post_nat_dst_addr", "src xlt port": "post_nat_src_port", "dst xlt port": "post_nat_dst_port",
    "username": "username", "nat event": "nat_event", "ingress VRF": "ingress_vrf", "egress VRF": "egress_vrf",
    "pblock start": "port_block_start", "pblock end": "port_block_end", "pblock step": "port_block_step",
    "pblock size": "port_block_size", "in bytes": "bytes", "out bytes": "out_bytes", "proto": "proto",
}  # fmt: skip
"""nfdump's name in `-o raw` to our field. nfdump has no nulls: what a record does not have is 0 there."""


def theirs(folder: Path, datagrams: list[bytes]) -> list[dict[str, str]]:
    with nfcapd(folder) as port:
        send_paced(datagrams, port)
    said = subprocess.run(["nfdump", "-R", str(folder), "-q", "-N", "-o", "raw"], capture_output=True, text=True)
    found = []
    for block in said.stdout.split("Flow Record:")[1:]:
        pairs = [line.split("=", 1) for line in block.splitlines() if "=" in line]
        found.append({name.strip(): value.strip() for name, value in pairs})
    return found


def ours(batch: FlowBatch, row: int, name: str) -> str:
    value = batch.value(name, row)
    if name.endswith("_addr"):
        return text.address(value) if isinstance(value, int) else "0.0.0.0"
    return value if isinstance(value, str) else str(value or 0)


@pytest.mark.parametrize("events", [asa_events, cgn_events])
def test_nfcapd_reads_the_same_events(tmp_path: Path, events) -> None:  # type: ignore[no-untyped-def]
    need("nfcapd", "nfdump")
    datagrams = events()
    stored = theirs(tmp_path / "nfcapd", datagrams)
    collector = Collector()
    batches = [batch for datagram in datagrams for batch in collector.feed(datagram, now_ms=NOW_MS).batches]
    assert len(batches) == len(stored) == 4
    for batch, record in zip(batches, stored, strict=True):
        for their_name, name in FIELDS.items():
            if their_name in record:
                value = record[their_name].split(":")[0].split()[0]
                assert ours(batch, 0, name) == value, their_name
        for side in ("ingress", "egress"):
            said = record.get(f"{side.title()} ACL")
            if said is not None:
                parts = [batch.value(f"{side}_{part}_id", 0) for part in ("acl", "ace", "xace")]
                assert [int(part, 16) for part in said.split("/")] == parts
