"""Nfdump's %-tags: header, values and text of each. Headers and widths are those that nfdump 1.7.1 prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC

from nftui import text
from nftui.engine.query.style import ABSENT, Style, destination_port, field_text, network, number, protocol
from nftui.engine.schema import FIELDS, Field, Kind


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a tag's text.

    Attributes:
        values: names of `values.VALUES` or address and text fields that it shows.
        render: makes the text from these values, addresses as 128-bit integers.
        column: makes the texts of a whole column instead, for values that hardly ever repeat.
    """

    values: tuple[str, ...]
    render: Callable[..., str]
    column: Callable[[Iterable[int | None]], Iterator[str]] | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """One %-tag.

    Attributes:
        header: its header, as wide as its values.
        pieces: what its text is made of.
    """

    header: str
    pieces: tuple[Piece, ...]


def _tag(header: str, values: tuple[str, ...], render: Callable[..., str]) -> Tag:
    return Tag(header, (Piece(values, render),))


def tags(style: Style) -> dict[str, Tag]:
    """All tags in a style, by name without the percent sign."""
    out: dict[str, Tag] = {}
    _add_times(out, style)
    _add_counters(out, style)
    _add_ends(out, style)
    _add_numbers(out, style)
    for item in FIELDS.values():
        if item.kind is not Kind.EXTRA:
            out.setdefault(item.name, _of_field(item, style))
    return out


WITHOUT_FIELD: dict[str, str] = {
    **dict.fromkeys(
        ("gsap", "gdap", "gsa", "gda", "gra", "sc", "dc", "sloc", "dloc", "stor", "dtor"), "flows carry no country"
    ),
    **dict.fromkeys(("sasn", "dasn"), "names of AS are not stored; %sas and %das have the numbers"),
    **dict.fromkeys(("ipl", "opl", "ja3", "ja4", "sni", "tls"), "payload is not stored"),
    **dict.fromkeys(("pfifn", "pfact", "pfrea", "pfdir", "pfrule"), "pf log elements have no column"),
    **dict.fromkeys(("isid", "osid", "sgt", "nats"), "there is no element that fills it"),
    "lbl": "labels of sub-expressions are not kept",
    "idt": "flows do not carry the collector's ident; %ra is the exporter",
}
"""Tags of nfdump for which flows have no field, with the reason."""


def _of_field(item: Field, style: Style) -> Tag:
    """The tag that every field has, by its own name."""
    width = max(len(item.title), 39 if item.kind is Kind.ADDRESS and style.full_ipv6 else 16)
    return _tag(f"{item.title:>{width}}", (item.name,), lambda value: f"{field_text(style, item, value):>{width}}")


def _add_times(out: dict[str, Tag], style: Style) -> None:
    start, end, received = "time_flow_start_ms", "time_flow_end_ms", "time_received_ms"
    for name, title, value in (
        ("ts", "Date first seen", start), ("tfs", "Date first seen", start), ("te", "Date last seen", end),
        ("tr", "Date flow received", received),
    ):  # fmt: skip
        out[name] = Tag(f"{title:23}", (Piece((value,), lambda ms: f"{style.time(ms):23}", style.times),))
    for name, title, value in (
        ("tsr", "Date first seen (raw)", start), ("ter", "Date last seen (raw)", end),
        ("trr", "Date flow received (raw)", received),
    ):  # fmt: skip
        out[name] = _tag(title, (value,), lambda ms: ABSENT if ms is None else f"{ms // 1000}.{ms % 1000:03d}")
    if style.plain:
        out["td"] = _tag("    Duration    ", ("duration",), lambda ms: f"{ms / 1000:16.3f}")
    else:
        out["td"] = _tag("    Duration    ", ("duration",), lambda ms: f"{text.duration(ms):>16}")
    utc = replace(style, zone=UTC)
    for name, title, value in (
        ("tsg", "Date first seen (UTC)", start), ("teg", "Date last seen (UTC)", end),
        ("trg", "Date flow received (UTC)", received),
    ):  # fmt: skip
        out[name] = Tag(f"{title:24}", (Piece((value,), lambda ms: f"{utc.time(ms):24}"),))
    event = (start, "firewall_event", "nat_event")
    out["tevt"] = _tag(f"{'Event time':23}", event, lambda ms, *events: f"{style.time(_when(ms, events)):23}")
    out["msec"] = _tag("   Event Time", event, lambda ms, *events: f"{number(_when(ms, events)):>13}")
    out["tds"] = _tag("    Duration", ("duration",), lambda ms: f"{ms / 1000:12.3f}")


def _add_counters(out: dict[str, Tag], style: Style) -> None:
    for name, header, value, width in (
        ("pkt", " Packets", "packets", 8), ("ipkt", "  In Pkt", "packets", 8), ("opkt", " Out Pkt", "out_packets", 8),
        ("byt", "   Bytes", "bytes", 8), ("ibyt", " In Byte", "bytes", 8), ("obyt", "Out Byte", "out_bytes", 8),
        ("pps", "     pps", "pps", 8), ("bps", "     bps", "bps", 8), ("bpp", "   Bpp", "bpp", 6),
        ("fl", "Flows", "flows", 5),
    ):  # fmt: skip
        out[name] = _tag(header, (value,), lambda n, width=width: f"{style.count(n):>{width}}")


def _add_ends(out: dict[str, Tag], style: Style) -> None:
    width = style.width
    for name, title, value in (
        ("sa", "Src IP Addr", "src_addr"), ("da", "Dst IP Addr", "dst_addr"), ("nh", "Next-hop IP", "next_hop"),
        ("nhb", "BGP next-hop IP", "bgp_next_hop"), ("ra", "Router IP", "sampler_address"),
        ("xsa", "X-late Src IP", "post_nat_src_addr"), ("xda", "X-late Dst IP", "post_nat_dst_addr"),
        ("nsa", "X-late Src IP", "post_nat_src_addr"), ("nda", "X-late Dst IP", "post_nat_dst_addr"),
    ):  # fmt: skip
        out[name] = _tag(f"{title:>{width}}", (value,), lambda value: f"{style.address(value):>{width}}")
    for name, title, address, port in (
        ("sap", "Src IP Addr", "src_addr", "src_port"),
        ("xsap", "X-Src IP Addr", "post_nat_src_addr", "post_nat_src_port"),
        ("xdap", "X-Dst IP Addr", "post_nat_dst_addr", "post_nat_dst_port"),
        ("nsap", "X-Src IP Addr", "post_nat_src_addr", "post_nat_src_port"),
        ("ndap", "X-Dst IP Addr", "post_nat_dst_addr", "post_nat_dst_port"),
    ):
        out[name] = Tag(
            f"{title:>{width}}:Port ", (_address(style, address), Piece((port,), lambda port: f"{number(port):<5}"))
        )
    destination = ("dst_port", "proto", "icmp_type", "icmp_code")
    out["dap"] = Tag(
        f"{'Dst IP Addr':>{width}}:Port ",
        (_address(style, "dst_addr"), Piece(destination, lambda *port: f"{destination_port(*port):<5}")),
    )
    out["dp"] = _tag(
        "Dst Pt",
        ("dst_port", "proto", "icmp_type", "icmp_code"),
        lambda p, proto, kind, code: f"{destination_port(p, proto, kind, code):>6}",
    )
    for name, title, address, mask in (
        ("sn", "Src Network", "src_addr", "src_mask"), ("dn", "Dst Network", "dst_addr", "dst_mask"),
    ):  # fmt: skip
        out[name] = _tag(f"{title:>{width + 2}}", (address, mask), lambda a, m: f"{network(style, a, m):>{width + 2}}")


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
        ("rate", "Sampling", "sampling_rate", 8), ("bfd", "Bfd", "biflow_direction", 3),
        ("flid", "Flow ID", "flow_id", 10), ("pbstart", "Pb-Start", "port_block_start", 8),
        ("pbend", "Pb-End", "port_block_end", 6), ("pbstep", "Pb-Step", "port_block_step", 7),
        ("pbsize", "Pb-Size", "port_block_size", 7),
    ):  # fmt: skip
        out[name] = _tag(f"{title:>{width}}", (value,), lambda n, width=width: f"{number(n):>{width}}")
    out["pr"] = _tag("Proto", ("proto",), lambda n: f"{protocol(style, n):5}")
    out["flg"] = _tag("   Flags", ("tcp_flags",), lambda n: ABSENT.rjust(8) if n is None else text.tcp_flags(n))
    out["dir"] = _tag("Dir", ("direction",), lambda n: f"{ {0: 'I', 1: 'E'}.get(n, number(n)):>3}")
    out["eth"] = _tag(" Ether", ("etype",), lambda n: ABSENT.rjust(6) if n is None else f"0x{n:04x}")
    for name, title, value in (("evt", "Event", "firewall_event"), ("nevt", "Event", "nat_event")):
        out[name] = _tag(f"{title:>8}", (value,), lambda n, value=value: f"{_state(value, n):>8}")
    for name, title, value in (
        ("ismc", "In src MAC Addr", "in_src_mac"), ("odmc", "Out dst MAC Addr", "out_dst_mac"),
        ("idmc", "In dst MAC Addr", "in_dst_mac"), ("osmc", "Out src MAC Addr", "out_src_mac"),
    ):  # fmt: skip
        out[name] = _tag(f"{title:>17}", (value,), lambda n: f"{ABSENT if n is None else text.mac(n):>17}")
    labels = tuple(f"mpls_{i}" for i in range(1, 11))
    for i, label in enumerate(labels, 1):
        out[f"mpls{i}"] = _tag(f"{f'MPLS lbl {i}':>12}", (label,), lambda n: f"{_mpls(n):>12}")
    out["mpls"] = _tag(
        f"{'MPLS labels 1-10':^129}", labels, lambda *entries: " ".join(f"{_mpls(n):>12}" for n in entries)
    )
    for name, title, value, width in (
        ("uname", "UserName", "username", 16), ("inam", "Input interface name", "in_if_name", 21),
        ("onam", "Output interface name", "out_if_name", 21),
        ("nbnam", "Application", "application_name", 16), ("ivrfnam", "I-VRF-Name", "ingress_vrf_name", 16),
        ("evrfnam", "E-VRF-Name", "egress_vrf_name", 16), ("site", "Site", "site", 16),
    ):  # fmt: skip
        out[name] = _tag(f"{title:<{width}}", (value,), lambda s, width=width: f"{text.clean(s or ABSENT):<{width}}")
    out["eng"] = _tag(" engine", ("engine_type", "engine_id"), lambda k, i: f"{number(k):>3}/{number(i):<3}")
    for name, title, value in (
        ("cl", "C Latency", "client_latency_us"), ("sl", "S latency", "server_latency_us"),
        ("al", "A latency", "app_latency_us"),
    ):  # fmt: skip
        out[name] = _tag(title, (value,), lambda us: f"{ABSENT if us is None else f'{us / 1000:.3f}':>9}")
    for name, title, side in (("iacl", "Ingress ACL", "ingress"), ("eacl", "Egress ACL", "egress")):
        lists = tuple(f"{side}_{part}_id" for part in ("acl", "ace", "xace"))
        out[name] = _tag(f"{title:<32}", lists, lambda *ids: " ".join(f"{_hexadecimal(i):<10}" for i in ids))
    out["nbid"] = _tag(" nbar ID", ("application_id",), lambda n: f"{_application(n):>8}")
    out["cnt"] = Tag(" Count", (Piece(("flows",), lambda _: "", _Counter().numbers),))
    out["nfv"] = _tag("Ver", ("flow_source",), lambda n: f"{f'Nv{n}' if n < _IPFIX else n:>3}")


_IPFIX = 10


class _Counter:
    """Numbers rows from 1."""

    def __init__(self) -> None:
        self._next = 1

    def numbers(self, values: Iterable[int | None]) -> Iterator[str]:
        """A number for each value."""
        for _ in values:
            yield f"{self._next:>6}"
            self._next += 1


def _when(ms: int | None, events: tuple[int | None, ...]) -> int | None:
    """Time of an event; flows without an event have none."""
    return None if all(event is None for event in events) else ms


def _hexadecimal(value: int | None) -> str:
    return ABSENT if value is None else f"0x{value:x}"


def _application(value: int | None) -> str:
    """Engine and selector of an application id, RFC 6759."""
    return ABSENT if value is None else f"{value >> 24}..{value & 0xFFFFFF}"


def _mpls(value: int | None) -> str:
    return ABSENT if value is None else text.mpls(value)


def _state(name: str, value: int | None) -> str:
    return ABSENT if value is None else dict(FIELDS[name].names).get(value, str(value)).upper()


def _address(style: Style, field: str) -> Piece:
    """Address and the mark before a port: a dot for IPv6, a colon otherwise."""

    def render(value: int | None) -> str:
        mark = "." if value is not None and value >> 32 != 0xFFFF else ":"
        return f"{style.address(value):>{style.width}}{mark}"

    return Piece((field,), render)
