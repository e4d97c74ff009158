"""Flows of archives as plain records, to compare with what nfdump and flow-tools make of the same files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nftui import text
from nftui.engine.archive.formats import open_archive
from nftui.engine.batch import FlowBatch
from nftui.engine.schema import FIELDS, Show

FROM_NFDUMP = {
    "in_packets": "packets", "in_bytes": "bytes", "proto": "proto", "src_port": "src_port", "dst_port": "dst_port",
    "src_tos": "ip_tos", "input_snmp": "in_if", "output_snmp": "out_if", "src_mask": "src_mask",
    "dst_mask": "dst_mask", "direction": "direction", "dst_tos": "dst_tos", "connect_id": "flow_id",
    "event_id": "firewall_event", "xevent_id": "firewall_ext_event", "src4_xlt_ip": "post_nat_src_addr",
    "dst4_xlt_ip": "post_nat_dst_addr", "src_xlt_port": "post_nat_src_port", "dst_xlt_port": "post_nat_dst_port",
    "out_packets": "out_packets", "out_bytes": "out_bytes", "aggr_flows": "flows", "ingress_vrf": "ingress_vrf",
    "egress_vrf": "egress_vrf", "src_as": "src_as", "dst_as": "dst_as", "ip4_next_hop": "next_hop",
    "ip6_next_hop": "next_hop", "src_vlan": "src_vlan", "dst_vlan": "dst_vlan", "bgp4_next_hop": "bgp_next_hop",
    "bgp6_next_hop": "bgp_next_hop", "in_src_mac": "in_src_mac", "out_dst_mac": "out_dst_mac",
    "in_dst_mac": "in_dst_mac", "out_src_mac": "out_src_mac", "nat_event_id": "nat_event", "next_as": "next_as",
    "prev_as": "prev_as", "observationDoaminID": "observation_domain_id", "observationPointID": "observation_point_id",
    "ip4_router": "sampler_address", "ip6_router": "sampler_address", "pblock_start": "port_block_start",
    "pblock_end": "port_block_end", "pblock_step": "port_block_step", "pblock_size": "port_block_size",
    "fwd_status": "forwarding_status", "first": "time_flow_start_ms", "last": "time_flow_end_ms",
    "received": "time_received_ms", **{f"mpls_{i}": f"mpls_{i}" for i in range(1, 11)},
}  # fmt: skip
"""Key of `nfdump -o json` to field."""


def rows_of(path: str) -> list[tuple[FlowBatch, int]]:
    """Batch and row of each flow of a file, in its order; nothing may be damaged."""
    archive = open_archive(path)
    rows = [(batch, row) for batch in archive.batches() for row in range(len(batch))]
    assert archive.trouble == ""
    return rows


def shown(batch: FlowBatch, field: str, row: int) -> object:
    """A value as nfdump writes it."""
    value = batch.value(field, row)
    if not isinstance(value, int):
        return value
    show = FIELDS[field].show
    if show is Show.ADDRESS:
        return text.address(value)
    if show is Show.MAC:
        return text.mac(value)
    return text.mpls(value) if show is Show.MPLS else value


def normal(value: Any) -> Any:
    """Numbers from texts, times as UTC ms, addresses in our form."""
    if not isinstance(value, str):
        return value
    if value.isdigit():
        return int(value)
    if len(value) > 19 and value[10] == "T":
        # nfdump writes the milliseconds of events as a plain number behind the point.
        seconds, _, milliseconds = value.partition(".")
        return int(datetime.fromisoformat(seconds).replace(tzinfo=UTC).timestamp()) * 1000 + int(milliseconds)
    if "::ffff:" in value and "." in value:
        return value.rpartition(":")[2]
    return value


def elements(batch: FlowBatch, row: int, number: int) -> list[int]:
    """Values of an element in `extra` that has no enterprise number."""
    found = batch.value("extra", row)
    return [int.from_bytes(raw, "big") for pen, element, raw in found or () if (pen, element) == (0, number)]  # type: ignore[union-attr, misc]
