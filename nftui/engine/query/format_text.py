"""Flow lists as text: nfdump's %-tags and the formats made of them.

Headers and widths are those that nfdump 1.7.1 prints. A value that a flow does not have is `-`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from functools import lru_cache

from nftui import text
from nftui.engine.query.query import address_value
from nftui.engine.query.sql import value_sql
from nftui.engine.query.values import VALUES
from nftui.engine.schema import FIELDS, Show
from nftui.errors import UsageError

Row = Sequence[object]
Render = Callable[[Row], str]

FORMATS: dict[str, str] = {
    "line": "%ts %td %pr %sap -> %dap %pkt %byt %fl",
    "long": "%ts %td %pr %sap -> %dap %flg %tos %pkt %byt %fl",
    "extended": "%ts %td %pr %sap -> %dap %flg %tos %pkt %byt %pps %bps %bpp %fl",
    "biline": "%ts %td %pr %sap <-> %dap %opkt %ipkt %obyt %ibyt %fl",
    "bilong": "%ts %td %pr %sap <-> %dap %flg %tos %opkt %ipkt %obyt %ibyt %fl",
    "nsel": "%ts %evt %xevt %pr %sap -> %dap %xsap -> %xdap %ibyt %obyt",
    "nel": "%ts %nevt %pr %sap -> %dap %nsap -> %ndap",
}
FORMATS["nat"] = FORMATS["nel"]
"""Formats by name, as nfdump defines them."""

ABSENT = "-"


@dataclass(frozen=True, slots=True)
class Style:
    """How values are written.

    Attributes:
        plain: numbers without M, G and T, protocols as numbers (-N).
        full_ipv6: addresses at full length (-6).
        zone: zone of times; None is the machine's.
        scaled: counters are multiplied by the sampling rate.
    """

    plain: bool = False
    full_ipv6: bool = False
    zone: tzinfo | None = None
    scaled: bool = True

    def time(self, ms: object) -> str:
        """Time with milliseconds in the zone."""
        if not isinstance(ms, int):
            return ABSENT
        return f"{_second(ms // 1000, self.zone)}.{ms % 1000:03d}"

    def address(self, value: int | None) -> str:
        """Address, condensed to 16 characters unless at full length."""
        if value is None:
            return ABSENT
        written = text.address(value)
        return written if self.full_ipv6 else text.short_address(written)

    def count(self, value: object) -> str:
        """Counter, scaled with M, G and T unless plain."""
        return text.scaled(value, self.plain) if isinstance(value, int | float) else ABSENT

    @property
    def width(self) -> int:
        """Columns of an address."""
        return 39 if self.full_ipv6 else 16


@lru_cache(maxsize=8192)
def _second(seconds: int, zone: tzinfo | None) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC).astimezone(zone):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return str(seconds)


@dataclass(frozen=True, slots=True)
class Tag:
    """One %-tag.

    Attributes:
        header: its header, as wide as its values.
        values: names of `values.VALUES` or address and text fields that it shows.
        render: makes the text from these values, addresses as 128-bit integers.
    """

    header: str
    values: tuple[str, ...]
    render: Callable[..., str]


def tags(style: Style) -> dict[str, Tag]:
    """All tags in a style, by name without the percent sign."""
    out: dict[str, Tag] = {}
    _add_times(out, style)
    _add_counters(out, style)
    _add_ends(out, style)
    _add_numbers(out, style)
    return out


def _add_times(out: dict[str, Tag], style: Style) -> None:
    start, end, received = "time_flow_start_ms", "time_flow_end_ms", "time_received_ms"
    for name, title, value in (
        ("ts", "Date first seen", start), ("tfs", "Date first seen", start), ("te", "Date last seen", end),
        ("tr", "Date flow received", received),
    ):  # fmt: skip
        out[name] = Tag(f"{title:23}", (value,), lambda ms: f"{style.time(ms):23}")
    for name, title, value in (
        ("tsr", "Date first seen (raw)", start), ("ter", "Date last seen (raw)", end),
        ("trr", "Date flow received (raw)", received),
    ):  # fmt: skip
        out[name] = Tag(title, (value,), lambda ms: ABSENT if ms is None else f"{ms // 1000}.{ms % 1000:03d}")
    if style.plain:
        out["td"] = Tag("    Duration    ", ("duration",), lambda ms: f"{ms / 1000:16.3f}")
    else:
        out["td"] = Tag("    Duration    ", ("duration",), lambda ms: f"{text.duration(ms):>16}")
    out["tds"] = Tag("    Duration", ("duration",), lambda ms: f"{ms / 1000:12.3f}")


def _add_counters(out: dict[str, Tag], style: Style) -> None:
    for name, header, value, width in (
        ("pkt", " Packets", "packets", 8), ("ipkt", "  In Pkt", "packets", 8), ("opkt", " Out Pkt", "out_packets", 8),
        ("byt", "   Bytes", "bytes", 8), ("ibyt", " In Byte", "bytes", 8), ("obyt", "Out Byte", "out_bytes", 8),
        ("pps", "     pps", "pps", 8), ("bps", "     bps", "bps", 8), ("bpp", "   Bpp", "bpp", 6),
        ("fl", "Flows", "flows", 5),
    ):  # fmt: skip
        out[name] = Tag(header, (value,), lambda n, width=width: f"{style.count(n):>{width}}")


def _add_ends(out: dict[str, Tag], style: Style) -> None:
    width = style.width
    for name, title, value in (
        ("sa", "Src IP Addr", "src_addr"), ("da", "Dst IP Addr", "dst_addr"), ("nh", "Next-hop IP", "next_hop"),
        ("nhb", "BGP next-hop IP", "bgp_next_hop"), ("ra", "Router IP", "sampler_address"),
        ("xsa", "X-late Src IP", "post_nat_src_addr"), ("xda", "X-late Dst IP", "post_nat_dst_addr"),
        ("nsa", "X-late Src IP", "post_nat_src_addr"), ("nda", "X-late Dst IP", "post_nat_dst_addr"),
    ):  # fmt: skip
        out[name] = Tag(f"{title:>{width}}", (value,), lambda value: f"{style.address(value):>{width}}")
    for name, title, address, port in (
        ("sap", "Src IP Addr", "src_addr", "src_port"),
        ("xsap", "X-Src IP Addr", "post_nat_src_addr", "post_nat_src_port"),
        ("xdap", "X-Dst IP Addr", "post_nat_dst_addr", "post_nat_dst_port"),
        ("nsap", "X-Src IP Addr", "post_nat_src_addr", "post_nat_src_port"),
        ("ndap", "X-Dst IP Addr", "post_nat_dst_addr", "post_nat_dst_port"),
    ):
        out[name] = Tag(f"{title:>{width}}:Port ", (address, port), lambda a, p: _end(style, a, _number(p)))
    out["dap"] = Tag(
        f"{'Dst IP Addr':>{width}}:Port ",
        ("dst_addr", "dst_port", "proto", "icmp_type", "icmp_code"),
        lambda a, p, proto, kind, code: _end(style, a, destination_port(p, proto, kind, code)),
    )
    out["dp"] = Tag(
        "Dst Pt",
        ("dst_port", "proto", "icmp_type", "icmp_code"),
        lambda p, proto, kind, code: f"{destination_port(p, proto, kind, code):>6}",
    )
    for name, title, address, mask in (
        ("sn", "Src Network", "src_addr", "src_mask"), ("dn", "Dst Network", "dst_addr", "dst_mask"),
    ):  # fmt: skip
        out[name] = Tag(f"{title:>{width + 2}}", (address, mask), lambda a, m: f"{network(style, a, m):>{width + 2}}")


def _add_numbers(out: dict[str, Tag], style: Style) -> None:
    for name, title, value, width in (
        ("sp", "Src Pt", "src_port", 6), ("it", "ICMP-T", "icmp_type", 6), ("ic", "ICMP-C", "icmp_code", 6),
        ("tos", "Tos", "ip_tos", 3), ("stos", "STos", "ip_tos", 4), ("dtos", "DTos", "dst_tos", 4),
        ("end", "End", "flow_end_reason", 3), ("in", "Input", "in_if", 6), ("out", "Output", "out_if", 6),
        ("fwd", "Fwd", "forwarding_status", 3), ("smk", "SMask", "src_mask", 5), ("dmk", "DMask", "dst_mask", 5),
        ("sas", "Src AS", "src_as", 6), ("das", "Dst AS", "dst_as", 6), ("nas", "Next AS", "next_as", 7),
        ("pas", "Prev AS", "prev_as", 7), ("svln", "SVlan", "src_vlan", 5), ("dvln", "DVlan", "dst_vlan", 5),
        ("odid", "obsDomainID", "observation_domain_id", 11), ("opid", "obsPointID", "observation_point_id", 12),
        ("vrf", "I-VRF-ID", "ingress_vrf", 10), ("ivrf", "I-VRF-ID", "ingress_vrf", 10),
        ("evrf", "E-VRF-ID", "egress_vrf", 10), ("nfc", "Conn-ID", "flow_id", 10),
        ("xsp", "XsPort", "post_nat_src_port", 6),
        ("xdp", "XdPort", "post_nat_dst_port", 6), ("nsp", "XsPort", "post_nat_src_port", 6),
        ("ndp", "XdPort", "post_nat_dst_port", 6), ("xevt", "XEvent", "firewall_ext_event", 7),
        ("minttl", "MinTTL", "min_ttl", 6), ("maxttl", "MaxTTL", "max_ttl", 6), ("ttl", "TTL", "min_ttl", 3),
        ("frag", "Frag", "fragment_flags", 4), ("exp", "Exp ID", "observation_domain_id", 6),
        ("rate", "Sampling", "sampling_rate", 8),
    ):  # fmt: skip
        out[name] = Tag(f"{title:>{width}}", (value,), lambda n, width=width: f"{_number(n):>{width}}")
    out["pr"] = Tag("Proto", ("proto",), lambda n: f"{protocol(style, n):5}")
    out["flg"] = Tag("   Flags", ("tcp_flags",), lambda n: ABSENT.rjust(8) if n is None else text.tcp_flags(n))
    out["dir"] = Tag("Dir", ("direction",), lambda n: f"{ {0: 'I', 1: 'E'}.get(n, _number(n)):>3}")
    out["eth"] = Tag(" Ether", ("etype",), lambda n: ABSENT.rjust(6) if n is None else f"0x{n:04x}")
    for name, title, value in (("evt", "Event", "firewall_event"), ("nevt", "Event", "nat_event")):
        out[name] = Tag(f"{title:>8}", (value,), lambda n, value=value: f"{_state(value, n):>8}")
    for name, title, value in (
        ("ismc", "In src MAC Addr", "in_src_mac"), ("odmc", "Out dst MAC Addr", "out_dst_mac"),
        ("idmc", "In dst MAC Addr", "in_dst_mac"), ("osmc", "Out src MAC Addr", "out_src_mac"),
    ):  # fmt: skip
        out[name] = Tag(f"{title:>17}", (value,), lambda n: f"{ABSENT if n is None else text.mac(n):>17}")
    labels = tuple(f"mpls_{i}" for i in range(1, 11))
    for i, label in enumerate(labels, 1):
        out[f"mpls{i}"] = Tag(f"{f'MPLS lbl {i}':>12}", (label,), lambda n: f"{_mpls(n):>12}")
    out["mpls"] = Tag(
        f"{'MPLS labels 1-10':^129}", labels, lambda *entries: " ".join(f"{_mpls(n):>12}" for n in entries)
    )
    for name, title, value, width in (
        ("uname", "UserName", "username", 16), ("inam", "Input interface name", "in_if_name", 21),
        ("onam", "Output interface name", "out_if_name", 21),
        ("nbnam", "Application", "application_name", 16),
    ):  # fmt: skip
        out[name] = Tag(f"{title:<{width}}", (value,), lambda s, width=width: f"{text.clean(s or ABSENT):<{width}}")
    out["eng"] = Tag(" engine", ("engine_type", "engine_id"), lambda k, i: f"{_number(k):>3}/{_number(i):<3}")
    out["nfv"] = Tag("Ver", ("flow_source",), lambda n: f"{n:>3}")


def _number(value: object) -> str:
    return ABSENT if value is None else str(value)


def _mpls(value: int | None) -> str:
    return ABSENT if value is None else text.mpls(value)


def _state(name: str, value: int | None) -> str:
    return ABSENT if value is None else dict(FIELDS[name].names).get(value, str(value)).upper()


def protocol(style: Style, number: int | None) -> str:
    """Protocol by name, or by number where numbers are plain."""
    if number is None:
        return ABSENT
    return str(number) if style.plain else text.protocol(number)


def network(style: Style, value: int | None, mask: int | None) -> str:
    """Address with the bits beyond the mask cleared, and the mask."""
    if value is None or mask is None:
        return ABSENT
    width = 32 if value >> 32 == 0xFFFF else 128
    host = (1 << max(0, width - mask)) - 1
    return f"{style.address(value & ~host)}/{mask}"


def destination_port(port: int | None, proto: int | None, icmp_type: int | None, icmp_code: int | None) -> str:
    """Destination port; for ICMP `type.code`, from its own fields or from the port."""
    if proto not in {1, 58}:
        return _number(port)
    if icmp_type is None and port is None:
        return ABSENT
    if icmp_type is None:
        assert port is not None
        icmp_type, icmp_code = divmod(port, 256)
    return f"{icmp_type}.{icmp_code or 0}"


def _end(style: Style, value: int | None, port: str) -> str:
    """Address and port, the port after a dot for IPv6."""
    mark = "." if value is not None and value >> 32 != 0xFFFF else ":"
    return f"{style.address(value):>{style.width}}{mark}{port:<5}"


_PART = re.compile(r"%([a-z]+\d*)|%%|([^%]+|%)")


@dataclass(slots=True)
class Layout:
    """A format made ready: header, what to select, and how to write a row.

    Attributes:
        header: the header line.
        columns: SQL expressions to select.
        fields: registry fields that they read.
        parts: literal text and writers of tags, in order.
    """

    header: str = ""
    columns: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    parts: list[str | Render] = field(default_factory=list)

    def write(self, row: Row) -> str:
        """One line, without its end."""
        return "".join(part if isinstance(part, str) else part(row) for part in self.parts).rstrip(" ")


def layout(form: str, style: Style) -> Layout:
    """Make a format ready.

    Args:
        form: text with %-tags; names of formats may stand for tags (`%line`).
        style: how values are written.

    Raises:
        UsageError: an unknown tag, with the nearest known one.
    """
    known = tags(style)
    out = Layout()
    places: dict[str, int] = {}
    for match in _PART.finditer(_expanded(form)):
        name, literal = match.groups()
        if name is None:
            written = literal or "%"
            out.parts.append(written.replace("\\n", "\n").replace("\\t", "\t"))
            out.header += " " * len(written)
            continue
        if name == "n":
            out.parts.append("\n")
            continue
        tag = known.get(name)
        if tag is None:
            near = get_close_matches(name, known, 1)
            raise UsageError(f"unknown tag %{name}" + (f"; did you mean %{near[0]}?" if near else ""))
        out.header += tag.header
        out.parts.append(_bound(tag, [_place(out, places, value, style) for value in tag.values]))
    out.header = out.header.rstrip(" ")
    return out


def _expanded(form: str) -> str:
    for name in sorted(FORMATS, key=len, reverse=True):
        form = re.sub(rf"%{name}\b", FORMATS[name], form)
    return form


def _place(out: Layout, places: dict[str, int], value: str, style: Style) -> tuple[int, bool]:
    """Position of a value in the row, and whether it is an address of two columns."""
    is_address = value in FIELDS and FIELDS[value].show is Show.ADDRESS
    if value not in places:
        places[value] = len(out.columns)
        if value in VALUES:
            out.columns.append(value_sql(value, style.scaled))
            out.fields += VALUES[value].fields
        else:
            out.columns += FIELDS[value].physical
            out.fields.append(value)
    return places[value], is_address


def _bound(tag: Tag, places: list[tuple[int, bool]]) -> Render:
    render = tag.render
    place, is_address = places[0]

    def of_one(row: Row) -> str:
        return render(row[place])

    def of_many(row: Row) -> str:
        return render(*(address_value(row[at], row[at + 1]) if two else row[at] for at, two in places))

    return of_one if len(places) == 1 and not is_address else of_many
