"""What exporters tell about themselves in options data: samplers, names, the start of their clock.

Samplers come as v9 options (elements 34, 48 to 50, RFC 3954 and Cisco's Sampled NetFlow) or as PSAMP selectors
(302 to 311, RFC 5476 and 5477), keyed by sampler id, by interface (scope) or by nothing. Names of interfaces
(82, 83), VRFs (236) and applications (94 to 96, RFC 6759) are joined into the flow records at decode; what exporters
say of themselves and of their own elements (RFC 5610) is kept for their status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_network

import numpy as np

from nftui.engine.batch import TextColumn
from nftui.engine.decode.announced import Announced, first_number, records
from nftui.engine.decode.datagrams import Ints, distinct
from nftui.engine.decode.layout import RATE_ELEMENTS, FieldSpec
from nftui.engine.decode.layouts import Shape
from nftui.engine.decode.rate_changes import RateChanges
from nftui.engine.decode.rows import Rows
from nftui.engine.decode.sessions import Domains, Sessions
from nftui.engine.decode.status import SamplingChange
from nftui.engine.decode.tally import Tally
from nftui.engine.limits import Limits
from nftui.engine.schema import Quality
from nftui.text import V4_PREFIX


class Options:
    """Options of all domains, and the join of their content into rows.

    Args:
        limits: bounds of the tables.
        domains: slots; `boot_ms` is kept there.
        sessions: slots of transport sessions.
        static_sampling: exporter address or network to rate, as nfcapd -s: a positive rate is used where none was
            announced, a negative one in any case.

    Attributes:
        rate_changes: when rates became other ones.
    """

    def __init__(
        self, limits: Limits, domains: Domains, sessions: Sessions, static_sampling: Mapping[str, int] | None
    ) -> None:
        self._limits = limits
        self._domains = domains
        self._sessions = sessions
        self._announced: dict[int, Announced] = {}
        self._entries = 0
        self._static = sorted(
            ((ip_network(network, strict=False), rate) for network, rate in (static_sampling or {}).items()),
            key=lambda item: -item[0].prefixlen,
        )
        self._static_of: dict[int, int] = {}
        self.rate_changes = RateChanges(limits.rate_changes_per_exporter)

    def of_domain(self, slot: int) -> Announced | None:
        """What a domain announced, None if nothing."""
        return self._announced.get(slot)

    def static_rate(self, address: int) -> int:
        """Configured rate of an exporter, 0 for none; the longest matching network counts."""
        if not self._static:
            return 0
        rate = self._static_of.get(address)
        if rate is None:
            version = 4 if address >> 32 == V4_PREFIX >> 32 else 6
            value = address & 0xFFFFFFFF if version == 4 else address
            rate = 0
            for network, configured in self._static:
                if network.version == version and value >> (network.max_prefixlen - network.prefixlen) == int(
                    network.network_address
                ) >> (network.max_prefixlen - network.prefixlen):
                    rate = configured
                    break
            if len(self._static_of) >= self._limits.exporters:
                self._static_of.clear()
            self._static_of[address] = rate
        return rate

    def repeated(self, slot: int, layout: int, raw: bytes) -> bool:
        """Whether the domain sent exactly this options set before, and nothing else by this template since."""
        table = self._announced.get(slot)
        return table is not None and table.sets.get((layout, len(raw))) == hash(raw)

    @staticmethod
    def count(raw: bytes, shape: Shape) -> int:
        """Number of records in an options data set."""
        return sum(1 for _ in records(raw, shape.specs())) if shape.variable else len(raw) // shape.size

    def learn(
        self, slot: int, layout: int, specs: list[FieldSpec], raw: bytes, received_ms: int, rank: int, tally: Tally
    ) -> None:
        """Take over an options data set.

        Args:
            slot: domain slot.
            layout: number of its layout.
            specs: its fields.
            raw: its records.
            received_ms: reception, UTC.
            rank: exporter in the tally.
            tally: gets `options.refused` for entries without room, `options.rate_changed` for other rates than before.
        """
        table = self._announced.setdefault(slot, Announced())
        before, changes = table.size(), table.rate_changes
        refused = 0
        for values in records(raw, specs):
            found: dict[tuple[int, int], bytes] = {}
            for spec, value in zip(specs, values, strict=True):
                found.setdefault((spec.pen, spec.element), value)
            room = table.size() < self._limits.option_entries_per_domain and (
                self._entries + table.size() - before < self._limits.option_entries
            )
            refused += not table.take(found, room, self._limits.text_bytes)
            boot = first_number(found, ((0, 160),))
            if boot and boot < 1 << 62:
                self._domains.boot_ms[slot] = boot
        self._entries += table.size() - before
        if len(table.sets) >= 64:
            table.sets.clear()
        table.sets[layout, len(raw)] = hash(raw)
        tally.one("options.refused", rank, refused)
        tally.one("options.rate_changed", rank, table.rate_changes - changes)
        for change in table.changed:
            session, number = int(self._domains.session[slot]), int(self._domains.domain[slot])
            self.rate_changes.note(session, SamplingChange(received_ms, number, *change))
        table.changed.clear()

    def drop_domain(self, slot: int) -> None:
        """Forget a domain."""
        table = self._announced.pop(slot, None)
        if table is not None:
            self._entries -= table.size()

    # -- join

    def boot_of(self, rows: Rows) -> Ints | None:
        """When each row's exporter had sysUptime 0, -1 where unknown."""
        return self._domains.boot_ms[rows.messages.slot][rows.message]

    def rates(self, rows: Rows, header_rate: Ints | None) -> Ints | None:
        """Sampling rate of each row, 0 where nobody said; None when nobody said for any.

        In order: the record's own elements, sampler id, interface, the domain's general rate, domain 0's (RFC
        7011 section 3.1: it speaks for the whole exporter), the header's, the configured one.

        Args:
            rows: gets quality flags.
            header_rate: rate of the v5 header by datagram.
        """
        spoken = any(f"rate.{element}" in rows.values for element in RATE_ELEMENTS)
        spoken |= bool(self._announced) or bool(self._static) or "sampler_id" in rows.values
        if not spoken and (header_rate is None or not header_rate.any()):
            return None
        rates = np.zeros(rows.length, np.int64)
        known = self._record_rates(rows, rates)
        known |= self._sampler_rates(rows, rates)
        sessions = rows.messages.session
        static: dict[int, int] = {}
        if self._static:
            slots = distinct(sessions)[0].tolist()
            static = {slot: self.static_rate(self._sessions.session(slot).address) for slot in slots}
        if header_rate is not None and header_rate.any():
            rates = np.where(rates > 0, rates, header_rate[rows.message])
            known = True
        for slot, rate in static.items():
            mine = (sessions == slot)[rows.message]
            if rate < 0:
                rates[mine] = -rate
            elif rate > 0:
                rates[mine & (rates == 0)] = rate
            known |= bool(rate)
        if not known or not rates.any():
            return None
        over = rates > self._limits.sampling_rate
        if over.any():
            rows.flag(over, Quality.RATE_CLAMPED)
            rates[over] = self._limits.sampling_rate
        return rates

    @staticmethod
    def _record_rates(rows: Rows, rates: Ints) -> bool:
        def column(element: int) -> Ints | None:
            values = rows.values.get(f"rate.{element}")
            if values is None:
                return None
            out = np.minimum(values.astype(np.uint64), np.uint64(1 << 40)).view(np.int64)
            valid = rows.valid.get(f"rate.{element}")
            return out if valid is None else np.where(valid, out, 0)

        known = False
        taken, left, size, population = column(305), column(306), column(309), column(310)
        found = [column(34), column(50)]
        if taken is not None:
            found.append(taken if left is None else np.where(taken > 0, (taken + left) // np.maximum(taken, 1), 0))
        if size is not None and population is not None:
            found.append(np.where(size > 0, population // np.maximum(size, 1), 0))
        for values in found:
            if values is not None:
                rates[:] = np.where(rates > 0, rates, values)
                known = True
        return known

    def _sampler_rates(self, rows: Rows, rates: Ints) -> bool:
        sampler = rows.values.get("sampler_id")
        if not self._announced and sampler is None:
            return False
        slots = distinct(rows.messages.slot)[0].tolist()
        tables = {slot: table for slot in slots if (table := self._announced.get(slot)) is not None}
        general = {slot: self._general(slot) for slot in slots}
        known = False
        if sampler is not None:
            valid = rows.valid.get("sampler_id")
            named = (sampler != 0) & (rates == 0) if valid is None else (sampler != 0) & (rates == 0) & valid
            if named.any():
                known |= self._by_sampler(rows, rates, np.flatnonzero(named), tables, general)
        if any(table.interface_rates for table in tables.values()):
            # Packets are sampled where they come in, or where they go out if only that interface has a sampler.
            for register in ("in_if", "out_if"):
                open_rows = np.flatnonzero(rates == 0)
                if register in rows.values and len(open_rows):
                    values = rows.values[register]
                    found = self._look_up(rows, open_rows, values, lambda slot, key: _rate_of(tables, slot, key))
                    rates[open_rows] = found
                    known |= bool(found.any())
        if any(general.values()):
            by_message = np.array([general[slot] for slot in rows.messages.slot.tolist()], np.int64)
            rates[:] = np.where(rates > 0, rates, by_message[rows.message])
            known = True
        return known

    def _by_sampler(
        self, rows: Rows, rates: Ints, named: Ints, tables: dict[int, Announced], general: dict[int, int]
    ) -> bool:
        def rate(slot: int, key: int) -> int:
            table = tables.get(slot)
            return table.rates.get(key, 0) if table is not None else 0

        found = self._look_up(rows, named, rows.values["sampler_id"], rate)
        rates[named] = found
        silent = named[found == 0]
        if len(silent):
            slots = rows.messages.slot[rows.message[silent]]
            fallback = np.array([slot for slot in set(slots.tolist()) if general[slot]], np.int64)
            unknown = np.zeros(rows.length, np.bool_)
            unknown[silent[~np.isin(slots, fallback)]] = True
            if unknown.any():
                rows.flag(unknown, Quality.RATE_UNKNOWN)
        return bool(found.any())

    def _general(self, slot: int) -> int:
        table = self._announced.get(slot)
        if table is not None and table.general:
            return table.general
        whole = self._of_whole(slot)
        return whole.general if whole is not None else 0

    def _of_whole(self, slot: int) -> Announced | None:
        """What the exporter's domain 0 announced for all of its domains (RFC 7011 section 3.1)."""
        if not self._announced or int(self._domains.domain[slot]) == 0:
            return None
        whole = self._domains.lookup(int(self._domains.session[slot]), int(self._domains.version[slot]), 0)
        return self._announced.get(whole)

    @staticmethod
    def _look_up(rows: Rows, chosen: Ints, values: np.ndarray, ask: Callable[[int, int], int]) -> Ints:
        """Answer of `ask(domain slot, value)` for the chosen rows, asked once per distinct pair."""
        numbers = values[chosen].astype(np.int64)
        if not len(numbers):
            return numbers
        wide: list[int] | None = None
        if int(numbers.max()) >> 32:
            # Ids of applications may have 8 bytes: their place among the distinct ones stands for them.
            found, numbers = distinct(numbers)
            wide = found.tolist()
        different, inverse = distinct(rows.messages.slot[rows.message[chosen]] << 32 | numbers)
        pairs = [(key >> 32, key & 0xFFFFFFFF) for key in different.tolist()]
        answers = [ask(slot, number if wide is None else wide[number]) for slot, number in pairs]
        return np.array(answers, np.int64)[inverse]

    def names(self, rows: Rows) -> dict[str, TextColumn]:
        """Columns of names that options data gave for interfaces, VRFs and applications."""
        if not self._announced:
            return {}
        tables = {
            slot: found
            for slot in distinct(rows.messages.slot)[0].tolist()
            if (found := [t for t in (self._announced.get(slot), self._of_whole(slot)) if t is not None])
        }
        out: dict[str, TextColumn] = {}
        for column, key, kind in _JOINS if tables else ():
            values = rows.values.get(key)
            if values is None or not any(getattr(table, kind) for found in tables.values() for table in found):
                continue
            pool: dict[str, int] = {}

            def code(slot: int, number: int, kind: str = kind, pool: dict[str, int] = pool) -> int:
                names = (getattr(table, kind).get(number) for table in tables.get(slot, ()))
                name = next((name for name in names if name is not None), None)
                return -1 if name is None else pool.setdefault(name, len(pool))

            chosen = np.arange(rows.length)
            codes = self._look_up(rows, chosen, values, code).astype(np.int32)
            valid = rows.valid.get(key)
            if valid is not None:
                codes[~valid] = -1
            if pool:
                out[column] = TextColumn(codes, list(pool))
        return out


_JOINS = (
    ("in_if_name", "in_if", "interfaces"),
    ("out_if_name", "out_if", "interfaces"),
    ("ingress_vrf_name", "ingress_vrf", "vrfs"),
    ("egress_vrf_name", "egress_vrf", "vrfs"),
    ("application_name", "application_id", "applications"),
)
"""Column of names, register of the number, table of the names."""


def _rate_of(tables: Mapping[int, Announced], slot: int, interface: int) -> int:
    table = tables.get(slot)
    return table.interface_rates.get(interface, 0) if table is not None else 0
