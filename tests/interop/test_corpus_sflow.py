"""Every sFlow case of the interop corpus, field by field against its expected values."""

from __future__ import annotations

from typing import Any

import pytest
from corpus_cases import FOLDER, Case, cases
from export_wire import NOW_MS

from nftui import text
from nftui.engine.batch import FlowBatch
from nftui.engine.counters import Counts, datagram_balance, record_balance
from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder
from nftui.engine.schema import FlowSource

CASES = cases(("sflow5",))
pytestmark = pytest.mark.skipif(not CASES, reason=f"no interop corpus at {FOLDER} (NFTUI_INTEROP)")

SFLOW_ORG = 14706
DIRECT = {
    "sampling_rate": "sampling_rate", "in_if": "in_if", "out_if": "out_if", "sub_agent": "observation_domain_id",
    "packets": "packets", "bytes": "bytes", "src_mac": "in_src_mac", "dst_mac": "in_dst_mac", "ethertype": "etype",
    "src_addr": "src_addr", "dst_addr": "dst_addr", "proto": "proto", "tos": "ip_tos", "ip_ttl": "max_ttl",
    "src_port": "src_port", "dst_port": "dst_port", "tcp_flags": "tcp_flags", "icmp_type": "icmp_type",
    "icmp_code": "icmp_code", "bgp_next_hop": "bgp_next_hop", "next_hop": "next_hop", "src_as": "src_as",
    "dst_as": "dst_as", "src_peer_as": "prev_as", "src_mask": "src_mask", "dst_mask": "dst_mask",
    "ip_id": "fragment_id", "flow_label": "ipv6_flow_label", "vlan": "src_vlan", "vlan_out": "dst_vlan",
    "frame_length": "bytes", "eth_length": "bytes",
}  # fmt: skip
"""Expected key to our field; all that are not here are compared below or are no property of a flow."""

NOT_KEPT = {
    "stripped": "bytes of the trailer, of no use without the frame",
    "header_protocol": "how the header was sampled; the ethertype says what it is",
    "ip_length": "octets are the frame's; the IP length is not stored beside them",
    "ip_bytes": "octets are the frame's, as sfcapd counts",
    "drops": "a count of the source, in the counter samples.dropped",
    "sample_seq": "followed for samples.lost, no property of a flow",
    "expanded": "which of two forms of the same sample was sent",
    "packets_total": "telegraf's name for the sample pool",
    "out_dst_mac": "telegraf's name for dst_mac",
}
_NO_SWITCH = "said by akvorado from the frame's tag; no record tells the VLAN behind the switch"
DIFFERENCES: dict[str, dict[str, str]] = {
    "akv-sflow-expanded-sample": {"vlan_out": _NO_SWITCH},
    "akv-sflow-qinq": {
        "vlan": "the outer tag, as in IPFIX 243; the inner one, which is expected, is customer_vlan",
        "vlan_out": _NO_SWITCH,
    },
}
"""Case to field to the reason why our value is another one."""


class Row:
    """One decoded flow."""

    def __init__(self, batch: FlowBatch, row: int) -> None:
        self.batch, self.row = batch, row
        self.extra = {(pen, element): value for pen, element, value in batch.extra.at(row)} if batch.extra else {}

    def get(self, field: str) -> Any:
        return self.batch.value(field, self.row)

    def shown(self, name: str, field: str) -> Any:
        value = self.get(field)
        if value is None:
            return None
        return text.address(value) if "addr" in name or "hop" in name else text.mac(value) if "mac" in name else value

    def differences(self, expected: dict[str, Any]) -> dict[str, Any]:
        wrong = {}
        for name, value in expected.items():
            if name in DIRECT and name not in {"in_if", "out_if"} and self.shown(name, DIRECT[name]) != value:
                wrong[name] = self.shown(name, DIRECT[name])
        for name in ("in_if", "out_if"):
            # The number of interfaces and the reason of a discard are no interface: see `extra`.
            is_index = expected.get(f"{name}_format", 0) == 0
            if self.get(name) != (expected[name] if is_index else None):
                wrong[name] = self.get(name)
        if expected.get("out_if_format", 0) != 0:
            sent = self.extra[SFLOW_ORG, 0]
            value = expected["out_if_format"] << 30 | expected["out_if"]
            wide = expected["out_if_format"] << 32 | expected["out_if"]
            if int.from_bytes(sent, "big") != (value if len(sent) == 4 else wide):
                wrong["out_if_format"] = sent
        if expected.get("discarded"):
            if int.from_bytes(self.extra[SFLOW_ORG, 0], "big") != expected["drop_reason"]:
                wrong["drop_reason"] = self.extra[SFLOW_ORG, 0]
            if self.get("forwarding_status") is None or self.get("sampling_rate") is not None:
                wrong["discarded"] = self.get("forwarding_status")
        if "source_id" in expected:
            kind, index = (int(part) for part in expected["source_id"].split(":"))
            if self.get("observation_point_id") != kind << 32 | index:
                wrong["source_id"] = self.get("observation_point_id")
        agent = text.parse_address(expected["agent"])
        sent = self.extra.get((0, 130)) or self.extra.get((0, 131))
        if agent != (self.get("sampler_address") if sent is None else _address(sent)):
            wrong["agent"] = sent
        if "router_as" in expected:
            wrong |= self._gateway(expected)
        for record in expected.get("other_records", ()):
            pen, number = (int(part) for part in record.split(":"))
            if number != 1004 and not self.extra.get((pen or SFLOW_ORG, number)):
                wrong["other_records"] = record
        if "vlan_tags" in expected and len(expected["vlan_tags"]) == 2:
            ours = [self.get("src_vlan"), self.get("customer_vlan")]
            if ours != expected["vlan_tags"]:
                wrong["vlan_tags"] = ours
        return wrong

    def _gateway(self, expected: dict[str, Any]) -> dict[str, Any]:
        """The gateway record is kept whole: what has no column is read from there."""
        raw = self.extra[SFLOW_ORG, 1003]
        words = [int.from_bytes(raw[at : at + 4], "big") for at in range(0, len(raw), 4)]
        wrong = {}
        rest = words[2:] if words[0] == 1 else words[5:]
        if rest[0] != expected["router_as"]:
            wrong["router_as"] = rest[0]
        if expected["as_path"] and self.get("next_as") != expected["as_path"][0]:
            wrong["as_path"] = self.get("next_as")
        communities = expected["communities"]
        if words[-1] != expected["local_pref"] or words[-1 - len(communities) : -1] != communities:
            wrong["communities"] = words
        return wrong


def _address(raw: bytes) -> int:
    return int.from_bytes(raw, "big") | (0xFFFF << 32 if len(raw) == 4 else 0)


def decode(case: Case) -> tuple[list[list[Row]], Counts, Decoder]:
    """Rows of each datagram, all decoded as one block."""
    decoder = Decoder()
    items = case.datagrams()
    sessions = [decoder.session(item.address, item.port) for item in items]
    decoded = decoder.decode(
        block_of([item.payload for item in items], sessions, [NOW_MS + i for i in range(len(items))])
    )
    rows: list[list[Row]] = [[] for _ in items]
    for batch in decoded.batches:
        for row in range(len(batch)):
            assert batch.value("flow_source", row) == FlowSource.SFLOW
            received = batch.value("time_received_ms", row)
            assert batch.value("time_flow_start_ms", row) == batch.value("time_flow_end_ms", row) == received
            assert isinstance(received, int)
            rows[received - NOW_MS].append(Row(batch, row))
    return rows, decoded.counts, decoder


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_records_and_counts(case: Case) -> None:
    expected = case.expected()
    rows, counts, _ = decode(case)
    wanted = expected["counts"]
    allowed = DIFFERENCES.get(case.name, {})

    assert counts.get("decoder_bug", 0) == 0
    assert datagram_balance(counts) == 0
    assert record_balance(counts) == 0
    assert counts["datagrams.received"] == wanted["datagrams"]
    assert counts.get("records.flows", 0) == wanted["flow_records"]
    assert counts.get("samples.counters", 0) == wanted["counter_samples"]
    assert counts.get("samples.discards", 0) == wanted["discarded_samples"]
    assert counts.get("records.skipped.sample_format", 0) == wanted["unknown_samples"]

    problems = []
    places = [0] * len(rows)
    for place, record in enumerate(expected["records"]):
        datagram = record["_datagram"]
        row = rows[datagram][places[datagram]]
        places[datagram] += 1
        wrong = {name: ours for name, ours in row.differences(record).items() if name not in allowed}
        problems += [f"record {place} {k}: expected {record.get(k)!r}, ours {v!r}" for k, v in wrong.items()]
    assert not problems, f"{len(problems)} values differ:\n" + "\n".join(problems[:8])


def test_every_expected_key_is_compared_or_explained() -> None:
    special = {
        "in_if_format", "out_if_format", "source_id", "agent", "discarded", "drop_reason", "other_records", "router_as",
        "as_path", "communities", "local_pref", "vlan_tags", "source_only", "named",
    }  # fmt: skip
    keys = {key for case in CASES for record in case.expected()["records"] for key in record if key[0] != "_"}
    assert keys - set(DIRECT) - set(NOT_KEPT) - special == set()


def test_interfaces_of_counter_samples() -> None:
    case = next(case for case in CASES if case.name == "flsf-counters")
    _, _, decoder = decode(case)
    (exporter,) = decoder.exporters()
    (interface,) = exporter.interfaces
    assert (interface.index, interface.type, interface.speed, interface.direction) == (512, 6, 10**10, 1)
    assert (interface.in_octets, interface.in_unicast, interface.in_multicast) == (0, 8, 121)
    assert (interface.out_octets, interface.out_unicast, interface.out_broadcast) == (130_454, 1060, 95)
