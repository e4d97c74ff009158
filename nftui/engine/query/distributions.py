"""Distributions: how large flows are, how large their packets, how long they last.

Buckets are powers of two: bucket 0 holds the value 0, bucket k the values from 2^(k-1) to 2^k - 1. One pass over
the flows counts all combinations of buckets, of which there are few; the distributions are sums of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from nftui.engine.query.flow_session import FlowSession
from nftui.engine.query.query import EMPTY, Query, Totals
from nftui.engine.query.series import NOTHING, Amounts
from nftui.engine.query.sql import value_sql

DISTRIBUTIONS: dict[str, str] = {
    "bytes": "Bytes per flow",
    "packets": "Packets per flow",
    "bpp": "Bytes per packet",
    "duration": "Duration of a flow, ms",
}
"""Values whose distribution is shown, with their titles."""

ABSENT = -1
_READ = ("time_flow_start_ms", "time_flow_end_ms", "flows", "packets", "bytes", "sampling_rate")


@dataclass(slots=True)
class Bucket:
    """Flows whose value lies in a bucket.

    Attributes:
        records: number of records.
        amounts: their sums.
    """

    records: int = 0
    amounts: Amounts = NOTHING


@dataclass(slots=True)
class Distributions:
    """All distributions of a query.

    Attributes:
        totals: sums over all flows that passed.
        buckets: by name of the value and bucket; `ABSENT` holds the flows that lack the value.
    """

    totals: Totals
    buckets: dict[str, dict[int, Bucket]] = field(default_factory=dict)

    def filled(self, name: str) -> Iterator[tuple[int, Bucket]]:
        """Buckets from the smallest to the largest that has flows, those between included."""
        found = self.buckets[name]
        for place in range(min(found), max(found) + 1):
            yield place, found.get(place, Bucket())


def bounds(place: int) -> tuple[int, int]:
    """Smallest and largest value of a bucket."""
    return (0, 0) if place == 0 else (1 << place - 1, (1 << place) - 1)


def find_distributions(session: FlowSession, query: Query, scaled: bool) -> Distributions:
    """Ask for the distributions of all flows of a query.

    Args:
        session: where the flows are.
        query: which flows.
        scaled: apply sampling.
    """
    rows = session.all_rows(*query.over(_READ, lambda source: _statement(source, scaled)))
    if not rows:
        return Distributions(EMPTY)
    found: dict[str, dict[int, Bucket]] = {name: {} for name in DISTRIBUTIONS}
    for row in rows:
        records, *sums = map(int, row[len(DISTRIBUTIONS) + 2 :])
        for name, place in zip(DISTRIBUTIONS, row, strict=False):
            bucket = found[name].setdefault(int(place), Bucket())
            bucket.records += records
            bucket.amounts = Amounts(*(a + b for a, b in zip(bucket.amounts, sums, strict=True)))
    every = list(found["duration"].values())
    flows, packets, octets = (sum(bucket.amounts[i] for bucket in every) for i in range(3))
    first, last = (edge(row[len(DISTRIBUTIONS) + i] for row in rows) for i, edge in enumerate((min, max)))
    return Distributions(Totals(first, last, flows, packets, octets, sum(bucket.records for bucket in every)), found)


def _statement(source: str, scaled: bool) -> str:
    known = "packets IS NOT NULL AND bytes IS NOT NULL"
    # Whole numbers throughout: a filter's `bpp` is a floating point number, whose largest fit no BIGINT.
    own = {"bpp": f"CASE WHEN packets > 0 THEN bytes // packets WHEN {known} THEN 0 END"}
    values = {name: own.get(name) or value_sql(name, scaled) for name in DISTRIBUTIONS}
    places = ", ".join(f"{_place(f'({value})')} AS p{i}" for i, value in enumerate(values.values()))
    sums = ", ".join(f"SUM(COALESCE({value_sql(name, scaled)}, 0))" for name in ("packets", "bytes"))
    by = ", ".join(f"p{i}" for i in range(len(values)))
    return (
        f"SELECT {places}, MIN(time_flow_start_ms), MAX(time_flow_end_ms), COUNT(*), SUM(flows), {sums} "  # noqa: S608
        f"FROM {source} GROUP BY {by}"
    )


def _place(value: str) -> str:
    """Bucket of a number: how many bits it has.

    The logarithm of a number just below a power of two may be rounded up to the next integer: that is put right.
    """
    guess = f"CAST(LEAST(62, FLOOR(LOG2({value}))) AS INTEGER)"
    exact = f"{guess} + CASE WHEN {value} >= CAST(1 AS BIGINT) << {guess} THEN 1 ELSE 0 END"
    return f"CASE WHEN {value} IS NULL THEN {ABSENT} WHEN {value} <= 0 THEN 0 ELSE {exact} END"
