"""Templates: which elements carry a batch's fields, and which flows share a template.

Absent is not zero: a flow is sent by a template that has exactly the fields that the flow has, so flows are
grouped by their pattern of nulls and address families. Elements come from the schema registry.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch, Index
from nftui.engine.schema import FIELDS, Field, FlowSource, Kind, Quality, Show

VARIABLE = 0xFFFF
"""Field length of a variable-length element, RFC 7011 section 7."""

FIRST_TEMPLATE_ID = 256
MAX_TEMPLATES = 200
"""Templates of one exporter at a time. The next one takes over the identifier of the oldest."""

V9_TEXT_BYTES = 32
"""NetFlow v9 has no variable length: strings are padded to this size with NULs."""
IPFIX_TEXT_BYTES = 1020
"""Longest string that is sent: 255 characters of UTF-8."""

ETYPES = (0x0800, 0x86DD)

_BY_FAMILY = frozenset({"src_mask", "dst_mask", "icmp_type", "icmp_code"})
"""Fields whose first element is for IPv4 and the second one for IPv6."""

_NEVER = frozenset({"time_received_ms", "sampler_address", "observation_domain_id", "flow_source", "quality", "extra"})
"""In headers, or the collector's own, or (extra) without a fixed place."""

_PROVENANCE = {"time_received_ms": (258,), "sampler_address": (130, 131), "observation_domain_id": (149,)}
"""Elements that say in each record where a flow comes from: collection time, exporter's address, domain."""

_SIZE_BY_SHOW = {Show.MAC: 6, Show.MPLS: 3}
_MAX_ELEMENT = {FlowSource.V9: 0xFFFF, FlowSource.IPFIX: 0x7FFF}

_TIMES = {
    ("time_flow_start_ms", FlowSource.V9): 22,
    ("time_flow_end_ms", FlowSource.V9): 21,
    ("time_flow_start_ms", FlowSource.IPFIX): 152,
    ("time_flow_end_ms", FlowSource.IPFIX): 153,
}


class Form(Enum):
    """How a field's values become bytes."""

    NUMBER = "number"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    UPTIME = "uptime"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class WireField:
    """One field specifier of a template.

    Attributes:
        name: the registry's field.
        element: element identifier or NetFlow v9 field type.
        pen: enterprise number, 0 for IANA's.
        length: bytes, or `VARIABLE`.
        form: how values become bytes.
        text_bytes: longest text of a variable-length field.
    """

    name: str
    element: int
    pen: int
    length: int
    form: Form
    text_bytes: int = IPFIX_TEXT_BYTES

    def specifier(self) -> bytes:
        """The field specifier of RFC 7011 section 3.2; for v9 (never an enterprise) RFC 3954 section 5.2."""
        if self.pen:
            head = (self.element | 0x8000).to_bytes(2, "big") + self.length.to_bytes(2, "big")
            return head + self.pen.to_bytes(4, "big")
        return self.element.to_bytes(2, "big") + self.length.to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class Template:
    """A template record and the layout of its data records."""

    id: int
    fields: tuple[WireField, ...]

    @property
    def variable(self) -> bool:
        """Whether records differ in size."""
        return any(item.length == VARIABLE for item in self.fields)

    @property
    def size(self) -> int:
        """Bytes of a record; of its smallest when `variable`."""
        return sum(1 if item.length == VARIABLE else item.length for item in self.fields)

    def record(self) -> bytes:
        """The template record: id, field count, field specifiers."""
        head = self.id.to_bytes(2, "big") + len(self.fields).to_bytes(2, "big")
        return head + b"".join(item.specifier() for item in self.fields)


@dataclass(slots=True)
class TemplateTable:
    """Templates that one exporter has announced, by their fields.

    Attributes:
        version: `FlowSource.V9` or `FlowSource.IPFIX`.
        sizes: field name to bytes on the wire where it differs from the column's own size
            (reduced-size encoding, RFC 7011 section 6.2).
        skip: fields that are not carried in records, such as an announced sampling rate.
        provenance: records say when, from which exporter and from which domain a flow was received.
        known: announced templates, oldest first.
        made: templates announced so far.
    """

    version: FlowSource
    sizes: Mapping[str, int] = field(default_factory=dict)
    skip: Collection[str] = ()
    provenance: bool = False
    known: dict[tuple[WireField, ...], Template] = field(default_factory=dict)
    made: int = 0

    def carried(self, batch: FlowBatch) -> list[Field]:
        """The batch's fields that have an element in this protocol, in the registry's order."""
        return [f for f in FIELDS.values() if batch.has(f.name) and f.name not in self.skip and self._has_place(f)]

    def find(self, fields: tuple[WireField, ...]) -> tuple[Template, bool]:
        """The template of these fields, and whether it is new and must be announced."""
        if fields in self.known:
            return self.known[fields], False
        if len(self.known) == MAX_TEMPLATES:
            del self.known[next(iter(self.known))]
        template = Template(FIRST_TEMPLATE_ID + self.made % MAX_TEMPLATES, fields)
        self.made += 1
        self.known[fields] = template
        return template, True

    def _has_place(self, item: Field) -> bool:
        if (item.name, self.version) in _TIMES:
            return True
        if item.name in _PROVENANCE:
            return self.provenance
        return item.name not in _NEVER and bool(self._elements(item))

    def _elements(self, item: Field) -> list[tuple[int, int]]:
        """(enterprise number, element) that this protocol can name, the preferred one first."""
        pairs = [(0, e) if isinstance(e, int) else e for e in _PROVENANCE.get(item.name, item.elements)]
        if self.version == FlowSource.V9:
            return [(pen, e) for pen, e in pairs if not pen]
        return [(pen, e) for pen, e in pairs if e <= _MAX_ELEMENT[self.version]]

    def wire_field(self, item: Field, code: int, ipv6: bool) -> WireField:
        """The field specifier for a field; `code` as in `presence`, `ipv6` the family of the flow."""
        if (item.name, self.version) in _TIMES:
            form, size = (Form.UPTIME, 4) if self.version == FlowSource.V9 else (Form.NUMBER, 8)
            return WireField(item.name, _TIMES[item.name, self.version], 0, size, form)
        elements = self._elements(item)
        if item.kind is Kind.ADDRESS:
            pen, element = elements[code - 1]
            return WireField(item.name, element, pen, *((4, Form.IPV4) if code == 1 else (16, Form.IPV6)))
        if item.kind is Kind.TEXT:
            size = V9_TEXT_BYTES if self.version == FlowSource.V9 else VARIABLE
            return WireField(item.name, elements[0][1], elements[0][0], self.sizes.get(item.name, size), Form.TEXT)
        pen, element = elements[1 if ipv6 and item.name in _BY_FAMILY else 0]
        natural = _SIZE_BY_SHOW.get(item.show, np.dtype(item.dtype).itemsize)
        return WireField(item.name, element, pen, self.sizes.get(item.name, natural), Form.NUMBER)


def presence(batch: FlowBatch, item: Field) -> NDArray[np.uint8] | int:
    """Per flow 0 for null, 1 for a value (an IPv4 address), 2 for an IPv6 address; one int if all are alike.

    Values that say nothing count as null: one flow in the record, the Ethernet type of the IP version, times
    that the exporter of origin did not send.
    """
    name = item.name
    if item.kind is Kind.TEXT:
        return _alike((batch.text[name].codes >= 0).astype(np.uint8))
    codes = batch.valid[name].astype(np.uint8) if name in batch.valid else np.ones(len(batch), np.uint8)
    if item.kind is Kind.ADDRESS:
        mapped = (batch.columns[name + "_hi"] == 0) & (batch.columns[name + "_lo"] >> 32 == 0xFFFF)
        codes *= np.where(mapped, np.uint8(1), np.uint8(2))
    elif name == "flows":
        codes *= batch.columns[name] != 1
    elif name == "etype":
        codes *= ~np.isin(batch.columns[name], ETYPES)
    elif name in ("time_flow_start_ms", "time_flow_end_ms") and "quality" in batch.columns:
        codes *= (batch.columns["quality"] & Quality.TIME_MISSING) == 0
    return _alike(codes)


def _alike(codes: NDArray[np.uint8]) -> NDArray[np.uint8] | int:
    return int(codes[0]) if len(codes) and bool((codes == codes[0]).all()) else codes


def group(batch: FlowBatch, fields: list[Field]) -> Iterator[tuple[list[tuple[Field, int]], bool, Index | None]]:
    """Flows that have the same fields.

    Yields:
        The fields with their presence code, whether the flows' source is IPv6, and the positions of the flows in
        order; None in place of the positions means all flows.
    """
    if not len(batch):
        return
    codes = [presence(batch, item) for item in fields]
    mixed = [code for code in codes if not isinstance(code, int)]
    if not mixed:
        yield _present(fields, codes, 0), _is_ipv6(fields, codes, 0), None
        return
    key = np.zeros(len(batch), np.int64)
    for number, code in enumerate(mixed):
        if number % 26 == 25:  # 3^26 patterns fit an int64 together with 2^20 different keys so far
            key = np.unique(key, return_inverse=True)[1].astype(np.int64)
        key = key * 3 + code
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    for number in np.argsort(first).tolist():
        row = int(first[number])
        yield _present(fields, codes, row), _is_ipv6(fields, codes, row), np.flatnonzero(inverse == number)


def _present(fields: list[Field], codes: list[NDArray[np.uint8] | int], row: int) -> list[tuple[Field, int]]:
    pairs = [
        (item, code if isinstance(code, int) else int(code[row])) for item, code in zip(fields, codes, strict=True)
    ]
    return [(item, code) for item, code in pairs if code]


def _is_ipv6(fields: list[Field], codes: list[NDArray[np.uint8] | int], row: int) -> bool:
    return any(item.name == "src_addr" and code == 2 for item, code in _present(fields, codes, row))
