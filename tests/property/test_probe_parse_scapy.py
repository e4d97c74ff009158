"""The vectorised parser against scapy's own reading of packets that scapy built."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from probe_packets import block_of
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Timestamp
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.layers.ppp import PPP, PPPoE
from scapy.layers.sctp import SCTP

from nftui.probe.cache import cache_entries
from nftui.probe.meter import Meter, MeterConfig
from nftui.text import address

ports = st.integers(0, 65_535)
v4 = st.integers(1, 2**32 - 2).map(lambda value: address(0xFFFF << 32 | value))
v6 = st.integers(1, 2**128 - 1).filter(lambda value: value >> 32 != 0xFFFF).map(address)


@st.composite
def packets(draw: st.DrawFn) -> tuple[Any, str, str, int, int, int, int]:
    """A packet with its addresses, protocol, ports and TCP flags as they should be read."""
    six = draw(st.booleans())
    source, target = draw(v6 if six else v4), draw(v6 if six else v4)
    sport, dport = draw(ports), draw(ports)
    kind = draw(st.sampled_from(["tcp", "udp", "sctp", "other"] + ([] if six else ["icmp"])))
    flags = draw(st.integers(0, 255)) if kind == "tcp" else 0
    layers: dict[str, tuple[Any, int]] = {
        "tcp": (TCP(sport=sport, dport=dport, flags=flags), 6),
        "udp": (UDP(sport=sport, dport=dport), 17),
        "sctp": (SCTP(sport=sport, dport=dport), 132),
        "icmp": (ICMP(type=dport >> 8, code=dport & 255), 1),
        "other": (bytes(8), 89),
    }
    upper, proto = layers[kind]
    if six:
        network: Any = IPv6(src=source, dst=target)
        chain = draw(st.lists(st.sampled_from(["hop", "destination", "routing"]), max_size=4))
        extensions = {
            "hop": IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(4))]),
            "destination": IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(12))]),
            "routing": IPv6ExtHdrRouting(addresses=["2001:db8::9"]),
        }
        for name in chain:
            network = network / extensions[name]
        if kind == "other":
            network.lastlayer().nh = proto
    else:
        options = [IPOption_Timestamp()] if draw(st.booleans()) else []
        network = IP(src=source, dst=target, proto=proto, options=options)
    tags = draw(st.sampled_from([(), (Dot1Q(vlan=5),), (Dot1AD(vlan=6), Dot1Q(vlan=7)), (PPPoE() / PPP(),)]))
    frame = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    for tag in tags:
        frame = frame / tag
    frame = frame / network / upper
    if kind in {"other", "icmp"}:
        sport, dport = 0, dport if kind == "icmp" else 0
    return frame, source, target, proto, sport, dport, flags


@settings(max_examples=150, deadline=None)
@given(st.lists(packets(), min_size=1, max_size=12))
def test_packets_are_read_as_they_were_built(built: list[tuple[Any, str, str, int, int, int, int]]) -> None:
    for frame, source, target, proto, sport, dport, flags in built:
        raw = bytes(frame)
        meter = Meter(MeterConfig(), lambda flows: None, live=True, started_ms=0)
        meter.add(block_of([raw]))
        (flow,) = cache_entries(meter.table.flows())
        side = 0 if flow.packets[0] else 1
        assert (address(flow.address[side]), address(flow.address[1 - side])) == (source, target)
        assert (flow.proto, flow.port[side], flow.port[1 - side]) == (proto, sport, dport)
        assert flow.flags[side] == flags
        network = frame.getlayer(IPv6) or frame.getlayer(IP)
        assert flow.octets[side] == len(bytes(network))
    together = Meter(MeterConfig(), lambda flows: None, live=True, started_ms=0)
    together.add(block_of([bytes(frame) for frame, *_ in built]))
    s = together.statistics(0)
    assert (s.packets, s.non_ip, s.too_short) == (len(built), 0, 0)
    assert s.octets == sum(len(bytes(f.getlayer(IPv6) or f.getlayer(IP))) for f, *_ in built)
