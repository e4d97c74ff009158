"""Octets, packets and flows of the rows of a batch, ready to be summed in int64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch, Index, Mask

_SAFE_SUM = float(1 << 54)
"""A batch whose sum stays below is summed as it is: 256 such batches fit int64, a window has fewer."""

_CUT = (1 << 40) - 1
"""Largest value per flow in a batch beyond that: 4 million of them fit int64 beside all that is not cut."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """Counters of n flows; null counts as 0.

    Attributes:
        forward: int64[n], octets from source to destination.
        backward: int64[n], octets of the reverse direction (biflows).
        packets: int64[n], of both directions.
        flows: int64[n].
        seconds: float64[n], time from the first to the last packet.
        exact: False when values were cut because their sum could leave int64.
    """

    forward: NDArray[np.int64]
    backward: NDArray[np.int64]
    packets: NDArray[np.int64]
    flows: NDArray[np.int64]
    seconds: NDArray[np.float64]
    exact: bool

    def take(self, rows: Index | Mask) -> Amounts:
        """The chosen rows."""
        return Amounts(
            self.forward[rows],
            self.backward[rows],
            self.packets[rows],
            self.flows[rows],
            self.seconds[rows],
            self.exact,
        )


def amounts(batch: FlowBatch, scaled: bool) -> Amounts:
    """Counters of a batch.

    Args:
        batch: flows.
        scaled: multiply octets and packets by the sampling rate where one is known.
    """
    rate = _sampling(batch) if scaled else None
    columns = [
        _counter(batch, "bytes", rate),
        _counter(batch, "out_bytes", rate),
        _counter(batch, "packets", rate),
        _counter(batch, "out_packets", rate),
        _counter(batch, "flows", None) if batch.has("flows") else (np.ones(len(batch), np.int64), True),
    ]
    forward, backward, packets, out_packets, flows = (column for column, _ in columns)
    return Amounts(
        forward, backward, packets + out_packets, flows, durations(batch), all(exact for _, exact in columns)
    )


def counters_of(batch: FlowBatch, name: str, scaled: bool) -> NDArray[np.int64]:
    """One counter of each flow, int64[n]."""
    return _counter(batch, name, _sampling(batch) if scaled else None)[0]


def _sampling(batch: FlowBatch) -> NDArray[np.int64] | None:
    """Sampling rate of each row, 1 where unknown; None when every rate is 1."""
    if not batch.has("sampling_rate"):
        return None
    rate = np.maximum(batch.columns["sampling_rate"].astype(np.int64), 1)
    valid = batch.valid.get("sampling_rate")
    if valid is not None:
        rate[~valid] = 1
    return rate if (rate != 1).any() else None


def _counter(batch: FlowBatch, name: str, rate: NDArray[np.int64] | None) -> tuple[NDArray[np.int64], bool]:
    """A summable column times the rate, and whether it is unharmed."""
    column = batch.columns.get(name)
    if column is None:
        return np.zeros(len(batch), np.int64), True
    values = column.astype(np.int64, copy=False)
    valid = batch.valid.get(name)
    if valid is not None:
        values = np.where(valid, values, 0)
    wide = values.astype(np.float64)
    if rate is not None:
        wide *= rate
    if wide.sum() < _SAFE_SUM:
        return values if rate is None else values * rate, True
    return np.minimum(wide, float(_CUT)).astype(np.int64), False


def durations(batch: FlowBatch) -> NDArray[np.float64]:
    """Seconds from the first to the last packet of each flow, 0 where not known."""
    start = batch.columns.get("time_flow_start_ms")
    end = batch.columns.get("time_flow_end_ms")
    if start is None or end is None:
        return np.zeros(len(batch))
    return np.maximum(end.astype(np.int64) - start.astype(np.int64), 0) / 1000.0
