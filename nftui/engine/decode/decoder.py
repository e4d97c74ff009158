"""The decoder: blocks of datagrams in, flow batches and counts out.

Pure: no threads, sockets, clocks or files. Whatever the bytes are, `Decoder.decode` returns; every datagram and
every record ends up in exactly one counter (`nftui.engine.counters`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from nftui import text
from nftui.engine.batch import FlowBatch, Mask
from nftui.engine.counters import Counts, add
from nftui.engine.decode import messages as message_formats
from nftui.engine.decode import netflow5, sflow
from nftui.engine.decode.clocks import Clocks
from nftui.engine.decode.datagrams import SPARE_BYTES, DatagramBlock, Ints, Wire, distinct
from nftui.engine.decode.deferred import DeferredTemplates
from nftui.engine.decode.describe import Describer
from nftui.engine.decode.exporter_counts import ExporterCounts
from nftui.engine.decode.finish import Finisher
from nftui.engine.decode.layouts import LayoutTable
from nftui.engine.decode.messages import Memory, MessageDecoder
from nftui.engine.decode.numbering import Steps
from nftui.engine.decode.options import Options
from nftui.engine.decode.ports import PortChanges
from nftui.engine.decode.rejected import RejectedDatagrams
from nftui.engine.decode.rows import Messages
from nftui.engine.decode.saved import Document, SavedTemplates
from nftui.engine.decode.sequence import Sequences
from nftui.engine.decode.sessions import Domains, Sessions
from nftui.engine.decode.status import ExporterStatus, RejectedDatagram, SamplingChange
from nftui.engine.decode.tally import Tally
from nftui.engine.decode.templates import TemplateStore
from nftui.engine.decode.waiting import WaitingSets
from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.minutes import MinuteRing, Minutes

_HEADERS = {1: 16, 5: 24, 7: 24, 9: 20, 10: 16, sflow.VERSION: sflow.HEADER_BYTES}
"""Bytes of the header by version."""


FIGURES = {
    "datagrams": "datagrams.received", "flows": "flows.in", "lost": "sequence.lost",
    "reordered": "sequence.reordered", "duplicates": "sequence.duplicates", "restarts": "sequence.restarts",
    "rejected": "datagrams.rejected.", "waited": "sets.buffered",
}  # fmt: skip
"""Figures that are kept per exporter and minute, and the counter of each, or the beginning of several."""


@dataclass(slots=True)
class Decoded:
    """What a block held.

    Attributes:
        batches: the flows, one batch per group of layouts.
        counts: amounts for the whole program.
        tally: the same by exporter, without `forgotten`.
        forgotten: what went with exporters that were forgotten, by address.
    """

    batches: list[FlowBatch] = field(default_factory=list)
    counts: Counts = field(default_factory=dict)
    tally: Tally = field(default_factory=lambda: Tally([]))
    forgotten: dict[str, Counts] = field(default_factory=dict)

    @property
    def by_exporter(self) -> dict[str, Counts]:
        """Amounts by exporter address; to be read before the next block."""
        found = self.tally.by_exporter()
        for label, counts in self.forgotten.items():
            add(found.setdefault(label, {}), counts)
        return found


class Decoder:
    """Decodes NetFlow v1, v5, v7, v9, IPFIX and sFlow, and remembers what exporters announced.

    Not thread-safe, except that `session` may be called from one other thread and `exporters` from any.

    Args:
        limits: bounds of everything that a sender could make grow.
        static_sampling: exporter address or network to sampling rate, as nfcapd -s: positive where none was
            announced, negative in any case.
    """

    def __init__(self, limits: Limits = DEFAULT, static_sampling: Mapping[str, int] | None = None) -> None:
        self._limits = limits
        self._sessions = Sessions(limits)
        self._domains = Domains(limits)
        self._layouts = LayoutTable(limits)
        self._templates = TemplateStore(limits, self._layouts, self._domains)
        self._waiting = WaitingSets(limits)
        self._options = Options(limits, self._domains, self._sessions, static_sampling)
        self._sequences = Sequences(self._domains)
        self._rejected = RejectedDatagrams(limits, self._sender)
        self._sflow = sflow.SflowDecoder(limits, self._sessions, self._domains, self._options, self._rejected)
        self._header_rates: dict[int, int] = {}
        self._counts = ExporterCounts()
        self._clocks = Clocks(self._domains)
        self._deferred = DeferredTemplates(limits)
        self._ports = PortChanges(self._sessions, self._domains, self._templates)
        self._memory = Memory(
            self._sessions, self._layouts, self._templates, self._waiting, self._deferred, self._options, self._ports,
            self._clocks, self._rejected,
        )  # fmt: skip
        self._minutes = MinuteRing(tuple(FIGURES), limits.exporter_minutes)
        self._saved = SavedTemplates(limits, self._sessions, self._domains, self._templates, self._layouts)
        self._describer = Describer(
            self._sessions, self._domains, self._templates, self._waiting, self._options, self._clocks,
            self._header_rates, self._counts, self._sequences,
        )  # fmt: skip

    def session(self, address: int, port: int, stream: bool = False) -> int:
        """Index of a transport session for `DatagramBlock.session`, made if it is new.

        Args:
            address: 128 bits, IPv4 mapped.
            port: UDP or TCP port.
            stream: whether it is a TCP connection, whose templates last until `close`.
        """
        return self._sessions.find(address, port, stream)

    def close(self, index: int) -> Decoded:
        """Forget a session that has ended, with its templates; a new one of the same exporter begins anew."""
        slot = int(self._sessions.slots(np.array([index], np.int64))[0])
        if slot < 0:
            return Decoded()
        gone: dict[str, Counts] = {}
        self._forget_session(slot, gone, ended=True)
        return self._decoded([], Tally([]), np.zeros(0, np.int64), gone)

    def saved(self) -> Document:
        """The templates of all exporters, to be given to `restore` of another decoder."""
        return self._saved.document()

    def restore(self, document: object, now_ms: int) -> Counts:
        """Take over templates from `saved`, checked like templates from the network.

        Args:
            document: as read from a file; anything at all.
            now_ms: UTC milliseconds; templates that were not in use lately are left out.

        Returns:
            `templates.restored` and `templates.restore_failed`.
        """
        return self._saved.restore(document, now_ms)

    def decode(self, block: DatagramBlock) -> Decoded:
        """Decode a block. Never raises for any content of the datagrams."""
        if not len(block):
            return Decoded()
        slots = self._sessions.slots(block.session.copy())
        known, ranks = distinct(slots)
        labels = self._sessions.labels(known)
        evicted = self._evict(block, slots)
        tally = Tally(labels)
        try:
            batches = self._decode(block, slots, ranks, tally)
        except Exception:
            # The promise of this class; tests assert that it never happens.
            tally = Tally(labels)
            tally.many("datagrams.received", ranks)
            tally.many("bytes.received", ranks, block.length)
            tally.many("datagrams.rejected.bug", ranks)
            tally.one("decoder_bug", 0)
            batches = []
            self._reject("bug", Wire(block.data), block, np.arange(len(block)), slots)
        self._layouts.reclaim()
        return self._decoded(batches, tally, known, evicted)

    def _decoded(
        self, batches: list[FlowBatch], tally: Tally, slots: Ints, forgotten: dict[str, Counts] | None = None
    ) -> Decoded:
        tally.copy("records.flows", "flows.in")
        self._counts.take(tally, slots)
        decoded = Decoded(batches, tally.counts(), tally, forgotten or {})
        for counts in decoded.forgotten.values():
            add(decoded.counts, counts)
        return decoded

    def _decode(self, block: DatagramBlock, slots: Ints, ranks: Ints, tally: Tally) -> list[FlowBatch]:
        tally.many("datagrams.received", ranks)
        tally.many("bytes.received", ranks, block.length)
        data = block.data
        if len(data) < int((block.offset + block.length).max()) + SPARE_BYTES:
            data = np.concatenate([data, np.zeros(SPARE_BYTES, np.uint8)])
        wire = Wire(data)
        here = slots >= 0
        empty = here & (block.length == 0)
        self._refuse("session", wire, block, ~here, slots, ranks, tally)
        self._refuse("empty", wire, block, empty, slots, ranks, tally)
        version = wire.u2[block.offset].astype(np.int64)
        version[sflow.recognise(wire, block.offset, block.length)] = sflow.VERSION
        short = here & ~empty & (block.length < 2)
        usable = here & (block.length >= 2)
        self._sessions.last_ms[slots[here]] = block.received_ms[here]
        batches: list[FlowBatch] = []
        for number in distinct(version[usable])[0].tolist():
            mine = usable & (version == number)
            header = _HEADERS.get(number)
            if header is None:
                self._refuse("version", wire, block, mine, slots, ranks, tally)
                continue
            enough = mine & (block.length >= header)
            short |= mine & ~enough
            chosen = np.flatnonzero(enough)
            if len(chosen):
                batches += self._decode_version(wire, number, block, chosen, slots[chosen], ranks[chosen], tally)
        self._refuse("short", wire, block, short, slots, ranks, tally)
        return batches

    def _refuse(
        self, kind: str, wire: Wire, block: DatagramBlock, bad: Mask, slots: Ints, ranks: Ints, tally: Tally
    ) -> None:
        """Count and keep the datagrams that are marked."""
        if bad.any():
            tally.many(f"datagrams.rejected.{kind}", ranks[bad])
            self._reject(kind, wire, block, np.flatnonzero(bad), slots)

    def _reject(self, kind: str, wire: Wire, block: DatagramBlock, rows: Ints, slots: Ints) -> None:
        parts = (part[rows] for part in (block.offset, block.length, block.received_ms, slots))
        self._rejected.take(f"datagrams.rejected.{kind}", wire, *parts)

    def _sender(self, slot: int) -> tuple[str, int]:
        if slot < 0:
            return "", 0
        session = self._sessions.session(slot)
        return session.label, session.port

    def _decode_version(
        self, wire: Wire, version: int, block: DatagramBlock, chosen: Ints, slots: Ints, ranks: Ints, tally: Tally
    ) -> list[FlowBatch]:
        offset, length, received = block.offset[chosen], block.length[chosen], block.received_ms[chosen]
        if version == sflow.VERSION:
            return self._sflow.decode(wire, offset, length, received, slots, ranks, tally)
        if version in netflow5.FORMATS:
            return self._decode_fixed_format(wire, version, offset, length, received, slots, ranks, tally)
        domain, sequence, export_ms, uptime, end = message_formats.read_headers(wire, version, offset, length)
        header = message_formats.HEADER_BYTES[version]
        good = end - offset >= header
        if not good.all():
            tally.many("datagrams.rejected.header", ranks[~good])
            bad = (part[~good] for part in (offset, length, received, slots))
            self._rejected.take("datagrams.rejected.header", wire, *bad)
            keep = np.flatnonzero(good)
            if not len(keep):
                return []
            offset, length, received, slots, ranks = (a[keep] for a in (offset, length, received, slots, ranks))
            domain, sequence, export_ms, uptime, end = (a[keep] for a in (domain, sequence, export_ms, uptime, end))
        tally.many("datagrams.decoded", ranks)
        tally.many("datagrams.trailing", ranks[end < offset + length])
        if version == 10:
            tally.many("datagrams.truncated", ranks[wire.u2[offset + 2].astype(np.int64) > length])
        domains = self._domains.find(slots, version, domain)
        messages = Messages(wire, version, ranks, slots, domains, received, export_ms, uptime)
        finisher = Finisher(self._sessions, self._domains, self._options, self._limits, tally)
        decoder = MessageDecoder(self._memory, finisher, self._limits, tally)
        batches, steps = decoder.decode(messages, sequence, offset + header, end)
        tally.one("sets.deferred_evicted", 0, self._deferred.surplus())
        self._establish(batches, messages)
        self._follow(messages, sequence, steps, version == 9, tally)
        return batches

    def _establish(self, batches: list[FlowBatch], messages: Messages) -> None:
        if batches:
            self._sessions.blocks[distinct(messages.session)[0]] += 1

    def _follow(self, messages: Messages, sequence: Ints, steps: Steps, has_uptime: bool, tally: Tally) -> None:
        uptime = messages.uptime if has_uptime else None
        self._sequences.check(messages.slot, sequence, steps, uptime, messages.received_ms, messages.rank, tally)
        self._clocks.follow(messages)
        self._domains.uptime[messages.slot] = messages.uptime
        self._domains.last_ms[messages.slot] = messages.received_ms
        self._domains.export_ms[messages.slot] = messages.export_ms
        self._domains.flows[messages.slot] += steps.records > 0

    def _decode_fixed_format(
        self, wire: Wire, version: int, offset: Ints, length: Ints, received: Ints, slots: Ints, ranks: Ints,
        tally: Tally,
    ) -> list[FlowBatch]:  # fmt: skip
        form = netflow5.FORMATS[version]
        headers = netflow5.read_headers(wire, form, offset, length)
        tally.many("datagrams.decoded", ranks)
        tally.many("datagrams.count_mismatch", ranks[headers.count != headers.claimed])
        tally.many("datagrams.trailing", ranks[headers.count * form.record.itemsize + form.header < length])
        domains = self._domains.find(slots, version, headers.domain)
        messages = Messages(wire, version, ranks, slots, domains, received, headers.export_ms, headers.uptime)
        tally.many("records.seen", ranks, headers.count)
        limit = self._limits.records_per_datagram
        count = headers.count
        if int(count.max()) > limit:
            over = count > limit
            tally.many("records.skipped.too_many", ranks[over], count[over])
            headers.count = np.where(over, 0, count)
        batches: list[FlowBatch] = []
        if headers.count.any():
            rows = netflow5.read_rows(messages, form, headers, offset)
            tally.many("records.flows", ranks, headers.count)
            finisher = Finisher(self._sessions, self._domains, self._options, self._limits, tally)
            batches.append(finisher.finish(rows, headers.sampling if form.engine else None))
            self._clocks.sample(messages, rows.message, batches[0])
            self._establish(batches, messages)
        sampled = headers.sampling > 0
        if sampled.any():
            latest = dict(zip(domains[sampled].tolist(), headers.sampling[sampled].tolist(), strict=True))
            self._note_header_rates(latest, int(received[-1]))
        if form.sequenced:
            self._follow(messages, headers.sequence, Steps.of_flows(count), True, tally)
        return batches

    def _note_header_rates(self, latest: dict[int, int], now_ms: int) -> None:
        for domain, rate in latest.items():
            before = self._header_rates.get(domain, rate)
            if before != rate:
                session, number = int(self._domains.session[domain]), int(self._domains.domain[domain])
                change = SamplingChange(now_ms, number, None, None, before, rate)
                self._options.rate_changes.note(session, change)
        self._header_rates.update(latest)

    # -- forgetting

    def _evict(self, block: DatagramBlock, slots: Ints) -> dict[str, Counts]:
        """Make room before a block: sessions above the limit, and domains for as many new ones as it may bring.

        Returns:
            What was forgotten with them, by exporter address.
        """
        evicted: dict[str, Counts] = {}
        surplus = self._sessions.surplus()
        if surplus:
            present = set(slots.tolist())
            for slot in surplus:
                if slot not in present:
                    self._forget_session(slot, evicted)
        for slot in self._domains.surplus(min(len(block), self._limits.domains // 4)):
            self._forget_domain(slot, evicted)
        return evicted

    def _forget_session(self, slot: int, evicted: dict[str, Counts], ended: bool = False) -> None:
        for domain in self._domains.of_session(slot):
            self._forget_domain(domain, evicted, ended)
        session = self._sessions.session(slot)
        gone = {"sessions.ended" if ended else "sessions.evicted": 1} | self._sflow.forget_session(slot)
        add(evicted.setdefault(session.label, {}), gone)
        self._counts.add(slot, gone)
        others = [other for other in self._sessions.slots_of(session.address) if other != slot]
        heir = others[0] if others else -1
        self._counts.forget(slot, heir)
        self._minutes.forget(slot + 1, heir + 1 if heir >= 0 else -1)
        self._options.rate_changes.forget(slot)
        self._sessions.forget(slot)

    def _forget_domain(self, slot: int, evicted: dict[str, Counts], ended: bool = False) -> None:
        session = int(self._domains.session[slot])
        found = {
            "templates.ended" if ended else "templates.evicted": self._templates.drop_domain(slot),
            "sets.waiting_evicted": len(self._waiting.take_domain(slot)),
            "sets.deferred_evicted": len(self._deferred.take(slot)),
        }
        gone = {name: amount for name, amount in found.items() if amount} | self._sequences.drop_domain(slot)
        add(evicted.setdefault(self._sessions.session(session).label, {}), gone)
        self._counts.add(session, gone)
        self._options.drop_domain(slot)
        self._ports.drop_domain(slot)
        self._header_rates.pop(slot, None)
        self._domains.forget(slot)

    def expire(self, now_ms: int) -> Decoded:
        """Forget idle templates and data sets that waited too long, and count settled sequence gaps as lost.

        To be called every second or so.

        Args:
            now_ms: UTC milliseconds.
        """
        in_use = self._sessions.items()
        rank_of = {slot: rank for rank, (slot, _) in enumerate(in_use)}
        slots = np.array([slot for slot, _ in in_use], np.int64)
        tally = Tally(self._sessions.labels(slots))
        for item in self._waiting.expire(now_ms):
            tally.one("sets.waiting_expired", rank_of[item.session])
        for template in self._templates.expire(now_ms, self._sessions.stream):
            tally.one("templates.expired", rank_of[template.session])
        self._sequences.expire(now_ms, lambda domain: rank_of[int(self._domains.session[domain])], tally)
        for session, name, amount in self._sflow.expire():
            tally.one(name, rank_of[session], amount)
        self._clocks.turn(now_ms)
        self._layouts.reclaim()
        decoded = self._decoded([], tally, slots)
        if self._minutes.is_due(now_ms):
            self._minutes.turn(now_ms, self._counts.table(tuple(FIGURES.values())))
        return decoded

    # -- status

    def exporters(self) -> list[ExporterStatus]:
        """What is known of each exporter, by address and port."""
        found = [
            self._sflow.describe(slot, self._describer.describe(slot, session))
            for slot, session in self._sessions.items()
        ]
        return sorted(found, key=lambda item: (text.parse_address(item.address), item.port))

    def rejected(self, address: str = "") -> list[RejectedDatagram]:
        """The latest datagrams of an exporter, or of all, that could not be decoded; the latest first."""
        return self._rejected.of(address)

    def minutes(self, address: int) -> Minutes:
        """Figures of an exporter in the last minutes: `FIGURES`."""
        slots = [slot + 1 for slot in self._sessions.slots_of(address)]
        return self._minutes.of(slots, self._counts.table(tuple(FIGURES.values())))
