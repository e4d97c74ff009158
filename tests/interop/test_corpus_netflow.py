"""Every v1, v5, v7, v9 and IPFIX case of the interop corpus, field by field against its expected values."""

from __future__ import annotations

from typing import Any

import pytest
from corpus_cases import FOLDER, Case, cases, export_time_ms

from nftui import text
from nftui.engine.batch import FlowBatch
from nftui.engine.counters import Counts, add, datagram_balance, record_balance
from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder
from nftui.engine.decode.layout import ACL_ELEMENTS, ACL_PARTS, TARGETS
from nftui.engine.limits import Limits
from nftui.engine.schema import Kind, Quality

CASES = cases()
AS_WRITTEN = Limits(past_seconds=1 << 33, future_seconds=1 << 33)
"""The corpus has exporters with clocks of 1970 and uptimes that do not match their times: nothing is repaired here."""
pytestmark = pytest.mark.skipif(not CASES, reason=f"no interop corpus at {FOLDER} (NFTUI_INTEROP)")

DIRECT = {
    "src_addr": "src_addr", "dst_addr": "dst_addr", "next_hop": "next_hop", "bgp_next_hop": "bgp_next_hop",
    "bytes": "bytes", "packets": "packets", "flows": "flows", "direction": "direction", "src_as": "src_as",
    "dst_as": "dst_as", "src_mask": "src_mask", "dst_mask": "dst_mask", "src_port": "src_port",
    "dst_port": "dst_port", "dst_tos": "dst_tos", "engine_id": "engine_id", "engine_type": "engine_type",
    "ethertype": "etype", "firewall_event": "firewall_event", "flow_end_reason": "flow_end_reason",
    "flow_id": "flow_id", "flow_label": "ipv6_flow_label", "forwarding_status": "forwarding_status",
    "fw_ext_event": "firewall_ext_event", "icmp_code": "icmp_code", "icmp_type": "icmp_type", "in_if": "in_if",
    "out_if": "out_if", "ip_id": "fragment_id", "ip_version": "ip_version", "max_ttl": "max_ttl",
    "min_ttl": "min_ttl", "nat_src_addr": "post_nat_src_addr", "nat_dst_addr": "post_nat_dst_addr",
    "nat_src_port": "post_nat_src_port", "nat_dst_port": "post_nat_dst_port", "nat_event": "nat_event",
    "out_bytes": "out_bytes", "out_packets": "out_packets", "proto": "proto", "sampler_id": "sampler_id",
    "tcp_flags": "tcp_flags", "tos": "ip_tos", "rev_bytes": "out_bytes", "rev_packets": "out_packets",
    "src_mac": "in_src_mac", "out_dst_mac": "out_dst_mac", "vlan_out": "dst_vlan", "vrf_in": "ingress_vrf",
    "vrf_out": "egress_vrf", "start_ms": "time_flow_start_ms", "end_ms": "time_flow_end_ms",
    "app_name": "application_name", "sampling_rate": "sampling_rate",
}  # fmt: skip
"""Expected key to our field."""

ELSEWHERE = {
    "bytes_total": ("bytes", 85), "packets_total": ("packets", 86), "fwd_bytes": ("bytes", 231),
    "fwd_packets": ("packets", 298), "fw_event_old": ("firewall_event", 40005), "in_phys_if": ("in_if", 252),
    "out_phys_if": ("out_if", 253), "ip_ttl": ("max_ttl", 192), "dot1q_vlan": ("src_vlan", 243),
    "vlan": ("src_vlan", 58), "dscp": (None, 195), "layer2_octets": ("bytes", 352),
    "layer2_segment_id": ("layer2_segment_id", 351),
    "sampling_algorithm": (None, 35), "sampling_mode": (None, 49), "router_sc": (None, 130),
}  # fmt: skip
"""Expected key to our field, or the element's extra entry where the field has another value."""

SECOND = {
    "src_addr": (8, 27), "dst_addr": (12, 28), "src_port": (7,), "dst_port": (11,), "proto": (4,), "tcp_flags": (6,),
    "tos": (5,), "flow_label": (31,),
}  # fmt: skip
REVERSE = {
    "bytes": ("out_bytes", 1), "packets": ("out_packets", 2), "bytes_total": ("out_bytes", 85),
    "packets_total": ("out_packets", 86), "tcp_flags": (None, 6), "tos": (None, 5), "vlan": (None, 58),
    "icmp_type_code": (None, 32),
}  # fmt: skip

DIFFERENCES: dict[str, dict[str, str]] = {
    "akv-juniper-cpid": {
        "forwarding_status": "not in the record: 2636.137 is of type 6 here, the index of the inbound interface"
    },
    "gl-softflowd-v5": {"sampling_mode": "the mode in the v5 header is no property of a flow"},
    "bk-ipfix-template-middle": {"start_ms": "late records get the system init time that came with their template"},
    "bk-ipfix-padding": {"sampling_rate": "announced after the records: at their time nobody had said"},
    "gx-softflowd-psamp": {
        "start_ms": "taken from observationTimeMicroseconds (324), which the expectation leaves out"
    },
    "ln9-malformed-ot": {"undecodable_sets": "a template of no size is none: data wait for a valid one"},
    "ln9-malformed-2": {"undecodable_sets": "a template of no size is none: data wait for a valid one"},
    "ln9-malformed-3": {"undecodable_sets": "a template of no size is none: data wait for a valid one"},
}
"""Case to field to the reason why our value is another one than expected."""


def _normal(name: str, value: Any) -> Any:
    if isinstance(value, str) and name.endswith(("_addr", "hop", "router_sc")):
        return text.address(text.parse_address(value))
    if isinstance(value, str) and name.endswith("_mac"):
        return value.lower()
    if name == "app_name":
        return text.clean(value)
    return value


def _ours(batch: FlowBatch, row: int, name: str, field: str) -> Any:
    value = batch.value(field, row)
    if value is None or isinstance(value, str):
        return value
    if name.endswith(("_addr", "hop")):
        return text.address(value)
    if name.endswith("_mac"):
        return text.mac(value)
    return value


class Row:
    """One decoded flow."""

    def __init__(self, batch: FlowBatch, row: int) -> None:
        self.batch = batch
        self.row = row
        extra = batch.extra.at(row) if batch.extra is not None else []
        self.extra: dict[tuple[int, int], list[bytes]] = {}
        for pen, element, value in extra:
            self.extra.setdefault((pen, element), []).append(value)

    def get(self, field: str) -> Any:
        return self.batch.value(field, self.row)

    def has_extra(self, pen: int, element: int, value: Any) -> bool:
        raw = self.extra.get((pen, element), [])
        if isinstance(value, str):
            number = text.parse_address(value)
            return any(part in {number.to_bytes(16, "big"), (number & 0xFFFFFFFF).to_bytes(4, "big")} for part in raw)
        return any(int.from_bytes(part, "big") == value for part in raw)

    def differences(self, expected: dict[str, Any]) -> dict[str, Any]:
        """Fields whose value is not the expected one, with ours."""
        wrong: dict[str, Any] = {}
        if expected.get("start_ms", 0) > expected.get("end_ms", 1 << 62):
            assert self.get("quality") & Quality.END_BEFORE_START
            expected = {**expected, "start_ms": expected["end_ms"], "end_ms": expected["start_ms"]}
        for name, value in expected.items():
            if name in DIRECT:
                ours = _ours(self.batch, self.row, name, DIRECT[name])
                if ours != _normal(name, value) and not self._excused(name, value, ours):
                    wrong[name] = ours
            elif name in ELSEWHERE:
                field, element = ELSEWHERE[name]
                if name == "dscp" and self.get("ip_tos") == value << 2:
                    continue
                if (field is None or self.get(field) != value) and not self.has_extra(0, element, value):
                    wrong[name] = None if field is None else self.get(field)
        wrong |= self._special(expected)
        return wrong

    def _excused(self, name: str, value: Any, ours: Any) -> bool:
        # A rate of 0 says nothing: null here.
        return name == "sampling_rate" and value == 0 and ours is None

    def _special(self, expected: dict[str, Any]) -> dict[str, Any]:
        wrong: dict[str, Any] = {}
        if expected.get("sampling_interval") and self.get("sampling_rate") != expected["sampling_interval"]:
            wrong["sampling_interval"] = self.get("sampling_rate")
        if "dst_mac" in expected and expected["dst_mac"] not in {
            text.mac(self.get(field) or 0) for field in ("in_dst_mac", "out_dst_mac")
        }:
            wrong["dst_mac"] = self.get("in_dst_mac")
        if "mpls_labels" in expected:
            labels = [self.get(f"mpls_{place}") for place in range(1, 11)]
            if [label >> 4 for label in labels if label is not None] != expected["mpls_labels"]:
                wrong["mpls_labels"] = labels
        if "event_ms" in expected and "end_ms" not in expected and self.get("time_flow_end_ms") != expected["event_ms"]:
            wrong["event_ms"] = self.get("time_flow_end_ms")
        if "frame_section_len" in expected:
            frames = [len(raw) for element in (313, 315) for raw in self.extra.get((0, element), [])]
            if frames != [expected["frame_section_len"]]:
                wrong["frame_section_len"] = frames
        if "duration_ms" in expected:
            duration = self.get("time_flow_end_ms") - self.get("time_flow_start_ms")
            if duration != expected["duration_ms"]:
                wrong["duration_ms"] = duration
        code = expected.get("icmp_type_code")
        if code is not None and (code or expected.get("proto") in {1, 58}):
            ours = (self.get("icmp_type") or 0) << 8 | (self.get("icmp_code") or 0)
            if ours != code:
                wrong["icmp_type_code"] = ours
        if not {"start_ms", "end_ms", "event_ms"} & set(expected) and not self.get("quality") & Quality.TIME_MISSING:
            wrong["start_ms"] = self.get("time_flow_start_ms")
        if "_domain" in expected and self.get("observation_domain_id") != expected["_domain"]:
            wrong["_domain"] = self.get("observation_domain_id")
        for name, value in expected.get("second", {}).items():
            if not any(self.has_extra(0, element, value) for element in SECOND[name]):
                wrong[f"second.{name}"] = None
        for name, value in expected.get("reverse", {}).items():
            field, element = REVERSE[name]
            if (field is None or self.get(field) != value) and not self.has_extra(29305, element, value):
                wrong[f"reverse.{name}"] = None if field is None else self.get(field)
        for key, value in expected.get("other", {}).items():
            pen, element = (int(part) for part in key.split("."))
            if value.rstrip("0123456789abcdef"):  # long values are shortened in the corpus
                start = bytes.fromhex(value[: 2 * (len(value.split("...")[0].split("\u2026")[0]) // 2)])
                found = any(raw.startswith(start) for raw in self.extra.get((pen, element), []))
            else:
                raw = bytes.fromhex(value)
                found = raw in self.extra.get((pen, element), []) or self._column_has(pen, element, raw)
            if not found:
                wrong[f"other.{key}"] = self.extra.get((pen, element))
        return wrong

    def _column_has(self, pen: int, element: int, raw: bytes) -> bool:
        if element in ACL_ELEMENTS and pen == 0:
            parts = [self.get(f"{ACL_ELEMENTS[element]}_{part}_id") for part in ACL_PARTS]
            return None not in parts and raw == b"".join(part.to_bytes(4, "big") for part in parts)
        target = TARGETS.get((pen, element))
        if target is None:
            return pen == 0 and element == 210  # padding
        if target.name.startswith(("time.", "rate.", "latency.")):
            return True  # compared as times and rates
        value = self.get(target.name)
        if isinstance(value, str):
            return value == text.clean(raw)
        if value is None:
            return False
        if target.kind is Kind.ADDRESS and len(raw) == 4:
            return value == text.V4_PREFIX | int.from_bytes(raw, "big")
        return value == int.from_bytes(raw, "big")


def decode_singly(case: Case) -> tuple[list[list[Row]], Counts]:
    """Rows of each datagram, decoded one by one, and all counts."""
    decoder = Decoder(AS_WRITTEN)
    rows: list[list[Row]] = []
    counts: Counts = {}
    for item in case.datagrams():
        session = decoder.session(item.address, item.port)
        decoded = decoder.decode(block_of([item.payload], [session], export_time_ms(item.payload)))
        add(counts, decoded.counts)
        rows.append([Row(batch, row) for batch in decoded.batches for row in range(len(batch))])
    return rows, counts


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_records_and_counts(case: Case) -> None:
    expected = case.expected()
    rows, counts = decode_singly(case)
    wanted = expected["counts"]
    allowed = DIFFERENCES.get(case.name, {})

    assert counts.get("decoder_bug", 0) == 0
    assert datagram_balance(counts) == 0
    assert record_balance(counts) == 0
    assert counts.get("datagrams.received", 0) == wanted["datagrams"]
    assert counts.get("records.flows", 0) == wanted["flow_records"]
    assert counts.get("records.options", 0) == wanted["options_records"]
    if "undecodable_sets" not in allowed:
        assert counts.get("sets.buffered", 0) - counts.get("sets.replayed", 0) == wanted["undecodable_sets"]

    late = [row for part in rows for row in part if row.get("quality") & Quality.LATE_TEMPLATE]
    assert len(late) == wanted["late_records"]
    pools: dict[int, list[Row]] = {
        place: [row for row in part if not row.get("quality") & Quality.LATE_TEMPLATE]
        for place, part in enumerate(rows)
    }
    pools[-1] = late
    problems = []
    for place, record in enumerate(expected["records"]):
        pool = pools[-1 if record.get("late") else record["_datagram"]]
        best, wrong = None, None
        for row in pool:
            found = {name: ours for name, ours in row.differences(record).items() if name.split(".")[0] not in allowed}
            if wrong is None or len(found) < len(wrong):
                best, wrong = row, found
            if not found:
                break
        assert best is not None, f"record {place} is missing"
        pool.remove(best)
        if wrong:
            problems.append(
                f"record {place}: "
                + "; ".join(f"{k}: expected {record.get(k)!r}, ours {v!r}" for k, v in wrong.items())
            )
    assert not problems, f"{len(problems)} records differ, first: " + "\n".join(problems[:5])
    assert not [row for pool in pools.values() for row in pool]
