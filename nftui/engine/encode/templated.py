"""What NetFlow v9 and IPFIX have in common: sets, templates and when to send them again, datagrams of bounded size."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch, Mask
from nftui.engine.counters import Counts
from nftui.engine.encode.datagrams import PAYLOAD_BYTES, Assembled, Bytes, Datagrams, Part, assemble, uniform_part
from nftui.engine.encode.records import Moment, Records, pack_fixed, pack_variable
from nftui.engine.encode.templates import ETYPES, Template, TemplateTable, group
from nftui.engine.schema import FlowSource

SET_HEADER_BYTES = 4
OPTIONS_TEMPLATE_ID = 999
"""Above every identifier that data templates take."""

SAMPLING_INTERVAL, SAMPLING_ALGORITHM = 34, 35
DETERMINISTIC = 1
"""Sampling algorithm: every n-th packet, RFC 3954 section 8, type 35."""


class TemplatedEncoder(ABC):
    """Encoder of one exporter and observation domain.

    Args:
        domain: observation domain (IPFIX) or source identifier (v9).
        boot_ms: UTC milliseconds at which the exporter started; v9 flow times are relative to it.
        sampling_rate: announced by an options template for the whole domain when given; records then do not
            repeat it.
        payload_bytes: largest datagram.
        refresh_datagrams: templates are sent again after so many datagrams,
        refresh_ms: or after so many milliseconds, whichever comes first.
        sizes: field name to bytes on the wire where that is less than the column's size
            (RFC 7011 section 6.2); larger values saturate and are counted.
        skip: fields that are left out of the records.
        provenance: records say from which exporter and domain a flow came and when it was received, for exporters
            that speak for others.
    """

    version: FlowSource
    header_bytes: int
    template_set: int
    options_set: int

    def __init__(
        self,
        domain: int = 0,
        *,
        boot_ms: int = 0,
        sampling_rate: int | None = None,
        payload_bytes: int = PAYLOAD_BYTES,
        refresh_datagrams: int = 64,
        refresh_ms: int = 60_000,
        sizes: Mapping[str, int] | None = None,
        skip: Collection[str] = (),
        provenance: bool = False,
    ) -> None:
        self.domain = domain
        self.boot_ms = boot_ms
        self.sampling_rate = sampling_rate
        self.payload_bytes = payload_bytes
        self.refresh_datagrams = refresh_datagrams
        self.refresh_ms = refresh_ms
        announced = ("sampling_rate",) if sampling_rate is not None else ()
        self.templates = TemplateTable(self.version, sizes or {}, (*skip, *announced), provenance)
        self.sequence = 0
        self._since_refresh = 0
        self._refreshed_ms: int | None = None

    def encode(self, batch: FlowBatch, export_ms: int) -> Datagrams:
        """Encode flows.

        Flows that have the same fields travel together, in their order; each datagram has one set of them.

        Args:
            batch: flows; `sampler_address` and `observation_domain_id` are only looked at for their provenance.
            export_ms: UTC milliseconds of export, for the headers.

        Returns:
            Datagrams, with templates ahead of the first data that needs them and again when they are due.

        Raises:
            ValueError: `payload_bytes` is too small for one record.
        """
        counts: Counts = {}
        moment = Moment(export_ms, self.boot_ms)
        fields = self.templates.carried(batch)
        count_left_out(batch, {item.name for item in fields} | set(self.templates.skip), counts)
        if self._refreshed_ms is None or export_ms - self._refreshed_ms >= self.refresh_ms:
            self._since_refresh = self.refresh_datagrams
            self._refreshed_ms = export_ms
        parts: list[Part] = []
        for present, ipv6, rows in group(batch, fields):
            template, new = self.templates.find(
                tuple(self.templates.wire_field(item, code, ipv6) for item, code in present)
            )
            if new and self._since_refresh < self.refresh_datagrams:  # else the refresh ahead announces it
                parts += self._template_parts([template])
            flows = batch if rows is None else batch.take(rows)
            for part in self._data_parts(flows, template, moment, counts):
                parts += self._due(part)
        assembled = assemble(parts, counts)
        assembled.write_headers(self._headers(assembled, export_ms))
        return assembled.datagrams

    def resend_templates(self) -> None:
        """Send all templates again in front of the next data."""
        self._refreshed_ms = None

    @abstractmethod
    def _headers(self, assembled: Assembled, export_ms: int) -> Bytes:
        """Message headers as uint8[d, header_bytes]; moves the sequence number on."""

    @abstractmethod
    def _options_template(self) -> bytes:
        """The options template record of `sampling_rate`, followed by scope domain, rate, algorithm in its data."""

    def _due(self, part: Part) -> list[Part]:
        """The part, with templates in front of each datagram that is the next after `refresh_datagrams`."""
        out = []
        data, done = part.data, 0
        while done < len(data):
            if self._since_refresh >= self.refresh_datagrams:
                out += self._refresh_parts()
                self._since_refresh = 0
            stop = min(len(data), done + self.refresh_datagrams - self._since_refresh)
            rows = slice(done, stop)
            out.append(Part(data[rows], part.records[rows], part.data_records[rows], part.flows[rows]))
            self._since_refresh += stop - done
            done = stop
        return out

    def _refresh_parts(self) -> list[Part]:
        parts = self._template_parts(list(self.templates.known.values()))
        if self.sampling_rate is not None:
            options = _padded_set(self.options_set, self._options_template())
            record = self.domain.to_bytes(4, "big") + self.sampling_rate.to_bytes(4, "big") + bytes([DETERMINISTIC])
            parts.append(uniform_part(self._message(options + _padded_set(OPTIONS_TEMPLATE_ID, record)), 2, 1, 0))
        return parts

    def _template_parts(self, templates: list[Template]) -> list[Part]:
        """Template sets, as many templates to a datagram as fit."""
        room = self.payload_bytes - self.header_bytes - SET_HEADER_BYTES
        parts, held = [], list[bytes]()
        for record in (template.record() for template in templates):
            if held and sum(map(len, held)) + len(record) > room:
                parts.append(self._template_part(held))
                held = []
            held.append(record)
        return [*parts, self._template_part(held)] if held else parts

    def _template_part(self, records: list[bytes]) -> Part:
        return uniform_part(self._message(_padded_set(self.template_set, b"".join(records))), len(records), 0, 0)

    def _message(self, sets: bytes) -> Bytes:
        return np.frombuffer(bytes(self.header_bytes) + sets, np.uint8).reshape(1, -1)

    def _data_parts(self, flows: FlowBatch, template: Template, moment: Moment, counts: Counts) -> list[Part]:
        room = self.payload_bytes - self.header_bytes - SET_HEADER_BYTES
        if template.variable:
            return self._variable_parts(pack_variable(flows, template, moment, counts), template.id, room)
        matrix = pack_fixed(flows, template, moment, counts)
        most = _at_least_one(room // 4 * 4 // template.size)
        whole = len(matrix) // most * most
        parts = []
        for start, stop, size in ((0, whole, most), (whole, len(matrix), len(matrix) - whole)):
            if start < stop:
                sets = matrix[start:stop].reshape((stop - start) // size, size * template.size)
                parts.append(uniform_part(self._data_messages(sets, template.id), size, size, size))
        return parts

    def _variable_parts(self, records: Records, template_id: int, room: int) -> list[Part]:
        """As many records to a datagram as fit, from the first on."""
        parts = []
        start, total = 0, len(records.offsets) - 1
        while start < total:
            limit = records.offsets[start] + room // 4 * 4
            stop = int(np.searchsorted(records.offsets, limit, "right")) - 1
            size = _at_least_one(stop - start)
            data = records.data[records.offsets[start] : records.offsets[stop]].reshape(1, -1)
            parts.append(uniform_part(self._data_messages(data, template_id), size, size, size))
            start = stop
        return parts

    def _data_messages(self, sets: Bytes, template_id: int) -> Bytes:
        """Messages of one data set each, padded to 4 bytes, from the records' bytes uint8[d, size]."""
        size = SET_HEADER_BYTES + (sets.shape[1] + 3) // 4 * 4
        out = np.zeros((len(sets), self.header_bytes + size), np.uint8)
        head = template_id.to_bytes(2, "big") + size.to_bytes(2, "big")
        out[:, self.header_bytes : self.header_bytes + SET_HEADER_BYTES] = np.frombuffer(head, np.uint8)
        start = self.header_bytes + SET_HEADER_BYTES
        out[:, start : start + sets.shape[1]] = sets
        return out


def before(records: NDArray[np.int64], start: int) -> NDArray[np.int64]:
    """Running number of what came before each datagram, modulo 2^32."""
    return (start + np.cumsum(records) - records) & 0xFFFFFFFF


def _at_least_one(records: int) -> int:
    if records < 1:
        raise ValueError("payload_bytes is too small for one record")
    return records


def _padded_set(set_id: int, body: bytes) -> bytes:
    size = SET_HEADER_BYTES + (len(body) + 3) // 4 * 4
    return (set_id.to_bytes(2, "big") + size.to_bytes(2, "big") + body).ljust(size, b"\0")


_IN_HEADERS = frozenset(
    {"time_received_ms", "sampler_address", "observation_domain_id", "flow_source", "quality", "sampling_rate"}
)


def count_left_out(batch: FlowBatch, carried: set[str], counts: Counts) -> None:
    """Count values of fields that have no place on the wire as `fields.not_carried.FIELD`."""
    names = {"extra"} if batch.extra is not None else set[str]()
    names |= set(batch.text) | {name.removesuffix("_hi").removesuffix("_lo") for name in batch.columns}
    for name in sorted(names - carried - _IN_HEADERS):
        lost = int(np.count_nonzero(values_of(batch, name)))
        if lost:
            counts[f"fields.not_carried.{name}"] = lost


def values_of(batch: FlowBatch, name: str) -> Mask:
    """Which flows have a value of the field that is worth a place on the wire."""
    if name == "extra" and batch.extra is not None:
        return np.diff(batch.extra.offsets) > 0
    if name in batch.text:
        return batch.text[name].codes >= 0
    there: Mask = batch.valid.get(name, np.ones(len(batch), np.bool_))
    if name == "flows":
        there = there & (batch.columns[name] != 1)
    elif name == "etype":
        there = there & ~np.isin(batch.columns[name], ETYPES)
    return there
