"""A NetFlow v9 and IPFIX decoder of the plainest kind: one record, one field at a time, straight from the RFCs.

The vectorised decoder must give the same rows. Times and sampling are left out: they have tests of their own.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from nftui import text
from nftui.engine.batch import FlowBatch
from nftui.engine.schema import FIELDS, Kind

V4 = 0xFFFF << 32
VARIABLE = 65535
Spec = tuple[int, int, int]
"""Enterprise number, element, length."""

SKIPPED = {"sampling_rate", "time_received_ms", "time_flow_start_ms", "time_flow_end_ms"}
ELEMENTS: dict[tuple[int, int], tuple[str, int]] = {
    ((0, key) if isinstance(key, int) else key): (item.name, rank)
    for item in FIELDS.values()
    if item.name not in SKIPPED
    for rank, key in enumerate(item.elements)
}
IGNORED = {
    (0, element)
    for element in (21, 22, 32, 34, 50, 139, 210, *range(150, 163), 258, 305, 306, 309, 310, *range(322, 326))
}


@dataclass
class SlowDecoder:
    """State of any number of exporters."""

    templates: dict[tuple[int, int, int, int], tuple[bool, list[Spec]]] = field(default_factory=dict)
    waiting: dict[tuple[int, int, int, int], list[bytes]] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    options: int = 0

    def datagram(self, session: int, raw: bytes) -> None:
        """Decode a datagram."""
        version = struct.unpack_from(">H", raw)[0]
        at = 20 if version == 9 else 16
        domain = struct.unpack_from(">I", raw, at - 4)[0]
        end = len(raw) if version == 9 else min(len(raw), struct.unpack_from(">H", raw, 2)[0])
        while at + 4 <= end:
            kind, length = struct.unpack_from(">HH", raw, at)
            if length < 4 or at + length > end:
                return
            body = raw[at + 4 : at + length]
            if kind >= 256:
                self._data((session, version, domain, kind), body)
            elif kind in ((0, 1) if version == 9 else (2, 3)):
                self._templates((session, version, domain), body, kind in {1, 3})
            at += length

    def _templates(self, owner: tuple[int, int, int], body: bytes, options: bool) -> None:
        at = 0
        version = owner[1]
        while at + 4 <= len(body):
            number, count = struct.unpack_from(">HH", body, at)
            if number < 256:
                return
            at += 4
            key = (*owner, number)
            if count == 0:
                self.templates.pop(key, None)
                continue
            scope = 0
            if options:
                scope = struct.unpack_from(">H", body, at)[0]
                at += 2
                if version == 9:
                    count, scope = (count + scope) // 4, count // 4
            specs: list[Spec] = []
            for place in range(count):
                element, length = struct.unpack_from(">HH", body, at)
                at += 4
                pen = -1 if version == 9 and place < scope else 0
                if version == 10 and element & 0x8000:
                    pen, element, at = struct.unpack_from(">I", body, at)[0], element & 0x7FFF, at + 4
                specs.append((pen, element, length))
            if not any(length for _, _, length in specs):
                self.templates.pop(key, None)
                continue
            self.templates[key] = (options, specs)
            for waited in self.waiting.pop(key, []):
                self._data(key, waited)

    def _data(self, key: tuple[int, int, int, int], body: bytes) -> None:
        if key not in self.templates:
            self.waiting.setdefault(key, []).append(body)
            return
        options, specs = self.templates[key]
        at = 0
        while True:
            values = []
            place = at
            for _, _, length in specs:
                size = length
                if length == VARIABLE:
                    if place + 1 > len(body):
                        return
                    size, place = body[place], place + 1
                    if size == 255:
                        if place + 2 > len(body):
                            return
                        size, place = struct.unpack_from(">H", body, place)[0], place + 2
                if place + size > len(body):
                    return
                values.append(body[place : place + size])
                place += size
            at = place
            if options:
                self.options += 1
            else:
                self.rows[repr(slow_row(specs, values))] += 1


def slow_row(specs: list[Spec], values: list[bytes]) -> dict[str, Any]:
    """Fields of one record, and its extra entries under "extra"."""
    best: dict[str, tuple[int, int]] = {}
    # An application id of 9 bytes is one if it is the only one.
    wide = (0, 95, 9) if [spec[:2] for spec in specs].count((0, 95)) == 1 else None
    for place, (pen, element, length) in enumerate(specs):
        found = ELEMENTS.get((pen, element))
        if found is None or not length:
            continue
        name, rank = found
        kind = FIELDS[name].kind
        if kind is Kind.ADDRESS:
            if length not in {4, 16}:
                continue
        elif kind is Kind.INT and length != VARIABLE and length > 8 and (pen, element, length) != wide:
            continue
        if name not in best or (rank, place) < best[name]:
            best[name] = (rank, place)
    codes = {}
    for element, name in ((195, "ip_tos"), (98, "dst_tos")):
        places = [
            p for p, spec in enumerate(specs) if spec[:2] == (0, element) and (1 <= spec[2] <= 8 or spec[2] == VARIABLE)
        ]
        if places and name not in best:
            codes[places[0]] = name
    row: dict[str, Any] = {"extra": []}
    winners = {place: name for name, (_, place) in best.items()}
    for place, ((pen, element, _), value) in enumerate(zip(specs, values, strict=True)):
        if place in winners:
            row[winners[place]] = slow_value(winners[place], value)
        elif place in codes:
            code = int.from_bytes(value, "big")
            row[codes[place]] = code << 2 if 1 <= len(value) <= 8 and code < 64 else None
        elif (pen, element) not in IGNORED or (pen, element) in ELEMENTS:
            row["extra"].append((pen, element, value))
    row.setdefault("flows", 1)
    if row["flows"] is None:
        row["flows"] = 1
    return {name: value for name, value in sorted(row.items()) if value not in (None, [])}


def slow_value(name: str, raw: bytes) -> Any:
    """Value of a field, None where it cannot be one."""
    item = FIELDS[name]
    if item.kind is Kind.TEXT:
        return text.clean(raw[:255])
    number = int.from_bytes(raw, "big")
    if name == "application_id" and len(raw) == 9:
        return (raw[0] & 0x7F) << 56 | int.from_bytes(raw[2:], "big")
    if item.kind is Kind.ADDRESS:
        return V4 | number if len(raw) == 4 else number
    if not 1 <= len(raw) <= 8:
        return None
    top = (1 << 63) - 1 if item.dtype == "i8" else (1 << 8 * int(item.dtype[1:])) - 1
    if number > top:
        return top if item.summable else None
    return number


HEADER = {"sampler_address", "flow_source", "observation_domain_id", "quality", *SKIPPED}
"""Fields that come from elsewhere than the record."""


def fast_rows(batches: list[FlowBatch]) -> Counter[str]:
    """Rows of the vectorised decoder in the form of `SlowDecoder.rows`."""
    rows: Counter[str] = Counter()
    for batch in batches:
        names = [name for name in FIELDS if name not in HEADER and name != "extra" and batch.has(name)]
        for row in range(len(batch)):
            found: dict[str, Any] = {name: batch.value(name, row) for name in names}
            found["extra"] = batch.extra.at(row) if batch.extra is not None else []
            rows[repr({name: value for name, value in sorted(found.items()) if value not in (None, [])})] += 1
    return rows
