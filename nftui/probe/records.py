"""Flows of the table as flow records: one row for each direction that had packets, or one for both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import Array, FlowBatch, Mask
from nftui.engine.frames.headers import ICMP, ICMP6, MAX_LABELS
from nftui.engine.schema import FlowSource
from nftui.probe.flow_table import Flows, is_v6, protocol_of, take
from nftui.probe.labels import LabelStacks
from nftui.probe.parse import STACK_SHIFT, Level
from nftui.probe.timeouts import END_REASON, Reason

_U = np.uint64
_MAPPED = np.int64(0xFFFF << 32)
_END_REASON = np.array([END_REASON[reason] for reason in Reason], np.uint8)


class RecordMaker:
    """Makes flow records.

    Args:
        level: the tracking level, which says what the key holds.
        stacks: label stacks of the parser.
        sampler: address of this probe, 128 bits.
        sampling: 1 in how many packets was metered.
        biflow: one record for both directions (RFC 5103), the source being who sent the first packet.
        labels: how many MPLS labels a record has.
        domain: observation domain.
    """

    def __init__(
        self,
        level: Level,
        stacks: LabelStacks,
        *,
        sampler: int,
        sampling: int = 1,
        biflow: bool = False,
        labels: int = 0,
        domain: int = 0,
    ) -> None:
        self._level = level
        self._stacks = stacks
        self._sampler = sampler
        self._sampling = sampling
        self._biflow = biflow
        self._labels = min(labels, MAX_LABELS)
        self._domain = domain

    def make(self, flows: Flows, received_ms: int) -> FlowBatch:
        """Records of flows that ended.

        Args:
            flows: as the flow table gave them.
            received_ms: UTC milliseconds, when they ended for us.
        """
        if self._biflow:
            return self._rows(flows, flows["first"].astype(np.int64), received_ms)
        place = np.flatnonzero((flows["packets"] > 0).reshape(-1))
        return self._rows(take(flows, place >> 1), place & 1, received_ms)

    def _rows(self, flows: Flows, side: NDArray[np.int64], received_ms: int) -> FlowBatch:
        count = len(flows)
        back = side == 1
        v6 = is_v6(flows)
        words = flows["words"]
        low_hi, low_lo, high_hi, high_lo = _addresses(words, v6)
        ports = words[:, 4]
        low_port = (ports & _U(0xFFFF)).astype(np.uint16).byteswap()
        high_port = (ports >> _U(16) & _U(0xFFFF)).astype(np.uint16).byteswap()
        proto = protocol_of(flows)
        columns: dict[str, Array] = {
            "time_received_ms": np.full(count, received_ms, np.int64),
            "time_flow_start_ms": flows["start_ns"] // 1_000_000,
            "time_flow_end_ms": flows["last_ns"] // 1_000_000,
            "sampler_address_hi": np.full(count, self._sampler >> 64, np.uint64).view(np.int64),
            "sampler_address_lo": np.full(count, self._sampler & 0xFFFF_FFFF_FFFF_FFFF, np.uint64).view(np.int64),
            "observation_domain_id": np.full(count, self._domain, np.uint32),
            "flow_source": np.full(count, FlowSource.PROBE, np.uint8),
            "etype": np.where(v6, 0x86DD, 0x0800).astype(np.uint16),
            "src_addr_hi": np.where(back, high_hi, low_hi),
            "src_addr_lo": np.where(back, high_lo, low_lo),
            "dst_addr_hi": np.where(back, low_hi, high_hi),
            "dst_addr_lo": np.where(back, low_lo, high_lo),
            "src_port": np.where(back, high_port, low_port),
            "dst_port": np.where(back, low_port, high_port),
            "proto": proto,
            "tcp_flags": _pick(flows["flags"], side).astype(np.uint16),
            "ip_tos": _pick(flows["tos"], side),
            "bytes": _pick(flows["octets"], side),
            "packets": _pick(flows["packets"], side),
            "flows": np.ones(count, np.int64),
            "in_if": flows["interface"].astype(np.uint32),
            "flow_end_reason": _END_REASON[flows["reason"]],
            "quality": np.zeros(count, np.uint16),
        }
        valid: dict[str, Mask] = {}
        if self._biflow:
            columns["out_bytes"] = _pick(flows["octets"], 1 - side)
            columns["out_packets"] = _pick(flows["packets"], 1 - side)
        if self._sampling > 1:
            columns["sampling_rate"] = np.full(count, self._sampling, np.uint32)
        self._add_icmp(columns, valid, v6, proto)
        if v6.any():
            columns["ipv6_flow_label"] = _pick(flows["label"], side)
            valid["ipv6_flow_label"] = v6
        self._add_link(columns, valid, words, back)
        return FlowBatch(count, columns, valid)

    def _add_icmp(self, columns: dict[str, Array], valid: dict[str, Mask], v6: Mask, proto: NDArray[np.uint8]) -> None:
        """Type and code, which the key holds as a port."""
        icmp = np.where(v6, proto == ICMP6, proto == ICMP)
        if self._level in {Level.IP, Level.PROTO} or not icmp.any():
            return
        code = columns["dst_port"].astype(np.uint16)
        columns["icmp_type"], columns["icmp_code"] = (code >> 8).astype(np.uint8), (code & 0xFF).astype(np.uint8)
        valid["icmp_type"] = valid["icmp_code"] = icmp

    def _add_link(
        self, columns: dict[str, Array], valid: dict[str, Mask], words: NDArray[np.uint64], back: Mask
    ) -> None:
        if self._level in {Level.VLAN, Level.ETHER}:
            columns["src_vlan"] = (words[:, 5] & _U(0xFFF)).astype(np.uint16)
            valid["src_vlan"] = columns["src_vlan"] != 0
        if self._level is Level.ETHER:
            low, high = (words[:, 5] >> _U(16)).astype(np.int64), (words[:, 6] >> _U(16)).astype(np.int64)
            columns["in_src_mac"], columns["in_dst_mac"] = np.where(back, high, low), np.where(back, low, high)
        if self._labels:
            number = (words[:, 4] >> _U(STACK_SHIFT) & _U(0xFFFF)).astype(np.int64)
            entries = self._stacks.entries(number)
            for level in range(self._labels):
                entry = entries[:, level] >> np.uint32(8)
                if entry.any():
                    columns[f"mpls_{level + 1}"], valid[f"mpls_{level + 1}"] = entry, entry != 0


def _pick(pairs: Array, side: NDArray[np.int64]) -> Array:
    """The value of one direction of each flow."""
    return np.where(side == 1, pairs[:, 1], pairs[:, 0])


def _addresses(words: NDArray[np.uint64], v6: Mask) -> tuple[Array, Array, Array, Array]:
    """Halves of the lower and of the upper address, as the columns of a batch have them."""
    pair = words[:, 1]
    low4 = pair.astype(np.uint32).byteswap().astype(np.int64) | _MAPPED
    high4 = (pair >> _U(32)).astype(np.uint32).byteswap().astype(np.int64) | _MAPPED
    signed = np.ascontiguousarray(words[:, :4]).view(np.int64)
    return (
        np.where(v6, signed[:, 0], 0),
        np.where(v6, signed[:, 1], low4),
        np.where(v6, signed[:, 2], 0),
        np.where(v6, signed[:, 3], high4),
    )
