"""What is known of each exporter, for screens and `nftui ctl`: frozen values, no references into the decoder."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TemplateStatus:
    """One template of an exporter.

    Attributes:
        version: 9 or 10.
        domain: observation domain or source id.
        template_id: id, 256 or more.
        fields: number of fields.
        options: whether it describes options data.
        first_ms, refreshed_ms: first and latest announcement, UTC milliseconds.
        waiting: data sets that wait for it (only where the template is unknown).
    """

    version: int
    domain: int
    template_id: int
    fields: int
    options: bool
    first_ms: int
    refreshed_ms: int
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class SamplingStatus:
    """One sampling rate in force: 1 of `rate` packets; `source` is options, header or configuration."""

    domain: int
    sampler: int | None
    rate: int
    source: str


@dataclass(frozen=True, slots=True, order=True)
class NumberingStatus:
    """What the sequence numbers of a domain count.

    Attributes:
        version, domain: export version, and observation domain or source id.
        unit: `datagrams`, `records`, `flows` (records without options data), `all` (records and templates), `nothing`.
        standard: whether that is what the protocol says.
    """

    version: int
    domain: int
    unit: str
    standard: bool


@dataclass(frozen=True, slots=True)
class ExporterStatus:
    """One transport session.

    Attributes:
        address: exporter address as text.
        port: UDP port.
        versions: export versions seen.
        domains: observation domains seen, as (version, id).
        templates: templates known.
        waiting_sets: data sets kept until their template comes.
        sampling: rates in force.
        last_seen_ms: reception of the latest datagram, UTC milliseconds.
        clock_skew_ms: how far the exporter's clock is ahead of ours.
        counts: counters of the session's address since it was first seen.
        export_delay_ms: time from the end of a flow to its export, smoothed; -1 when unknown.
        numbering: what sequence numbers count, by domain.
    """

    address: str
    port: int
    versions: tuple[int, ...]
    domains: tuple[tuple[int, int], ...]
    templates: tuple[TemplateStatus, ...]
    waiting_sets: int
    sampling: tuple[SamplingStatus, ...]
    last_seen_ms: int
    clock_skew_ms: int
    counts: dict[str, int] = field(default_factory=dict)
    export_delay_ms: int = -1
    numbering: tuple[NumberingStatus, ...] = ()
