"""The words of the filter language: which phrase asks about which fields.

One table for both dialects of nfdump (1.7.1 and 1.7.8) and for every field of the registry by its own name. The
parser takes the longest phrase that fits, so a new primitive is one entry here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from nftui.engine.query.values import VALUES
from nftui.engine.schema import FIELDS, Kind, Show


class Shape(Enum):
    """What follows a phrase."""

    NUMBER = "a number, a comparison, a range or a list"
    COUNT = "a count such as 1500, 10k or 1.5M"
    PORT = "a port, a service name, a range or a list"
    PROTOCOL = "a protocol name or number"
    DURATION = "milliseconds or a duration such as 1.5s"
    TIME = "a time such as 2026-10-01T12:00 or -1h"
    STATE = "a state by name or number"
    MAC = "a MAC address such as 00:11:22:33:44:55"
    ADDRESS = "an address, a network or a list in [...]"
    NETWORK = "a network such as 10.0.0.0/8"
    FLAGS = "TCP flags such as SA, =S or a number"
    TEXT = "text, with * at either end for any text"
    INTERFACE = "an interface number or name"
    ICMP_TYPE = "an ICMP type"
    ICMP_CODE = "an ICMP code"
    MPLS_LABEL = "a label"
    MPLS_EXP = "experimental bits, 0 to 7"
    MPLS_END = "a label at the bottom of the stack"
    LATENCY = "milliseconds or a time such as 250us"
    DENIAL = "a reason: ingress, egress, interface or nosyn"
    FAMILY4 = "nothing: IPv4 flows"
    FAMILY6 = "nothing: IPv6 flows"
    ANYTHING = "nothing: every flow"
    TTL_EQUAL = "nothing: smallest and largest time to live are the same"
    IN_BLOCK = "nothing: a port of the block"


@dataclass(frozen=True, slots=True)
class Word:
    """Meaning of a phrase.

    Attributes:
        shape: what follows.
        fields: fields or values (`values.VALUES`) it compares; any of them must match.
        every: all of them must match instead (`src and dst …`).
    """

    shape: Shape
    fields: tuple[str, ...]
    every: bool = False


Phrase = tuple[str, ...]

_PAIRS: tuple[tuple[Shape, tuple[str, ...], tuple[str, str]], ...] = (
    # shape, words, (source field, destination field)
    (Shape.ADDRESS, ("ip", "host", "addr", "ip in"), ("src_addr", "dst_addr")),
    (Shape.NETWORK, ("net",), ("src_addr", "dst_addr")),
    (Shape.PORT, ("port",), ("src_port", "dst_port")),
    (Shape.NUMBER, ("as",), ("src_as", "dst_as")),
    (Shape.NUMBER, ("mask",), ("src_mask", "dst_mask")),
    (Shape.NUMBER, ("vlan",), ("src_vlan", "dst_vlan")),
    (Shape.ADDRESS, ("xip", "nip", "nat ip", "xhost"), ("post_nat_src_addr", "post_nat_dst_addr")),
    (Shape.NETWORK, ("xnet", "nnet", "nat net"), ("post_nat_src_addr", "post_nat_dst_addr")),
    (Shape.PORT, ("xport", "nport", "nat port"), ("post_nat_src_port", "post_nat_dst_port")),
)

_SINGLE: tuple[tuple[Shape, str, tuple[str, ...]], ...] = (
    # shape, phrases separated by |, fields
    (Shape.ANYTHING, "any|all", ()),
    (Shape.FAMILY4, "ipv4|inet|inet4|ip4", ()),
    (Shape.FAMILY6, "ipv6|inet6|ip6", ()),
    (Shape.PROTOCOL, "proto|protocol", ("proto",)),
    (Shape.FLAGS, "flags|tcp flags", ("tcp_flags",)),
    (Shape.ICMP_TYPE, "icmp-type|icmp type|icmptype", ("icmp_type",)),
    (Shape.ICMP_CODE, "icmp-code|icmp code|icmpcode", ("icmp_code",)),
    (Shape.COUNT, "packets|in packets|pkts", ("packets",)),
    (Shape.COUNT, "out packets", ("out_packets",)),
    (Shape.COUNT, "bytes|in bytes|octets", ("bytes",)),
    (Shape.COUNT, "out bytes", ("out_bytes",)),
    (Shape.COUNT, "flows|flow", ("flows",)),
    (Shape.DURATION, "duration", ("duration",)),
    (Shape.COUNT, "pps", ("pps",)),
    (Shape.COUNT, "bps", ("bps",)),
    (Shape.COUNT, "bpp", ("bpp",)),
    (Shape.NUMBER, "tos|src tos", ("ip_tos",)),
    (Shape.NUMBER, "dst tos", ("dst_tos",)),
    (Shape.NUMBER, "ttl", ("min_ttl", "max_ttl")),
    (Shape.TTL_EQUAL, "ttl equal", ("min_ttl", "max_ttl")),
    (Shape.NUMBER, "min ttl", ("min_ttl",)),
    (Shape.NUMBER, "max ttl", ("max_ttl",)),
    (Shape.NUMBER, "ethertype|ether type", ("etype",)),
    (Shape.INTERFACE, "if|interface", ("in_if", "out_if")),
    (Shape.INTERFACE, "in if|input if|in interface", ("in_if",)),
    (Shape.INTERFACE, "out if|output if|out interface", ("out_if",)),
    (Shape.NUMBER, "prev as|as prev|bgp prev as", ("prev_as",)),
    (Shape.NUMBER, "next as|as next|bgp next as", ("next_as",)),
    (Shape.STATE, "dir|flowdir|flow dir", ("direction",)),
    (Shape.STATE, "fwdstat|forwarding status", ("forwarding_status",)),
    (Shape.STATE, "end reason|endreason", ("flow_end_reason",)),
    (Shape.STATE, "nfversion|netflow version", ("flow_source",)),
    (Shape.ADDRESS, "next ip|next hop|nexthop|nexthop ip|next host", ("next_hop",)),
    (Shape.ADDRESS, "bgpnext ip|bgp next ip|bgpnext|bgp nexthop", ("bgp_next_hop",)),
    (Shape.ADDRESS, "router ip|exporter ip|router|exporter|router host|exporter host", ("sampler_address",)),
    (Shape.NETWORK, "router net|exporter net", ("sampler_address",)),
    (Shape.NETWORK, "next net", ("next_hop",)),
    (Shape.MAC, "mac", ("in_src_mac", "in_dst_mac", "out_src_mac", "out_dst_mac")),
    (Shape.MAC, "in mac", ("in_src_mac", "in_dst_mac")),
    (Shape.MAC, "out mac", ("out_src_mac", "out_dst_mac")),
    (Shape.MAC, "src mac", ("in_src_mac", "out_src_mac")),
    (Shape.MAC, "dst mac", ("in_dst_mac", "out_dst_mac")),
    (Shape.MAC, "in src mac", ("in_src_mac",)),
    (Shape.MAC, "in dst mac", ("in_dst_mac",)),
    (Shape.MAC, "out src mac", ("out_src_mac",)),
    (Shape.MAC, "out dst mac", ("out_dst_mac",)),
    (Shape.NUMBER, "customer vlan|cvlan|inner vlan", ("customer_vlan",)),
    (Shape.NUMBER, "observation domain id|observation domain|odid", ("observation_domain_id",)),
    (Shape.NUMBER, "observation point id|observation point|opid", ("observation_point_id",)),
    (Shape.NUMBER, "engine-type|engine type", ("engine_type",)),
    (Shape.NUMBER, "engine-id|engine id", ("engine_id",)),
    (Shape.NUMBER, "ingress vrf|vrf", ("ingress_vrf",)),
    (Shape.NUMBER, "egress vrf", ("egress_vrf",)),
    (Shape.NUMBER, "sampling|sampling rate", ("sampling_rate",)),
    (Shape.NUMBER, "flow label", ("ipv6_flow_label",)),
    (Shape.TIME, "first seen|first", ("time_flow_start_ms",)),
    (Shape.TIME, "last seen|last", ("time_flow_end_ms",)),
    (Shape.TIME, "received", ("time_received_ms",)),
    (Shape.STATE, "asa event", ("firewall_event",)),
    (Shape.NUMBER, "asa xevent", ("firewall_ext_event",)),
    (Shape.DENIAL, "asa event denied|asa denied", ("firewall_ext_event",)),
    (Shape.TEXT, "asa user|user", ("username",)),
    (Shape.TEXT, "application|app", ("application_name",)),
    (Shape.STATE, "nat event", ("nat_event",)),
    *((Shape.PORT, f"pblock {part}|nat pblock {part}", (f"port_block_{part}",)) for part in ("start", "end")),
    *((Shape.NUMBER, f"pblock {part}|nat pblock {part}", (f"port_block_{part}",)) for part in ("step", "size")),
    *(
        (Shape.IN_BLOCK, f"{side}port in pblock|{side}port in nat pblock", fields)
        for side, fields in (("", ("src_port", "dst_port")), ("src ", ("src_port",)), ("dst ", ("dst_port",)))
    ),
    *(
        (Shape.NUMBER, f"{side} {part}", (f"{side}_{part}_id",))
        for side in ("ingress", "egress")
        for part in ("acl", "ace", "xace")
    ),
    (Shape.TEXT, "ingress vrf name|vrf name", ("ingress_vrf_name",)),
    (Shape.TEXT, "egress vrf name", ("egress_vrf_name",)),
    *((Shape.LATENCY, f"{who} latency", (f"{who}_latency_us",)) for who in ("client", "server", "app")),
    (Shape.MPLS_LABEL, "mpls any", tuple(f"mpls_{i}" for i in range(1, 11))),
    (Shape.MPLS_END, "mpls eos", tuple(f"mpls_{i}" for i in range(1, 11))),
    *((Shape.MPLS_LABEL, f"mpls label{i}|mpls label {i}", (f"mpls_{i}",)) for i in range(1, 11)),
    *((Shape.MPLS_EXP, f"mpls exp{i}|mpls exp {i}", (f"mpls_{i}",)) for i in range(1, 11)),
)

ABSENT: dict[Phrase, str] = {
    ("ident",): "flows do not carry the collector's ident; name the store with -r, or ask for `exporter ip`",
    ("count",): "records are not numbered here, since their order is not fixed",
    ("cnt",): "records are not numbered here, since their order is not fixed",
    ("sysid",): "exporters are known by their address: `exporter ip 192.0.2.1`",
    ("exporter", "id"): "exporters are known by their address: `exporter ip 192.0.2.1`",
    ("exporter", "sysid"): "exporters are known by their address: `exporter ip 192.0.2.1`",
    ("geo",): "flows carry no country",
    ("src", "geo"): "flows carry no country",
    ("dst", "geo"): "flows carry no country",
    **{(*side, "payload"): "payload is not stored" for side in ((), ("in",), ("out",))},
    **{
        (*side, word): "tunnel elements have no column"
        for side in ((), ("src",), ("dst",))
        for word in ("tun", "tunip")
    },
    **{
        (*side, "ip", "tor"): "there is no list of TOR exits; `nftui ioc` takes one"
        for side in ((), ("src",), ("dst",))
    },
    ("prev", "ip"): "flows carry no previous hop",
    ("%",): "labels of sub-expressions are not kept (nor are they by nfdump 1.7.8)",
    ("flowlabel",): "flow labels of nfdump are not stored; the IPv6 flow label is `flow label`",
    ("pf",): "pf log elements have no column",
}
"""Primitives of nfdump that ask for something the store does not have, with what to do instead."""


def _shape(name: str) -> Shape:
    field = FIELDS[name]
    if field.kind is Kind.ADDRESS:
        return Shape.ADDRESS
    if field.kind is Kind.TEXT:
        return Shape.TEXT
    shapes = {
        Show.COUNT: Shape.COUNT, Show.TIME: Shape.TIME, Show.PORT: Shape.PORT, Show.PROTOCOL: Shape.PROTOCOL,
        Show.TCP_FLAGS: Shape.FLAGS, Show.MAC: Shape.MAC, Show.ENUM: Shape.STATE,
    }  # fmt: skip
    return shapes.get(field.show, Shape.NUMBER)


def _phrases() -> dict[Phrase, Word]:
    table: dict[Phrase, Word] = {}
    for field in FIELDS.values():
        if field.kind is not Kind.EXTRA:
            for spelling in (field.name, *field.words):
                table[tuple(spelling.split())] = Word(_shape(field.name), (field.name,))
    for shape, words, (source, destination) in _PAIRS:
        for word in words:
            tail = tuple(word.split())
            table[tail] = Word(shape, (source, destination))
            table["src", "or", "dst", *tail] = Word(shape, (source, destination))
            table["src", "and", "dst", *tail] = Word(shape, (source, destination), every=True)
            for side, field_name in (("src", source), ("dst", destination)):
                table[side, *tail] = Word(shape, (field_name,))
                if tail[0] == "nat":
                    table["nat", side, *tail[1:]] = Word(shape, (field_name,))
    # "src in ip [...]", as the manual of nfdump 1.7.1 has it
    table["src", "in", "ip"] = Word(Shape.ADDRESS, ("src_addr",))
    table["dst", "in", "ip"] = Word(Shape.ADDRESS, ("dst_addr",))
    for shape, phrases, fields in _SINGLE:
        for phrase in phrases.split("|"):
            table[tuple(phrase.split())] = Word(shape, fields)
    return table


PHRASES: dict[Phrase, Word] = _phrases()
"""Every phrase of the language, lower case."""

LONGEST = max(len(phrase) for phrase in PHRASES)

FIRST_WORDS: frozenset[str] = frozenset(phrase[0] for phrase in PHRASES) | {"not"}
"""Words that a comparison can begin with, except protocol names."""

assert all(name in VALUES or name in FIELDS for word in PHRASES.values() for name in word.fields)
