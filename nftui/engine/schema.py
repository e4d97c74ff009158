"""The schema registry: what a column is.

Decoders, filter language, query, output formats, table columns and the detail pane read this table, so that a
new field is one entry here. Names follow goflow2's FlowMessage where it has one; element numbers are those of
the IANA IPFIX registry (RFC 7012), which NetFlow v9 (RFC 3954) shares below 128.

Absent is not zero: a field that a device did not send is null, in memory and on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag

SCHEMA_VERSION = 1
"""Written into every file. Raised when a column changes its meaning; added columns do not raise it."""

REVERSE_PEN = 29305
"""Enterprise number of the reverse direction of a biflow, RFC 5103 section 6.1."""


class Kind(Enum):
    """How a field is stored and compared."""

    INT = "int"
    """One integer column."""
    ADDRESS = "address"
    """16 bytes, IPv4 mapped (::ffff:a.b.c.d), as two int64 columns NAME_hi and NAME_lo."""
    TEXT = "text"
    """Text from an exporter, already free of control characters."""
    EXTRA = "extra"
    """Elements without a column: see `nftui.engine.batch.ExtraColumn`."""


class Show(Enum):
    """How a value is written for people."""

    NUMBER = "number"
    COUNT = "count"  # scaled with M, G, T
    TIME = "time"  # UTC milliseconds
    ADDRESS = "address"
    PORT = "port"
    PROTOCOL = "protocol"
    TCP_FLAGS = "tcp_flags"
    MAC = "mac"
    MPLS = "mpls"  # label-exp-bottom
    ENUM = "enum"
    TEXT = "text"
    EXTRA = "extra"
    QUALITY = "quality"
    HEX = "hex"


class FlowSource(IntEnum):
    """What a flow came by; values below 11 are the export version."""

    V1 = 1
    V5 = 5
    V7 = 7
    V9 = 9
    IPFIX = 10
    SFLOW = 20
    PROBE = 30
    FILE = 40


class Quality(IntFlag):
    """What was repaired or is doubtful in a record."""

    TIME_REPAIRED = 1
    """Start or end was implausible: moved to the time of reception, with the duration kept if it could be."""
    TIME_MISSING = 2
    """The exporter sent no usable flow time; the flow ends at the time of reception."""
    RATE_UNKNOWN = 4
    """A sampler was named whose rate was never announced; 1:1 is assumed."""
    RATE_CLAMPED = 8
    """The announced sampling rate was implausible."""
    END_BEFORE_START = 16
    """Start and end were exchanged."""
    LATE_TEMPLATE = 32
    """The record waited for its template."""
    COUNTER_CLAMPED = 64
    """A counter above 2^63-1 was cut to it."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a flow record.

    Attributes:
        name: column name in files and machine output.
        kind: storage kind.
        dtype: NumPy type of the column (each half, for addresses; empty for text and extra).
        title: short header, nfdump's where it has one.
        doc: one sentence for the detail pane.
        elements: IPFIX elements that fill it, as element id or (enterprise number, element id),
            the preferred one first. Elements that need conversion (times) are the decoder's business.
        unit: unit of the value, empty for plain numbers and names.
        show: how to write a value.
        groupable: may be a key of an aggregation.
        summable: is a counter that adds up.
        names: for `Show.ENUM`, value to word.
        words: filter-language spellings besides the name itself.
    """

    name: str
    kind: Kind
    dtype: str
    title: str
    doc: str
    elements: tuple[int | tuple[int, int], ...] = ()
    unit: str = ""
    show: Show = Show.NUMBER
    groupable: bool = False
    summable: bool = False
    names: tuple[tuple[int, str], ...] = ()
    words: tuple[str, ...] = ()

    @property
    def physical(self) -> tuple[str, ...]:
        """Names of the columns that hold the field."""
        if self.kind is Kind.ADDRESS:
            return (self.name + "_hi", self.name + "_lo")
        return (self.name,)


def _int(name: str, dtype: str, title: str, doc: str, *elements: int | tuple[int, int], **more: object) -> Field:
    return Field(name, Kind.INT, dtype, title, doc, elements, **more)  # type: ignore[arg-type]


def _address(name: str, title: str, doc: str, *elements: int | tuple[int, int]) -> Field:
    return Field(name, Kind.ADDRESS, "i8", title, doc, elements, show=Show.ADDRESS, groupable=True)


def _text(name: str, title: str, doc: str, *elements: int | tuple[int, int]) -> Field:
    return Field(name, Kind.TEXT, "", title, doc, elements, show=Show.TEXT, groupable=True)


_FORWARDING = (
    (0, "Unknown"), (64, "Forwarded"), (65, "Fragmented"), (66, "NotFragmented"), (128, "Dropped"),
    (129, "DropAclDeny"), (130, "DropAclDrop"), (131, "DropUnroutable"), (132, "DropAdjacency"),
    (133, "DropFragDF"), (134, "DropBadChecksum"), (135, "DropBadTotalLen"), (136, "DropBadHeaderLen"),
    (137, "DropBadTTL"), (138, "DropPolicer"), (139, "DropWRED"), (140, "DropRPF"), (141, "DropForUs"),
    (142, "DropBadOutput"), (143, "DropHardware"), (192, "Consumed"), (193, "TermPuntAdjacency"),
    (194, "TermIncompleteAdj"), (195, "TermForUs"),
)  # fmt: skip

_NAT_EVENTS = (
    (1, "create"), (2, "delete"), (3, "pool exhausted"), (4, "create session"), (5, "delete session"),
    (6, "create session64"), (7, "delete session64"), (8, "create bib"), (9, "delete bib"), (10, "create bib64"),
    (11, "delete bib64"), (12, "ports exhausted"), (13, "quota exceeded"), (14, "create binding"),
    (15, "delete binding"), (16, "allocate block"), (17, "release block"), (18, "threshold reached"),
)  # fmt: skip
"""IANA's registry of NAT event types, RFC 8158 section 4.3."""

_FIELDS: tuple[Field, ...] = (
    # Times
    _int("time_received_ms", "i8", "Received", "When the datagram arrived here.", unit="ms", show=Show.TIME),
    _int("time_flow_start_ms", "i8", "Date first seen", "First packet of the flow.", unit="ms", show=Show.TIME),
    _int("time_flow_end_ms", "i8", "Date last seen", "Last packet of the flow.", unit="ms", show=Show.TIME),
    # Who sent the record
    _address("sampler_address", "Exporter", "Address that the export datagram came from."),
    _int("observation_domain_id", "u4", "Domain", "Observation domain or source id of the exporter.",
         149, groupable=True),
    _int("flow_source", "u1", "Source", "What the flow came by.", show=Show.ENUM, groupable=True,
         names=tuple((s.value, s.name.lower()) for s in FlowSource)),
    _int("engine_type", "u1", "Engine type", "Type of the exporter's flow switching engine.", 38, groupable=True),
    _int("engine_id", "u1", "Engine id", "Number of the exporter's flow switching engine.", 39, groupable=True),
    # Who talked
    _int("ip_version", "u1", "IP version", "IP version, as exported.", 60, groupable=True),
    _int("etype", "u2", "Ethertype", "Ethernet type of the packets.", 256, show=Show.HEX, groupable=True),
    _address("src_addr", "Src IP Addr", "Source address, or its network where the exporter sends no more.",
             8, 27, 44, 170),
    _address("dst_addr", "Dst IP Addr", "Destination address, or its network where the exporter sends no more.",
             12, 28, 45, 169),
    _int("src_port", "u2", "Src Pt", "Source port.", 7, 180, 182, show=Show.PORT, groupable=True),
    _int("dst_port", "u2", "Dst Pt", "Destination port; for ICMP without its own fields, type*256+code.",
         11, 181, 183, show=Show.PORT, groupable=True),
    _int("proto", "u1", "Proto", "IP protocol.", 4, 193, show=Show.PROTOCOL, groupable=True),
    _int("tcp_flags", "u2", "Flags", "TCP control bits seen, ORed.", 6, show=Show.TCP_FLAGS, groupable=True),
    _int("ip_tos", "u1", "Tos", "Type of service or traffic class.", 5, groupable=True, words=("tos", "src tos")),
    _int("dst_tos", "u1", "DTos", "Type of service after the observation point.", 55, groupable=True),
    _int("icmp_type", "u1", "ICMP type", "ICMP or ICMPv6 type.", 176, 178, groupable=True),
    _int("icmp_code", "u1", "ICMP code", "ICMP or ICMPv6 code.", 177, 179, groupable=True),
    # How much
    _int("bytes", "i8", "Bytes", "Octets as the exporter counted them, before sampling is applied.",
         1, 85, 231, 352, 353, unit="B", show=Show.COUNT, summable=True),
    _int("packets", "i8", "Packets", "Packets as the exporter counted them, before sampling is applied.",
         2, 86, 298, unit="packets", show=Show.COUNT, summable=True),
    _int("flows", "i8", "Flows", "Flows in the record; above 1 for aggregated records.",
         3, unit="flows", show=Show.COUNT, summable=True),
    _int("out_bytes", "i8", "Out Bytes", "Octets of the reverse direction.",
         (REVERSE_PEN, 1), (REVERSE_PEN, 85), 232, 23, unit="B", show=Show.COUNT, summable=True),
    _int("out_packets", "i8", "Out Pkts", "Packets of the reverse direction.",
         (REVERSE_PEN, 2), (REVERSE_PEN, 86), 299, 24, unit="packets", show=Show.COUNT, summable=True),
    _int("sampling_rate", "u4", "Sampling", "1 packet of this many was sampled; null when nobody said.",
         34, 305, 50, groupable=True),
    # Where it went
    _int("in_if", "u4", "Input", "Interface index, inbound.", 10, 252, groupable=True),
    _int("out_if", "u4", "Output", "Interface index, outbound.", 14, 253, groupable=True),
    _address("next_hop", "Next-hop IP", "Next hop router.", 15, 62),
    _address("bgp_next_hop", "BGP next-hop IP", "Next hop router in BGP.", 18, 63),
    _int("src_as", "u4", "Src AS", "Autonomous system of the source, as exported.", 16, groupable=True),
    _int("dst_as", "u4", "Dst AS", "Autonomous system of the destination, as exported.", 17, groupable=True),
    _int("prev_as", "u4", "Prev AS", "Adjacent autonomous system towards the source.", 129, groupable=True),
    _int("next_as", "u4", "Next AS", "Adjacent autonomous system towards the destination.", 128, groupable=True),
    _int("src_mask", "u1", "SMask", "Prefix length of the source's route.", 9, 29, groupable=True),
    _int("dst_mask", "u1", "DMask", "Prefix length of the destination's route.", 13, 30, groupable=True),
    _int("direction", "u1", "Dir", "Where the flow was observed.", 61, show=Show.ENUM, groupable=True,
         names=((0, "ingress"), (1, "egress"))),
    _int("forwarding_status", "u1", "Fwd", "What the router did with the packets, RFC 7270.", 89,
         show=Show.ENUM, groupable=True, names=_FORWARDING),
    _int("flow_end_reason", "u1", "End", "Why the exporter ended the flow, RFC 5102.", 136, show=Show.ENUM,
         groupable=True, names=((1, "idle timeout"), (2, "active timeout"), (3, "end of flow"), (4, "forced end"),
                                (5, "lack of resources"))),
    # Layer 2 and MPLS
    _int("src_vlan", "u2", "SVlan", "VLAN before the observation point.", 58, 243, groupable=True),
    _int("dst_vlan", "u2", "DVlan", "VLAN after the observation point.", 59, 254, groupable=True),
    _int("customer_vlan", "u2", "CVlan", "Inner VLAN of 802.1ad.", 245, groupable=True),
    _int("dst_customer_vlan", "u2", "DCVlan", "Inner VLAN of 802.1ad after the observation point.", 255,
         groupable=True),
    _int("layer2_segment_id", "i8", "VNI", "Network of a VXLAN or NVGRE segment, its kind in the top byte (RFC 8038).",
         351, groupable=True),
    _int("in_src_mac", "i8", "In src MAC", "Source MAC before the observation point.", 56,
         show=Show.MAC, groupable=True),
    _int("in_dst_mac", "i8", "In dst MAC", "Destination MAC before the observation point.", 80,
         show=Show.MAC, groupable=True),
    _int("out_src_mac", "i8", "Out src MAC", "Source MAC after the observation point.", 81,
         show=Show.MAC, groupable=True),
    _int("out_dst_mac", "i8", "Out dst MAC", "Destination MAC after the observation point.", 57,
         show=Show.MAC, groupable=True),
    *(_int(f"mpls_{i}", "u4", f"MPLS {i}", f"MPLS label stack entry {i} (label, exp, bottom), 1 is the top.", 69 + i,
           show=Show.MPLS, groupable=True) for i in range(1, 11)),
    # IP details
    _int("min_ttl", "u1", "Min TTL", "Smallest time to live seen.", 52, groupable=True),
    _int("max_ttl", "u1", "Max TTL", "Largest time to live seen.", 53, 192, groupable=True),
    _int("ipv6_flow_label", "u4", "Flow label", "IPv6 flow label.", 31, groupable=True),
    _int("fragment_id", "u4", "Fragment id", "IP identification.", 54),
    _int("fragment_offset", "u2", "Frag offset", "Fragment offset field.", 88),
    _int("fragment_flags", "u1", "Frag flags", "Fragmentation flags.", 197),
    # Routing and firewall contexts
    _int("ingress_vrf", "u4", "I-VRF", "VRF of the inbound interface.", 234, groupable=True),
    _int("egress_vrf", "u4", "E-VRF", "VRF of the outbound interface.", 235, groupable=True),
    _text("ingress_vrf_name", "I-VRF name", "Name of the VRF of the inbound interface.", 236),
    _text("egress_vrf_name", "E-VRF name", "Name of the VRF of the outbound interface, from options data."),
    _int("observation_point_id", "i8", "Obs point", "Observation point.", 138, groupable=True),
    _int("sampler_id", "u4", "Sampler id", "Sampler or selector that chose the packets.", 48, 302, groupable=True),
    # NAT and NSEL
    _address("post_nat_src_addr", "X-Src IP Addr", "Source address after translation.", 225, 281, 40001),
    _address("post_nat_dst_addr", "X-Dst IP Addr", "Destination address after translation.", 226, 282, 40002),
    _int("post_nat_src_port", "u2", "X-Src Pt", "Source port after translation.", 227, 40003,
         show=Show.PORT, groupable=True),
    _int("post_nat_dst_port", "u2", "X-Dst Pt", "Destination port after translation.", 228, 40004,
         show=Show.PORT, groupable=True),
    _int("port_block_start", "u2", "Pb-Start", "First port of the block given to a subscriber, RFC 8158.", 361,
         show=Show.PORT, groupable=True),
    _int("port_block_end", "u2", "Pb-End", "Last port of the block.", 362, show=Show.PORT, groupable=True),
    _int("port_block_step", "u2", "Pb-Step", "Distance between ports of the block.", 363, groupable=True),
    _int("port_block_size", "u2", "Pb-Size", "Ports in the block.", 364, groupable=True),
    _int("nat_event", "u1", "NAT event", "What happened to the translation, RFC 8158.", 230, show=Show.ENUM,
         groupable=True, names=_NAT_EVENTS),
    _int("firewall_event", "u1", "Event", "What the firewall did.", 233, 40005, show=Show.ENUM, groupable=True,
         names=((0, "ignore"), (1, "create"), (2, "delete"), (3, "deny"), (4, "alert"), (5, "update"))),
    _int("firewall_ext_event", "u2", "X-Event", "Extended event code of the firewall.", 33002, groupable=True),
    *(_int(f"{side}_{part}_id", "u4", f"{title} {word}", f"{text} {side} access list of a firewall.",
           show=Show.HEX, groupable=True)
      for side, title in (("ingress", "I"), ("egress", "E"))
      for part, word, text in (("acl", "ACL", "Hash of the name of the"), ("ace", "ACE", "Hash of the entry in the"),
                               ("xace", "XACE", "Hash of the object-group entry in the"))),
    _int("biflow_direction", "u1", "Biflow", "How the exporter chose the source of a biflow, RFC 5103.", 239,
         show=Show.ENUM, groupable=True,
         names=((0, "arbitrary"), (1, "initiator"), (2, "reverse initiator"), (3, "perimeter"))),
    _int("flow_id", "i8", "Flow id", "The exporter's own number of the flow or connection.", 148, groupable=True),
    _int("initiator", "u1", "Initiator", "How the source of a connection was found out, with -B --initiator.",
         show=Show.ENUM, names=((1, "element"), (2, "syn"), (3, "handshake"), (4, "service"), (5, "port"), (6, "time"),
                                (7, "received"))),
    # Delays that the exporter measured
    *(_int(f"{who}_latency_us", "i8", f"{title} lat", f"{doc}, as the exporter measured it.", unit="us")
      for who, title, doc in (("client", "C", "Half of the network's round trip between exporter and client"),
                              ("server", "S", "Half of the network's round trip between exporter and server"),
                              ("app", "A", "Time from request to response, without the network's"))),
    # Names
    _text("application_name", "Application", "Application, as the exporter names it.", 96, 56701),
    _int("application_id", "i8", "Application id", "Application id, engine in the top byte (RFC 6759).", 95,
         groupable=True),
    _text("username", "User", "User, as the firewall knows it.", 371, 40000, 56702),
    _text("in_if_name", "In if name", "Name of the inbound interface.", 82),
    _text("out_if_name", "Out if name", "Name of the outbound interface, from the exporter's options data."),
    # What we think of it, and the rest
    _int("quality", "u2", "Quality", "What was repaired or is doubtful in this record.", show=Show.QUALITY),
    _text("site", "Site", "Site of the lake that has the flow: the directory of its file says so, no exporter does."),
    Field("extra", Kind.EXTRA, "", "Other elements", "Elements without a column of their own.", show=Show.EXTRA),
)  # fmt: skip

FIELDS: dict[str, Field] = {field.name: field for field in _FIELDS}
"""All fields by name, in the order of the record."""

PHYSICAL: dict[str, Field] = {column: field for field in _FIELDS for column in field.physical}
"""All columns by their name in files."""

CORE: tuple[str, ...] = (
    "time_received_ms", "time_flow_start_ms", "time_flow_end_ms", "sampler_address", "observation_domain_id",
    "flow_source", "src_addr", "dst_addr", "src_port", "dst_port", "proto", "tcp_flags", "ip_tos", "bytes",
    "packets", "flows", "sampling_rate", "in_if", "out_if", "src_as", "dst_as", "quality",
)  # fmt: skip
"""Fields that every stored file has, even if all null: queries may name them without looking first."""

NON_NULL: frozenset[str] = frozenset(
    {
        "time_received_ms",
        "time_flow_start_ms",
        "time_flow_end_ms",
        "sampler_address",
        "flow_source",
        "flows",
        "quality",
    }
)
"""Fields that decoders always fill."""
