"""What a screen asks of the live window, and the answer: plain immutable values.

Nothing here loads more than NumPy and the schema, so that widgets and their tests can build snapshots by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.schema import Show

if TYPE_CHECKING:
    from nftui.engine.history.values import TimeRange
    from nftui.engine.query.filters import Filter

TALKER_VIEWS: tuple[str, ...] = ("host", "pair", "flow", "port", "proto", "as", "interface", "exporter")
"""Views whose rows are groups of flows."""

FLOW_VIEW = "flows"
"""The view whose rows are single flow records, the latest first."""

CONVERSATION_VIEW = "conversation"
"""The view whose rows are conversations: protocol, two addresses, two ports, both directions together."""

STATISTIC_PREFIX = "by:"
"""`by:NAME` is the view of the statistic that `nftui dump -s NAME` counts, such as `by:vlan` or `by:port:p`."""

VIEWS: tuple[str, ...] = (*TALKER_VIEWS, FLOW_VIEW)
"""The views that have a tab, in their order."""


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """What to show.

    Attributes:
        view: one of `VIEWS`, `CONVERSATION_VIEW`, or `STATISTIC_PREFIX` with what `nftui dump -s` takes (without
            orders). Any other raises KeyError.
        filter: only flows that match; None for all.
        sort: name of a column of the view; any other means rate for talkers, time of arrival for the flow list.
        descending: largest first.
        limit: number of rows wanted.
        scaled: multiply bytes and packets by the sampling rate where it is known.
        anchor: key of a row that must be in the answer wherever it ranks (the row under the cursor).
        within: the time that is asked about; None for the live window.
        fields: fields of the registry that the view `flows` shall have as columns beside its usual ones; a column
            has its field's name, and text (as `nftui.engine.live.field_columns` writes it) or int64.
        offset: rows of the order to leave out before the first one. It gives way to the anchor: with an offset, the
            answer has the anchor among its neighbours.
    """

    view: str = "host"
    filter: Filter | None = None
    sort: str = ""
    descending: bool = True
    limit: int = 200
    scaled: bool = True
    anchor: int | None = None
    within: TimeRange | None = None
    fields: tuple[str, ...] = ()
    offset: int = 0


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A column of a view.

    Attributes:
        name: key in `LiveSnapshot.values` and name to sort by.
        title: header.
        show: how to write a value.
        unit: unit of the value: `bit/s`, `B`, `%`, `ms`; empty for names and plain numbers.
        align: "left" or "right".
        sortable: whether `LiveRequest.sort` may name it.
    """

    name: str
    title: str
    show: Show
    unit: str = ""
    align: str = "right"
    sortable: bool = True


@dataclass(frozen=True, slots=True)
class Amount:
    """Traffic of a set of flows in the window.

    Attributes:
        flows: flows; an aggregated record counts as many as it says.
        packets: packets of both directions.
        bytes: octets of both directions.
        flows_per_second: flow records that arrive, per second.
        packets_per_second: packet rate, see `nftui.engine.live.window` for how long flows count.
        bits_per_second: bit rate, likewise.
    """

    flows: int = 0
    packets: int = 0
    bytes: int = 0
    flows_per_second: float = 0.0
    packets_per_second: float = 0.0
    bits_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the window.

    Attributes:
        matched: flows that the filter lets through; equal to `unfiltered` without one.
        unfiltered: all flows.
    """

    matched: Amount = Amount()
    unfiltered: Amount = Amount()


def _no_values() -> NDArray[np.float64]:
    return np.zeros((0, 0))


@dataclass(frozen=True, slots=True)
class Series:
    """Throughput over time, one series per IP protocol.

    Attributes:
        start_ms: UTC start of the first bucket.
        step_ms: length of a bucket.
        labels: protocol names, the busiest first; the last may be "other".
        values: float64[labels, buckets], bits per second.
        partial_last: the last bucket is still filling and holds what has come so far.
    """

    start_ms: int = 0
    step_ms: int = 1000
    labels: tuple[str, ...] = ()
    values: NDArray[np.float64] = field(default_factory=_no_values)
    partial_last: bool = False


@dataclass(frozen=True, slots=True)
class LiveSnapshot:
    """The window at one moment. Treat the arrays as read-only.

    Attributes:
        request: what was asked.
        version: grows with every snapshot of a window.
        now_ms: UTC of the snapshot.
        window_seconds: length asked for.
        covered_seconds: how far back the window really reaches: less just after the start, and when flows arrive
            faster than `limits.live_rows` per window.
        columns: columns of the view in display order.
        sort: column that the rows are in order of.
        values: per column name, text as list[str] ("-" for null), numbers as int64 or float64 arrays (NaN for null).
        keys: uint64[rows], identity of a row, the same in every snapshot of this window and view.
        ranks: int64[rows], place of each row in the whole order, from 0. Rows are in order of rank, without gaps but
            for one: without an offset, an anchor that ranks below the limit comes last.
        rows_total: how many rows there are in the whole view.
        history: float64[rows, 10], bits per second in ten equal parts of the window, the latest last; empty for the
            flow list.
        total: sums over the window.
        series: throughput over time of the flows that match the filter.
        exact: False when a counter was implausibly large and had to be cut, so that sums are too small.
    """

    request: LiveRequest
    version: int
    now_ms: int
    window_seconds: float
    covered_seconds: float
    columns: tuple[ColumnSpec, ...]
    sort: str
    values: dict[str, NDArray[Any] | list[str]]
    keys: NDArray[np.uint64]
    ranks: NDArray[np.int64]
    rows_total: int
    history: NDArray[np.float64]
    total: Totals
    series: Series
    exact: bool = True

    def __len__(self) -> int:
        return len(self.keys)
