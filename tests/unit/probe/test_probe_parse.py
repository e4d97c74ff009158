import struct
from ipaddress import ip_address

import numpy as np
import pytest
from probe_packets import block_of, ethernet, icmp, ip, tcp, udp

from nftui.engine.frames.headers import MAX_LABELS
from nftui.engine.frames.views import Link
from nftui.probe.cache import CacheEntry, cache_entries
from nftui.probe.meter import Meter, MeterConfig
from nftui.probe.packets import PacketBlock
from nftui.probe.parse import Level, Note, PacketParser
from nftui.text import V4_PREFIX


def flows_of(block: PacketBlock, **config: object) -> list[CacheEntry]:
    """Flows that the packets make, in the order of their first packet."""
    meter = Meter(MeterConfig(**config), lambda flows: None, live=True, started_ms=0)  # type: ignore[arg-type]
    meter.add(block)
    return sorted(cache_entries(meter.table.flows()), key=lambda entry: entry.sequence)


def notes_of(block: PacketBlock, **config: object) -> list[int]:
    parsed = PacketParser(**config).parse(block)  # type: ignore[arg-type]
    return [0] * len(block) if parsed.notes is None else parsed.notes.tolist()


def number(text: str) -> int:
    value = ip_address(text)
    return int(value) if value.version == 6 else V4_PREFIX | int(value)


def test_both_directions_are_one_flow_with_the_lower_address_first() -> None:
    frames = [tcp("10.0.0.9", "10.0.0.1", 1234, 80, 2), tcp("10.0.0.1", "10.0.0.9", 80, 1234, 0x12, 100)]
    (flow,) = flows_of(block_of(frames))
    assert flow.address == (number("10.0.0.1"), number("10.0.0.9"))
    assert flow.port == (80, 1234)
    assert flow.packets == (1, 1)
    assert flow.octets == (140, 40)
    assert flow.flags == (0x12, 2)


@pytest.mark.parametrize("family", [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")])
def test_icmp_type_and_code_are_the_port_of_the_other_side(family: tuple[str, str]) -> None:
    low, high = family
    proto, request, answer = (58, 128, 129) if ":" in low else (1, 8, 0)
    frames = [
        ethernet(ip(low, high, proto, bytes([request, 0]) + bytes(6))),
        ethernet(ip(high, low, proto, bytes([answer, 3]) + bytes(6))),
    ]
    assert [flow.port for flow in flows_of(block_of(frames))] == [(0, request * 256), (answer * 256 + 3, 0)]


LAYERS = {
    "plain": b"",
    "vlan": bytes.fromhex("8100 0064"),
    "qinq": bytes.fromhex("88a8 0064 8100 00c8"),
    "four tags": bytes.fromhex("8100 0064 8100 0001 8100 0002 8100 0003"),
}


@pytest.mark.parametrize("tags", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("addresses", [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")])
def test_tags_are_gone_through_and_not_counted(tags: bytes, addresses: tuple[str, str]) -> None:
    packet = ip(*addresses, 17, struct.pack(">HHHH", 5, 6, 18, 0) + bytes(10))
    (flow,) = flows_of(block_of([ethernet(packet, tags)]), level=Level.VLAN)
    assert (flow.port, flow.octets) == ((5, 6), (len(packet), 0))
    assert flow.vlan == (0x64 if tags else 0)


def test_more_than_four_tags_are_not_followed() -> None:
    packet = ip("10.0.0.1", "10.0.0.2", 17, bytes(8))
    block = block_of([ethernet(packet, bytes.fromhex("81000001") * tags) for tags in (5, 64)])
    assert notes_of(block) == [Note.NON_IP | Note.TOO_DEEP] * 2


@pytest.mark.parametrize("labels", [1, 2, MAX_LABELS])
def test_mpls_labels_count_as_octets_and_tell_flows_apart(labels: int) -> None:
    packet = ip("10.0.0.1", "10.0.0.2", 17, struct.pack(">HHHH", 5, 6, 18, 0) + bytes(10))
    frames = []
    for first in (16, 17):
        stack = b"".join(struct.pack(">I", (first + i) << 12 | (i == labels - 1) << 8 | 64) for i in range(labels))
        frames.append(bytes(12) + b"\x88\x47" + stack + packet)
    found = flows_of(block_of([*frames, frames[0]]))
    assert [flow.packets for flow in found] == [(2, 0), (1, 0)]
    assert [flow.octets for flow in found] == [(2 * (len(packet) + 4 * labels), 0), (len(packet) + 4 * labels, 0)]


def test_a_label_stack_without_end_is_not_ip() -> None:
    frame = bytes(12) + b"\x88\x47" + struct.pack(">I", 16 << 12) * 64 + bytes(40)
    assert notes_of(block_of([frame])) == [Note.NON_IP | Note.TOO_DEEP]


def test_pppoe_carries_both_families() -> None:
    frames = []
    for proto, addresses in ((0x21, ("10.0.0.1", "10.0.0.2")), (0x57, ("2001:db8::1", "2001:db8::2"))):
        packet = ip(*addresses, 17, struct.pack(">HHHH", 5, 6, 8, 0))
        frames.append(bytes(12) + b"\x88\x64\x11\x00" + struct.pack(">HHH", 1, len(packet) + 2, proto) + packet)
    assert [flow.octets[0] for flow in flows_of(block_of(frames))] == [28, 48]


def test_ipv4_options_and_ipv6_extension_headers_lead_to_the_ports() -> None:
    body = struct.pack(">HHHH", 5, 6, 8, 0)
    options = bytes([0x46]) + ip("10.0.0.1", "10.0.0.2", 17, body)[1:20] + b"\x94\x04\0\0" + body
    options = options[:2] + struct.pack(">H", len(options)) + options[4:]
    chain = bytes([43, 0]) + bytes(6) + bytes([60, 1]) + bytes(14) + bytes([17, 0]) + bytes(6)
    extended = ip("2001:db8::1", "2001:db8::2", 0, chain + body)
    found = flows_of(block_of([ethernet(options), ethernet(extended)]))
    assert [(flow.proto, flow.port) for flow in found] == [(17, (5, 6)), (17, (5, 6))]


def test_an_endless_chain_of_extension_headers_ends() -> None:
    frame = ethernet(ip("2001:db8::1", "2001:db8::2", 0, (bytes([0, 0]) + bytes(6)) * 200))
    (flow,) = flows_of(block_of([frame]))
    assert flow.port == (0, 0)
    assert notes_of(block_of([frame])) == [Note.TRUNCATED]


def test_later_fragments_join_the_first_or_stay_apart() -> None:
    body = struct.pack(">HHHH", 5, 6, 3000, 0) + bytes(1000)
    parts = [
        ethernet(ip("10.0.0.1", "10.0.0.2", 17, bytes(400), ident=7, fragment=126)),  # before its first
        ethernet(ip("10.0.0.1", "10.0.0.2", 17, body, ident=7, fragment=0x2000)),
        ethernet(ip("10.0.0.1", "10.0.0.2", 17, bytes(500), ident=7, fragment=0x2000 | 176)),
        ethernet(ip("10.0.0.1", "10.0.0.2", 17, bytes(100), ident=8, fragment=60)),
        ethernet(ip("10.0.0.2", "10.0.0.1", 17, bytes(100), ident=7, fragment=60)),
    ]
    joined = flows_of(block_of(parts))
    assert {flow.port: flow.packets for flow in joined} == {(5, 6): (3, 0), (0, 0): (1, 1)}
    apart = flows_of(block_of(parts), join_fragments=False)
    assert {flow.port: flow.packets for flow in apart} == {(5, 6): (1, 0), (0, 0): (3, 1)}
    assert [note & Note.FRAGMENT for note in notes_of(block_of(parts))] == [Note.FRAGMENT] * 5


def test_fragments_join_only_for_a_short_time() -> None:
    first = ethernet(ip("10.0.0.1", "10.0.0.2", 17, struct.pack(">HHHH", 5, 6, 99, 0), ident=7, fragment=0x2000))
    later = ethernet(ip("10.0.0.1", "10.0.0.2", 17, bytes(8), ident=7, fragment=9))
    found = flows_of(block_of([first, later, later], [1000.0, 1004.9, 1005.1]))
    assert {flow.port: flow.packets for flow in found} == {(5, 6): (2, 0), (0, 0): (1, 0)}


def test_ipv6_fragments_join_by_their_identification() -> None:
    def part(ident: int, offset: int, more: int, body: bytes) -> bytes:
        return ethernet(
            ip("2001:db8::1", "2001:db8::2", 44, struct.pack(">BBHI", 17, 0, offset << 3 | more, ident) + body)
        )

    frames = [part(9, 0, 1, struct.pack(">HHHH", 5, 6, 99, 0)), part(9, 4, 0, bytes(8)), part(10, 4, 0, bytes(8))]
    found = flows_of(block_of(frames))
    assert {(flow.proto, *flow.port): flow.packets for flow in found} == {(17, 5, 6): (2, 0), (17, 0, 0): (1, 0)}


def test_what_is_inside_of_tunnels_is_metered_on_request() -> None:
    inner = udp("192.0.2.1", "192.0.2.2", 7, 8)
    vxlan = ip("10.0.0.1", "10.0.0.2", 17, struct.pack(">HHHH", 5, 4789, 0, 0) + b"\x08" + bytes(7) + inner)
    gre = ip("10.0.0.1", "10.0.0.2", 47, b"\x20\x00\x08\x00" + bytes(4) + inner[14:])
    block = block_of([ethernet(vxlan), ethernet(gre)])
    assert [flow.proto for flow in flows_of(block)] == [17, 47]
    (flow,) = flows_of(block, gre=True, vxlan=True)
    assert (flow.address, flow.port, flow.packets) == ((number("192.0.2.1"), number("192.0.2.2")), (7, 8), (2, 0))
    assert flow.octets == (2 * (len(inner) - 14), 0)


LINKS = {
    Link.RAW: b"",
    Link.RAW_BSD: b"",
    Link.IPV4: b"",
    Link.NULL: struct.pack("<I", 2),
    Link.LOOP: struct.pack(">I", 2),
    Link.PPP: b"\xff\x03\x00\x21",
    Link.LINUX_SLL: bytes(14) + b"\x08\x00",
    Link.LINUX_SLL2: b"\x08\x00" + bytes(18),
}


@pytest.mark.parametrize("link", LINKS)
def test_every_link_type_leads_to_the_same_flow(link: int) -> None:
    packet = ip("10.0.0.1", "10.0.0.2", 17, struct.pack(">HHHH", 5, 6, 8, 0))
    (flow,) = flows_of(block_of([LINKS[link] + packet], link=link))
    assert (flow.port, flow.octets) == ((5, 6), (28, 0))


def test_levels_tell_apart_what_they_say() -> None:
    frames = [
        tcp("10.0.0.1", "10.0.0.2", 1, 2),
        tcp("10.0.0.1", "10.0.0.2", 3, 2),
        udp("10.0.0.1", "10.0.0.2", 1, 2),
        ethernet(tcp("10.0.0.1", "10.0.0.2", 1, 2)[14:], bytes.fromhex("81000005")),
        bytes.fromhex("020000000001020000000003") + tcp("10.0.0.1", "10.0.0.2", 1, 2)[12:],
    ]
    counts = {level: len(flows_of(block_of(frames), level=level)) for level in Level}
    assert counts == {Level.IP: 1, Level.PROTO: 2, Level.FULL: 3, Level.VLAN: 4, Level.ETHER: 5}
    (flow,) = flows_of(block_of(frames), level=Level.IP)
    assert (flow.proto, flow.port, flow.flags, flow.packets) == (0, (0, 0), (0, 0), (5, 0))


def test_ether_level_keeps_the_address_of_each_side() -> None:
    there = tcp("10.0.0.9", "10.0.0.1", 1, 2)
    back = there[6:12] + there[:6] + tcp("10.0.0.1", "10.0.0.9", 2, 1)[12:]
    for frames in ([there, back], [there, back[:12] + bytes.fromhex("81000005") + back[12:]]):
        found = flows_of(block_of(frames), level=Level.ETHER)
        assert {flow.mac for flow in found} == {(0x020000000001, 0x020000000002)}


def test_the_vlan_that_the_kernel_took_out_counts_as_one() -> None:
    block = block_of([udp("10.0.0.1", "10.0.0.2", 5, 6), tcp("2001:db8::1", "2001:db8::2", 5, 6)])
    block.vlan = np.array([100, 200], np.uint16)
    assert [flow.vlan for flow in flows_of(block, level=Level.VLAN)] == [100, 200]


def test_truncated_and_lying_headers_are_noted() -> None:
    good = udp("10.0.0.1", "10.0.0.2", 5, 6)
    lies = good[:16] + b"\xff\xff" + good[18:]
    short_claim = good[:16] + b"\x00\x10" + good[18:]
    offloaded = good[:16] + b"\x00\x00" + good[18:]
    wrong_version = good[:14] + b"\x65" + good[15:]
    no_header = good[:14] + b"\x44" + good[15:]
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    block = block_of([good, lies, short_claim, offloaded, wrong_version, no_header, arp, b""])
    assert notes_of(block) == [0, Note.BAD_LENGTH, Note.BAD_LENGTH, 0, Note.BAD, Note.BAD, Note.NON_IP, Note.NON_IP]
    cut = block_of([tcp("10.0.0.1", "10.0.0.2", 5, 6)] * 3, captured=[34, 53, 54])
    assert notes_of(cut) == [Note.TRUNCATED, Note.TRUNCATED, 0]
    assert [flow.port for flow in flows_of(cut)] == [(0, 0), (5, 6)]


def test_every_cut_of_a_packet_is_survived_and_counted() -> None:
    frames = [
        tcp("10.0.0.1", "10.0.0.2", 5, 6),
        udp("2001:db8::1", "2001:db8::2", 5, 6),
        icmp("10.0.0.1", "10.0.0.2", 8, 0),
        ethernet(ip("2001:db8::1", "2001:db8::2", 44, struct.pack(">BBHI", 17, 0, 1, 9) + bytes(20))),
        bytes(12) + b"\x81\x00\x00\x05\x88\x47" + struct.pack(">I", 0x10140) + ip("10.0.0.1", "10.0.0.2", 6, bytes(20)),
    ]
    for frame in frames:
        block = block_of([frame] * (len(frame) + 1), captured=list(range(len(frame) + 1)))
        meter = Meter(MeterConfig(gre=True, vxlan=True), lambda flows: None, live=True, started_ms=0)
        meter.add(block)
        s = meter.statistics(0)
        metered = sum(sum(flow.packets) for flow in cache_entries(meter.table.flows()))
        assert metered + s.non_ip + s.too_short == len(block)
        assert metered >= 1


def test_without_ipv6_it_counts_as_no_ip() -> None:
    block = block_of([udp("2001:db8::1", "2001:db8::2", 5, 6), udp("10.0.0.1", "10.0.0.2", 5, 6)])
    assert notes_of(block, ipv6=False) == [Note.NON_IP, 0]


@pytest.mark.parametrize(
    ("ours", "collector"),
    [("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("2001:db8::1", "2001:db8::2")],
)
def test_own_exports_are_left_out(ours: str, collector: str) -> None:
    parser = PacketParser()
    parser.ignore([((ours, 40_000), (collector, 2055))])
    block = block_of(
        [udp(ours, collector, 40_000, 2055), udp(collector, ours, 2055, 40_000), udp(ours, collector, 1, 2)]
    )
    assert parser.parse(block).notes.tolist() == [Note.OWN, Note.OWN, 0]  # type: ignore[union-attr]
