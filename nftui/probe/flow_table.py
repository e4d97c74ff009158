"""The flow table: bidirectional flows as columns, updated a batch of packets at a time.

A batch is sorted by the keyed hash of its flows, so that the packets of a flow lie together; sums of each flow
and direction then come from one pass. An open-addressing index finds the row of each flow. The keys themselves
are compared for every packet: two flows with the same hash are told apart, at the price of a second pass.

Semantics are softflowd's: which packets make a flow, when it ends and why, and which flow goes first when the
table is full.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nftui.probe.expiry import ExpiryQueue
from nftui.probe.hash_index import HashIndex
from nftui.probe.packets import PacketBlock
from nftui.probe.parse import FAMILY_SHIFT, PROTO_SHIFT, ParsedPackets
from nftui.probe.timeouts import Reason, Timeouts

_U = np.uint64
_REHASH = _U(0x9FB21C651E98DF25)

FIN, RST = 1, 4
_ONLY_V6 = (0, 2, 3)
"""Words of the key that are 0 in IPv4; the family in word 4 settles them there."""
OVERBYTES = 1 << 31
"""A direction with more octets ends its flow, so that collectors with 32-bit counters see no overflow."""

_LATEST = 0xFFFF_FFFF
"""Expiry times are kept in 32 bits, until 2106."""

Rows = NDArray[np.int64]

FLOW = np.dtype(
    [
        ("words", "<u8", 7),
        ("packets", "<i8", 2),
        ("octets", "<i8", 2),
        ("start_ns", "<i8"),
        ("last_ns", "<i8"),
        ("sequence", "<i8"),
        ("expires", "<u4"),
        ("interface", "<u4"),
        ("label", "<u4", 2),
        ("flags", "u1", 2),
        ("tos", "u1", 2),
        ("reason", "u1"),
        ("first", "u1"),
        ("padding", "u1", 2),
    ]
)
"""One flow; pairs are for the directions, 0 from the lower to the upper address, 1 back.

words: the key, see `nftui.probe.parse`; start_ns, last_ns: UTC of the first and the last packet; sequence: number
of the flow since the start; expires: UTC seconds, 0 for at once; interface: where the first packet came in; label:
IPv6 flow labels; flags: TCP control bits; tos: of the first packet each way; reason: a `Reason`; first: direction of
the first packet.

One row lies in two or three cache lines, so that a flow is fetched and stored at once: a column each would
cost a cache miss each.
"""

_ROW = np.dtype(f"V{FLOW.itemsize}")
"""A flow as plain bytes: NumPy copies rows of fields twenty times slower than rows of bytes."""

Flows = NDArray[np.void]
"""Array of `FLOW`."""


def take(flows: Flows, rows: Rows) -> Flows:
    """Copies of some flows."""
    return flows.view(_ROW).take(rows).view(FLOW)


def protocol_of(flows: Flows) -> NDArray[np.uint8]:
    """IP protocol of each flow."""
    return (flows["words"][:, 4] >> _U(PROTO_SHIFT)).astype(np.uint8)


def is_v6(flows: Flows) -> NDArray[np.bool_]:
    """Which flows are IPv6."""
    return np.asarray(flows["words"][:, 4] >> _U(FAMILY_SHIFT) & _U(7) == 6, np.bool_)


@dataclass(slots=True)
class _Groups:
    """A batch in the order of its flows.

    Attributes:
        order: positions of the packets, flow after flow, in each by direction and time.
        start: first packet of each direction of a flow, as a place in `order`.
        flow: which flow each of those belongs to.
        head: place in `start` where each flow begins.
        first, last: position of the earliest and latest packet of each flow.
    """

    order: Rows
    start: Rows
    flow: Rows
    head: Rows
    first: Rows
    last: Rows


class FlowTable:
    """Flows in progress.

    Args:
        max_flows: flows that `expire_excess` leaves in the table.
        timeouts: when flows end.

    Attributes:
        collisions: packets whose flow shared its hash with another one.
    """

    def __init__(self, max_flows: int, timeouts: Timeouts) -> None:
        self.max_flows = max_flows
        self.timeouts = timeouts
        self.collisions = 0
        self._capacity = 1024
        self._allocate(np.zeros(self._capacity, _ROW))
        self._free = np.arange(self._capacity - 1, -1, -1)
        self._free_count = self._capacity
        self._index = HashIndex(self._capacity)
        self._queue = ExpiryQueue(self._capacity)
        self._next_sequence = 1

    def __len__(self) -> int:
        return self._capacity - self._free_count

    def _allocate(self, store: NDArray[np.void]) -> None:
        self._store = store
        self._flows: Flows = store.view(FLOW)

    # Packets in

    def update(self, packets: ParsedPackets, block: PacketBlock) -> None:
        """Add packets to their flows.

        Args:
            packets: keys of the packets that count, in the order of capture.
            block: the same packets, for their times and interface.
        """
        if len(packets):
            self._update(packets, block, np.arange(len(packets)))

    def _update(self, packets: ParsedPackets, block: PacketBlock, origin: Rows) -> None:
        """Add packets; `origin` is the place of each in `block`."""
        groups = _group(packets)
        mixed = _mixed(packets, groups)
        if mixed is not None:
            self._update_colliding(packets, block, origin, mixed)
            return
        hashes = packets.hash[groups.first]
        rows, missing = self._index.find(hashes)
        flows = self._fetch(rows)
        differs = _differs(packets, groups.first, flows) & ~missing
        if differs.any():
            collided = np.zeros(len(packets), np.bool_)
            lengths = np.diff(np.append(groups.start, len(groups.order)))
            collided[groups.order] = np.repeat(differs[groups.flow], lengths)
            self._update_colliding(packets, block, origin, collided)
            return
        new = np.flatnonzero(missing)
        if len(new):
            first = groups.first[new]
            rows[new] = self._new_rows(first)
            flows.view(_ROW)[new] = self._new_flows(packets, block, origin, first).view(_ROW)
            self._index.insert(hashes[new], rows[new])
        _add_counts(packets, groups, flows)
        flows["last_ns"] = block.time_ns(origin[groups.last])
        self._end_times(flows)
        self._store[rows] = flows.view(_ROW)
        self._queue.schedule(rows, flows["expires"].astype(np.int64))

    def _update_colliding(
        self, packets: ParsedPackets, block: PacketBlock, origin: Rows, collided: NDArray[np.bool_]
    ) -> None:
        """Take the packets of the losing flows in a second pass, under another hash."""
        keep, lose = np.flatnonzero(~collided), np.flatnonzero(collided)
        self.collisions += len(lose)
        if len(keep):
            self._update(packets.take(keep), block, origin[keep])
        rest = packets.take(lose)
        rest.hash = (rest.hash + _U(4)) * _REHASH & ~_U(3)
        self._update(rest, block, origin[lose])

    def _new_rows(self, first: Rows) -> Rows:
        """Free rows for new flows, the table grows if it has to."""
        count = len(first)
        if self._free_count < count:
            self._grow(count)
        self._free_count -= count
        return self._free[self._free_count : self._free_count + count]

    def _new_flows(self, packets: ParsedPackets, block: PacketBlock, origin: Rows, first: Rows) -> Flows:
        """Flows as their first packets make them, numbered in the order in which they appeared."""
        flows = np.zeros(len(first), FLOW)
        for number, word in enumerate(packets.words):
            if word is not None:
                flows["words"][:, number] = word[first]
        flows["start_ns"] = block.time_ns(origin[first])
        flows["expires"] = 1
        interface = block.interface
        flows["interface"] = interface if isinstance(interface, int) else interface[origin[first]]
        flows["first"] = packets.reverse[first]
        number_of = np.empty(len(first), np.int64)
        number_of[np.argsort(first)] = np.arange(len(first))
        flows["sequence"] = self._next_sequence + number_of
        self._next_sequence += len(first)
        return flows

    def _end_times(self, flows: Flows) -> None:
        """Work out when and why each flow will end, in softflowd's order of checks."""
        start = flows["start_ns"] // 1_000_000_000
        last = flows["last_ns"] // 1_000_000_000
        wait, reason = self._waits(flows)
        expires = last + wait
        lifetime = self.timeouts.lifetime
        if lifetime:
            expires = np.minimum(expires, start + lifetime)
            over = last - start > lifetime
            reason[over] = Reason.MAXLIFE
            expires[over] = 0
        octets = flows["octets"]
        large = (octets[:, 0] > OVERBYTES) | (octets[:, 1] > OVERBYTES)
        reason[large] = Reason.OVERBYTES
        expires[large] = 0
        settled = flows["expires"] == 0
        if settled.any():
            expires[settled] = 0
            reason[settled] = flows["reason"][settled]
        flows["expires"] = np.clip(expires, 0, _LATEST)
        flows["reason"] = reason

    def _waits(self, flows: Flows) -> tuple[Rows, NDArray[np.uint8]]:
        """Seconds to wait after the last packet, and the reason that will be."""
        limits = self.timeouts
        wait_of = np.full(256, limits.general, np.int64)
        reason_of = np.full(256, Reason.GENERAL, np.uint8)
        for number, seconds, why in ((6, limits.tcp, Reason.TCP), (17, limits.udp, Reason.UDP)):
            if seconds:
                wait_of[number], reason_of[number] = seconds, why
        proto = protocol_of(flows)
        wait, reason = wait_of[proto], reason_of[proto]
        if limits.icmp:
            icmp = np.where(is_v6(flows), proto == 58, proto == 1)
            wait[icmp], reason[icmp] = limits.icmp, Reason.ICMP
        tcp = proto == 6
        one, two = flows["flags"][:, 0], flows["flags"][:, 1]
        if limits.tcp_fin:
            done = tcp & (one & two & FIN != 0)
            wait[done], reason[done] = limits.tcp_fin, Reason.TCP_FIN
        if limits.tcp_rst:
            done = tcp & ((one | two) & RST != 0)
            wait[done], reason[done] = limits.tcp_rst, Reason.TCP_RST
        return wait, reason

    # Flows out

    def expire_due(self, now: int) -> Flows:
        """Take out the flows whose time is over at `now`, UTC seconds."""
        return self._take_out(self._queue.take_due(now, self._flows["expires"]))

    def expire_urgent(self) -> Flows:
        """Take out the flows that are to end at once: too many octets or too old."""
        return self.expire_due(1)

    def expire_excess(self) -> Flows:
        """Take out the flows above `max_flows` that would expire next."""
        excess = max(0, len(self) - self.max_flows)
        return self._take_out(self._next_rows(excess), Reason.MAXFLOWS)

    def expire_all(self) -> Flows:
        """Take out all flows."""
        return self._take_out(self._next_rows(len(self)), Reason.FLUSH)

    def delete_all(self) -> int:
        """Forget all flows; returns how many."""
        return len(self._take_out(self._next_rows(len(self))))

    def set_timeouts(self, timeouts: Timeouts) -> None:
        """Apply other timeouts, also to the flows in the table."""
        self.timeouts = timeouts
        rows = self._rows()
        flows = self._fetch(rows)
        if len(rows):
            self._end_times(flows)
            self._store[rows] = flows.view(_ROW)
            self._queue.schedule(rows, flows["expires"].astype(np.int64))

    def flows(self) -> Flows:
        """Copies of all flows, next to expire first."""
        flows = self._fetch(self._rows())
        return flows[np.lexsort((flows["sequence"], flows["expires"]))]

    def _fetch(self, rows: Rows) -> Flows:
        """Copies of some rows."""
        return self._store.take(rows).view(FLOW)

    def _rows(self) -> Rows:
        """Rows that hold a flow, in no order."""
        used = np.ones(self._capacity, np.bool_)
        used[self._free[: self._free_count]] = False
        return np.flatnonzero(used)

    def _next_rows(self, count: int) -> Rows:
        return self._queue.take_first(count, self._flows["expires"], self._flows["sequence"])

    def _take_out(self, rows: Rows, reason: Reason | None = None) -> Flows:
        """Flows of rows that the queue gave; the rows become free."""
        flows = self._fetch(rows)
        if not len(rows):
            return flows
        lifetime = self.timeouts.lifetime
        if lifetime and reason is not Reason.FLUSH:
            old = flows["last_ns"] // 1_000_000_000 - flows["start_ns"] // 1_000_000_000 >= lifetime
            flows["reason"] = np.where(old, Reason.MAXLIFE, flows["reason"] if reason is None else reason)
        elif reason is not None:
            flows["reason"] = reason
        self._index.remove(rows)
        self._free[self._free_count : self._free_count + len(rows)] = rows
        self._free_count += len(rows)
        return flows

    def _grow(self, count: int) -> None:
        """Make room for `count` more rows."""
        used = len(self)
        capacity = self._capacity
        while capacity - used < count:
            capacity *= 2
        more = capacity - self._capacity
        self._allocate(np.concatenate([self._store, np.zeros(more, _ROW)]))
        free = np.empty(capacity, np.int64)
        free[:more] = np.arange(capacity - 1, self._capacity - 1, -1)
        free[more : more + self._free_count] = self._free[: self._free_count]
        self._free = free
        self._free_count += more
        self._index.grow(capacity)
        self._queue.grow(capacity)
        self._capacity = capacity


def _group(packets: ParsedPackets) -> _Groups:
    """Sort a batch by flow, direction and time.

    One sort of 64-bit numbers does it: the low bits of the hash in front, the direction, and the position in
    the lowest bits. Whether packets that came to lie together have the same key is checked by `_mixed`.
    """
    count = len(packets)
    bits = _U(max(1, (count - 1).bit_length()))
    keys = (packets.hash | packets.reverse) << bits | np.arange(count, dtype=np.uint64)
    keys.sort()
    order = (keys & ((_U(1) << bits) - _U(1))).astype(np.int64)
    keys >>= bits
    edge = np.empty(count, np.bool_)
    edge[0] = True
    np.not_equal(keys[1:], keys[:-1], out=edge[1:])
    start = np.flatnonzero(edge)
    keys = keys[start] | _U(1)
    head_edge = np.empty(len(start), np.bool_)
    head_edge[0] = True
    np.not_equal(keys[1:], keys[:-1], out=head_edge[1:])
    head = np.flatnonzero(head_edge)
    flow = np.cumsum(head_edge) - 1
    first = np.minimum.reduceat(order[start], head)
    last = np.maximum.reduceat(order[np.append(start[1:], count) - 1], head)
    return _Groups(order, start, flow, head, first, last)


def _mixed(packets: ParsedPackets, groups: _Groups) -> NDArray[np.bool_] | None:
    """Packets whose key is not that of the first packet of their flow; None when there are none."""
    edge = np.zeros(len(groups.order), np.bool_)
    edge[groups.start[groups.head]] = True
    same = edge[1:].copy()
    equal = np.ones(len(same), np.bool_)
    ordered = np.empty(0, np.uint64)
    for number in (1, 5, 6, 4):
        word = packets.words[number]
        if word is not None:
            ordered = word[groups.order]
            equal &= ordered[1:] == ordered[:-1]
    if packets.words[0] is not None:
        v6 = np.flatnonzero(ordered[1:] >> _U(FAMILY_SHIFT) & _U(7) == 6)
        here, before = groups.order[v6 + 1], groups.order[v6]
        for number in _ONLY_V6:
            word = packets.words[number]
            if word is not None:
                equal[v6] &= word[here] == word[before]
    same |= equal
    if same.all():
        return None
    flow_of = np.cumsum(edge) - 1
    leader = groups.first[flow_of]
    mixed = np.zeros(len(packets), np.bool_)
    for word in packets.words:
        if word is not None:
            mixed[groups.order] |= word[groups.order] != word[leader]
    return mixed


def _differs(packets: ParsedPackets, first: Rows, flows: Flows) -> NDArray[np.bool_]:
    """Where a stored flow has another key than the packet whose hash led to it."""
    differs = np.zeros(len(first), np.bool_)
    stored = flows["words"]
    for number in (1, 4, 5, 6):
        word = packets.words[number]
        if word is not None:
            differs |= stored[:, number] != word[first]
    if packets.words[0] is not None:
        v6 = np.flatnonzero(is_v6(flows))
        for number in _ONLY_V6:
            word = packets.words[number]
            if word is not None:
                differs[v6] |= stored[v6, number] != word[first[v6]]
    return differs


def _add_counts(packets: ParsedPackets, groups: _Groups, flows: Flows) -> None:
    """Add the packets of each flow and direction; all arrays are in the order of the groups."""
    start, order = groups.start, groups.order
    first = order[start]
    place = groups.flow * 2 + packets.reverse[first]
    counts, octets = np.zeros(2 * len(flows), np.int64), np.zeros(2 * len(flows), np.int64)
    flags, tos = np.zeros(2 * len(flows), np.uint8), np.zeros(2 * len(flows), np.uint8)
    label = np.zeros(2 * len(flows), np.uint32)
    counts[place] = np.diff(np.append(start, len(order)))
    octets[place] = np.add.reduceat(packets.octets[order], start)
    flags[place] = np.bitwise_or.reduceat(packets.flags[order], start)
    tos[place] = packets.tos[first]
    if packets.label is not None:
        label[place] = packets.label[first]
    for side in (0, 1):
        so_far, more = flows["packets"][:, side], counts[side::2]
        fresh = (so_far == 0) & (more != 0)
        flows["tos"][:, side] = np.where(fresh, tos[side::2], flows["tos"][:, side])
        flows["label"][:, side] = np.where(fresh, label[side::2], flows["label"][:, side])
        so_far += more
        flows["octets"][:, side] += octets[side::2]
        flows["flags"][:, side] |= flags[side::2]
