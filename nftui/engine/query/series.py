"""Time series: what passed in each bin of time, all flows together or split by a field.

Packets and bytes of a flow are spread evenly over its life, as rwcount's time-proportional scheme does: of a flow
from s to e, the part floor(amount * (t - s) / (e - s)) has passed at time t, and a bin has what has passed at its
end less what has passed at its start. So the bins of a flow add up to its counters exactly, without a fraction
lost. A flow without duration is in one bin. Flows are counted whole, in the bin in which they start.

Bins begin at multiples of their length since 1970, UTC. Only what lies in the window that was asked for is in the
bins; what its flows carried before or after it is told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nftui.engine.query.flow_session import FlowSession
from nftui.engine.query.keys import key_table
from nftui.engine.query.numbers import duration
from nftui.engine.query.orders import Order
from nftui.engine.query.passed import passed_sql
from nftui.engine.query.query import Query, Totals
from nftui.engine.query.sql import value_sql
from nftui.engine.query.statistics import STATISTICS, Statistic, StatisticRequest
from nftui.engine.schema import FIELDS
from nftui.errors import UsageError

MOST_BINS = 100_000
MOST_SERIES = 1000
MEASURES = ("flows", "packets", "bytes")
_READ = ("time_flow_start_ms", "time_flow_end_ms", "flows", "packets", "bytes", "sampling_rate")


class Amounts(NamedTuple):
    """Flows, packets and bytes."""

    flows: int
    packets: int
    bytes: int


NOTHING = Amounts(0, 0, 0)


@dataclass(frozen=True, slots=True)
class SeriesRequest:
    """What `--series` asks for.

    Attributes:
        step_ms: length of a bin.
        by: statistic whose field splits the series, or None.
    """

    step_ms: int
    by: Statistic | None


@dataclass(frozen=True, slots=True)
class Line:
    """One series.

    Attributes:
        name: `all`, the rank of its key by bytes from 1, or `other` for the keys beyond the limit.
        key: value of the field that splits the series; None for `all`, `other` and flows without the field.
        bins: amounts by bin; bins without any are left out.
    """

    name: str
    key: int | str | None
    bins: dict[int, Amounts]

    def at(self, place: int) -> Amounts:
        """Amounts of a bin."""
        return self.bins.get(place, NOTHING)


@dataclass(frozen=True, slots=True)
class Series:
    """All series of a request.

    Attributes:
        request: what was asked for.
        start_ms: start of the first bin, UTC ms.
        count: number of bins.
        lines: the series; those of keys in order of their bytes, `other` last.
        totals: sums over all flows that passed.
        outside: what these flows carried before and after the window.
    """

    request: SeriesRequest
    start_ms: int
    count: int
    lines: list[Line]
    totals: Totals
    outside: Amounts


@dataclass(frozen=True, slots=True)
class Spread:
    """How a measure is distributed over the bins of a series, empty bins included.

    Attributes:
        least: smallest bin.
        average: mean of the bins.
        most: largest bin.
        high: 95th percentile by nearest rank: the smallest bin that at least 95 % of the bins do not exceed.
        total: sum.
    """

    least: int
    average: float
    most: int
    high: int
    total: int


def parse_series(text: str) -> SeriesRequest:
    """What `--series` asks for, such as `1m`, `30s`, `5m/proto`, `1h/dstport`. A number alone means seconds.

    Raises:
        UsageError: no such length or field.
    """
    step, _, by = text.partition("/")
    length = duration(step + "s" if step.isdecimal() else step)
    if length is None or length < 1 or length.denominator != 1 or length > 366 * 86_400_000:
        raise UsageError(f"--series {text}: use a length such as 30s, 1m, 5m or 1h, and a field such as 5m/proto")
    if not by:
        return SeriesRequest(int(length), None)
    statistic = STATISTICS.get(by.lower())
    if statistic is None or len(statistic.fields) > 1:
        single = sorted(name for name, known in STATISTICS.items() if len(known.fields) == 1 and "_" not in name)
        raise UsageError(f"--series {text}: {by!r} is not a field to split by; use one of {' '.join(single)}")
    return SeriesRequest(int(length), statistic)


def find_series(session: FlowSession, query: Query, request: SeriesRequest, scaled: bool, limit: int | None) -> Series:
    """Ask for a series.

    Args:
        session: where the flows are.
        query: which flows.
        request: bins and field.
        scaled: apply sampling.
        limit: keys with a series of their own; None for all, up to `MOST_SERIES`.

    Raises:
        UsageError: more than `MOST_BINS` bins or `MOST_SERIES` keys.
    """
    step = request.step_ms
    keys: list[int | str | None] = []
    if request.by is None:
        totals = query.totals()
    else:
        wanted = StatisticRequest(request.by, False, (Order("bytes", False),))
        [ranking] = query.rank(wanted, MOST_SERIES + 1 if limit is None else min(limit, MOST_SERIES))
        keys, totals = [group.key[0] for group in ranking.groups], ranking.totals
        if len(keys) > MOST_SERIES:
            raise UsageError(f"more than {MOST_SERIES} values of {request.by.name}: say with -n how many to show")
    if totals.first_ms is None or totals.last_ms is None:
        return Series(request, 0, 0, [], totals, NOTHING)
    first = totals.first_ms if query.window.start_ms is None else query.window.start_ms
    start = first // step * step
    last = totals.last_ms if query.window.end_ms is None else max(first, query.window.end_ms - 1)
    count = (last - start) // step + 1
    if count > MOST_BINS:
        raise too_many_bins(count, first, last, f"a longer step than {step} ms")
    edges = (first, start + count * step if query.window.end_ms is None else query.window.end_ms)
    statement = _Statement(start, step, edges, scaled)
    lines = _lines(session, query, request, statement, keys)
    inside = [sum(amounts[i] for line in lines for amounts in line.bins.values()) for i in range(3)]
    outside = Amounts(totals.flows - inside[0], totals.packets - inside[1], totals.bytes - inside[2])
    return Series(request, start, count, lines, totals, outside)


def too_many_bins(count: int, first_ms: int, last_ms: int, remedy: str) -> UsageError:
    """What is said when there would be more than `MOST_BINS`: often one flow claims to be of 1970."""
    import numpy as np

    first, last = (str(np.datetime64(moment, "ms"))[:10] for moment in (first_ms, last_ms))
    days = f"of {first}" if first == last else f"from {first} to {last}"
    return UsageError(
        f"{count} bins are too many: at most {MOST_BINS}; the flows say that they are {days}: use {remedy}, or -t"
    )


def spread(line: Line, count: int, measure: int) -> Spread:
    """Distribution of a measure (index into `MEASURES`) over `count` bins."""
    values = sorted(line.at(place)[measure] for place in range(count))
    total = sum(values)
    return Spread(values[0], total / count, values[-1], values[-(-95 * count // 100) - 1], total)


@dataclass(frozen=True, slots=True)
class _Statement:
    """The SQL of a series.

    Attributes:
        start_ms: start of the first bin.
        step_ms: length of a bin.
        edges: first millisecond of the window, and the first one after it.
        scaled: apply sampling.
    """

    start_ms: int
    step_ms: int
    edges: tuple[int, int]
    scaled: bool

    def text(self, source: str, code: str) -> str:
        """Sums by `code` and bin; flows that touch one bin only need no splitting."""
        first, last = self.edges
        low, high = f"GREATEST(s, {first})", f"LEAST(e, {last})"
        measures = ", ".join(f"COALESCE({value_sql(name, self.scaled)}, 0) AS {name}" for name in ("packets", "bytes"))
        bins = (
            f"SELECT {code} AS code, time_flow_start_ms AS s, GREATEST(time_flow_start_ms, time_flow_end_ms) AS e, "  # noqa: S608
            f"flows, {measures} FROM {source}"
        )
        placed = (
            f"SELECT *, {self._place(low)} AS b0, {self._place(f'GREATEST({high} - 1, {low})')} AS b1, "  # noqa: S608
            f"s >= {first} AND e <= {last} AND s < {last} AS whole FROM ({bins})"
        )
        start = f"GREATEST({self.start_ms} + i * {self.step_ms}, {first})"
        end = f"LEAST({self.start_ms} + (i + 1) * {self.step_ms}, {last})"
        begun = f"SELECT *, {start} AS t0, {end} AS t1 FROM (SELECT *, UNNEST(RANGE(b0, b1 + 1)) AS i FROM split)"  # noqa: S608
        shares = ", ".join(f"{passed_sql(n, 't1')} - {passed_sql(n, 't0')} AS {n}" for n in ("packets", "bytes"))
        sums = ", ".join(f"SUM({name}) AS {name}" for name in MEASURES)
        return (
            f"WITH placed AS NOT MATERIALIZED ({placed}), "  # noqa: S608
            "split AS (SELECT * FROM placed WHERE NOT (whole AND b0 = b1)), "
            f"parts AS (SELECT code, b0 AS i, {', '.join(MEASURES)} FROM placed WHERE whole AND b0 = b1 UNION ALL "
            f"SELECT code, i, CASE WHEN s >= t0 AND s < t1 THEN flows ELSE 0 END, {shares} FROM ({begun})) "
            f"SELECT code, i, {sums} FROM parts GROUP BY code, i"
        )

    def _place(self, moment: str) -> str:
        return f"({moment} - {self.start_ms}) // {self.step_ms}"


def _lines(
    session: FlowSession, query: Query, request: SeriesRequest, statement: _Statement, keys: Sequence[int | str | None]
) -> list[Line]:
    if request.by is None:
        rows = session.all_rows(*query.over(_READ, lambda source: statement.text(source, "0")))
        return [Line("all", None, _bins(rows, 0))]
    field = request.by.fields[0]
    table = session.next_table() + "_keys"
    session.add_columns(table, key_table([field], [(key,) for key in keys]))
    columns = FIELDS[field].physical
    same = " AND ".join(f"{column} IS NOT DISTINCT FROM k{i}" for i, column in enumerate(columns))

    def text(source: str) -> str:
        joined = f"{source} LEFT JOIN {table} ON {same}"
        return statement.text(joined, f"COALESCE(code, {len(keys)})")

    rows = session.all_rows(*query.over((*_READ, field), text))
    lines = [Line(str(rank), key, _bins(rows, rank - 1)) for rank, key in enumerate(keys, 1)]
    other = Line("other", None, _bins(rows, len(keys)))
    return [*lines, other] if other.bins else lines


def _bins(rows: Sequence[tuple[Any, ...]], code: int) -> dict[int, Amounts]:
    return {int(row[1]): Amounts(*map(int, row[2:])) for row in rows if row[0] == code and any(row[2:])}
