"""Link, network and transport headers of any shape, all packets in step.

Each loop here runs over header levels, not over packets: VLAN tags, MPLS labels, IPv6 extension headers. Every
loop has a bound, every position is checked against the captured length before it is used to find the next one,
and reads stay inside the arena because it has spare bytes behind the last packet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nftui.engine.frames.views import Ints, Link, Views, Words

Mask = NDArray[np.bool_]

MAX_VLAN_TAGS = 4
MAX_LABELS = 10
MAX_EXTENSIONS = 8
"""More tags, labels or extension headers than these are not followed: hostile or broken packets have them."""

TCP, UDP, ICMP, ICMP6, SCTP, GRE = 6, 17, 1, 58, 132, 47
VXLAN_PORTS = (4789, 8472)
"""IANA's port and the one that Linux used before (RFC 7348 section 5)."""

_V4, _V6, _ETHERNET_IN_GRE = 0x0800, 0x86DD, 0x6558
_VLAN = (0x8100, 0x88A8, 0x9100)
_MPLS = (0x8847, 0x8848)
_PPPOE, _PPP_V4, _PPP_V6 = 0x8864, 0x21, 0x57
_FAMILY_V6 = (10, 24, 28, 30)
"""AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, macOS: loopback captures carry the number of their system."""


@dataclass(slots=True)
class LinkLayer:
    """What lies before the network header.

    Attributes:
        network: position of the network header, or of the label stack where `labels` is above 0.
        ethertype: 0x0800 or 0x86dd; anything else is not IP.
        header: bytes before `network`; they are not counted as octets of the flow.
        vlan: id of the outermost VLAN tag, 0 without one.
        labels: entries of the MPLS label stack; they count as octets, as softflowd counts them.
        too_deep: more tags or labels than are followed.
    """

    network: Ints
    ethertype: Ints
    header: Ints
    vlan: Ints
    labels: Ints
    too_deep: Mask


@dataclass(slots=True)
class Headers:
    """Network and transport header of each packet.

    Attributes:
        known: an IPv4 or IPv6 header that makes sense and was captured whole; without it nothing else counts.
        bad: an IP packet by its ethertype whose header is cut off or contradicts itself.
        v6: IPv6.
        source_hi, source_lo, target_hi, target_lo: halves of the addresses; IPv4 in the low half, high half 0.
        proto: IP protocol, after IPv6 extension headers.
        transport: position of the transport header.
        source_port, target_port: ports; for ICMP 0 and type * 256 + code.
        flags: TCP control bits.
        tos: type of service or traffic class.
        label: IPv6 flow label.
        fragment: part of a fragmented packet.
        later: not the first part, so that there is no transport header.
        ident: identification shared by the parts of one packet.
        truncated: the transport header was not captured whole.
        bad_length: the IP header's length does not fit the frame; octets are counted by the frame.
    """

    known: Mask
    bad: Mask
    v6: Mask
    source_hi: Words
    source_lo: Words
    target_hi: Words
    target_lo: Words
    proto: Ints
    transport: Ints
    source_port: Ints
    target_port: Ints
    flags: NDArray[np.uint8]
    tos: NDArray[np.uint8]
    label: NDArray[np.uint32]
    fragment: Mask
    later: Mask
    ident: Ints
    truncated: Mask
    bad_length: Mask

    def replace(self, rows: Ints, other: Headers) -> None:
        """Put the headers of `other` in the place of some rows."""
        for name in self.__slots__:
            getattr(self, name)[rows] = getattr(other, name)


def read_link(
    views: Views, start: Ints, end: Ints, link: int, ethertype: NDArray[np.uint16] | None = None
) -> LinkLayer:
    """Find the network header of each packet.

    Args:
        views: the arena.
        start: where each packet begins.
        end: where its captured bytes end.
        link: link type, one of `Link`.
        ethertype: for `Link.NETWORK` the type of each packet.
    """
    if link == Link.ETHERNET:
        header, kind = start * 0 + 14, views.short(start + 12)
    elif link == Link.NETWORK and ethertype is not None:
        header, kind = start * 0, ethertype.astype(np.int64)
    elif link == Link.LINUX_SLL:
        header, kind = start * 0 + 16, views.short(start + 14)
    elif link == Link.LINUX_SLL2:
        header, kind = start * 0 + 20, views.short(start)
    elif link in {Link.NULL, Link.LOOP}:
        family = views.byte(start) + views.byte(start + 3)
        header = start * 0 + 4
        kind = np.where(family == 2, _V4, np.where(np.isin(family, _FAMILY_V6), _V6, 0))
    elif link == Link.PPP:
        framed = views.short(start) == 0xFF03
        header = np.where(framed, 4, 2)
        number = views.short(start + header - 2)
        kind = np.where(number == _PPP_V4, _V4, np.where(number == _PPP_V6, _V6, 0))
    else:
        version = views.byte(start) >> 4
        header, kind = start * 0, np.where(version == 4, _V4, np.where(version == 6, _V6, 0))
    kind = np.where(start + header < end, kind, 0)
    return _read_tags(views, start, end, header, kind)


def _read_tags(views: Views, start: Ints, end: Ints, header: Ints, kind: Ints) -> LinkLayer:
    """Go past VLAN tags, PPPoE and MPLS labels."""
    vlan = np.zeros(len(start), np.int64)
    at = start + header
    tagged = np.isin(kind, _VLAN)
    for depth in range(MAX_VLAN_TAGS):
        tagged &= at + 4 <= end
        if not tagged.any():
            break
        if depth == 0:
            vlan = np.where(tagged, views.short(at) & 0xFFF, 0)
        kind = np.where(tagged, views.short(at + 2), kind)
        at = at + 4 * tagged
        tagged = np.isin(kind, _VLAN)
    too_deep = tagged
    pppoe = (kind == _PPPOE) & (at + 8 <= end)
    if pppoe.any():
        # RFC 1661 section 6.5: an odd first byte is the whole protocol number.
        short = views.byte(at + 6) & 1 == 1
        number = np.where(short, views.byte(at + 6), views.short(at + 6))
        inner = np.where(number == _PPP_V4, _V4, np.where(number == _PPP_V6, _V6, 0))
        kind = np.where(pppoe, inner, kind)
        at = at + np.where(short, 7, 8) * pppoe
    header = at - start
    labels = np.zeros(len(start), np.int64)
    going = np.isin(kind, _MPLS)
    if going.any():
        stacked = going.copy()
        for _ in range(MAX_LABELS):
            going &= at + 4 <= end
            if not going.any():
                break
            bottom = views.byte(at + 2) & 1
            at = at + 4 * going
            labels = labels + going
            going &= bottom == 0
        too_deep = too_deep | going
        version = views.byte(at) >> 4
        inner = np.where(version == 4, _V4, np.where(version == 6, _V6, 0))
        kind = np.where(stacked, np.where(going, 0, inner), kind)
    return LinkLayer(start + header, kind, header, vlan, labels, too_deep)


def read_network(views: Views, at: Ints, ethertype: Ints, end: Ints, wire_end: Ints) -> Headers:
    """Read IP and transport headers.

    Args:
        views: the arena.
        at: position of each network header.
        ethertype: which one it should be.
        end: where the captured bytes end.
        wire_end: where the packet ended on the wire, in the same positions.
    """
    first = views.byte(at)
    wants4, wants6 = ethertype == _V4, ethertype == _V6
    size4 = (first & 15) * 4
    is4 = wants4 & (first >> 4 == 4) & (size4 >= 20) & (at + size4 <= end)
    is6 = wants6 & (first >> 4 == 6) & (at + 40 <= end)
    known = is4 | is6
    second = views.short(at)
    total = np.where(is6, views.short(at + 4) + 40, views.short(at + 2))
    declared = np.where(is6, total > 40, total != 0)
    bad_length = known & declared & ((at + total > wire_end) | (total < np.where(is6, 40, size4)))

    fragment_word = views.short(at + 6)
    fragment = is4 & (fragment_word & 0x3FFF != 0)
    later = is4 & (fragment_word & 0x1FFF != 0)
    ident = views.short(at + 4)
    proto = np.where(is4, views.byte(at + 9), views.byte(at + 6))
    transport = at + np.where(is4, size4, 40)
    cut = np.zeros(len(at), np.bool_)
    if is6.any():
        proto, transport, fragment6, later6, ident6, cut = _read_extensions(views, transport, proto, is6, end)
        fragment, later = fragment | fragment6, later | later6
        ident = np.where(fragment6, ident6, ident)

    zero = np.uint64(0)
    source4, target4 = views.u4[at + 12].astype(np.uint64), views.u4[at + 16].astype(np.uint64)
    headers = Headers(
        known,
        (wants4 | wants6) & ~known,
        is6,
        np.where(is6, views.u8[at + 8], zero),
        np.where(is6, views.u8[at + 16], source4),
        np.where(is6, views.u8[at + 24], zero),
        np.where(is6, views.u8[at + 32], target4),
        proto,
        transport,
        np.zeros(len(at), np.int64),
        np.zeros(len(at), np.int64),
        np.zeros(len(at), np.uint8),
        np.where(is6, second >> 4 & 0xFF, second & 0xFF).astype(np.uint8),
        np.where(is6, views.word(at) & 0xFFFFF, 0).astype(np.uint32),
        fragment,
        later,
        ident,
        cut,
        bad_length,
    )
    _read_transport(views, headers, end)
    return headers


def _read_extensions(
    views: Views, transport: Ints, proto: Ints, is6: Mask, end: Ints
) -> tuple[Ints, Ints, Mask, Mask, Ints, Mask]:
    """Skip hop-by-hop, routing, destination and fragment headers (RFC 8200 section 4)."""
    going = is6
    fragment = np.zeros(len(proto), np.bool_)
    later, cut = fragment.copy(), fragment.copy()
    ident = np.zeros(len(proto), np.int64)
    for _ in range(MAX_EXTENSIONS):
        part = going & (proto == 44)
        going = part | (going & ((proto == 0) | (proto == 43) | (proto == 60)))
        if not going.any():
            return proto, transport, fragment, later, ident, cut
        length = np.where(part, 8, (views.byte(transport + 1) + 1) * 8)
        fits = transport + length <= end
        cut |= going & ~fits
        fragment |= part
        going, part = going & fits, part & fits
        offset = views.short(transport + 2) & 0xFFF8
        later |= part & (offset != 0)
        ident = np.where(part, views.word(transport + 4), ident)
        proto = np.where(going, views.byte(transport), proto)
        transport = np.where(going, transport + length, transport)
        going = going & ~later
    cut |= going & np.isin(proto, (0, 43, 44, 60))
    return proto, transport, fragment, later, ident, cut


def _read_transport(views: Views, headers: Headers, end: Ints) -> None:
    """Fill in ports and flags where the transport header is there."""
    at, proto = headers.transport, headers.proto
    left = end - at
    readable = headers.known & ~headers.later & ~headers.truncated
    tcp, udp, sctp = proto == TCP, proto == UDP, proto == SCTP
    icmp = np.where(headers.v6, proto == ICMP6, proto == ICMP)
    need = np.select([tcp, udp, sctp, icmp], [20, 8, 12, 2], 0)
    whole = readable & (left >= need)
    headers.truncated |= readable & ~whole
    ports = whole & (tcp | udp | sctp)
    headers.source_port = np.where(ports, views.short(at), 0)
    headers.target_port = np.where(ports, views.short(at + 2), np.where(whole & icmp, views.short(at), 0))
    headers.flags = np.where(whole & tcp, views.u1[at + 13], 0).astype(np.uint8)


def find_inner(
    views: Views, headers: Headers, end: Ints, gre: bool, vxlan: bool
) -> tuple[Ints, Ints, Ints, NDArray[np.bool_]]:
    """Packets that carry another one.

    Returns:
        Rows, position and ethertype of the inner packet, and whether it begins with an Ethernet header.
    """
    at = headers.transport
    readable = headers.known & ~headers.later & ~headers.truncated
    inside = np.zeros(len(at), np.bool_)
    start, kind = at.copy(), np.zeros(len(at), np.int64)
    if gre:
        # RFC 2784 and RFC 2890: optional checksum, key and sequence number; other versions are PPTP.
        word = views.short(at)
        is_gre = readable & (headers.proto == GRE) & (at + 4 <= end) & (word & 7 == 0)
        optional = 4 * ((word >> 15 & 1) + (word >> 13 & 1) + (word >> 12 & 1))
        inside |= is_gre
        start = np.where(is_gre, at + 4 + optional, start)
        kind = np.where(is_gre, views.short(at + 2), kind)
    if vxlan:
        is_vxlan = readable & (headers.proto == UDP) & np.isin(headers.target_port, VXLAN_PORTS) & (at + 16 <= end)
        is_vxlan &= views.byte(at + 8) & 0x08 != 0
        inside |= is_vxlan
        start = np.where(is_vxlan, at + 16, start)
        kind = np.where(is_vxlan, _ETHERNET_IN_GRE, kind)
    inside &= (start < end) & np.isin(kind, (_V4, _V6, _ETHERNET_IN_GRE))
    rows = np.flatnonzero(inside)
    return rows, start[rows], kind[rows], kind[rows] == _ETHERNET_IN_GRE
