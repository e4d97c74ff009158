"""NetFlow v9 and IPFIX messages: headers, templates and data sets in the order of the wire, data grouped by layout.

Formats: RFC 3954 section 5.1, RFC 7011 section 3.1. Templates are applied set by set as they come, so that each
data set is bound to the definition before it on the wire; only then all data sets of the block are decoded
together. Options data that change what is known of an exporter split the block for the same reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nftui.engine.batch import FlowBatch
from nftui.engine.decode import sets as wire_sets
from nftui.engine.decode.clocks import Clocks
from nftui.engine.decode.datagrams import SPARE_BYTES, Ints, Wire
from nftui.engine.decode.deferred import DeferredSet, DeferredTemplates
from nftui.engine.decode.finish import Finisher
from nftui.engine.decode.layouts import IPFIX, LayoutTable
from nftui.engine.decode.numbering import Steps
from nftui.engine.decode.options import Options
from nftui.engine.decode.ports import PortChanges
from nftui.engine.decode.rejected import RejectedDatagrams
from nftui.engine.decode.rows import DataSets, Messages, Reader, Rows
from nftui.engine.decode.sessions import Sessions
from nftui.engine.decode.tally import Tally
from nftui.engine.decode.templates import TemplateStore, template_key
from nftui.engine.decode.variable import locate
from nftui.engine.decode.waiting import WaitingSet, WaitingSets
from nftui.engine.limits import Limits

HEADER_BYTES = {9: 20, 10: 16}
TEMPLATE_SETS = {9: {0: False, 1: True}, 10: {2: False, 3: True}}
"""Set id to whether it is an options template set, by version."""

_SMALL_GROUP = 256
"""Records below which layouts are decoded together instead of each by its own structured dtype."""
_SPLITS = 16
"""Changes of options data within one block that are kept in order with the flows around them; further ones apply
to the whole rest of the block. Without a bound, a datagram made of nothing else would cost 50 ms."""


@dataclass(slots=True)
class Replay:
    """A waiting set whose template came, the layout to decode it by, and its exporter in the tally."""

    item: WaitingSet
    layout: int
    rank: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of exporters between blocks."""

    sessions: Sessions
    layouts: LayoutTable
    templates: TemplateStore
    waiting: WaitingSets
    deferred: DeferredTemplates
    options: Options
    ports: PortChanges
    clocks: Clocks
    rejected: RejectedDatagrams


class MessageDecoder:
    """Decodes the v9 or IPFIX datagrams of one block.

    Args:
        memory: state of the exporters.
        finisher: makes flow batches of rows.
        limits: bounds.
        tally: gets the counts.
    """

    def __init__(self, memory: Memory, finisher: Finisher, limits: Limits, tally: Tally) -> None:
        self._sessions = memory.sessions
        self._layouts = memory.layouts
        self._templates = memory.templates
        self._waiting = memory.waiting
        self._deferred = memory.deferred
        self._options = memory.options
        self._ports = memory.ports
        self._clocks = memory.clocks
        self._rejected = memory.rejected
        self._finisher = finisher
        self._limits = limits
        self._tally = tally
        self._reader = Reader(memory.layouts, limits, tally)
        self._batches: list[FlowBatch] = []
        self._replays: list[Replay] = []
        self._sequence = np.zeros(0, np.int64)
        self._steps = Steps.of_flows(np.zeros(0, np.int64))

    def decode(self, messages: Messages, sequence: Ints, begin: Ints, end: Ints) -> tuple[list[FlowBatch], Steps]:
        """Decode the datagrams.

        Args:
            messages: their headers.
            sequence: sequence number of each header.
            begin: first byte behind each header.
            end: end of each message.

        Returns:
            The flows, and what each datagram held.
        """
        self._batches = []
        self._sequence = sequence
        self._replays = []
        none = np.zeros(len(begin), np.int64)
        steps = self._steps = Steps(none, none.copy(), none.copy(), np.ones(len(begin), np.int64))
        found = wire_sets.walk(messages.wire, begin, end, messages.rank, self._tally)
        if found.broken:
            self._keep_broken(messages, begin, end, np.array(found.broken, np.int64))
        if not len(found):
            return self._batches, steps
        layout = self._bind(messages, found)
        data = np.flatnonzero(layout >= 0)
        steps.known[found.message[layout == _UNKNOWN]] = 0
        if len(data):
            bound = DataSets(found.message[data], found.start[data], found.end[data], layout[data], data)
            steps.records, steps.options = self._decode_bound(messages, bound)
        if self._replays:
            self._decode_late(messages.version, self._replays)
        return self._batches, steps

    def _keep_broken(self, messages: Messages, begin: Ints, end: Ints, rows: Ints) -> None:
        offset = begin[rows] - HEADER_BYTES[messages.version]
        self._rejected.take(
            "sets.bad_length", messages.wire, offset, end[rows] - offset, messages.received_ms[rows],
            messages.session[rows],
        )  # fmt: skip

    # -- templates

    def _bind(self, messages: Messages, found: wire_sets.Sets) -> Ints:
        """Layout number of each set, negative for sets that are no data or whose template is unknown."""
        kinds = TEMPLATE_SETS[messages.version]
        layout = np.full(len(found), _NO_DATA, np.int64)
        is_data = found.kind >= 256
        newcomer = self._sessions.newcomers(messages.session)
        if is_data.all():
            self._look_up(messages, found, layout, 0, len(found), is_data)
            return layout
        done = 0
        for place in np.flatnonzero(~is_data).tolist():
            message, kind = int(found.message[place]), int(found.kind[place])
            rank = int(messages.rank[message])
            options = kinds.get(kind)
            if options is None:
                self._tally.one("sets.reserved", rank)
                continue
            raw = messages.wire.data[int(found.start[place]) : int(found.end[place])].tobytes()
            slot, received_ms = int(messages.slot[message]), int(messages.received_ms[message])
            if newcomer is not None and newcomer[message] and not self._waiting.has_domain(slot):
                kept = self._deferred.add(slot, DeferredSet(options, raw, received_ms))
                self._tally.one("sets.deferred" if kept else "sets.deferred_overflow", rank)
                continue
            if not self._templates.repeated(slot, options, raw):
                self._look_up(messages, found, layout, done, place, is_data)
                done = place
            if slot in self._deferred:
                self._recall(slot, rank)
            self._steps.templates[message] += self._learn(slot, options, raw, received_ms, rank)
        self._look_up(messages, found, layout, done, len(found), is_data)
        return layout

    def _learn(self, slot: int, options: bool, raw: bytes, received_ms: int, rank: int) -> int:
        """Take over a template set, and find what waited for it; returns its number of template records."""
        repeated = self._templates.repeated(slot, options, raw)
        refused = 0 if repeated else self._tally.total("templates.rejected.")
        fresh, count = self._templates.learn(slot, options, raw, received_ms, rank, self._tally)
        if not repeated and self._tally.total("templates.rejected.") > refused:
            self._rejected.take_part("templates.rejected", raw, received_ms, self._ports.session_of(slot))
        self._ports.announced(slot, fresh)
        for key in fresh:
            number = self._templates.layout_of.get(key, -1)
            if number >= 0:
                self._replays += [Replay(item, number, rank) for item in self._waiting.take(key)]
        return count

    def _recall(self, slot: int, rank: int) -> None:
        for item in self._deferred.take(slot):
            self._learn(slot, item.options, item.raw, item.received_ms, rank)

    def _look_up(
        self,
        messages: Messages,
        found: wire_sets.Sets,
        layout: Ints,
        first: int,
        last: int,
        is_data: np.ndarray[tuple[int], np.dtype[np.bool_]],
    ) -> None:
        """Bind the data sets from `first` to `last` to what their templates are now."""
        places = np.flatnonzero(is_data[first:last]) + first
        if not len(places):
            return
        keys = messages.slot[found.message[places]] << 16 | found.kind[places]
        layout[places] = self._templates.layouts(keys)
        for place in places[layout[places] < 0].tolist():
            message = int(found.message[place])
            slot = int(messages.slot[message])
            if slot in self._deferred:
                self._recall(slot, int(messages.rank[message]))
            layout[place] = self._templates.layout_of.get(template_key(slot, int(found.kind[place])), -1)
            if layout[place] < 0:
                self._wait(messages, found, place)

    def _wait(self, messages: Messages, found: wire_sets.Sets, place: int) -> None:
        message = int(found.message[place])
        item = WaitingSet(
            template_key(int(messages.slot[message]), int(found.kind[place])),
            int(messages.session[message]),
            messages.wire.data[int(found.start[place]) : int(found.end[place])].tobytes(),
            int(messages.received_ms[message]),
            int(messages.export_ms[message]),
            int(messages.uptime[message]),
        )
        kept = self._waiting.add(item)
        rank = int(messages.rank[message])
        self._tally.one("sets.buffered" if kept else "sets.waiting_overflow", rank)
        number = int(self._sequence[message])
        for slot, owner in self._ports.missed(item.key >> 16, number, item.received_ms, rank, self._tally):
            self._find_templates(slot, owner, rank)

    def _find_templates(self, slot: int, owner: int, rank: int) -> None:
        """Let what waits in a domain be decoded by the templates of another one."""
        session = self._ports.session_of(owner)
        for item in self._waiting.take_domain(slot):
            item.key, item.session = template_key(owner, item.key & 0xFFFF), session
            layout = self._templates.layout_of.get(item.key, -1)
            if layout >= 0:
                self._replays.append(Replay(item, layout, rank))
            elif not self._waiting.add(item):
                self._tally.one("sets.waiting_evicted", rank)

    def _decode_late(self, version: int, replays: list[Replay]) -> None:
        """Decode sets that waited, with the times of the datagrams that they came in."""
        raw = [replay.item.raw for replay in replays]
        wire = Wire(np.frombuffer(b"".join(raw) + bytes(SPARE_BYTES), np.uint8))
        length = np.array([len(part) for part in raw], np.int64)
        end = np.cumsum(length)
        items = [replay.item for replay in replays]
        late = Messages(
            wire, version,
            np.array([replay.rank for replay in replays], np.int64),
            np.array([item.session for item in items], np.int64),
            np.array([item.key >> 16 for item in items], np.int64),
            np.array([item.received_ms for item in items], np.int64),
            np.array([item.export_ms for item in items], np.int64),
            np.array([item.uptime for item in items], np.int64),
            late=True,
        )  # fmt: skip
        self._tally.many("sets.replayed", late.rank)
        index = np.arange(len(items))
        layout = np.array([replay.layout for replay in replays], np.int64)
        self._decode_bound(late, DataSets(index, end - length, end, layout, index))

    # -- data

    def _decode_bound(self, messages: Messages, bound: DataSets) -> tuple[Ints, Ints]:
        """Decode data sets that have a layout; returns the data records of each datagram, and those of options."""
        units = np.zeros(len(messages.slot), np.int64)
        is_options = self._layouts.options[bound.layout]
        if not is_options.any():
            self._decode_flows(messages, bound, units)
            return units, np.zeros_like(units)
        flows = bound.take(~is_options)
        options = bound.take(is_options)
        of_options = np.zeros_like(units)
        done = splits = 0
        for place in range(len(options.order)):
            slot = int(messages.slot[options.message[place]])
            number = int(options.layout[place])
            raw = messages.wire.data[int(options.start[place]) : int(options.end[place])].tobytes()
            if not self._admit_options(messages, options, place, raw, units, of_options):
                continue
            if self._options.repeated(slot, number, raw):
                continue
            before = int(np.searchsorted(flows.order, options.order[place]))
            if before > done and splits < _SPLITS:
                self._decode_flows(messages, flows.take(np.arange(done, before)), units)
                done, splits = before, splits + 1
            message = int(options.message[place])
            rank, received_ms = int(messages.rank[message]), int(messages.received_ms[message])
            specs = self._layouts.shape(number).specs()
            self._options.learn(slot, number, specs, raw, received_ms, rank, self._tally)
        if done < len(flows.order):
            self._decode_flows(messages, flows.take(np.arange(done, len(flows.order))), units)
        return units, of_options

    def _admit_options(
        self, messages: Messages, options: DataSets, place: int, raw: bytes, units: Ints, of_options: Ints
    ) -> bool:
        """Count the records of an options set; False when they bring the datagram above its limit."""
        message, number = int(options.message[place]), int(options.layout[place])
        count = self._options.count(raw, self._layouts.shape(number))
        rank = int(messages.rank[message])
        units[message] += count
        of_options[message] += count
        self._tally.one("records.seen", rank, count)
        if units[message] > self._limits.records_per_datagram:
            self._tally.one("records.skipped.too_many", rank, count)
            return False
        self._tally.one("records.options", rank, count)
        return True

    def _decode_flows(self, messages: Messages, flows: DataSets, units: Ints) -> None:
        layouts = flows.layout
        if (layouts == layouts[0]).all():
            self._decode_group(messages, flows, units)
            return
        order = np.argsort(layouts, kind="stable")
        ordered = layouts[order]
        cuts = [0, *(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1).tolist(), len(ordered)]
        small: list[Ints] = []
        for first, last in pairwise(cuts):
            part = order[first:last]
            number = int(ordered[first])
            if self._layouts.fixed[number]:
                estimate = int((flows.end[part] - flows.start[part]).sum()) // int(self._layouts.size[number])
                if estimate < _SMALL_GROUP and not self._layouts.program(number).alone:
                    small.append(part)
                    continue
            self._decode_group(messages, flows.take(part), units)
        if len(small) <= 2:
            for part in small:
                self._decode_group(messages, flows.take(part), units)
        else:
            self._decode_mixed(messages, flows.take(np.sort(np.concatenate(small))), units)

    def _decode_group(self, messages: Messages, flows: DataSets, units: Ints) -> None:
        number = int(flows.layout[0])
        if not self._layouts.fixed[number]:
            self._decode_variable(messages, flows, number, units)
            return
        counts = (flows.end - flows.start) // self._layouts.size[number]
        counts = self._admit(messages, flows, counts, units)
        if counts.any():
            self._finish(self._reader.read_fixed(messages, flows, counts))

    def _decode_mixed(self, messages: Messages, flows: DataSets, units: Ints) -> None:
        for number in np.unique(flows.layout).tolist():
            self._layouts.program(number)
        counts = (flows.end - flows.start) // self._layouts.size[flows.layout]
        counts = self._admit(messages, flows, counts, units)
        some = np.flatnonzero(counts)
        if len(some):
            self._finish(self._reader.read_mixed(messages, flows.take(some), counts[some]))

    def _admit(self, messages: Messages, flows: DataSets, counts: Ints, units: Ints) -> Ints:
        """Count the records of each set, and refuse sets that bring a datagram above its limit."""
        left = flows.end - flows.start - counts * self._layouts.size[flows.layout]
        self._tally.many("sets.leftover", messages.rank[flows.message[left > 3]])
        ranks = messages.rank[flows.message]
        self._tally.many("records.seen", ranks, counts)
        added = np.bincount(flows.message, counts, len(units)).astype(np.int64)
        units += added
        limit = self._limits.records_per_datagram
        if units.max() <= limit:
            return counts
        before = units - added
        accepted = counts.copy()
        for message in np.flatnonzero(units > limit).tolist():
            places = np.flatnonzero(flows.message == message)
            running = before[message] + np.cumsum(counts[places])
            refused = places[running > limit]
            self._tally.many("records.skipped.too_many", ranks[refused], counts[refused])
            accepted[refused] = 0
        return accepted

    def _decode_variable(self, messages: Messages, flows: DataSets, number: int, units: Ints) -> None:
        program = self._layouts.program(number)
        least = int(self._layouts.size[number])
        limit = self._limits.records_per_datagram
        found = locate(messages.wire, program, least, flows.start, flows.end, limit)
        ranks = messages.rank[flows.message]
        self._tally.many("sets.broken_record", ranks[found.broken])
        self._tally.many("sets.too_many_records", ranks[found.full])
        left = flows.end - flows.start - found.used
        self._tally.many("sets.leftover", ranks[(left > 3) & ~found.full])
        count = len(found.source)
        if not count:
            return
        message = flows.message[found.source]
        self._tally.many("records.seen", messages.rank[message])
        units += np.bincount(message, minlength=len(units))
        rows = Rows(count, messages, message)
        if units.max() > limit:
            within = np.arange(count) - np.searchsorted(message, message)
            keep = within < limit
            self._tally.many("records.skipped.too_many", messages.rank[message[~keep]])
            chosen = np.flatnonzero(keep)
            message = message[chosen]
            rows = Rows(len(chosen), messages, message)
            found.runs = [column[chosen] for column in found.runs]
            found.starts = [column[chosen] for column in found.starts]
            found.lengths = [column[chosen] for column in found.lengths]
        self._reader.fill(rows, program, found.runs, found.starts, found.lengths)
        self._finish(rows)

    def _finish(self, rows: Rows) -> None:
        self._tally.many("records.flows", rows.messages.rank[rows.message])
        batch = self._finisher.finish(rows)
        if not rows.messages.late:
            self._clocks.sample(rows.messages, rows.message, batch)
        self._batches.append(batch)


_NO_DATA = -2
_UNKNOWN = -1


def read_headers(wire: Wire, version: int, offset: Ints, length: Ints) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Domain, sequence number, export time in ms, sysUptime (0 for IPFIX) and message end of each datagram."""
    if version == IPFIX:
        end = offset + np.minimum(length, wire.u2[offset + 2].astype(np.int64))
        return (
            wire.u4[offset + 12].astype(np.int64), wire.u4[offset + 8].astype(np.int64),
            wire.u4[offset + 4].astype(np.int64) * 1000, np.zeros(len(offset), np.int64), end,
        )  # fmt: skip
    return (
        wire.u4[offset + 16].astype(np.int64), wire.u4[offset + 12].astype(np.int64),
        wire.u4[offset + 8].astype(np.int64) * 1000, wire.u4[offset + 4].astype(np.int64), offset + length,
    )  # fmt: skip
