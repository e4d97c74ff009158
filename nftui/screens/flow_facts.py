"""What can be said of one flow besides its fields: amounts, both ends, conversation, neighbours, exporter."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nftui import text
from nftui.engine.batch import FlowBatch
from nftui.engine.geography import Whereabouts
from nftui.screens.columns import service
from nftui.screens.exporter_words import ago, version
from nftui.screens.flow_relatives import Relative, Relatives
from nftui.widgets.flow_detail import DetailLine, DetailSection

if TYPE_CHECKING:
    from nftui.engine.decode.status import ExporterStatus, SamplingStatus

_SOURCES = {
    "options": "options data of the exporter", "header": "the header of its datagrams",
    "config": "the configuration here", "sample": "each sample",
}  # fmt: skip
_OPENS = "Enter opens this flow."
_ENDS = (("src", "source"), ("dst", "destination"))
_NAT = (("post_nat_src_addr", "source after NAT"), ("post_nat_dst_addr", "destination after NAT"),
        ("next_hop", "next hop"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Flow:
    """A record, read by the names of its fields."""

    batch: FlowBatch
    row: int

    def number(self, name: str) -> int | None:
        """A value that is a number, None where there is none."""
        value = self.batch.value(name, self.row)
        return value if isinstance(value, int) else None

    def word(self, name: str) -> str:
        """A text, empty where there is none."""
        value = self.batch.value(name, self.row)
        return value if isinstance(value, str) else ""

    def address(self, name: str) -> str:
        """An address as text, empty where there is none."""
        value = self.number(name)
        return text.address(value) if value is not None else ""

    @property
    def times(self) -> tuple[int, int]:
        """Start and end, UTC ms."""
        end = self.number("time_flow_end_ms") or self.number("time_received_ms") or 0
        return self.number("time_flow_start_ms") or end, end


@dataclass(slots=True)
class Surroundings:
    """What is known around a flow; parts come when they have been asked for.

    Attributes:
        exporter: who sent it, None while unknown or forgotten.
        relatives: conversation and neighbours, None while they are asked for.
        name: name of an address by the resolver, empty for none, None while it is asked for.
        resolving: whether names are wanted.
        place: where an address is.
        now_ms: UTC.
    """

    exporter: ExporterStatus | None = None
    relatives: Relatives | None = None
    name: Callable[[str], str | None] = lambda _: ""
    resolving: bool = False
    place: Callable[[str], Whereabouts] = lambda _: Whereabouts()
    now_ms: int = 0


def sections(flow: Flow, fields: Sequence[DetailLine], around: Surroundings) -> list[DetailSection]:
    """All sections of the pane, the fields first."""
    return [
        DetailSection("fields", tuple(fields)),
        DetailSection("amounts", tuple(amounts(flow, around))),
        DetailSection("ends", tuple(ends(flow, around))),
        DetailSection("talk", tuple(conversation(flow, around.relatives))),
        DetailSection("near", tuple(neighbours(flow, around.relatives))),
        DetailSection("exporter", tuple(exporter(flow, around))),
    ]


def amounts(flow: Flow, around: Surroundings) -> list[DetailLine]:
    """Counters as sent and scaled, with where the sampling rate comes from."""
    start, end = flow.times
    rate = flow.number("sampling_rate") or 0
    seconds = max(0, end - start) / 1000
    lines = [_line("duration", "Duration", f"{seconds:.3f} s", "From the first packet of the record to the last.")]
    lines.append(_sampling(flow, rate, around.exporter))
    for prefix, words in (("", "of this direction"), ("out_", "of the other direction")):
        octets, packets = flow.number(f"{prefix}bytes"), flow.number(f"{prefix}packets")
        for name, value, unit in ((f"{prefix}bytes", octets, "B"), (f"{prefix}packets", packets, "packet")):
            if value is not None:
                title = f"{'Out ' if prefix else ''}{'Bytes' if unit == 'B' else 'Packets'}"
                lines.append(
                    _line(name, f"{title} sent", _number(value, unit), f"As the exporter counted them, {words}.")
                )
                if rate > 1:
                    about = _number(value * rate, unit)
                    lines.append(_line(name, f"{title} scaled", about, f"Times the sampling rate, {words}."))
        if octets is not None and packets:
            lines.append(_line("", "Per packet", f"{octets / packets:.0f} B", f"Mean size of the packets {words}."))
        if octets is not None and seconds >= 0.001:
            speed = text.measured(octets * 8 * max(1, rate) / seconds, "bit/s")
            lines.append(_line("", "Rate", speed, f"Scaled, over its duration, {words}."))
    return lines


def _number(value: int, unit: str) -> str:
    return f"{value:,} B" if unit == "B" else text.counted(value, unit)


def _sampling(flow: Flow, rate: int, found: ExporterStatus | None) -> DetailLine:
    if not rate:
        return _line("sampling_rate", "Sampling", "unknown: taken as 1:1",
                     "Nobody said how many packets were left out.")  # fmt: skip
    domain = flow.number("observation_domain_id")
    known = [item for item in (found.sampling if found is not None else ()) if item.rate == rate]
    same = [item for item in known if item.domain == domain] or known
    source = f", from {_SOURCES.get(same[0].source, same[0].source)}{_whose(same[0])}" if same else ""
    if not same and flow.number("sampler_id") is None and found is not None:
        source = ", from the record itself, or announced at its time"
    return _line("sampling_rate", "Sampling", f"1:{rate:,}{source}", "One packet of so many was looked at.")


def _whose(rate: SamplingStatus) -> str:
    if rate.sampler is not None:
        return f" (sampler {rate.sampler})"
    return f" (interface {rate.interface})" if rate.interface is not None else ""


def ends(flow: Flow, around: Surroundings) -> list[DetailLine]:
    """Who they are: address, name, country, system, port, service, interface."""
    lines: list[DetailLine] = []
    for side, words in _ENDS:
        address = flow.address(f"{side}_addr")
        if address:
            lines += _address(f"{side}_addr", words.capitalize(), address, around)
        port = flow.number(f"{side}_port")
        if port is not None and flow.number("proto") not in {1, 58}:
            known = service(str(port))
            value = f"{port}" if known == str(port) else f"{port} {known}"
            lines.append(_line(f"{side}_port", "Port", value, f"Service of the {words}'s port by /etc/services.",
                               f"{side}_port {port}"))  # fmt: skip
        system = flow.number(f"{side}_as")
        if system:
            lines.append(
                _line(f"{side}_as", "AS exported", f"{system}", "As the exporter says.", f"{side}_as {system}")
            )
        way, name = ("in_if", "in_if_name") if side == "src" else ("out_if", "out_if_name")
        interface = flow.number(way)
        if interface is not None:
            value = f"{interface} {flow.word(name)}".rstrip()
            lines.append(_line(way, "Interface", value, f"Of the exporter, towards the {words}.", f"{way} {interface}"))
    for name, words in _NAT:
        address = flow.address(name)
        if address and int(ipaddress.ip_address(address)):
            lines += _address(name, words.capitalize(), address, around)
    return lines


def _address(field: str, title: str, address: str, around: Surroundings) -> list[DetailLine]:
    term = f"{field} {address}"
    lines = [_line(field, title, address, _kind(address), term)]
    if around.resolving:
        name = around.name(address)
        shown = "asking" if name is None else name or "no name"
        lines.append(_line(f"{field}.name", "Name", shown, "By the system's resolver, now; it may be anything."))
    place = around.place(address)
    if place.country or place.code:
        where = ", ".join(part for part in (place.city, place.country, place.code) if part)
        lines.append(_line(f"{field}.country", "Country", where, "By the database of countries on this machine."))
    if place.as_number or place.as_name:
        who = f"AS{place.as_number} {place.as_name}".rstrip() if place.as_number else place.as_name
        lines.append(_line(f"{field}.as", "AS", who, "By the database of autonomous systems on this machine."))
    return lines


def _kind(address: str) -> str:
    found = ipaddress.ip_address(address)
    for words, is_so in (
        ("unspecified", found.is_unspecified), ("loopback", found.is_loopback), ("multicast", found.is_multicast),
        ("link-local", found.is_link_local), ("private or set apart", found.is_private),
        ("reserved", found.is_reserved),
    ):  # fmt: skip
        if is_so:
            return f"A {words} address."
    return "A public address."


def conversation(flow: Flow, relatives: Relatives | None) -> list[DetailLine]:
    """Both directions together and apart, and the records that each is made of."""
    if relatives is None:
        return [_line("", "Asking", "", "The flows of this conversation are being looked for.")]
    source = flow.address("src_addr")
    lines = []
    directions = (("This way", [r for r in relatives.conversation if r.source == source]),
                  ("The other way", [r for r in relatives.conversation if r.source != source]))  # fmt: skip
    for title, found in directions:
        packets, octets = sum(r.packets for r in found), sum(r.octets for r in found)
        value = f"{text.counted(len(found), 'record')}, {_traffic(packets, octets)}"
        lines.append(_line("", title, value if found else "nothing was seen", "Scaled, over what is listed below."))
    whole = relatives.conversation
    if whole:
        span = (max(r.at_ms for r in whole) - min(r.at_ms for r in whole)) / 1000
        lines.append(_line("", "Records", f"{len(whole):,} over {span:,.1f} s", relatives.about))
    start = flow.times[1]
    lines += [_relative(item, start, "<" if item.source != source else ">") for item in whole]
    return lines


def neighbours(flow: Flow, relatives: Relatives | None) -> list[DetailLine]:
    """What the source did just before and after."""
    if relatives is None:
        return [_line("", "Asking", "", "The flows before and after are being looked for.")]
    if not relatives.neighbours:
        return [_line("", "Nothing", "no other flow of the source", relatives.about)]
    end = flow.times[1]
    return [_relative(item, end, "") for item in relatives.neighbours]


def _relative(item: Relative, moment_ms: int, mark: str) -> DetailLine:
    ends_of = f"{_end(item.source, item.source_port)} > {_end(item.target, item.target_port)}"
    value = f"{mark} {item.protocol} {ends_of}".strip()
    amount = f"{_traffic(item.packets, item.octets)} {item.flags}".rstrip(" .")
    return DetailLine("", _offset(item.at_ms - moment_ms), f"{value}  {amount}", origin=_OPENS, key=item.key)


def _traffic(packets: int, octets: int) -> str:
    return f"{text.counted(packets, 'packet', short=True)}, {text.measured(octets, 'B')}"


def _end(address: str, port: str) -> str:
    return f"{address} {port}".rstrip()


def _offset(ms: int) -> str:
    return "same time" if abs(ms) < 1 else f"{ms / 1000:+,.3f} s"


def exporter(flow: Flow, around: Surroundings) -> list[DetailLine]:
    """Who sent the record, how it is, and the templates that it may have come by."""
    address = flow.address("sampler_address")
    found = around.exporter
    domain = flow.number("observation_domain_id") or 0
    lines = [_line("sampler_address", "Exporter", f"{address} {found.ident if found else ''}".rstrip(), "Who sent it.",
                   f"sampler_address {address}"),
             _line("observation_domain_id", "Domain", str(domain), "Observation domain or source id.",
                   f"observation_domain_id {domain}")]  # fmt: skip
    if found is None:
        words = "Nothing more is known: it was forgotten, or another process received the flow."
        return [*lines, _line("", "Status", "unknown", words)]
    seen = ago(around.now_ms - found.last_seen_ms)
    lines += [
        _line("", "Version", " ".join(map(version, found.versions)), "What it exports."),
        _line("", "Last seen", seen if seen == "now" else f"{seen} ago", "Its latest datagram."),
        _line("", "Clock", f"{found.clock_skew_ms / 1000:+.3f} s", "Its clock against ours."),
    ]
    if found.export_delay_ms >= 0:
        lines.append(
            _line("", "Export delay", f"{found.export_delay_ms / 1000:.1f} s", "From a flow's end to its export.")
        )
    return lines + templates(flow, found)


def templates(flow: Flow, found: ExporterStatus) -> list[DetailLine]:
    """Templates of the exporter that the record can have come by, told as inferred; none where it announces none.

    A record does not say which one it came by; a template fits whose elements fill exactly the fields that it has.
    """
    from nftui.screens.flow_templates import fits

    domain, kind = flow.number("observation_domain_id") or 0, flow.number("flow_source")
    same = [t for t in found.templates if t.version == kind and t.domain == domain and not t.options and t.numbers]
    fitting = [template for template in same if fits(flow, template)]
    if same and not fitting:
        return [_line("", "Template", "not known", "No template of its exporter has exactly the record's fields.")]
    alone = "the only one that fits" if len(fitting) == 1 else f"one of {len(fitting)} that fit"
    words = "Inferred, no record names its template: this one has exactly the fields of the record."
    return [
        _line("", f"Template {template.template_id}", f"inferred, {alone}: {', '.join(template.elements)}", words)
        for template in fitting
    ]


def _line(name: str, title: str, value: str, doc: str, term: str = "") -> DetailLine:
    return DetailLine(name, title, value, doc, term)
