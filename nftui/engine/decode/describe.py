"""What the decoder knows of an exporter, as the plain values of `nftui.engine.decode.status`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from nftui.engine import elements
from nftui.engine.decode.clocks import Clocks
from nftui.engine.decode.datagrams import Session
from nftui.engine.decode.exporter_counts import ExporterCounts
from nftui.engine.decode.layout import SCOPE_PEN, FieldSpec
from nftui.engine.decode.layouts import Shape
from nftui.engine.decode.numbering import Unit, standard_unit
from nftui.engine.decode.options import Options
from nftui.engine.decode.sequence import Sequences
from nftui.engine.decode.sessions import Domains, Sessions
from nftui.engine.decode.status import (
    AnnouncedStatus,
    ExporterStatus,
    MissingTemplate,
    NumberingStatus,
    SamplingStatus,
    TemplateStatus,
)
from nftui.engine.decode.templates import TemplateStore
from nftui.engine.decode.waiting import WaitingSets

_UNIT_WORDS = {
    Unit.DATAGRAMS: "datagrams",
    Unit.RECORDS: "records",
    Unit.FLOWS: "flows",
    Unit.ALL_RECORDS: "all",
    Unit.NOTHING: "nothing",
}


_NAMED_TEMPLATES = 100
_NAMED_FIELDS = 300
"""Templates of a session whose fields are named, and fields of each: real devices stay below, and a flood of templates
must not make an answer of hundreds of megabytes."""


@dataclass(frozen=True, slots=True)
class Describer:
    """Reads the decoder's state; changes nothing, and bears that another thread does.

    Attributes:
        sessions, domains, templates, waiting, options, clocks: the decoder's.
        header_rates: sampling rate of the header by domain slot.
        counts: counters of each session.
        sequences: datagrams that are held back for their numbers.
    """

    sessions: Sessions
    domains: Domains
    templates: TemplateStore
    waiting: WaitingSets
    options: Options
    clocks: Clocks
    header_rates: Mapping[int, int]
    counts: ExporterCounts
    sequences: Sequences

    def describe(self, slot: int, session: Session) -> ExporterStatus:
        """One transport session."""
        domains = self.domains.of_session(slot)
        latest = max(domains, key=lambda domain: int(self.domains.last_ms[domain]), default=None)
        return ExporterStatus(
            session.label,
            session.port,
            tuple(sorted({int(self.domains.version[domain]) for domain in domains})),
            tuple(sorted((int(self.domains.version[d]), int(self.domains.domain[d])) for d in domains)),
            tuple(self._templates(slot)),
            self.waiting.count_of_session(slot),
            tuple(self._sampling(session.address, domains)),
            int(self.sessions.last_ms[slot]),
            0 if latest is None else self.clocks.skew_ms(latest),
            self.counts.of(self.sessions.slots_of(session.address)),
            max([int(self.domains.delay_ms[domain]) for domain in domains], default=-1),
            tuple(sorted(self._numbering(domains))),
            tuple(self._announced(domains)),
            tuple(self._unnamed(slot)),
            rate_changes=self.options.rate_changes.of(slot),
            missing=tuple(self._missing(slot)),
        )

    def _templates(self, slot: int) -> list[TemplateStatus]:
        found: list[TemplateStatus] = []
        for item in self.templates.of_session(slot):
            domain = item.key >> 16
            specs = _specs(self.templates.shape(item))[:_NAMED_FIELDS] if len(found) < _NAMED_TEMPLATES else ()
            found.append(
                TemplateStatus(
                    int(self.domains.version[domain]), int(self.domains.domain[domain]), item.key & 0xFFFF,
                    item.fields, item.options, item.first_ms, item.refreshed_ms, contested=item.returns,
                    elements=tuple(self._label(domain, spec) for spec in specs),
                    numbers=tuple((spec.pen, spec.element) for spec in specs),
                    lengths=tuple(spec.length for spec in specs),
                )
            )  # fmt: skip
        return found

    def _missing(self, slot: int) -> list[MissingTemplate]:
        """Templates that data sets of the session wait for."""
        found = []
        for key, count in self.waiting.keys_of_session(slot)[:_NAMED_TEMPLATES]:
            domain = key >> 16
            version, number = int(self.domains.version[domain]), int(self.domains.domain[domain])
            found.append(MissingTemplate(version, number, key & 0xFFFF, count))
        return found

    def _numbering(self, domains: list[int]) -> list[NumberingStatus]:
        found = []
        for slot in domains:
            version, unit = int(self.domains.version[slot]), int(self.domains.unit[slot])
            if version not in {1, 8}:  # without sequence numbers
                standard = unit == standard_unit(version)
                number = int(self.domains.domain[slot])
                certain, held = bool(self.domains.unit_certain[slot]), self.sequences.held(slot)
                found.append(NumberingStatus(version, number, _UNIT_WORDS[Unit(unit)], standard, certain, held))
        return found

    def _label(self, domain: int, spec: FieldSpec) -> str:
        table = self.options.of_domain(domain)
        own = table.elements.get((spec.pen, spec.element)) if table is not None and table.elements else None
        return own[0] if own is not None else _label(spec.pen, spec.element)

    def _unnamed(self, slot: int) -> list[str]:
        """Elements of the session's templates that neither a table nor the exporter itself names."""
        found = set()
        for item in self.templates.of_session(slot):
            table = self.options.of_domain(item.key >> 16)
            for spec in _specs(self.templates.shape(item)):
                key = spec.pen, spec.element
                if _is_unnamed(*key) and (table is None or key not in table.elements):
                    found.add(key)
        return [f"{pen}.{element}" for pen, element in sorted(found)]

    def _announced(self, domains: list[int]) -> list[AnnouncedStatus]:
        found = []
        for domain in domains:
            table = self.options.of_domain(domain)
            if table is not None:
                found.append(
                    AnnouncedStatus(
                        int(self.domains.version[domain]), int(self.domains.domain[domain]),
                        tuple(sorted(table.interfaces.items())), tuple(sorted(table.vrfs.items())),
                        len(table.applications),
                        tuple(f"{pen}.{number} {name} {kind}"
                              for (pen, number), (name, kind) in sorted(table.elements.items())),
                        tuple(sorted(table.statistics.items())), table.rate_changes,
                    )
                )  # fmt: skip
        return found

    def _sampling(self, address: int, domains: list[int]) -> list[SamplingStatus]:
        out = []
        for domain in domains:
            number = int(self.domains.domain[domain])
            table = self.options.of_domain(domain)
            if table is not None:
                out += [SamplingStatus(number, key, rate, "options") for key, rate in list(table.rates.items())]
                out += [
                    SamplingStatus(number, None, rate, "options", key)
                    for key, rate in list(table.interface_rates.items())
                ]
                if table.general:
                    out.append(SamplingStatus(number, None, table.general, "options"))
            if domain in self.header_rates:
                out.append(SamplingStatus(number, None, self.header_rates[domain], "header"))
        static = self.options.static_rate(address)
        if static:
            out.append(SamplingStatus(0, None, abs(static), "config"))
        return out


def _specs(shape: Shape | None) -> tuple[FieldSpec, ...]:
    return () if shape is None else _specs_of(shape)


@lru_cache(maxsize=4096)
def _specs_of(shape: Shape) -> tuple[FieldSpec, ...]:
    return tuple(shape.specs())


def _label(pen: int, element: int) -> str:
    return f"scope {_SCOPES.get(element, element)}" if pen == SCOPE_PEN else elements.label(pen, element)


def _is_unnamed(pen: int, element: int) -> bool:
    return pen != SCOPE_PEN and elements.find(pen, element) is None


_SCOPES = {1: "system", 2: "interface", 3: "line card", 4: "cache", 5: "template"}
"""RFC 3954 section 6.1."""
