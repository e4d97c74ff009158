"""Filter tree to a NumPy mask over a batch of flows: the compiler for live flows.

Semantics are those of `tree`: a leaf on an absent field is false. `sql.py` is the same for stored flows; a
property test holds both to one slow reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch
from nftui.engine.query import tree
from nftui.engine.query.filters import Filter
from nftui.engine.query.pieces import Piece, pieces
from nftui.engine.query.values import BITS_PER_BYTE_MS, COUNTERS, MAX_COUNTER, MAX_RATE, SECOND_MS
from nftui.engine.schema import FIELDS

Bools = NDArray[np.bool_]
Numbers = NDArray[np.integer[Any] | np.floating[Any]]

_FEW = 8
"""Ranges that are tested one by one; more are looked up by bisection."""


def mask(filter: Filter, batch: FlowBatch, scaled: bool = True) -> Bools:  # noqa: A002 - the contract's name
    """Which flows of the batch pass.

    Args:
        filter: a parsed filter.
        batch: n flows.
        scaled: bytes and packets are multiplied by the sampling rate before they are compared.

    Returns:
        bool[n].
    """
    return _Evaluation(batch, scaled).node(filter.tree)


class _Evaluation:
    """One pass over one batch; values that several leaves need are computed once."""

    def __init__(self, batch: FlowBatch, scaled: bool) -> None:
        self._batch = batch
        self._scaled = scaled
        self._values: dict[str, tuple[Numbers, Bools | None] | None] = {}

    def node(self, node: tree.Node) -> Bools:
        match node:
            case tree.All(parts):
                out = self.node(parts[0])
                for part in parts[1:]:
                    if not out.any():
                        break
                    out = out & self.node(part)
                return out
            case tree.Any(parts):
                out = self.node(parts[0])
                for part in parts[1:]:
                    out = out | self.node(part)
                return out
            case tree.Not(part):
                return ~self.node(part)
            case tree.Always(value):
                return np.full(len(self._batch), value)
            case tree.Numbers(value, spans):
                return self._numbers(value, spans)
            case tree.Addresses(field, blocks):
                return self._addresses(field, blocks)
            case tree.Bits(field, bits, wanted):
                if not self._batch.has(field):
                    return self._nothing()
                column = self._batch.columns[field].astype(np.int64)
                return self._where_valid(field, (column & bits) == wanted)
            case tree.Text(field, pattern, how):
                return self._text(field, pattern, how)
            case tree.Ordered(field, other):
                return self._ordered(field, other)
            case tree.Present(field):
                return self._present(field)

    def _nothing(self) -> Bools:
        return np.zeros(len(self._batch), np.bool_)

    def _where_valid(self, field: str, found: Bools) -> Bools:
        valid = self._batch.valid.get(field)
        return found if valid is None else found & valid

    def _ordered(self, field: str, other: str) -> Bools:
        if not (self._batch.has(field) and self._batch.has(other)):
            return self._nothing()
        low, high = (self._batch.columns[name].astype(np.int64) for name in (field, other))
        return self._where_valid(other, self._where_valid(field, low <= high))

    def _present(self, field: str) -> Bools:
        if not self._batch.has(field):
            return self._nothing()
        if field in self._batch.text:
            return self._batch.text[field].codes >= 0
        if field == "extra":
            assert self._batch.extra is not None
            return np.diff(self._batch.extra.offsets) > 0
        return self._where_valid(field, np.ones(len(self._batch), np.bool_))

    # Numbers

    def _numbers(self, value: str, spans: tuple[tree.Span, ...]) -> Bools:
        if value not in self._values:
            self._values[value] = self._compute(value)
        computed = self._values[value]
        if computed is None:
            return self._nothing()
        array, valid = computed
        found = _inside(array, spans)
        return found if valid is None else found & valid

    def _compute(self, value: str) -> tuple[Numbers, Bools | None] | None:
        """Array of the value and where it is known; None where no row has it."""
        if value in COUNTERS:
            return self._counter(value)
        if value == "duration":
            duration = self._duration()
            return None if duration is None else (duration, None)
        if value in {"pps", "bps"}:
            return self._rate(
                "packets" if value == "pps" else "bytes", SECOND_MS if value == "pps" else BITS_PER_BYTE_MS
            )
        if value == "bpp":
            return self._bytes_per_packet()
        if value == "port_code":
            port = self._column("dst_port")
            return None if port is None else (port[0].astype(np.int64) & 0xFF, port[1])
        return self._column(value)

    def _column(self, name: str) -> tuple[Numbers, Bools | None] | None:
        if not self._batch.has(name):
            return None
        return self._batch.columns[name], self._batch.valid.get(name)

    def _counter(self, name: str) -> tuple[Numbers, Bools | None] | None:
        counter = self._column(name)
        rate = self._column("sampling_rate") if self._scaled else None
        if counter is None or rate is None:
            return counter
        return scaled_counter(counter[0], rate[0], rate[1]), counter[1]

    def _duration(self) -> NDArray[np.int64] | None:
        start, end = self._column("time_flow_start_ms"), self._column("time_flow_end_ms")
        if start is None or end is None:
            return None
        return end[0].astype(np.int64) - start[0].astype(np.int64)

    def _rate(self, counter: str, factor: int) -> tuple[Numbers, Bools | None] | None:
        amount, duration = self._counter(counter), self._duration()
        if amount is None or duration is None:
            return None
        return _quotient(amount[0].astype(np.float64) * factor, duration), amount[1]

    def _bytes_per_packet(self) -> tuple[Numbers, Bools | None] | None:
        octets, packets = self._column("bytes"), self._column("packets")
        if octets is None or packets is None:
            return None
        valid = octets[1] if packets[1] is None else packets[1] if octets[1] is None else octets[1] & packets[1]
        return _quotient(octets[0].astype(np.float64), packets[0].astype(np.int64)), valid

    # Addresses and text

    def _addresses(self, field: str, blocks: tuple[tree.Block, ...]) -> Bools:
        if not self._batch.has(field):
            return self._nothing()
        high, low = (self._batch.columns[name].astype(np.int64, copy=False) for name in FIELDS[field].physical)
        if len(blocks) <= _FEW:
            found = self._nothing()
            for block in blocks:
                for piece in pieces(block):
                    found |= _in_piece(high, low, piece)
        else:
            found = _in_many(high, low, blocks)
        return self._where_valid(field, found)

    def _text(self, field: str, pattern: str, how: tree.Match) -> Bools:
        column = self._batch.text.get(field)
        if column is None:
            return self._nothing()
        hits = np.array([matches(value, pattern, how) for value in column.values] + [False], np.bool_)
        return hits[column.codes]


def matches(value: str, pattern: str, how: tree.Match) -> bool:
    """Whether a text matches a lower-case pattern, without regard to case."""
    text = value.lower()
    if how is tree.Match.EQUAL:
        return text == pattern
    if how is tree.Match.PREFIX:
        return text.startswith(pattern)
    if how is tree.Match.SUFFIX:
        return text.endswith(pattern)
    return pattern in text


def scaled_counter(counter: Numbers, rate: Numbers, known: Bools | None) -> NDArray[np.int64]:
    """Counter times sampling rate, int64[n]; an unknown rate is 1 (see `values.MAX_COUNTER` for the bound)."""
    factor = np.clip(rate.astype(np.int64), 1, MAX_RATE)
    if known is not None:
        factor = np.where(known, factor, 1)
    amount = counter.astype(np.int64)
    return np.where(factor > 1, np.minimum(amount, MAX_COUNTER), amount) * factor


def scaled_batch(batch: FlowBatch) -> FlowBatch:
    """The flows with counters multiplied by their sampling rates; the rates stay, the other columns are shared."""
    if not batch.has("sampling_rate"):
        return batch
    rate, known = batch.columns["sampling_rate"], batch.valid.get("sampling_rate")
    columns = {
        name: scaled_counter(column, rate, known) if name in COUNTERS else column
        for name, column in batch.columns.items()
    }
    return FlowBatch(batch.length, columns, batch.valid, batch.text, batch.extra)


def _quotient(amount: NDArray[np.float64], divisor: NDArray[np.int64]) -> NDArray[np.float64]:
    """Rounded down; 0 where there is nothing to divide by."""
    usable = divisor > 0
    return np.where(usable, np.floor(amount / np.where(usable, divisor, 1).astype(np.float64)), 0.0)


def _inside(array: Numbers, spans: tuple[tree.Span, ...]) -> Bools:
    if len(spans) > _FEW:
        return _inside_many(array, spans)
    found = np.zeros(len(array), np.bool_)
    for low, high in spans:
        inside = np.ones(len(array), np.bool_)
        if low is not None:
            inside &= array == low if low == high else array >= low
        if high is not None and low != high:
            inside &= array <= high
        found |= inside
    return found


def _inside_many(array: Numbers, spans: tuple[tree.Span, ...]) -> Bools:
    if array.dtype.kind != "f":
        array = array.astype(np.int64)
    least, most = -(2**63), 2**63 - 1
    clipped = [(least if a is None else a, most if b is None else b) for a, b in spans]
    clipped = [(max(a, least), min(b, most)) for a, b in clipped if a <= most and b >= least]
    starts = np.array([a for a, _ in clipped], np.int64)
    ends = np.array([b for _, b in clipped], np.int64)
    place = np.searchsorted(starts, array, side="right") - 1
    found: Bools = (place >= 0) & (array <= ends[place])
    return found


def _in_piece(high: NDArray[np.int64], low: NDArray[np.int64], piece: Piece) -> Bools:
    first, last = piece.high
    found = high == first if first == last else (high >= first) & (high <= last)
    if piece.low is not None:
        first, last = piece.low
        found &= low == first if first == last else (low >= first) & (low <= last)
    return found


def _in_many(high: NDArray[np.int64], low: NDArray[np.int64], blocks: tuple[tree.Block, ...]) -> Bools:
    """Bisection. IPv4 by the low half alone; the rest as 16-byte strings, whose order is that of addresses."""
    v4 = (high == 0) & (low >> 32 == 0xFFFF)
    found = np.zeros(len(high), np.bool_)
    first, last = 0xFFFF << 32, (0xFFFF << 32) | 0xFFFFFFFF
    small = [(max(a, first), min(b, last)) for a, b in blocks if a <= last and b >= first]
    if small:
        starts, ends = np.array(small, np.int64).T
        place = np.searchsorted(starts, low, side="right") - 1
        found |= v4 & (place >= 0) & (low <= ends[place])
    rest = np.flatnonzero(~v4)
    if len(rest) and (blocks[0][0] < first or blocks[-1][1] > last):
        starts, ends = (_keys_of(side) for side in zip(*blocks, strict=True))
        halves = np.stack([high[rest], low[rest]], axis=1).view(np.uint64).byteswap()
        keys = np.ascontiguousarray(halves).view("S16").ravel()
        place = np.searchsorted(starts, keys, side="right") - 1
        found[rest] |= (place >= 0) & (keys <= ends[place])
    return found


def _keys_of(values: tuple[int, ...]) -> NDArray[np.bytes_]:
    return np.frombuffer(b"".join(value.to_bytes(16, "big") for value in values), "S16")
