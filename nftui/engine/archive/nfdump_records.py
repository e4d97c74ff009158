"""Flows as the records of nfdump's layout 2, all flows with the same extensions together.

The extensions and what they hold are those of `nfdump_layout`. A flow has an extension if it has a value that only
this one can hold; what else the extension holds and the flow lacks is 0, for nfdump knows no nulls. nfdump keeps the
counters of sampled flows multiplied by the sampling rate and flags them, and so do these records.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.archive.kept import Kept, kept_elements
from nftui.engine.archive.nfdump_layout import (
    ELEMENT_HEADER,
    EXTENSIONS,
    FLOW_HEADER,
    NO_ELEMENT_PEN,
    Extension,
    FlowFlag,
    Member,
    RecordType,
)
from nftui.engine.batch import Array, FlowBatch, Mask
from nftui.engine.counters import Counts, add
from nftui.engine.schema import FIELDS, FlowSource, Kind

Bytes = NDArray[np.uint8]

SAMPLING_INTERVAL = (0, 305)
"""Element under which the reader keeps the rate by which the counters of a file were multiplied."""

KNOWN_TO_1_7_1 = frozenset(range(1, 38)) - {18, 34, 35}
"""Extensions that nfdump 1.7.1 knows. Others it passes over, with a line on standard error for each flow."""

_GENERIC, _APPLICATION = 1, 27
_FAMILIES = {2: 3, 8: 9, 10: 11, 12: 13, 20: 21}
"""Extensions with IPv4 addresses and those with the same as IPv6."""
_ONLY_WITH = {
    19: ("firewall_event", "firewall_ext_event"),
    25: ("nat_event",),
    33: ("observation_point_id",),
    38: ("customer_vlan",),
    39: ("flow_id",),
}
"""Fields that make a flow have an extension, where not all of its fields do."""
_HERE_ANYWAY = frozenset({
    "quality", "sampling_rate", "observation_domain_id", "flow_source", "engine_type", "engine_id", "etype",
    "ip_version", "application_id",
})  # fmt: skip
"""Fields in headers and other records, or that other fields say too."""
_EVENT_TIME = (0, 323)


@dataclass(slots=True)
class _Element:
    """An extension that some flows of a batch have.

    Attributes:
        id: of the extension.
        size: bytes of its payload.
        present: which flows have it.
        payload: makes uint8[n, size] for the given rows.
    """

    id: int
    size: int
    present: Mask
    payload: Callable[[NDArray[np.int64]], Bytes]


@dataclass(slots=True)
class Records:
    """Records of one shape.

    Attributes:
        image: uint8[n, size].
        rows: the flows that they are, by their place in the batch.
    """

    image: Bytes
    rows: NDArray[np.int64]


@dataclass(slots=True)
class RecordMaker:
    """Makes records of batches.

    Attributes:
        anonymised: flag the records as anonymised.
        extensions: those that may be written.
        counts: what could not be carried as it was: `fields.not_carried.FIELD`, `values.saturated.FIELD`,
            `values.truncated.FIELD`.
    """

    anonymised: bool = False
    extensions: Collection[int] = KNOWN_TO_1_7_1
    counts: Counts = field(default_factory=dict)

    def records(self, batch: FlowBatch, exporter: NDArray[np.uint16], sampled: Mask) -> Iterator[Records]:
        """The flows as records, shape by shape.

        Args:
            batch: flows, counters multiplied already.
            exporter: number of each flow's exporter.
            sampled: which flows are to be flagged as sampled.
        """
        kept = kept_elements(batch.extra) if batch.extra is not None else {}
        elements = self._elements(batch, kept)
        headers = self._headers(batch, exporter, sampled)
        codes = np.zeros(len(batch), np.uint64)
        for place, element in enumerate(elements):
            if place % 63 == 62:
                codes = np.unique(codes, return_inverse=True)[1].astype(np.uint64)
            codes = codes << np.uint64(1) | element.present
        _, first, shape = np.unique(codes, return_index=True, return_inverse=True)
        for number in np.argsort(first).tolist():
            rows = np.flatnonzero(shape == number)
            yield Records(_image(headers, rows, [e for e in elements if e.present[first[number]]]), rows)

    def _headers(self, batch: FlowBatch, exporter: NDArray[np.uint16], sampled: Mask) -> NDArray[np.void]:
        out = np.zeros(len(batch), FLOW_HEADER)
        out["type"] = RecordType.FLOW
        out["exporter"] = exporter
        for name in ("engine_type", "engine_id"):
            out[name] = batch.or_zero(name)
        source = batch.or_zero("flow_source")
        out["export_version"] = np.where(source <= FlowSource.IPFIX, source, 0)
        flags = np.where(sampled, np.uint8(FlowFlag.SAMPLED), np.uint8(0))
        for name in ("firewall_event", "nat_event"):
            flags |= np.where(_has(batch, name), np.uint8(FlowFlag.EVENT), np.uint8(0))
        out["flags"] = flags | np.uint8(FlowFlag.ANONYMISED if self.anonymised else 0)
        return out

    def _elements(self, batch: FlowBatch, kept: Kept) -> list[_Element]:
        """Extensions of the batch, in the order of their numbers."""
        out, carried = [], set(_HERE_ANYWAY)
        used: set[tuple[int, int, int]] = {(*SAMPLING_INTERVAL, 4)}
        for number, extension in sorted(EXTENSIONS.items()):
            if number not in self.extensions:
                continue
            carried.update(member.field for member in extension.members)
            if extension.members:
                element = self._element(batch, extension, kept, used)
                if element is not None and element.present.any():
                    out.append(element)
            elif number == _APPLICATION and batch.has("application_id"):
                out.append(_application(batch))
        for (enterprise, identity, length), (rows, values) in kept.items():
            if enterprise == NO_ELEMENT_PEN and identity in self.extensions:
                out.append(_whole(len(batch), identity, rows, values))
            elif (enterprise, identity, length) not in used:
                add(self.counts, {"fields.not_carried.extra": len(rows)})
        for name in (*batch.text, *(name for name in FIELDS if batch.has(name))):
            lost = int(np.count_nonzero(_has(batch, name))) if name not in carried | {"extra"} else 0
            if lost:
                add(self.counts, {f"fields.not_carried.{name}": lost})
                carried.add(name)
        return out

    def _element(
        self, batch: FlowBatch, extension: Extension, kept: Kept, used: set[tuple[int, int, int]]
    ) -> _Element | None:
        """An extension with members; None if no flow can have it."""
        number = extension.id
        fields = _ONLY_WITH.get(number) or tuple(member.field for member in extension.members if member.field)
        found = [_has(batch, name) for name in fields if batch.has(name)]
        present = np.logical_or.reduce(found) if found else np.zeros(len(batch), np.bool_)
        elements: dict[int, tuple[NDArray[np.int64], Bytes]] = {}
        for place, member in enumerate(extension.members):
            width = np.dtype(member.format).itemsize
            if member.element is not None and (*member.element, width) in kept:
                elements[place] = kept[*member.element, width]
                used.add((*member.element, width))
                if member.element != _EVENT_TIME:
                    present = present.copy()
                    present[elements[place][0]] = True
        if number in _FAMILIES or number in _FAMILIES.values():
            ipv6 = np.logical_or.reduce([_is_ipv6(batch, name) for name in fields])
            present = present & (~ipv6 if number in _FAMILIES else ipv6)
            if fields == ("sampler_address",):  # never null: the unspecified address stands for an unknown one
                present = present & ((batch.columns["sampler_address_hi"] | batch.columns["sampler_address_lo"]) != 0)
        elif number == _GENERIC:
            present = np.ones(len(batch), np.bool_)
        elif number == 5:
            present = present & ((batch.or_zero("flows") != 1) | _has(batch, "out_bytes") | _has(batch, "out_packets"))
        elif number == 39:
            present = present & ~(_has(batch, "firewall_event") | _has(batch, "firewall_ext_event"))
        if not present.any():
            return None
        layout = np.dtype({
            "names": [f"m{place}" for place in range(len(extension.members))],
            "formats": [_little(member.format) for member in extension.members],
            "offsets": [member.offset for member in extension.members],
            "itemsize": extension.size,
        })  # fmt: skip

        def payload(rows: NDArray[np.int64]) -> Bytes:
            out = np.zeros(len(rows), layout)
            for place, member in enumerate(extension.members):
                if member.field and batch.has(member.field):
                    out[f"m{place}"] = self._values(batch, member, rows)
                elif place in elements:
                    _put_kept(out[f"m{place}"], member, rows, *elements[place])
                elif member.element == _EVENT_TIME:
                    out[f"m{place}"] = batch.columns["time_flow_start_ms"][rows]
            return out.view(np.uint8).reshape(len(rows), extension.size)

        return _Element(number, extension.size, present, payload)

    def _values(self, batch: FlowBatch, member: Member, rows: NDArray[np.int64]) -> Array:
        """Values of a member of the given flows, 0 for null, cut to what it can hold."""
        name, item = member.field, FIELDS[member.field]
        valid = _has(batch, name)[rows]
        if item.kind is Kind.ADDRESS:
            high, low = (np.where(valid, batch.columns[column][rows], 0) for column in item.physical)
            if member.format == "u4":
                return low & 0xFFFFFFFF
            return np.stack([high, low], axis=1).view(np.uint64)
        if item.kind is Kind.TEXT:
            return self._texts(batch, member, rows)
        values: Array = np.where(valid, batch.columns[name][rows], 0)
        largest = int(np.iinfo(np.dtype(member.format)).max)
        over = values > min(largest, np.iinfo(values.dtype).max)
        if not over.any():
            return values
        if name == "tcp_flags":  # the bits beyond are lost, not the others
            add(self.counts, {f"values.truncated.{name}": int(np.count_nonzero(over))})
            return values & largest
        add(self.counts, {f"values.saturated.{name}": int(np.count_nonzero(over))})
        return np.minimum(values, largest)

    def _texts(self, batch: FlowBatch, member: Member, rows: NDArray[np.int64]) -> Array:
        column = batch.text[member.field]
        most = np.dtype(member.format).itemsize - 1  # C strings end with a NUL
        raw = [value.encode() for value in column.values]
        cut = [text if len(text) <= most else text[:most].decode(errors="ignore").encode() for text in raw]
        long = np.array([len(text) > most for text in raw] + [False], np.bool_)[column.codes[rows]]
        if long.any():
            add(self.counts, {f"values.truncated.{member.field}": int(np.count_nonzero(long))})
        return np.array([*cut, b""], f"S{most + 1}")[column.codes[rows]]


def _image(headers: NDArray[np.void], rows: NDArray[np.int64], elements: list[_Element]) -> Bytes:
    size = FLOW_HEADER.itemsize + sum(ELEMENT_HEADER.itemsize + element.size for element in elements)
    head = headers[rows]
    head["size"], head["elements"] = size, len(elements)
    image = np.empty((len(rows), size), np.uint8)
    at = FLOW_HEADER.itemsize
    image[:, :at] = head.view(np.uint8).reshape(len(rows), at)
    for element in elements:
        start = at + ELEMENT_HEADER.itemsize
        header = np.array([(element.id, ELEMENT_HEADER.itemsize + element.size)], ELEMENT_HEADER)
        image[:, at:start] = header.view(np.uint8)
        at = start + element.size
        image[:, start:at] = element.payload(rows)
    return image


def _application(batch: FlowBatch) -> _Element:
    """The application id as it was received: 4 bytes in network byte order, 8 where they do not suffice."""
    values, present = batch.columns["application_id"], _has(batch, "application_id")
    size = 8 if bool((present & (values >> 32 != 0)).any()) else 4

    def payload(rows: NDArray[np.int64]) -> Bytes:
        wide: Array = values[rows].astype(f">u{size}")
        return wide.view(np.uint8).reshape(len(rows), size)

    return _Element(_APPLICATION, size, present, payload)


def _whole(length: int, number: int, rows: NDArray[np.int64], values: Bytes) -> _Element:
    """An extension that came out of another file of nfdump and is kept as it was."""
    present = np.zeros(length, np.bool_)
    present[rows] = True
    return _Element(number, values.shape[1], present, lambda wanted: values[np.searchsorted(rows, wanted)])


def _put_kept(into: Array, member: Member, rows: NDArray[np.int64], having: NDArray[np.int64], values: Bytes) -> None:
    """Put elements in network byte order where the rows that have them are."""
    _, places, found = np.intersect1d(rows, having, assume_unique=True, return_indices=True)
    base = np.dtype(member.format).base.newbyteorder(">")
    into[places] = np.ascontiguousarray(values[found]).view(base).reshape(into[places].shape)


def _little(form: str) -> np.dtype[Any]:
    """A member's type in the file: of little-endian order, if it does not always have the other one."""
    return np.dtype(form) if form.startswith(">") else np.dtype(form).newbyteorder("<")


def _has(batch: FlowBatch, name: str) -> Mask:
    if name in batch.text:
        return batch.text[name].codes >= 0
    if name == "extra" or not batch.has(name):
        return np.zeros(len(batch), np.bool_)
    return batch.valid.get(name, np.ones(len(batch), np.bool_))


def _is_ipv6(batch: FlowBatch, name: str) -> Mask:
    if not batch.has(name):
        return np.zeros(len(batch), np.bool_)
    high, low = (batch.columns[column] for column in FIELDS[name].physical)
    is_ipv4: Mask = (high == 0) & (low >> 32 == 0xFFFF)
    return _has(batch, name) & ~is_ipv4
