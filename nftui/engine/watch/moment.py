"""The flows of a few seconds as plain columns: what the detectors look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui import text
from nftui.engine.batch import FlowBatch
from nftui.engine.live.identity import Identity

Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]
Bools = NDArray[np.bool_]

_HALF = 0xFFFFFFFFFFFFFFFF
_STANDS_OUT = 0.05
"""A value with a smaller share is not named: it says nothing of the others."""
_MOST = 2**53
"""Counters are cut here before they are added: sums of a million of them stay within 64 bits and exact enough."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Flows that arrived together.

    Attributes:
        now_ms: UTC at the end of the moment.
        seconds: how long it was.
        batches: the flows as they came.
        columns: int64 of all rows: `src_hi src_lo dst_hi dst_lo src_port dst_port proto flags start packets bytes`;
            `flags` is -1 where the exporter does not tell; packets and bytes are as sent.
        rate: int64 of all rows, sampling rate, 1 where it is unknown.
    """

    now_ms: int
    seconds: float
    batches: Sequence[FlowBatch]
    columns: dict[str, Ints]
    rate: Ints

    def __len__(self) -> int:
        return len(self.rate)

    def column(self, name: str, rows: NDArray[Any]) -> Ints:
        """A column of some rows."""
        values: Ints = self.columns[name][rows]
        return values

    def address(self, end: str, row: int) -> str:
        """Address of the end `src` or `dst` of a row."""
        return address_text(int(self.columns[f"{end}_hi"][row]), int(self.columns[f"{end}_lo"][row]))

    def scaled(self, name: str, rows: NDArray[Any]) -> int:
        """Sum of packets or bytes of some rows, times sampling rate."""
        values = np.minimum(self.columns[name][rows], _MOST).astype(np.float64) * self.rate[rows]
        return int(min(values.sum(), 2.0**62))


_NAMES = {
    "src_hi": "src_addr_hi", "src_lo": "src_addr_lo", "dst_hi": "dst_addr_hi", "dst_lo": "dst_addr_lo",
    "src_port": "src_port", "dst_port": "dst_port", "proto": "proto", "start": "time_flow_start_ms",
    "packets": "packets", "bytes": "bytes",
}  # fmt: skip


def moment(batches: Sequence[FlowBatch], now_ms: int, seconds: float) -> Moment:
    """Make one of all batches of a few seconds."""
    columns = {name: _joined(batches, physical) for name, physical in _NAMES.items()}
    flags = [np.where(_known(batch, "tcp_flags"), batch.or_zero("tcp_flags"), -1) for batch in batches]
    columns["flags"] = np.concatenate(flags) if flags else np.zeros(0, np.int64)
    rate = np.maximum(_joined(batches, "sampling_rate"), 1)
    return Moment(now_ms, seconds, batches, columns, rate)


def _known(batch: FlowBatch, name: str) -> Bools:
    if not batch.has(name):
        return np.zeros(len(batch), np.bool_)
    return batch.valid.get(name, np.ones(len(batch), np.bool_))


def _joined(batches: Sequence[FlowBatch], physical: str) -> Ints:
    parts = []
    for batch in batches:
        column = batch.columns.get(physical)
        if column is None:
            parts.append(np.zeros(len(batch), np.int64))
            continue
        values = column.astype(np.int64)
        name = physical.removesuffix("_hi").removesuffix("_lo")
        valid = batch.valid.get(name)
        parts.append(values if valid is None else np.where(valid, values, 0))
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows that belong together.

    Attributes:
        first: int64[groups], a row of each group.
        of: int64[rows], the group of each row.
        sizes: int64[groups], rows in each.
    """

    first: Ints
    of: Ints
    sizes: Ints

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Sum of a value over each group."""
        return np.bincount(self.of, values.astype(np.float64), len(self.first)).astype(np.float64)


def group(keys: Keys) -> Groups:
    """Rows with the same key."""
    _, first, of, sizes = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    return Groups(first, of.ravel(), sizes)


class Hashes:
    """64-bit keys of several columns, with random seeds: nobody outside can aim at collisions."""

    def __init__(self) -> None:
        self._identities: dict[int, Identity] = {}

    def keys(self, *columns: Ints) -> Keys:
        """Key of each row."""
        words = [np.ascontiguousarray(column, np.int64).view(np.uint64) for column in columns]
        if len(words) not in self._identities:
            self._identities[len(words)] = Identity(len(words))
        return self._identities[len(words)].keys([words[0].copy(), *words[1:]])


def address_text(high: int, low: int) -> str:
    """Address of its two halves."""
    return text.address((high & _HALF) << 64 | low & _HALF)


def share(part: float, whole: float) -> str:
    """A part of a whole in percent."""
    return f"{100 * part / whole:.0f} %" if whole else "-"


def frequent(values: Ints, name: str, most: int = 3) -> tuple[str, str]:
    """The most frequent values of a column with their shares, as evidence; how many there are where none stands out."""
    found, counts = np.unique(values, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:most]
    if len(found) > most and counts[order[0]] < _STANDS_OUT * len(values):
        return (name, f"{len(found)} different")
    words = [f"{found[i]} ({share(counts[i], len(values))})" for i in order]
    more = f" of {len(found)}" if len(found) > most else ""
    return (name, ", ".join(words) + more)
