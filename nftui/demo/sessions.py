"""Conversations that are under way, and the flow records that an exporter's cache makes of them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.demo.world import INSIDE_IF, INTERFACE_NAMES, SERVICES, TCP, USERS, Exporter
from nftui.engine.batch import FlowBatch, Mask, TextColumn
from nftui.engine.schema import FIELDS

Ints = NDArray[np.int64]

SYN, PSH_ACK, FIN = 0x02, 0x18, 0x01

_END_OF_FLOW, _ACTIVE_TIMEOUT, _FORCED_END, _IDLE_TIMEOUT = 3, 2, 4, 1

NO_SERVICE = -1
"""Service of a scan or a flood."""


@dataclass(slots=True)
class Sessions:
    """n directions of conversations, each one a flow in the exporter's cache; every attribute is n long.

    Attributes:
        start: UTC ms of the first packet.
        end: UTC ms of the last packet.
        since: UTC ms from which nothing was exported yet.
        packets: in the whole direction.
        octets: in the whole direction.
        sent: packets that were exported already.
        src_hi: source address, high half; and so on.
        src_port: source port; and so on.
        flags: TCP flags of a whole connection, 0 for other protocols.
        service: index into `SERVICES`, or `NO_SERVICE`.
        user: index into `USERS`, or -1.
        exporter: `Exporter`.
    """

    start: Ints
    end: Ints
    since: Ints
    packets: Ints
    octets: Ints
    sent: Ints
    src_hi: Ints
    src_lo: Ints
    dst_hi: Ints
    dst_lo: Ints
    src_port: Ints
    dst_port: Ints
    proto: Ints
    flags: Ints
    tos: Ints
    in_if: Ints
    out_if: Ints
    src_as: Ints
    dst_as: Ints
    service: Ints
    user: Ints
    exporter: Ints

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: Mask) -> Sessions:
        """The chosen sessions."""
        return Sessions(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @classmethod
    def none(cls) -> Sessions:
        """No sessions."""
        return cls(**{f.name: np.zeros(0, np.int64) for f in fields(cls)})


def join(parts: list[Sessions]) -> Sessions:
    """All sessions of the parts."""
    return Sessions(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Sessions)})


def export(sessions: Sessions, now_ms: int, active_ms: int, final: bool = False) -> tuple[FlowBatch, Sessions]:
    """Take the flow records that are due: of ended sessions, and slices of those that run for the active timeout.

    Args:
        sessions: all sessions of one exporter.
        now_ms: UTC milliseconds.
        active_ms: active timeout.
        final: export everything, as an exporter does when it shuts down.

    Returns:
        The records, and the sessions that go on. The slices of a session add up to its packets and bytes exactly.
    """
    ended = sessions.end <= now_ms
    due = ended | (sessions.since + active_ms <= now_ms)
    if final:
        due = np.ones(len(sessions), np.bool_)
    flows = sessions.take(due)
    until = np.where(ended[due], flows.end, now_ms)
    length = np.maximum(flows.end - flows.start, 1)
    share = np.where(ended[due], 1.0, np.clip((until - flows.start) / length, 0, 1))
    sent = np.maximum(np.floor(flows.packets * share).astype(np.int64), flows.sent)
    reason = np.where(ended[due], np.where(flows.flags > 0, _END_OF_FLOW, _IDLE_TIMEOUT), _ACTIVE_TIMEOUT)
    if final:
        reason = np.where(ended[due], reason, _FORCED_END)
    batch = _batch(flows, until, sent, ended[due], reason)
    rest = replace(sessions, since=sessions.since.copy(), sent=sessions.sent.copy())
    rest.since[due] = until
    rest.sent[due] = sent
    keep = ~ended & (not final)
    return batch.take(sent > flows.sent), rest.take(keep)


def _batch(flows: Sessions, until: Ints, sent: Ints, ended: Mask, reason: Ints) -> FlowBatch:
    first = flows.sent == 0
    flags = np.where(flows.flags == SYN, SYN, PSH_ACK | np.where(first, SYN, 0) | np.where(ended, FIN, 0))
    values: dict[str, NDArray[Any]] = {
        "time_flow_start_ms": flows.since,
        "time_flow_end_ms": np.maximum(until, flows.since),
        "src_addr_hi": flows.src_hi,
        "src_addr_lo": flows.src_lo,
        "dst_addr_hi": flows.dst_hi,
        "dst_addr_lo": flows.dst_lo,
        "src_port": flows.src_port,
        "dst_port": flows.dst_port,
        "proto": flows.proto,
        "tcp_flags": np.where(flows.proto == TCP, flags, 0),
        "ip_tos": flows.tos,
        "packets": sent - flows.sent,
        "bytes": _octets(flows, sent) - _octets(flows, flows.sent),
        "in_if": flows.in_if,
        "out_if": flows.out_if,
        "src_as": flows.src_as,
        "dst_as": flows.dst_as,
        "flow_end_reason": reason,
    }
    sizes = {name: FIELDS[name].dtype for name in values if name in FIELDS}
    batch = FlowBatch(len(flows), {name: column.astype(sizes.get(name, "i8")) for name, column in values.items()})
    batch.text = {
        "application_name": TextColumn(flows.service.astype(np.int32), [service.name for service in SERVICES]),
        "username": TextColumn(flows.user.astype(np.int32), list(USERS)),
        "in_if_name": TextColumn(
            np.where(flows.in_if == INSIDE_IF, 0, flows.in_if - 10).astype(np.int32), list(INTERFACE_NAMES.values())
        ),
    }
    return batch


def _octets(flows: Sessions, packets: Ints) -> Ints:
    """Bytes of the first so many packets of each session."""
    return flows.octets * packets // flows.packets


def of_exporter(sessions: Sessions, exporter: Exporter) -> Mask:
    """Which sessions the exporter sees."""
    seen: Mask = sessions.exporter == exporter
    return seen
