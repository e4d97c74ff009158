"""Every bound of the program in one place, each with its reason.

Input from the network is hostile until proved otherwise: whatever a peer can make grow has its limit here.
Over-limit input is rejected and counted, never cut silently.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of collector, store and screen. Sizes in bytes, times in seconds unless the name says otherwise."""

    # Receiving
    datagram_bytes: int = 9216
    """Slot of one datagram: jumbo frames fit; larger ones arrive truncated and are counted as `oversize`."""
    receive_slots: int = 4096
    """Datagrams decoded at once: 100 ms of 40 000 datagrams/s. Pages of slots that are never filled cost nothing."""
    receive_buffer_bytes: int = 64 << 20
    """Kernel buffer asked for: 40 000 datagrams, or 3 s of 300 000 flows/s."""

    # Connections of IPFIX over TCP
    connections: int = 256
    """Open at a time; more are refused. Fewer than `exporters`, so that datagrams keep their room."""
    connections_per_exporter: int = 16
    """Of one address: exporters open one for each process."""
    message_seconds: float = 30.0
    """A message that began, and the first of a connection, must be complete by then."""
    connection_idle_seconds: float = 3600.0
    """A connection without any message for so long is closed; exporters open a new one."""

    # Templates (RFC 7011 section 8.4: a collector must bound its state)
    exporters: int = 1024
    """Transport sessions (address, port) remembered; the longest silent one goes first."""
    templates_per_exporter: int = 1000
    """Templates per session over all domains; real devices send below 100."""
    templates: int = 65_536
    """Templates of all sessions together: 1024 sessions at their own limit would be a million."""
    domains: int = 16_384
    """Observation domains remembered over all sessions; the longest silent one goes first."""
    template_fields: int = 1024
    """Fields per template. ASA sends up to 285."""
    record_bytes: int = 65535
    """Fixed size of one record; more cannot fit a message."""
    layouts: int = 16384
    """Distinct compiled templates shared by all exporters."""
    template_idle_seconds: int = 1800
    """A template that was not refreshed for so long is forgotten (RFC 7011 section 8.4 for UDP)."""
    deferred_bytes: int = 4 << 20
    """Template sets of senders that never delivered a flow, kept unparsed while there is a crowd of them."""
    template_file_bytes: int = 32 << 20
    """File that keeps templates over a restart: 100 000 templates of usual size."""

    # Data that waits for its template
    waiting_bytes_per_exporter: int = 256 << 10
    waiting_bytes: int = 16 << 20
    waiting_seconds: int = 60

    # What exporters tell about themselves in options data
    option_entries_per_domain: int = 8192
    """Samplers, interface and application names of one observation domain."""
    option_entries: int = 262_144
    """The same over all domains."""

    # sFlow
    sflow_agents: int = 4096
    """Agents (session, agent address, sub-agent) whose numbering is followed; the longest silent ones go first."""
    sflow_sources: int = 65_536
    """Data sources of all agents whose samples are followed; a large switch has a few hundred."""
    interfaces: int = 65_536
    """Interfaces of all exporters whose counters are kept."""
    interfaces_per_exporter: int = 4096
    """The same of one agent: a chassis with every port split."""

    # What the exporters screen shows
    rejected_kept: int = 256
    """Datagrams kept that could not be decoded, of all exporters."""
    rejected_kept_per_exporter: int = 16
    """The same of one address, and of one block of datagrams and reason."""
    rejected_bytes: int = 512
    """Bytes kept of each: headers and the first sets are there."""
    exporter_minutes: int = 120
    """Minutes of losses and amounts per exporter: 8 MB for the most exporters."""
    rate_changes_per_exporter: int = 16
    """Changes of sampling rates that are remembered with their time."""

    names_kept: int = 4096
    """Names of addresses that were asked for (`i` on a flow)."""
    names_waiting: int = 256
    """Addresses that wait for a resolver; more are asked for when they are looked at again."""
    related_flows: int = 2000
    """Flows of a conversation or of a host that are looked through for a flow's neighbours."""

    # Records
    records_per_datagram: int = 8192
    """More records than this in one datagram are an attack on memory: the datagram's set is rejected."""
    text_bytes: int = 255
    """Longest text kept of a string element."""
    extra_bytes_per_record: int = 2048
    """Elements without a column are kept up to this size per record."""
    sampling_rate: int = 10_000_000
    """Larger announced rates are clamped and flagged."""
    future_seconds: int = 300
    """A flow time later than reception by more than this is repaired to the time of reception and flagged."""
    past_seconds: int = 86_400 * 366
    """A flow time earlier than reception by more than this is repaired and flagged."""

    # Queues and store
    unsaved_flows: int = 2_000_000
    """Flows that may wait for the disk; above this the oldest unsaved are dropped and counted."""
    chunk_rows: int = 65_536
    """Rows written to the live segment at once: 10 MB as columns, enough to make the fixed cost of a write vanish."""
    segment_rows: int = 1_048_576
    """Rows of one live segment. A full one is sealed at once: neither memory nor recovery depends on a slot's size."""
    row_group_rows: int = 131_072
    """Rows sorted and encoded at once when sealing: 50 MB of memory, where twice as many take 90 MB for 4 % smaller
    files. This and not the segment bounds the sealer's memory."""
    compact_rows: int = 16_777_216
    """Rows of one compacted file; busier hours get several, so that a crash or a stop costs no more than one's work."""
    compact_memory_bytes: int = 64 << 20
    """Memory for the sums of a roll-up; beyond it they go to disk."""
    reserve_share: float = 0.05
    """Share of the disk, in bytes and in files, that new flows leave free: sealing needs room to make the store
    smaller, and a disk that is full to the last byte stops more than a collector. At most the next two."""
    reserve_bytes: int = 1 << 30
    """Five per cent of a large disk are more than sealing needs: twenty segments."""
    reserve_files: int = 1000
    """The same in files."""
    open_slots: int = 4
    """Slots written at the same time: the current one, late data, a clock that steps. More: the idlest is sealed."""
    settle_seconds: float = 2.0
    """A slot that is over waits so long for late data before it is sealed."""
    retry_seconds: float = 2.0
    """Longest pause between attempts to write to a disk that failed."""
    flush_seconds: float = 0.5
    """A live segment is readable by other processes after this time at the latest."""

    # Kafka
    kafka_bytes: int = 64_000_000
    """Flows that wait for the brokers: a minute at 10 000 flows/s. Beyond it the oldest are dropped and counted."""

    # Live window
    live_rows: int = 1_000_000
    """Flows kept in memory for the live screen; at higher rates the window shortens and says so."""
    live_bytes: int = 512 << 20
    """Memory of these flows: rare wide records must not multiply it."""
    live_texts: int = 65_536
    """Different texts that a live view by user or application tells apart; more share a row that says so."""

    # Watch
    watched_flows: int = 500_000
    """Flows looked at every ten seconds; more are skipped and counted."""
    watched_calls: int = 200_000
    """Tries of scans in a minute and calls kept for two hours, 80 bytes each; beyond it whole sources go."""
    watched_addresses: int = 100_000
    """Lines of the address lists of the watch."""
    watched_services: int = 200_000
    """Services known; beyond them no new one is told."""
    watch_state_bytes: int = 24 << 20
    """File that keeps over a restart what the watch has learnt: the most services, and 50 000 calls."""
    findings: int = 1000
    """Findings kept; the one not seen for longest goes first."""

    # Text from outside
    filter_bytes: int = 8 << 20
    """A filter may hold a list of 100 000 networks, not a file system."""
    filter_depth: int = 64
    """Nested parentheses."""
    indicators: int = 1_000_000
    """Lines of indicator lists that are used: the largest public lists have a tenth of it."""
    indicator_line_characters: int = 65_536
    """Longer lines of an indicator list are no line of a list."""
    log_lines_per_minute: int = 1
    """Messages per exporter and kind; the rest is counted."""

    def table(self) -> list[tuple[str, int | float]]:
        """Name and value of each limit, for documentation and `nftui ctl config`."""
        return [(f.name, getattr(self, f.name)) for f in fields(self)]


DEFAULT = Limits()
