"""The vectorised flow table against a slow one of plain Python that does softflowd's steps packet by packet."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from probe_packets import START, block_of, tcp, udp

from nftui.probe.cache import cache_entries
from nftui.probe.flow_table import Flows
from nftui.probe.meter import Meter, MeterConfig
from nftui.probe.parse import PacketParser
from nftui.probe.timeouts import Reason, Timeouts


@dataclass
class SlowFlow:
    sequence: int
    start: float
    packets: list[int] = field(default_factory=lambda: [0, 0])
    octets: list[int] = field(default_factory=lambda: [0, 0])
    flags: list[int] = field(default_factory=lambda: [0, 0])
    last: float = 0.0
    expires: int = 1
    reason: Reason = Reason.GENERAL


@dataclass(frozen=True)
class Packet:
    low: int
    high: int
    back: bool
    ports: tuple[int, int]
    is_tcp: bool
    flags: int
    payload: int
    time: float

    def frame(self) -> bytes:
        ends = [(f"10.0.0.{self.low}", self.ports[0]), (f"10.0.1.{self.high}", self.ports[1])]
        (src, sport), (dst, dport) = reversed(ends) if self.back else ends
        if self.is_tcp:
            return tcp(src, dst, sport, dport, self.flags, self.payload)
        return udp(src, dst, sport, dport, self.payload)


class SlowTable:
    def __init__(self, max_flows: int, timeouts: Timeouts) -> None:
        self.max_flows, self.timeouts = max_flows, timeouts
        self.flows: dict[tuple[object, ...], SlowFlow] = {}
        self.sequence = 1
        self.ended: list[tuple[int, Reason, list[int], list[int], list[int]]] = []
        self.forced = 0

    def add(self, packet: Packet) -> None:
        key = (packet.low, packet.high, packet.ports, packet.is_tcp)
        flow = self.flows.get(key)
        if flow is None:
            flow = self.flows[key] = SlowFlow(self.sequence, packet.time)
            self.sequence += 1
        side = int(packet.back)
        flow.packets[side] += 1
        flow.octets[side] += len(packet.frame()) - 14
        flow.flags[side] |= packet.flags if packet.is_tcp else 0
        flow.last = packet.time
        if flow.expires:
            self._schedule(flow, packet.is_tcp)

    def _schedule(self, flow: SlowFlow, is_tcp: bool) -> None:
        t = self.timeouts
        age = int(flow.last) - int(flow.start)
        if t.lifetime and age > t.lifetime:
            flow.expires, flow.reason = 0, Reason.MAXLIFE
            return
        if is_tcp and t.tcp_rst and (flow.flags[0] | flow.flags[1]) & 4:
            wait, flow.reason = t.tcp_rst, Reason.TCP_RST
        elif is_tcp and t.tcp_fin and flow.flags[0] & flow.flags[1] & 1:
            wait, flow.reason = t.tcp_fin, Reason.TCP_FIN
        elif is_tcp and t.tcp:
            wait, flow.reason = t.tcp, Reason.TCP
        elif not is_tcp and t.udp:
            wait, flow.reason = t.udp, Reason.UDP
        else:
            wait, flow.reason = t.general, Reason.GENERAL
        flow.expires = int(flow.last) + wait
        if t.lifetime:
            flow.expires = min(flow.expires, int(flow.start) + t.lifetime)

    def check(self) -> None:
        order = sorted(self.flows, key=lambda key: (self.flows[key].expires, self.flows[key].sequence))
        for key in [key for key in order if not self.flows[key].expires]:
            self._end(key, None)
        excess = len(self.flows) - self.max_flows
        order = sorted(self.flows, key=lambda key: (self.flows[key].expires, self.flows[key].sequence))
        for key in order[: max(0, excess)]:
            self.forced += 1
            self._end(key, Reason.MAXFLOWS)

    def _end(self, key: tuple[object, ...], reason: Reason | None) -> None:
        flow = self.flows.pop(key)
        old = self.timeouts.lifetime and int(flow.last) - int(flow.start) >= self.timeouts.lifetime
        if old and reason is not Reason.FLUSH:
            reason = Reason.MAXLIFE
        final = flow.reason if reason is None else reason
        self.ended.append((flow.sequence, final, flow.packets, flow.octets, flow.flags))

    def finish(self) -> None:
        for key in list(self.flows):
            self._end(key, Reason.FLUSH)


@st.composite
def packet_lists(draw: st.DrawFn) -> list[Packet]:
    count = draw(st.integers(1, 300))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    hosts = draw(st.integers(1, 8))
    step = draw(st.sampled_from([0.001, 0.7, 30.0]))
    time = float(START)
    packets = []
    for _ in range(count):
        time += float(rng.random()) * step
        packets.append(
            Packet(
                int(rng.integers(1, hosts + 1)), int(rng.integers(1, hosts + 1)), bool(rng.random() < 0.4),
                (int(rng.integers(1, 4)), 80), bool(rng.random() < 0.6),
                int(rng.choice([0x10, 0x11, 0x02, 0x14], p=[0.7, 0.15, 0.1, 0.05])), int(rng.integers(0, 200)), time,
            )
        )  # fmt: skip
    return packets


@settings(max_examples=60, deadline=None)
@given(
    packets=packet_lists(),
    max_flows=st.integers(1, 40),
    cut=st.integers(1, 120),
    hash_bits=st.sampled_from([62, 62, 6, 2]),
    timeouts=st.sampled_from([
        Timeouts(), Timeouts(tcp=0, udp=0), Timeouts(maxlife=60), Timeouts(active=30, tcp_rst=0), Timeouts(maxlife=0)
    ]),
)  # fmt: skip
def test_the_table_does_what_the_slow_one_does(
    packets: list[Packet], max_flows: int, cut: int, hash_bits: int, timeouts: Timeouts
) -> None:
    ended: list[Flows] = []
    meter = Meter(MeterConfig(max_flows=max_flows, timeouts=timeouts), ended.append, live=False, started_ms=0)
    meter.parser = PacketParser(seed=1, hash_bits=hash_bits)
    slow = SlowTable(max_flows, timeouts)
    for first in range(0, len(packets), cut):
        part = packets[first : first + cut]
        meter.add(block_of([packet.frame() for packet in part], [packet.time for packet in part]))
    for number, packet in enumerate(packets, 1):
        slow.add(packet)
        if number % max_flows == 0:
            slow.check()
    slow.check()
    assert sum(sum(entry.packets) for entry in cache_entries(meter.table.flows())) + sum(
        int(flows["packets"].sum()) for flows in ended
    ) == len(packets)
    meter.finish()
    slow.finish()
    found = [
        (Reason(int(f["reason"])), f["packets"].tolist(), f["octets"].tolist(), f["flags"].tolist())
        for flows in ended
        for f in flows
    ]
    if hash_bits == 62:
        numbers = [int(f["sequence"]) for flows in ended for f in flows]
        exact = sorted((number, *rest) for number, rest in zip(numbers, found, strict=True))
        assert exact == sorted(slow.ended)
        assert meter.statistics(0).forced == slow.forced
    elif max_flows >= 40 and not timeouts.lifetime:
        # Two flows of one hash are numbered in another order, and are never mixed up.
        assert sorted(found) == sorted(item[1:] for item in slow.ended)
    assert meter.statistics(0).packets == len(packets)
    assert len(meter.table) == 0
