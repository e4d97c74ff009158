"""Sampled packet headers to columns.

The common header, Ethernet with at most one VLAN tag, IPv4 without options and TCP or UDP, is read through one
copy of its bytes. All others go through `nftui.engine.frames.headers`, as the probe's packets do. The flow is that
of the outermost IP header; octets are those of the frame, as sfcapd counts them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import Array, Mask
from nftui.engine.decode.datagrams import Ints, Wire
from nftui.engine.decode.sflow_columns import Columns
from nftui.engine.frames.headers import ICMP, ICMP6, SCTP, TCP, UDP, Headers, LinkLayer, read_link, read_network
from nftui.engine.frames.views import Link, Views
from nftui.text import V4_PREFIX

HEAD_BYTES = 16
"""In front of a sampled header: header protocol, frame length, bytes stripped, bytes of the header."""

_ETHERNET = 1
_LINKS = {_ETHERNET: Link.ETHERNET, 7: Link.PPP, 11: Link.IPV4, 12: Link.IPV6, 13: Link.NETWORK, 14: Link.PPP}
"""Header protocols of "sFlow Version 5" that lead to IP: Ethernet, PPP, IPv4, IPv6, MPLS, packet over SONET."""
_VLAN_TYPES = (0x8100, 0x88A8, 0x9100)

_COMMON = [
    ("etype", 28, ">u2"), ("version", 30, "u1"), ("tos", 31, "u1"), ("ident", 34, ">u2"), ("fragment", 36, ">u2"),
    ("ttl", 38, "u1"), ("proto", 39, "u1"), ("source", 42, ">u4"), ("target", 46, ">u4"), ("source_port", 50, ">u2"),
    ("target_port", 52, ">u2"), ("flags", 63, "u1"),
]  # fmt: skip
_FIXED = [
    ("protocol", 0, ">u4"), ("octets", 4, ">u4"), ("size", 12, ">u4"), ("target_mac", 16, ">u8"),
    ("source_mac", 22, ">u8"), ("tag", 30, ">u2"),
]  # fmt: skip
_IMAGE_BYTES = 68


def _image(shift: int) -> np.dtype[np.void]:
    places = [*_FIXED, *((name, at + shift, kind) for name, at, kind in _COMMON)]
    return np.dtype(
        {
            "names": [name for name, _, _ in places],
            "formats": [kind for _, _, kind in places],
            "offsets": [at for _, at, _ in places],
            "itemsize": _IMAGE_BYTES,
        }
    )


_PLAIN, _TAGGED = _image(0), _image(4)

_V6 = np.dtype(
    [
        ("head", "V16"), ("macs", "V12"), ("etype", ">u2"), ("first", ">u4"), ("length", ">u2"), ("proto", "u1"),
        ("ttl", "u1"), ("source_hi", ">i8"), ("source_lo", ">i8"), ("target_hi", ">i8"), ("target_lo", ">i8"),
        ("source_port", ">u2"), ("target_port", ">u2"), ("numbers", "V9"), ("flags", "u1"),
    ]
)  # fmt: skip
"""Ethernet, IPv6 without extension headers, and what TCP and UDP begin with."""
_V6_BYTES = {TCP: 74, UDP: 62}
"""Sampled bytes that hold these headers whole."""


def read_packets(wire: Wire, at: Ints, end: Ints, rows: Ints | None, columns: Columns) -> None:
    """Fill in what sampled headers say.

    Args:
        wire: the arena.
        at: position of each record, at least `HEAD_BYTES` long.
        end: its end.
        rows: sample of each record; None for all samples in order.
        columns: gets the fields.
    """
    image = wire.images(at, _IMAGE_BYTES)
    fixed = image.view(_PLAIN)
    columns.put("bytes", rows, fixed["octets"].astype(np.int64))
    size = np.minimum(fixed["size"].astype(np.int64), end - at - HEAD_BYTES)
    ethernet = fixed["protocol"] == _ETHERNET
    plain = _is_common(fixed, size) & ethernet
    tagged = _is_common(image.view(_TAGGED), size - 4) & ethernet & (fixed["etype"] == _VLAN_TYPES[0])
    done = plain | tagged
    many, few = (_PLAIN, plain), (_TAGGED, tagged)
    if np.count_nonzero(tagged) > np.count_nonzero(plain):
        many, few = few, many
    whole = bool(many[1].all())
    _put_common(image.view(many[0]), rows, None if whole else many[1], many[0] is _TAGGED, columns)
    if whole:
        return
    if few[1].any():
        places = np.flatnonzero(few[1])
        part = places if rows is None else rows[places]
        _put_common(image.view(few[0])[places], part, None, few[0] is _TAGGED, columns)
    six = np.flatnonzero(~done & ethernet & (fixed["etype"] == 0x86DD) & (size >= _V6_BYTES[UDP]))
    if len(six):
        done[_put_ipv6(wire, at, size, six, rows, columns)] = True
    rest = np.flatnonzero(~done)
    protocol = fixed["protocol"][rest].astype(np.int64)
    for number, link in _LINKS.items():
        part = rest[protocol == number]
        if len(part):
            samples = part if rows is None else rows[part]
            octets = fixed["octets"][part].astype(np.int64)
            read_headers(wire, at[part] + HEAD_BYTES, size[part], octets, link, samples, columns)


def _is_common(fields: NDArray[np.void], size: Ints) -> Mask:
    proto = fields["proto"]
    common = (fields["etype"] == 0x0800) & (fields["version"] == 0x45) & (fields["fragment"] & 0x3FFF == 0)
    whole: Mask = common & (((proto == TCP) & (size >= 54)) | ((proto == UDP) & (size >= 42)))
    return whole


def _put_common(
    fields: NDArray[np.void], rows: Ints | None, where: Mask | None, tagged: bool, columns: Columns
) -> None:
    """Fields of common headers; `where` says which are, None for all.

    Where all samples have a header, the fields of those that are not common are read too, to be replaced: that costs
    less than to choose.
    """
    if where is not None and rows is not None:
        fields, rows, where = fields[where], rows[where], None
    proto = fields["proto"]
    flags = fields["flags"] if (proto == TCP).all() else np.where(proto == TCP, fields["flags"], 0)
    numbers: list[tuple[str, Array]] = [
        ("in_dst_mac", fields["target_mac"].astype(np.uint64) >> np.uint64(16)),
        ("in_src_mac", fields["source_mac"].astype(np.uint64) >> np.uint64(16)),
        ("etype", fields["etype"]), ("src_port", fields["source_port"]), ("dst_port", fields["target_port"]),
        ("proto", proto), ("tcp_flags", flags), ("ip_tos", fields["tos"]), ("min_ttl", fields["ttl"]),
        ("max_ttl", fields["ttl"]), ("fragment_id", fields["ident"]),
    ]  # fmt: skip
    if tagged:
        numbers.append(("src_vlan", fields["tag"] & 0xFFF))
    for name, values in numbers:
        if where is None:
            columns.put(name, rows, values)
        else:
            columns.put_where(name, values, where)
    for name in ("src_addr", "dst_addr"):
        values = fields["source" if name == "src_addr" else "target"]
        if where is None:
            columns.put_ipv4(name, rows, values)
        else:
            columns.put_ipv4_where(name, values, where)


def _put_ipv6(wire: Wire, at: Ints, size: Ints, chosen: Ints, rows: Ints | None, columns: Columns) -> Ints:
    """Fields of TCP and UDP over IPv6 among the chosen headers; returns which these are."""
    fields = wire.images(at[chosen], _V6.itemsize).view(_V6)
    proto = fields["proto"]
    tcp = proto == TCP
    common = (fields["first"] >> 28 == 6) & ((proto == UDP) | (tcp & (size[chosen] >= _V6_BYTES[TCP])))
    if not common.all():
        fields, chosen, proto, tcp = fields[common], chosen[common], proto[common], tcp[common]
    if not len(chosen):
        return chosen
    samples = chosen if rows is None else rows[chosen]
    first = fields["first"].astype(np.int64)
    start = at[chosen] + HEAD_BYTES
    for name, values in (
        ("in_dst_mac", wire.u8[start] >> np.uint64(16)), ("in_src_mac", wire.u8[start + 6] >> np.uint64(16)),
        ("etype", fields["etype"]), ("src_port", fields["source_port"]), ("dst_port", fields["target_port"]),
        ("proto", proto), ("tcp_flags", np.where(tcp, fields["flags"], 0)), ("ip_tos", first >> 20 & 0xFF),
        ("min_ttl", fields["ttl"]), ("max_ttl", fields["ttl"]), ("ipv6_flow_label", first & 0xFFFFF),
    ):  # fmt: skip
        columns.put(name, samples, values)
    columns.put_address("src_addr", samples, fields["source_hi"], fields["source_lo"])
    columns.put_address("dst_addr", samples, fields["target_hi"], fields["target_lo"])
    return chosen


def read_headers(wire: Wire, start: Ints, size: Ints, octets: Ints, link: int, samples: Ints, columns: Columns) -> None:
    """Headers of any shape of one link type."""
    views = Views(wire.data)
    end = start + size
    ethertype = np.full(len(start), 0x8847, np.uint16) if link == Link.NETWORK else None
    layer = read_link(views, start, end, link, ethertype)
    headers = read_network(views, layer.network + 4 * layer.labels, layer.ethertype, end, start + octets)
    if link == Link.ETHERNET:
        _put_ethernet(views, start, end, layer, samples, columns)
    typed = samples[layer.ethertype >= 0x600]
    columns.put("etype", typed, layer.ethertype[layer.ethertype >= 0x600])
    for level in range(int(layer.labels.max(initial=0))):
        deep = layer.labels > level
        entry = views.u4[layer.network[deep] + 4 * level] >> np.uint32(8)
        columns.put(f"mpls_{level + 1}", samples[deep], entry)
    known = headers.known
    if known.any():
        _put_network(views, layer.network + 4 * layer.labels, headers, samples, columns)
        _put_transport(headers, samples, columns)


def _put_ethernet(views: Views, start: Ints, end: Ints, layer: LinkLayer, samples: Ints, columns: Columns) -> None:
    whole = start + 14 <= end
    at, rows = start[whole], samples[whole]
    columns.put("in_dst_mac", rows, views.u8[at] >> np.uint64(16))
    columns.put("in_src_mac", rows, views.u8[at + 6] >> np.uint64(16))
    tagged = np.isin(views.u2[start + 12], _VLAN_TYPES) & (start + 18 <= end)
    if tagged.any():
        columns.put("src_vlan", samples[tagged], layer.vlan[tagged])
        double = tagged & np.isin(views.u2[start + 16], _VLAN_TYPES) & (start + 22 <= end)
        columns.put("customer_vlan", samples[double], views.u2[start[double] + 18] & 0xFFF)


def _put_network(views: Views, at: Ints, headers: Headers, samples: Ints, columns: Columns) -> None:
    known, v6 = headers.known, headers.v6
    rows = samples[known]
    columns.put_address("src_addr", rows, *_mapped(headers.source_hi, headers.source_lo, v6, known))
    columns.put_address("dst_addr", rows, *_mapped(headers.target_hi, headers.target_lo, v6, known))
    ttl = np.where(v6, views.u1[at + 7], views.u1[at + 8])[known]
    for name, values in (
        ("proto", headers.proto[known]), ("ip_tos", headers.tos[known]), ("min_ttl", ttl), ("max_ttl", ttl),
    ):  # fmt: skip
        columns.put(name, rows, values)
    if v6.any():
        columns.put("ipv6_flow_label", samples[v6], headers.label[v6])
    v4 = known & ~v6
    if v4.any():
        columns.put("fragment_id", samples[v4], headers.ident[v4])
        parts = v4 & headers.fragment
        if parts.any():
            word = views.u2[at[parts] + 6]
            columns.put("fragment_flags", samples[parts], word >> np.uint16(8) & np.uint16(0xE0))
            columns.put("fragment_offset", samples[parts], word & np.uint16(0x1FFF))


def _mapped(high: Array, low: Array, v6: Mask, known: Mask) -> tuple[Array, Array]:
    prefix = np.where(v6, np.uint64(0), np.uint64(V4_PREFIX))
    return high[known].view(np.int64), (low | prefix)[known].view(np.int64)


def _put_transport(headers: Headers, samples: Ints, columns: Columns) -> None:
    """Ports where there are any; ICMP has its type and code there too, as in NetFlow."""
    proto = headers.proto
    whole = headers.known & ~headers.later & ~headers.truncated
    icmp = whole & np.where(headers.v6, proto == ICMP6, proto == ICMP)
    ports = whole & np.isin(proto, (TCP, UDP, SCTP))
    columns.put("src_port", samples[ports], headers.source_port[ports])
    both = ports | icmp
    columns.put("dst_port", samples[both], headers.target_port[both])
    flags = headers.known & ((proto != TCP) | whole)
    columns.put("tcp_flags", samples[flags], headers.flags[flags])
    if icmp.any():
        columns.put("icmp_type", samples[icmp], headers.target_port[icmp] >> 8)
        columns.put("icmp_code", samples[icmp], headers.target_port[icmp] & 0xFF)
