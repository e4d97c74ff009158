"""What is known of an exporter, in sections of lines: advice, sampling, clocks, interfaces, elements, counters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nftui.engine.advice import Advice, Case
from nftui.engine.advice import advise as advice_for
from nftui.screens.exporter_words import moment, version
from nftui.text import counted, measured, percent
from nftui.widgets.pager import Line, field, heading, plain
from nftui.widgets.ribbon import Role

if TYPE_CHECKING:
    from nftui.engine.decode.status import ExporterStatus, InterfaceStatus, SamplingChange, SamplingStatus

_NAMES = 200
"""Names of interfaces and VRFs shown of a domain."""
_ROLES: dict[str, Role] = {"bad": "bad", "warn": "warn", "note": "plain"}
_MARKS = {"bad": "!!", "warn": "! ", "note": "- "}
_UNITS = {
    "datagrams": "datagrams", "records": "data records", "flows": "flows, without options data",
    "all": "data and template records", "nothing": "nothing: it never changes",
}  # fmt: skip
_SOURCES = {
    "options": "options data of the exporter", "header": "header of its datagrams", "config": "configuration here",
    "sample": "each sample",
}  # fmt: skip


def overview(case: Case) -> list[Line]:
    """Who it is, and what should be known or done."""
    exporter = case.exporter
    domains = ", ".join(f"{domain} ({version(number)})" for number, domain in exporter.domains) or "none yet"
    name = f"{exporter.address} {exporter.ident}".rstrip()
    lines = [
        field("exporter", f"{name} from port {exporter.port}, domains {domains}", width=10),
        field("received", f"{counted(exporter.counts.get('datagrams.received', 0), 'datagram')}, "
              f"{counted(exporter.counts.get('flows.in', 0), 'flow')}, the last {moment(exporter.last_seen_ms)}",
              width=10),
        Line(),
    ]  # fmt: skip
    return lines + advice_lines(advice_for(case))


def advice_lines(found: Sequence[Advice]) -> list[Line]:
    """Advice, the worst first, each with its remedy."""
    if not found:
        return [plain("Nothing is wrong with this exporter.", "good")]
    lines = []
    for advice in found:
        lines.append(Line(((f"{_MARKS[advice.level]} ", _ROLES[advice.level]), (advice.text, "plain")), 3))
        if advice.remedy:
            lines.append(Line((("   ", "plain"), (advice.remedy, "accent")), 3))
        lines.append(Line())
    return lines


def sampling(exporter: ExporterStatus) -> list[Line]:
    """Rates in force with their sources, and when they were other ones."""
    lines = [heading("Rates in force")]
    lines += [_rate(rate) for rate in exporter.sampling]
    if not exporter.sampling:
        lines.append(
            plain("None was announced or configured: counters are taken as they are. A device that samples without "
                  "saying so needs `nftui collect -s ADDRESS=RATE`.")
        )  # fmt: skip
    lines += [Line(), heading("Changes, the latest first")]
    lines += [_change(change) for change in reversed(exporter.rate_changes)]
    if not exporter.rate_changes:
        lines.append(plain("None since it was first seen.", "dim"))
    return lines


def _whose(sampler: int | None, interface: int | None) -> str:
    if sampler is not None:
        return f"sampler {sampler}"
    return f"interface {interface}" if interface is not None else "all flows"


def _rate(rate: SamplingStatus) -> Line:
    where = f"domain {rate.domain}, {_whose(rate.sampler, rate.interface)}"
    return field(f"1:{rate.rate:,}", f"{where}, from {_SOURCES.get(rate.source, rate.source)}", width=14)


def _change(change: SamplingChange) -> Line:
    words = f"1:{change.before:,} became 1:{change.after:,}, domain {change.domain}, "
    return field(moment(change.at_ms), words + _whose(change.sampler, change.interface), width=19)


def clocks(exporter: ExporterStatus) -> list[Line]:
    """Clock difference, export delay, and what sequence numbers count."""
    skew, delay = exporter.clock_skew_ms, exporter.export_delay_ms
    side = "ahead of ours" if skew >= 0 else "behind ours"
    lines = [
        heading("Clock"),
        field("difference", f"{abs(skew) / 1000:.3f} s {side}", "warn" if abs(skew) >= 2000 else "plain"),
        field("export delay", "unknown" if delay < 0 else f"{delay / 1000:.1f} s from the end of a flow to its export"),
        Line(),
        heading("Sequence numbers"),
    ]
    for item in exporter.numbering:
        words = f"count {_UNITS.get(item.unit, item.unit)}"
        words += ", as the protocol says" if item.standard else ", which the protocol does not say"
        words += ", seen in its numbers" if item.certain else ""
        words += f"; {counted(item.held, 'datagram')} held back until it is clear" if item.held else ""
        lines.append(field(f"domain {item.domain} {version(item.version)}", words,
                           "plain" if item.standard and not item.held else "warn"))  # fmt: skip
    if not exporter.numbering:
        lines.append(plain("None: its version has no sequence numbers, or nothing came yet.", "dim"))
    for template in exporter.templates:
        if template.contested:
            back = counted(template.contested, "time")
            words = f"of domain {template.domain} got its former fields back {back}: two exporters?"
            lines.append(field(f"template {template.template_id}", words, "bad"))
    return lines


def interfaces(exporter: ExporterStatus) -> list[Line]:
    """Load beside speed, by counters; names that options data told."""
    lines = [heading("Interfaces by their counters")] if exporter.interfaces else []
    for item in exporter.interfaces:
        lines += interface_lines(item)
    for domain in exporter.announced:
        for title, names in (("Interfaces", domain.interfaces), ("VRFs", domain.vrfs)):
            if names:
                lines += [Line(), heading(f"{title} named by domain {domain.domain}")]
                lines += [field(str(number), name, width=10) for number, name in names[:_NAMES]]
                if len(names) > _NAMES:
                    lines.append(plain(f"and {len(names) - _NAMES} more", "dim"))
    if not lines:
        lines.append(plain("Nothing is known: sFlow counter samples and options data tell of interfaces.", "dim"))
    return lines


def interface_lines(item: InterfaceStatus) -> list[Line]:
    """One interface: state, and its load in both directions."""
    up = item.oper_up
    state = "up" if up else "down" if item.admin_up else "switched off"
    speed = measured(item.speed, "bit/s") if item.speed else "speed unknown"
    lines = [
        Line(((f"{item.index} {item.name}".rstrip(), "strong"), (f"  {state}, {speed}", "plain" if up else "warn")))
    ]
    for way in ("in", "out"):
        rate = getattr(item, f"{way}_bits_per_second")
        packets = [getattr(item, f"{way}_{kind}") for kind in ("unicast", "multicast", "broadcast")]
        lost = [getattr(item, f"{way}_{kind}") for kind in ("discards", "errors")]
        share = rate / item.speed if rate is not None and item.speed else None
        words = "rate unknown" if rate is None else measured(rate, "bit/s")
        words += f" ({percent(share, 1)})" if share is not None else ""
        words += f", {counted(sum(n or 0 for n in packets), 'packet')}, {sum(n or 0 for n in lost):,} lost so far"
        lines.append(field(f"  {way}", words, "bad" if share and share > 1 else "plain", width=6))
    return lines


def elements(exporter: ExporterStatus) -> list[Line]:
    """Elements that nobody names, those that the exporter names itself, and what it says of itself."""
    lines = [heading("Elements without a name")]
    lines += [field(name, "kept under its number; a file named by elements.file can name it", width=14)
              for name in exporter.unnamed]  # fmt: skip
    if not exporter.unnamed:
        lines.append(plain("None in its templates.", "dim"))
    for domain in exporter.announced:
        if domain.elements:
            lines += [Line(), heading(f"Elements named by domain {domain.domain}")]
            lines += [plain(name) for name in domain.elements]
        if domain.statistics:
            lines += [Line(), heading(f"Domain {domain.domain} says of itself")]
            lines += [field(name, f"{amount:,}", width=32) for name, amount in domain.statistics]
        if domain.applications:
            lines += [Line(), field("applications", f"{domain.applications:,} names in domain {domain.domain}")]
    return lines


def counters(exporter: ExporterStatus) -> list[Line]:
    """Everything that was counted of it."""
    lines = [heading("Since it was first seen (docs/counters.md)")]
    found = [field(name, f"{amount:,}", width=32) for name, amount in sorted(exporter.counts.items()) if amount]
    return lines + (found or [plain("Nothing was counted yet: it is known by its templates of an earlier run.", "dim")])
