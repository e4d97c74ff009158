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
        elements: names of the fields in order, with their numbers where nobody named them.
        numbers: enterprise number and element of each of these.
        lengths: bytes of each of these, 65535 for a variable length.
        contested: times that it got its former fields back: two exporters seem to use its id.
    """

    version: int
    domain: int
    template_id: int
    fields: int
    options: bool
    first_ms: int
    refreshed_ms: int
    contested: int = 0
    elements: tuple[str, ...] = ()
    numbers: tuple[tuple[int, int], ...] = ()
    lengths: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class MissingTemplate:
    """A template that data sets wait for: export version, observation domain, id, and how many sets wait."""

    version: int
    domain: int
    template_id: int
    waiting: int


@dataclass(frozen=True, slots=True)
class SamplingStatus:
    """One sampling rate in force: 1 of `rate` packets; `source` is options, header or config.

    It holds for a sampler or an interface (index), or for all flows where both are None.
    """

    domain: int
    sampler: int | None
    rate: int
    source: str
    interface: int | None = None


@dataclass(frozen=True, slots=True)
class SamplingChange:
    """A sampling rate that became another one: of a sampler, an interface (index) or all flows of a domain."""

    at_ms: int
    domain: int
    sampler: int | None
    interface: int | None
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class RejectedDatagram:
    """A datagram that could not be decoded, or a part of one.

    Attributes:
        received_ms: UTC milliseconds.
        address, port: who sent it.
        reason: counter that it was counted under.
        length: its bytes.
        data: the first of them in hexadecimal digits.
    """

    received_ms: int
    address: str
    port: int
    reason: str
    length: int
    data: str


@dataclass(frozen=True, slots=True)
class AnnouncedStatus:
    """What a domain told about itself in options data.

    Attributes:
        version, domain: export version, and observation domain or source id.
        interfaces, vrfs: number and name.
        applications: number of application names.
        elements: elements that the exporter named itself, as `enterprise.number name type`.
        statistics: name and value of totals and timeouts, as the exporter counts.
        rate_changes: sampling rates that were other ones before.
    """

    version: int
    domain: int
    interfaces: tuple[tuple[int, str], ...]
    vrfs: tuple[tuple[int, str], ...]
    applications: int
    elements: tuple[str, ...]
    statistics: tuple[tuple[str, int], ...]
    rate_changes: int


@dataclass(frozen=True, slots=True, order=True)
class NumberingStatus:
    """What the sequence numbers of a domain count.

    Attributes:
        version, domain: export version, and observation domain or source id.
        unit: `datagrams`, `records`, `flows` (records without options data), `all` (records and templates), `nothing`.
        standard: whether that is what the protocol says.
        certain: whether the numbers themselves have shown it.
        held: datagrams whose numbers are held back until it is clear.
    """

    version: int
    domain: int
    unit: str
    standard: bool
    certain: bool = False
    held: int = 0


@dataclass(frozen=True, slots=True)
class InterfaceStatus:
    """One interface by its latest counter sample (sFlow structure `if_counters`, RFC 2863); None for unknown counters.

    Attributes:
        index: ifIndex.
        name: its name, empty when the exporter sent none.
        type: ifType.
        speed: bits per second.
        direction: 0 unknown, 1 full duplex, 2 half duplex, 3 in, 4 out.
        admin_up, oper_up: its status.
        uptime_ms: the agent's clock when the counters were read.
        updated_ms: reception, UTC milliseconds.
        in_octets, out_octets: octets so far.
        in_unicast, in_multicast, in_broadcast, out_unicast, out_multicast, out_broadcast: packets so far.
        in_discards, in_errors, out_discards, out_errors: packets lost so far.
        in_bits_per_second, out_bits_per_second: between the latest two samples.
    """

    index: int
    name: str
    type: int
    speed: int
    direction: int
    admin_up: bool
    oper_up: bool
    uptime_ms: int
    updated_ms: int
    in_octets: int | None = None
    out_octets: int | None = None
    in_unicast: int | None = None
    in_multicast: int | None = None
    in_broadcast: int | None = None
    in_discards: int | None = None
    in_errors: int | None = None
    out_unicast: int | None = None
    out_multicast: int | None = None
    out_broadcast: int | None = None
    out_discards: int | None = None
    out_errors: int | None = None
    in_bits_per_second: int | None = None
    out_bits_per_second: int | None = None


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
        announced: what options data said, by domain.
        unnamed: elements in its templates that no table names, as `enterprise.number`.
        interfaces: what counter samples say of the exporter's interfaces.
        ident: its name in the collector's configuration, empty without one.
        rate_changes: the latest changes of sampling rates, oldest first.
        missing: templates that data sets wait for.
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
    announced: tuple[AnnouncedStatus, ...] = ()
    unnamed: tuple[str, ...] = ()
    interfaces: tuple[InterfaceStatus, ...] = ()
    ident: str = ""
    rate_changes: tuple[SamplingChange, ...] = ()
    missing: tuple[MissingTemplate, ...] = ()
