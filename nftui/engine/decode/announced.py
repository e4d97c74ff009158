"""One options record: what it announces. See `nftui.engine.decode.options` for where it is kept and used."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from nftui import text
from nftui.engine.decode.layout import SCOPE_PEN, VARIABLE, FieldSpec, fold_application
from nftui.engine.elements import TYPES


@dataclass(slots=True)
class Announced:
    """Options of one observation domain.

    Attributes:
        rates: sampler or selector id to rate.
        interface_rates: interface index to rate.
        general: rate for all flows of the domain, 0 when none was announced.
        interfaces: interface index to name.
        applications: application id to name.
        vrfs: VRF id to name.
        elements: elements that the exporter itself names (RFC 5610), as (enterprise number, number) to (name, type).
        statistics: what the exporter says of itself, by name of the element: totals and timeouts.
        rate_changes: how often a sampler, an interface or the domain was announced with another rate than before.
        changed: these changes since they were last taken away: sampler, interface, rate before and after.
        sets: latest options set per template, to see repetitions at once.
    """

    rates: dict[int, int] = field(default_factory=dict)
    interface_rates: dict[int, int] = field(default_factory=dict)
    general: int = 0
    interfaces: dict[int, str] = field(default_factory=dict)
    applications: dict[int, str] = field(default_factory=dict)
    vrfs: dict[int, str] = field(default_factory=dict)
    elements: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)
    statistics: dict[str, int] = field(default_factory=dict)
    rate_changes: int = 0
    changed: list[tuple[int | None, int | None, int, int]] = field(default_factory=list)
    sets: dict[tuple[int, int], int] = field(default_factory=dict)

    def size(self) -> int:
        """Entries counted against the limits."""
        numbered = (self.rates, self.interface_rates, self.interfaces, self.applications, self.vrfs)
        return sum(len(table) for table in numbered) + len(self.elements)

    def take(self, found: Mapping[tuple[int, int], bytes], room: bool, limit: int) -> bool:
        """Take over one options record.

        Args:
            found: its values by enterprise number and element.
            room: whether a table may grow.
            limit: longest text kept, in bytes.

        Returns:
            False when something found no room.
        """
        interface = first_number(found, _INTERFACES)
        kept = self._take_rate(found, interface, room)

        def put(target: dict[_Key, _Value], key: _Key | None, value: _Value) -> None:
            nonlocal kept
            if key is None:
                return
            if room or key in target:
                target[key] = value
            else:
                kept = False

        name = found.get((0, 82)) or found.get((0, 83))
        if name is not None:
            put(self.interfaces, interface, text.clean(name, limit))
        title = found.get((0, 96)) or found.get((0, 94))
        if title is not None:
            number = first_number({(0, 95): fold_application(found.get((0, 95), b""))}, ((0, 95),))
            put(self.applications, number, text.clean(title, limit))
        if (0, 236) in found:
            put(self.vrfs, first_number(found, _VRFS), text.clean(found[0, 236], limit))
        described = announced_element(found, limit)
        if described is not None:
            put(self.elements, described[0], described[1:])
        for element, word in STATISTICS.items():
            amount = first_number(found, ((0, element),))
            if amount is not None:
                self.statistics[word] = amount
        return kept

    def _take_rate(self, found: Mapping[tuple[int, int], bytes], interface: int | None, room: bool) -> bool:
        rate = announced_rate(found)
        if not rate:
            return True
        sampler = first_number(found, _SAMPLERS)
        if sampler is None and interface is None:
            self._note(None, None, self.general, rate)
            self.general = rate
            return True
        table, key = (self.rates, sampler) if sampler is not None else (self.interface_rates, interface)
        assert key is not None
        if not room and key not in table:
            return False
        self._note(sampler, interface, table.get(key, 0), rate)
        table[key] = rate
        return True

    def _note(self, sampler: int | None, interface: int | None, before: int, rate: int) -> None:
        if before not in {0, rate}:
            self.rate_changes += 1
            self.changed.append((sampler, interface if sampler is None else None, before, rate))


_Key = TypeVar("_Key", int, tuple[int, int])
_Value = TypeVar("_Value", str, tuple[str, str])

_INTERFACES = ((SCOPE_PEN, 2), (0, 10), (0, 14), (0, 252), (0, 253))
_SAMPLERS = ((0, 48), (0, 302))
_VRFS = ((0, 234), (0, 235))


STATISTICS = {
    36: "flowActiveTimeout", 37: "flowIdleTimeout", 40: "exportedOctetTotalCount", 41: "exportedMessageTotalCount",
    42: "exportedFlowRecordTotalCount", 163: "observedFlowTotalCount", 164: "ignoredPacketTotalCount",
    165: "ignoredOctetTotalCount", 166: "notSentFlowTotalCount", 167: "notSentPacketTotalCount",
    168: "notSentOctetTotalCount",
}  # fmt: skip
"""Elements of RFC 5102 section 5.2 and 5.12 by which exporters account for themselves."""


def records(raw: bytes, specs: list[FieldSpec]) -> Iterator[list[bytes]]:
    """Values of each record of a set, field by field; a record that does not fit ends the set."""
    position = 0
    least = sum(1 if spec.length == VARIABLE else spec.length for spec in specs)
    while position + least <= len(raw):
        values = []
        for spec in specs:
            length = spec.length
            if length == VARIABLE:
                length = raw[position] if position < len(raw) else 0
                position += 1
                if length == 255:
                    length = int.from_bytes(raw[position : position + 2], "big")
                    position += 2
            values.append(raw[position : position + length])
            position += length
        if position > len(raw):
            return
        yield values


def announced_rate(values: Mapping[tuple[int, int], bytes]) -> int:
    """Sampling rate that an options record announces, 0 for none.

    305 and 306 are packets taken and packets left out: (taken + left) / taken. 309 and 310 are n out of N, 311 is
    a probability.
    """

    def number(element: int) -> int:
        raw = values.get((0, element), b"")
        return int.from_bytes(raw, "big") if len(raw) <= 8 else 0

    for element in (34, 50):
        if number(element):
            return number(element)
    taken, left = number(305), number(306)
    if taken:
        return round((taken + left) / taken) if (0, 306) in values else taken
    if number(309):
        return max(1, round(number(310) / number(309)))
    raw = values.get((0, 311), b"")
    if len(raw) in {4, 8}:
        (probability,) = struct.unpack(">f" if len(raw) == 4 else ">d", raw)
        if 0 < probability <= 1:
            return min(round(1 / float(probability)), 1 << 62)
    return 0


def first_number(found: Mapping[tuple[int, int], bytes], keys: tuple[tuple[int, int], ...]) -> int | None:
    """The first of the elements that the record has as a number of 1 to 8 bytes."""
    for key in keys:
        raw = found.get(key)
        if raw is not None and 1 <= len(raw) <= 8:
            return int.from_bytes(raw, "big")
    return None


def announced_element(found: Mapping[tuple[int, int], bytes], limit: int) -> tuple[tuple[int, int], str, str] | None:
    """The element that a record of RFC 5610 section 3.9 describes: its numbers, name and type; else None.

    Elements of IANA are not an exporter's to name.
    """
    number, pen = first_number(found, ((0, 303),)), first_number(found, ((0, 346),))
    name = text.clean(found.get((0, 341), b""), limit)
    if number is None or not pen or not name:
        return None
    kind = first_number(found, ((0, 339),)) or 0
    return (pen, number & 0x7FFF), name, TYPES[kind] if kind < len(TYPES) else TYPES[0]
