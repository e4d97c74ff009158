"""What changed between two ranges of time: groups that are new, gone, grown or shrunk.

Rates are compared, so that the ranges may differ in length: what passed within each range, each flow spread evenly
over its life, over the length of the range. A group is new if no flow of it overlaps the range before, and gone if no
flow of it overlaps the range now; so a group that only stops to send is not gone while its flows last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.history.values import TimeRange
from nftui.engine.live.snapshot import CONVERSATION_VIEW, FLOW_VIEW, ColumnSpec, LiveRequest, Totals
from nftui.engine.schema import Show

KINDS: tuple[str, ...] = ("new", "gone", "grown", "shrunk", "same")
"""What can have become of a group."""

MEASURES: dict[str, str] = {"rate": "bit/s", "packet_rate": "packets/s", "flow_rate": "flows/s"}
"""What is compared, by the name of the column of the live window, and its unit."""

INCOMPARABLE: dict[str, str] = {
    FLOW_VIEW: "single flow records are not in two ranges",
    CONVERSATION_VIEW: "which side opened a conversation may be known in one range only",
}
"""Views that cannot be compared, and why."""


@dataclass(frozen=True, slots=True)
class Tally:
    """All groups of a kind, on the screen or not.

    Attributes:
        groups: how many.
        difference: sum of their differences, in the unit of the measure.
    """

    groups: int = 0
    difference: float = 0.0


@dataclass(frozen=True, slots=True)
class Changes:
    """Groups in order of what they contribute to the change, the largest first. Treat the arrays as read-only.

    Attributes:
        request: view, filter, the range now (`within`), limit and measure (`sort`, one of `MEASURES`; rate if it is
            any other).
        before: the range that it is compared with.
        measure: what is compared.
        columns: the columns of the view's key, then `change` (one of `KINDS`), `now` and `before` (rates),
            `difference` (now less before) and `share`: percent of all differences added up without their signs.
        values: per column name, text as list[str] or float64[rows].
        keys: uint64[rows], the identity that the group has in snapshots of the view.
        rows_total: groups that are in either range.
        tallies: by kind.
        now: sums over the range now.
        then: sums over the range before.
        exact: False where a counter was implausibly large and had to be cut.
        covered: part of the range now, 0 to 1, in which a collector was writing; less is a gap.
        covered_then: the same of the range before.
    """

    request: LiveRequest
    before: TimeRange
    measure: str
    columns: tuple[ColumnSpec, ...]
    values: dict[str, NDArray[Any] | list[str]]
    keys: NDArray[np.uint64]
    rows_total: int
    tallies: dict[str, Tally]
    now: Totals
    then: Totals
    exact: bool = True
    covered: float = 1.0
    covered_then: float = 1.0

    def __len__(self) -> int:
        return len(self.keys)


def change_columns(measure: str) -> tuple[ColumnSpec, ...]:
    """The columns behind those of the key."""
    unit = MEASURES[measure]
    return (
        ColumnSpec("change", "Change", Show.TEXT, align="left", sortable=False),
        ColumnSpec("now", "Now", Show.COUNT, unit, sortable=False),
        ColumnSpec("before", "Before", Show.COUNT, unit, sortable=False),
        ColumnSpec("difference", "Difference", Show.COUNT, unit, sortable=False),
        ColumnSpec("share", "Share", Show.NUMBER, "%", sortable=False),
    )
