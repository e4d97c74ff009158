"""One options record: what it announces. See `nftui.engine.decode.options` for where it is kept and used."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nftui.engine.decode.layout import VARIABLE, FieldSpec


@dataclass(slots=True)
class Announced:
    """Options of one observation domain.

    Attributes:
        rates: sampler or selector id to rate.
        interface_rates: interface index to rate.
        general: rate for all flows of the domain, 0 when none was announced.
        interfaces: interface index to name.
        applications: application id to name.
        sets: latest options set per template, to see repetitions at once.
    """

    rates: dict[int, int] = field(default_factory=dict)
    interface_rates: dict[int, int] = field(default_factory=dict)
    general: int = 0
    interfaces: dict[int, str] = field(default_factory=dict)
    applications: dict[int, str] = field(default_factory=dict)
    sets: dict[tuple[int, int], int] = field(default_factory=dict)

    def size(self) -> int:
        """Entries counted against the limits."""
        return len(self.rates) + len(self.interface_rates) + len(self.interfaces) + len(self.applications)


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
