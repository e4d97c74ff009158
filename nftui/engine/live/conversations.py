"""Conversations: protocol, two addresses and two ports, both directions in one row, the side that opened it first.

Who opened it is decided as `nftui dump -B --initiator` does, from what the flows in the window say and when the first
of each direction began (see `nftui.engine.query.initiator`). As there, only TCP and UDP have an opposite direction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch
from nftui.engine.live.amounts import Amounts, counters_of
from nftui.engine.live.grouping import NEVER, GroupTable
from nftui.engine.live.keys import FLOW_COLUMNS, NULL, flow_words, present_in, turned_round
from nftui.engine.live.ranked import Level
from nftui.engine.live.snapshot import Amount, ColumnSpec
from nftui.engine.live.talkers import BYTES, FLOWS, PACKETS, RATES, REPLAY_RX, RX, TX, Counted, Talkers
from nftui.engine.query.names import SERVICE_PORTS
from nftui.engine.schema import FIELDS, Show

_FIRST = REPLAY_RX + 1
(_TX_PACKETS, _RX_PACKETS, _SAID, _SAID_2, _ALONE, _ALONE_2, _SYN, _SYN_2, _FLOWS, _FLOWS_2) = range(
    _FIRST, _FIRST + 10
)
"""Further sums: packets each way, then for either side what its flows say."""

_LOWS = 4
"""Least values: first start of the flows whose source is end one and end two, first reception of them."""

_TCP, _UDP = 6, 17
_SYN_FLAG, _SYN_ACK = 2, 18
_RANGES = np.array([1024, 32768, 49152])
_SERVICES = np.array(sorted(set(SERVICE_PORTS.values())))
_WORDS = {word: number for number, word in FIELDS["initiator"].names}
_REASONS = (NULL, *(word for _, word in sorted(FIELDS["initiator"].names)))
_SIDES = {"tx": (TX, RX), "tx_bytes": (TX, RX), "tx_packets": (_TX_PACKETS, _RX_PACKETS)}

COLUMNS: tuple[ColumnSpec, ...] = (
    *(column.spec for column in FLOW_COLUMNS),
    ColumnSpec("opened", "Opened by", Show.TEXT, align="left", sortable=False),
    ColumnSpec("rate", "Rate", Show.COUNT, "bit/s"),
    ColumnSpec("tx", "Out", Show.COUNT, "bit/s"),
    ColumnSpec("rx", "Back", Show.COUNT, "bit/s"),
    ColumnSpec("share", "Share", Show.NUMBER, "%"),
    ColumnSpec("bytes", "Bytes", Show.COUNT, "B"),
    ColumnSpec("tx_bytes", "Out bytes", Show.COUNT, "B"),
    ColumnSpec("rx_bytes", "Back bytes", Show.COUNT, "B"),
    ColumnSpec("packets", "Packets", Show.COUNT, "packets"),
    ColumnSpec("tx_packets", "Out packets", Show.COUNT, "packets"),
    ColumnSpec("rx_packets", "Back packets", Show.COUNT, "packets"),
    ColumnSpec("packet_rate", "Packets/s", Show.COUNT, "packets/s"),
    ColumnSpec("flow_rate", "Flows/s", Show.COUNT, "flows/s"),
    ColumnSpec("flows", "Flows", Show.COUNT, "flows"),
    ColumnSpec("seen", "Last seen", Show.TIME, "ms"),
)
"""Source is the side that opened the conversation; "out" is what it sent, "opened" how that is known."""


class Conversations(Talkers):
    """Both directions of TCP and UDP flows in one group."""

    def _new_table(self) -> GroupTable:
        return GroupTable(self._view.words, _FLOWS_2 + 1, _LOWS)

    def columns(self) -> tuple[ColumnSpec, ...]:
        """Columns of the view in display order."""
        return COLUMNS

    def _count(self, batch: FlowBatch, rows: Amounts) -> Counted:
        turned = turned_flows(batch)
        words = turned_round(flow_words(batch), turned)
        packets = counters_of(batch, "packets", self._scaled), counters_of(batch, "out_packets", self._scaled)
        sums = {
            BYTES: rows.forward + rows.backward,
            PACKETS: rows.packets,
            FLOWS: rows.flows,
            TX: np.where(turned, rows.backward, rows.forward),
            RX: np.where(turned, rows.forward, rows.backward),
            _TX_PACKETS: np.where(turned, packets[1], packets[0]),
            _RX_PACKETS: np.where(turned, packets[0], packets[1]),
        }
        tcp = batch.or_zero("proto") == _TCP
        flags = batch.or_zero("tcp_flags")
        opener = batch.or_zero("biflow_direction")
        for column, said in (
            (_ALONE, tcp & (flags & _SYN_ACK == _SYN_FLAG)),
            (_SYN, tcp & (flags & _SYN_FLAG > 0)),
            (_FLOWS, np.ones(len(batch), np.bool_)),
        ):
            sums[column] = (said & ~turned).astype(np.int64)
            sums[column + 1] = (said & turned).astype(np.int64)
        sums[_SAID] = (((opener == 1) & ~turned) | ((opener == 2) & turned)).astype(np.int64)
        sums[_SAID_2] = (((opener == 1) & turned) | ((opener == 2) & ~turned)).astype(np.int64)
        start = batch.or_zero("time_flow_start_ms")
        received = batch.or_zero("time_received_ms")
        moments = {
            place + side: np.where(turned == bool(side), times, NEVER)
            for place, times in ((0, start), (2, received))
            for side in (0, 1)
        }
        return Counted(words, sums, rows.seconds, moments)

    def _opened(self, slots: NDArray[np.int64] | slice) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Whether end two opened each conversation, and the number of the reason; 0 where nobody can say."""
        table = self._table
        rest = table.words[4][slots]
        ports = [(rest >> np.uint64(shift) & np.uint64(0xFFFF)).astype(np.int64) for shift in (24, 8)]
        known = [np.asarray(rest >> np.uint64(bit) & np.uint64(1)) == 0 for bit in (59, 60)]
        said, alone, syn, flows = (
            [table.sums[column + side][slots] > 0 for side in (0, 1)] for column in (_SAID, _ALONE, _SYN, _FLOWS)
        )
        lows = [low[slots] for low in table.lows]
        both = flows[0] & flows[1]
        served = [np.isin(port, _SERVICES) & has for port, has in zip(ports, known, strict=True)]
        ranged = [np.searchsorted(_RANGES, port, "right") for port in ports]
        later, apart = lows[1] < lows[0], lows[1] != lows[0]
        votes = (
            ("element", said[0] != said[1], said[1]),
            ("syn", alone[0] != alone[1], alone[1]),
            ("syn", both & (syn[0] != syn[1]), syn[1]),
            ("handshake", syn[0] & syn[1] & apart, later),
            ("service", served[0] != served[1], served[0]),
            ("port", known[0] & known[1] & (ranged[0] != ranged[1]), ranged[0] < ranged[1]),
            ("time", both & apart, later),
            ("received", np.ones(len(rest), np.bool_), lows[3] < lows[2]),
        )
        proto = rest & np.uint64(0xFF)
        open_ = ((proto == _TCP) | (proto == _UDP)) & (rest >> np.uint64(61) & np.uint64(1) == 0)
        second = np.zeros(len(rest), np.bool_)
        reason = np.zeros(len(rest), np.int64)
        for word, condition, end_two in votes:
            decided = open_ & condition
            second[decided] = end_two[decided]
            reason[decided] = _WORDS[word]
            open_ &= ~condition
        return second, reason

    def _levels(self, sort: str, descending: bool, seconds: float) -> list[Level]:
        everything = slice(0, self._table.used)
        column = next((column for column in FLOW_COLUMNS if column.spec.name == sort), None)
        if column is not None:
            words = turned_round([word[everything] for word in self._table.words], self._opened(everything)[0])
            return [(values, descending) for values in column.order(words)]
        side = "tx" + sort.removeprefix("rx").removeprefix("tx")
        if side not in _SIDES or sort == side.removeprefix("tx"):
            return super()._levels(sort, descending, seconds)
        out, back = self._each_way(side, everything, seconds, self._opened(everything)[0])
        return [(out if sort == side else back, descending)]

    def _each_way(
        self, name: str, slots: NDArray[np.int64] | slice, seconds: float, second: NDArray[np.bool_]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """What the opener sent, and what came back."""
        pair = _SIDES[name]
        one, two = (
            self._rate(column, slots, seconds) * 8 if name in RATES else self._table.sums[column][slots]
            for column in pair
        )
        return np.where(second, two, one), np.where(second, one, two)

    def _values(self, slots: NDArray[np.int64], total: Amount, seconds: float) -> dict[str, NDArray[Any] | list[str]]:
        values = super()._values(slots, total, seconds)
        second, reason = self._opened(slots)
        words = turned_round([word[slots] for word in self._table.words], second)
        for column in FLOW_COLUMNS:
            values[column.spec.name] = column.write(words)
        for name in _SIDES:
            values[name], values["rx" + name.removeprefix("tx")] = self._each_way(name, slots, seconds, second)
        values["opened"] = [_REASONS[number] for number in reason.tolist()]
        return values


def turned_flows(batch: FlowBatch) -> NDArray[np.bool_]:
    """Where the source is the greater end of a TCP or UDP flow, and so stands second in the key."""
    proto = batch.or_zero("proto")
    source, target = (
        [batch.columns.get(f"{side}_addr_{half}", np.zeros(len(batch), np.int64)) for half in ("hi", "lo")]
        for side in ("src", "dst")
    )
    greater = batch.or_zero("src_port") > batch.or_zero("dst_port")
    for one, other in ((source[1], target[1]), (source[0], target[0])):
        greater = (one > other) | ((one == other) & greater)
    for name in ("src_addr", "dst_addr"):
        present = present_in(batch, name)
        if present is not None:
            greater &= present
    return np.asarray(((proto == _TCP) | (proto == _UDP)) & greater)
