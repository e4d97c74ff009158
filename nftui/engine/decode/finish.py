"""Registers to a flow batch: addresses of either family, times, sampling, names and the constant columns."""

from __future__ import annotations

import numpy as np

from nftui.engine.batch import Array, FlowBatch, Mask
from nftui.engine.decode.datagrams import Ints
from nftui.engine.decode.layout import DSCP_ELEMENTS, LATENCIES
from nftui.engine.decode.options import Options
from nftui.engine.decode.rows import Rows, spread
from nftui.engine.decode.sessions import Domains, Sessions
from nftui.engine.decode.tally import Tally
from nftui.engine.decode.texts import code_texts
from nftui.engine.decode.times import fill_times
from nftui.engine.limits import Limits
from nftui.engine.schema import FIELDS, Kind, Quality
from nftui.text import V4_PREFIX

_ADDRESSES = tuple(item.name for item in FIELDS.values() if item.kind is Kind.ADDRESS)
_ICMP = (1, 58)
_LEAST_FLOAT = 0x30000000


class Finisher:
    """Makes flow batches of rows.

    Args:
        sessions: for the exporter's address.
        domains: for the observation domain.
        options: for what exporters announced.
        limits: bounds.
        tally: gets the counts of repairs.
    """

    def __init__(self, sessions: Sessions, domains: Domains, options: Options, limits: Limits, tally: Tally) -> None:
        self._sessions = sessions
        self._domains = domains
        self._options = options
        self._limits = limits
        self._tally = tally

    def finish(self, rows: Rows, header_rate: Ints | None = None) -> FlowBatch:
        """Flow batch of the rows, with what is known of their exporters at this moment."""
        batch = FlowBatch(rows.length, extra=rows.extra)
        _application(rows)
        for name, values in rows.values.items():
            if name in FIELDS:
                batch.columns[name] = values
                if name in rows.valid:
                    batch.valid[name] = rows.valid[name]
        self._constants(rows, batch)
        self._addresses(rows, batch)
        self._icmp(rows, batch)
        _latencies(rows, batch)
        for element, name in DSCP_ELEMENTS.items():
            code = rows.values.get(f"dscp.{element}")
            if code is not None:
                has = code < 64
                if f"dscp.{element}" in rows.valid:
                    has &= rows.valid[f"dscp.{element}"]
                _fill(batch, name, code << np.uint8(2), has)
        if rows.frames is not None:
            from nftui.engine.decode.sampled import fill_from_frames

            fill_from_frames(rows, batch)
        boot = self._options.boot_of(rows) if rows.messages.version == 10 else None
        start, end = fill_times(rows, boot, self._limits, self._tally)
        batch.columns["time_flow_start_ms"], batch.columns["time_flow_end_ms"] = start, end
        rates = self._options.rates(rows, header_rate)
        if rates is not None:
            batch.columns["sampling_rate"] = rates.astype(np.uint32)
            if not rates.all():
                batch.valid["sampling_rate"] = rates > 0
        for name, (positions, lengths, valid) in rows.texts.items():
            long = lengths > self._limits.text_bytes
            if long.any():
                self._tally.many("text.cut", rows.messages.rank[rows.message[long]])
            limit = self._limits.text_bytes
            batch.text[name] = code_texts(rows.messages.wire, positions, lengths, valid, limit)
        for name, column in self._options.names(rows).items():
            batch.text.setdefault(name, column)
        if rows.messages.late:
            rows.flag(np.ones(rows.length, np.bool_), Quality.LATE_TEMPLATE)
        batch.columns["quality"] = np.zeros(rows.length, np.uint16) if rows.quality is None else rows.quality
        return batch

    def _constants(self, rows: Rows, batch: FlowBatch) -> None:
        messages = rows.messages
        batch.columns["time_received_ms"] = spread(messages.received_ms, rows.message)
        batch.columns["sampler_address_hi"] = spread(self._sessions.address_hi[messages.session], rows.message)
        batch.columns["sampler_address_lo"] = spread(self._sessions.address_lo[messages.session], rows.message)
        domain = self._domains.domain[messages.slot].astype(np.uint32)
        own = batch.columns.get("observation_domain_id")
        if own is None:
            batch.columns["observation_domain_id"] = spread(domain, rows.message)
        elif "observation_domain_id" in batch.valid:
            valid = batch.valid.pop("observation_domain_id")
            batch.columns["observation_domain_id"] = np.where(valid, own, domain[rows.message])
        batch.columns["flow_source"] = np.full(rows.length, messages.version, np.uint8)
        flows = batch.columns.get("flows")
        if flows is None:
            batch.columns["flows"] = np.ones(rows.length, np.int64)
        elif "flows" in batch.valid:
            batch.columns["flows"] = np.where(batch.valid.pop("flows"), flows, 1)

    def _addresses(self, rows: Rows, batch: FlowBatch) -> None:
        swapped: Mask | None = None
        if "src_addr" in rows.first_family and "dst_addr" in rows.first_family:
            first, other = _families(rows.first_family["src_addr"])
            if rows.first_family["dst_addr"] == first:
                swapped = _is_zero(rows, "src_addr", first) & _is_zero(rows, "dst_addr", first)
                swapped &= ~(_is_zero(rows, "src_addr", other) & _is_zero(rows, "dst_addr", other))
        for name in _ADDRESSES:
            has4, has6 = name + ".4" in rows.values, name + ".6_hi" in rows.values
            if not has4 and not has6:
                continue
            if has4 and has6:
                self._merge(rows, batch, name, swapped if name in {"src_addr", "dst_addr"} else None)
                continue
            register = name + (".4" if has4 else ".6")
            batch.columns[name + "_hi"], batch.columns[name + "_lo"] = _halves(rows, name, "4" if has4 else "6")
            if register in rows.valid:
                batch.valid[name] = rows.valid[register]

    @staticmethod
    def _merge(rows: Rows, batch: FlowBatch, name: str, swapped: Mask | None) -> None:
        """One column of both families: rows of different layouts, or records that carry both."""
        high4, low4 = _halves(rows, name, "4")
        high6, low6 = _halves(rows, name, "6")
        if name in rows.first_family:
            # Exporters that send one template for both families leave the other one zero; both zero is 0.0.0.0.
            first, other = _families(rows.first_family[name])
            if swapped is None:
                swapped = _is_zero(rows, name, first)
                if first == "4":
                    swapped &= ~_is_zero(rows, name, other)
            use4 = swapped if first == "6" else ~swapped
        else:
            use4 = rows.valid[name + ".4"]
            both = use4 | rows.valid[name + ".6"]
            if not both.all():
                batch.valid[name] = both
        batch.columns[name + "_hi"] = np.where(use4, high4, high6)
        batch.columns[name + "_lo"] = np.where(use4, low4, low6)

    @staticmethod
    def _icmp(rows: Rows, batch: FlowBatch) -> None:
        """Type and code from elements 32 and 139 where there are no elements of their own.

        A value of 0 in a record of another protocol is no ICMP type. Without any port element the value is also
        the destination port, which is where v5 and v9 exporters and nfdump's users have it.
        """
        for element in (32, 139):
            values = rows.values.get(f"icmp.{element}")
            if values is None:
                continue
            number = values.astype(np.int64)
            valid = rows.valid.get(f"icmp.{element}")
            has = np.ones(rows.length, np.bool_) if valid is None else valid.copy()
            protocol = batch.columns.get("proto")
            if protocol is not None:
                has &= np.isin(protocol, _ICMP) | (number != 0)
            has &= number <= 0xFFFF
            _fill(batch, "icmp_type", (number >> 8).astype(np.uint8), has)
            _fill(batch, "icmp_code", number.astype(np.uint8), has)
            _fill(batch, "dst_port", number.astype(np.uint16), has)


def _application(rows: Rows) -> None:
    """Ids of 9 bytes as `fold_application` has them; rows of other layouts may have shorter ones."""
    engine = rows.values.get("application.engine")
    if engine is None:
        return
    number = rows.values["application.number"].astype(np.int64)
    wide = (engine.astype(np.int64) & 0x7F) << 56 | number & ((1 << 56) - 1)
    has, other = rows.valid.get("application.engine"), rows.values.get("application_id")
    if has is not None and other is not None:
        rows.values["application_id"] = np.where(has, wide, other)
        rows.valid["application_id"] = has | rows.valid["application_id"]
        return
    rows.values["application_id"] = wide
    if has is not None:
        rows.valid["application_id"] = has


def _latencies(rows: Rows, batch: FlowBatch) -> None:
    """Microseconds from nProbe's milliseconds, which are whole numbers or, since its version 7, floats of 4 bytes."""
    for who in LATENCIES:
        values = rows.values.get(f"latency.{who}")
        if values is None:
            continue
        # A float above 2^-31 reads as a whole number of 9 days and more: no delay is that long.
        floats = np.ascontiguousarray(values, np.uint32).view(np.float32).astype(np.float64)
        is_float = (values >= _LEAST_FLOAT) & np.isfinite(floats) & (floats >= 0)
        micros = np.where(is_float, np.minimum(np.nan_to_num(floats), 2.0**40) * 1000, values * 1000.0)
        batch.columns[f"{who}_latency_us"] = np.rint(micros).astype(np.int64)
        if f"latency.{who}" in rows.valid:
            batch.valid[f"{who}_latency_us"] = rows.valid[f"latency.{who}"]


def _families(first: str) -> tuple[str, str]:
    return first, "6" if first == "4" else "4"


def _halves(rows: Rows, name: str, family: str) -> tuple[Array, Array]:
    if family == "4":
        return np.zeros(rows.length, np.int64), rows.values[name + ".4"] | np.int64(V4_PREFIX)
    return rows.values[name + ".6_hi"], rows.values[name + ".6_lo"]


def _is_zero(rows: Rows, name: str, family: str) -> Mask:
    halves = [rows.values[name + ".4"]] if family == "4" else [rows.values[name + ".6_hi"], rows.values[name + ".6_lo"]]
    zero = np.ones(rows.length, np.bool_)
    for half in halves:
        zero &= half == 0
    return zero


def _fill(batch: FlowBatch, name: str, values: Array, has: Mask) -> None:
    """Give rows without a value of the field one, where there is one."""
    if name not in batch.columns:
        if has.any():
            batch.columns[name] = values
            if not has.all():
                batch.valid[name] = has
        return
    valid = batch.valid.get(name)
    if valid is None:
        return
    batch.columns[name] = np.where(valid, batch.columns[name], values)
    batch.valid[name] = valid | has
