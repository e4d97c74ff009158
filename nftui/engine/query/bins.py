"""Sums per bin of time: `--bin 5m` with `-a`, `-A` and `-s`.

Each flow is cut at the borders of the bins. Its packets and bytes are spread evenly over its life, with the same
arithmetic as for series (see `series`), so that the bins of a flow add up to its counters exactly; it counts as a flow
where it starts. A part has the times of its bin, so the rates of what is summed up are those over the whole bin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from nftui.engine.query.aggregate import ByKeys
from nftui.engine.query.flow_session import FlowSession
from nftui.engine.query.grouping import MERGED, SUMS, Grouped, Key, by_either, by_keys, field_key
from nftui.engine.query.numbers import duration
from nftui.engine.query.passed import passed_sql
from nftui.engine.query.query import EMPTY, Group, Query, Ranking, key_values, totals_of
from nftui.engine.query.series import MOST_BINS, too_many_bins
from nftui.engine.query.sql import value_sql
from nftui.engine.query.statistics import RECORD, StatisticRequest
from nftui.engine.query.time import Window
from nftui.engine.query.values import COUNTERS
from nftui.engine.schema import FIELDS
from nftui.errors import UsageError

_START, _END = "time_flow_start_ms", "time_flow_end_ms"
_LONGEST_MS = 366 * 86_400_000


@dataclass(frozen=True, slots=True)
class Binned:
    """Flows cut at the borders of bins.

    Attributes:
        step_ms: length of a bin; bins begin at multiples of it since 1970, UTC.
        window: with absolute times; parts outside of it are left out.
        scaled: apply sampling.
    """

    step_ms: int
    window: Window
    scaled: bool

    @property
    def reason(self) -> str:
        """Why roll-ups cannot answer."""
        return "flows are spread over bins one by one"

    def reads(self, fields: Iterable[str]) -> set[str]:
        """The fields, their times and the sampling rate."""
        return {*fields, _START, _END, "sampling_rate"}

    def sql(self, source: str, fields: Sequence[str]) -> str:
        """One row per flow and bin. Sampling is applied, if it is at all, and the rate is gone."""
        window = self.window
        low = _START if window.start_ms is None else f"GREATEST({_START}, {window.start_ms})"
        ends = f"GREATEST({_START}, {_END})"
        high = ends if window.end_ms is None else f"LEAST({ends}, {window.end_ms})"
        step = self.step_ms
        whole = " AND ".join(
            [
                f"b0 = b1{'' if window.start_ms is None else f' AND s >= {window.start_ms}'}",
                *([] if window.end_ms is None else [f"e <= {window.end_ms}", f"s < {window.end_ms}"]),
            ]
        )
        placed = (
            f"SELECT *, {_START} AS s, {ends} AS e, {low} // {step} AS b0, "  # noqa: S608
            f"GREATEST({high} - 1, {low}) // {step} AS b1 FROM {source}"
        )
        first = f"bin * {step}" if window.start_ms is None else f"GREATEST(bin * {step}, {window.start_ms})"
        last = f"(bin + 1) * {step}" if window.end_ms is None else f"LEAST((bin + 1) * {step}, {window.end_ms})"
        split = (
            f"SELECT *, {first} AS t0, {last} AS t1 FROM "  # noqa: S608
            f"(SELECT *, UNNEST(RANGE(b0, b1 + 1)) AS bin FROM placed WHERE NOT ({whole})) AS unfolded"
        )
        return (
            f"WITH placed AS NOT MATERIALIZED ({placed}) "  # noqa: S608
            f"SELECT {', '.join(self._columns(fields, 'b0', False))} FROM placed WHERE {whole} UNION ALL "
            f"SELECT {', '.join(self._columns(fields, 'bin', True))} FROM ({split}) AS split"
        )

    def _columns(self, fields: Sequence[str], place: str, shared: bool) -> list[str]:
        """Select list of a part; `shared` if it has only some of its flow."""
        times = {_START: f"{place} * {self.step_ms}", _END: f"({place} + 1) * {self.step_ms}"}
        columns: list[str] = []
        for name in fields:
            if name in times:
                columns.append(f"{times[name]} AS {name}")
            elif name in COUNTERS:
                value = value_sql(name, self.scaled)
                if shared:
                    value = f"CAST({passed_sql(value, 't1')} - {passed_sql(value, 't0')} AS BIGINT)"
                columns.append(f"{value} AS {name}")
            elif name == "flows" and shared:
                columns.append("CASE WHEN s >= t0 AND s < t1 THEN flows ELSE 0 END AS flows")
            elif name == "sampling_rate":
                columns.append("CAST(NULL AS UINTEGER) AS sampling_rate")
            else:
                columns += FIELDS[name].physical
        return columns


def parse_bin(text: str) -> int:
    """Length of a bin in milliseconds, from `30s`, `5m`, `1h`; a number alone means seconds. Raises UsageError."""
    length = duration(text + "s" if text.isdecimal() else text)
    if length is None or length < 1 or length.denominator != 1 or length > _LONGEST_MS:
        raise UsageError(f"--bin {text}: use a length such as 30s, 5m or 1h")
    return int(length)


def check_bins(query: Query, step_ms: int) -> None:
    """Raise UsageError if the flows of a query reach over more bins than there may be."""
    totals = query.totals()
    if totals.first_ms is None or totals.last_ms is None:
        return
    start, end = query.window.start_ms, query.window.end_ms
    first = totals.first_ms if start is None else max(start, totals.first_ms)
    last = totals.last_ms if end is None else min(end, totals.last_ms)
    count = last // step_ms - first // step_ms + 1
    if count > MOST_BINS:
        raise too_many_bins(count, first, last, "a longer --bin")


def per_bin(aggregation: ByKeys) -> ByKeys:
    """The aggregation with the bin as its first key."""
    return replace(aggregation, keys=(field_key(_START), *aggregation.keys))


def rank_bins(
    session: FlowSession, query: Query, request: StatisticRequest, limit: int | None, scaled: bool
) -> list[list[Ranking]]:
    """The first groups of each bin: for each order, a ranking per bin in order of time.

    Args:
        session: where the flows are.
        query: which flows; `Binned` is its last stage.
        request: the statistic.
        limit: groups per bin; None for all.
        scaled: sampling is applied.
    """
    ends = request.statistic.fields if request.statistic else ()
    fields = (*ends[:1], *(("proto",) if request.per_protocol and ends else ())) if ends else RECORD
    more = (*fields[1:], _START) if ends else (_START,)
    read = {*(ends or RECORD), *more, _END, "flows", "packets", "bytes", "sampling_rate"}

    def grouped(source: str) -> Grouped:
        if len(ends) > 1:
            return by_either(source, "TRUE", ends, more, scaled)
        keys: list[Key] = [field_key(name) for name in (*fields, _START)]
        return by_keys(source, "TRUE", keys, scaled)

    out = []
    for order in request.orders:

        def statement(source: str, by: str = order.group_sql()) -> str:
            return _ranked(grouped(source), by, limit)

        rankings: dict[int, Ranking] = {}
        rows = session.all_rows(*query.over(read, statement))
        for row in rows:
            if row[0]:
                rankings[int(row[1])] = Ranking(fields, order, [], totals_of(row[-len(SUMS) :]))
        for row in rows:
            if not row[0]:
                group = Group(key_values(fields, row[2 : -len(SUMS)]), totals_of(row[-len(SUMS) :]))
                rankings[int(row[1])].groups.append(group)
        out.append([rankings[place] for place in sorted(rankings)] or [Ranking(fields, order, [], EMPTY)])
    return out


def _ranked(grouped: Grouped, order: str, limit: int | None) -> str:
    """The first groups per bin, and a row of totals per bin whose first column is 1; the bin is the last key."""
    names = [f"k{i}" for i in range(grouped.columns - 1)]
    moment = f"k{grouped.columns - 1}"
    ties = ", ".join(f"{name} NULLS LAST" for name in names)
    columns = ", ".join(SUMS)
    cut = f"WHERE place <= {limit} " if limit else ""
    return (
        f"WITH {grouped.with_sql()}, ranked AS (SELECT *, ROW_NUMBER() OVER (PARTITION BY {moment} "  # noqa: S608
        f"ORDER BY {order}, {ties}) AS place FROM {grouped.groups}) "
        f"SELECT total, moment, {', '.join([*names, columns])} FROM ("
        f"SELECT 0 AS total, {moment} AS moment, {', '.join([*names, columns, 'place'])} FROM ranked {cut}UNION ALL "
        f"SELECT 1, {moment}, {', '.join(['NULL'] * len(names))}, {MERGED}, 0 FROM {grouped.whole} GROUP BY {moment}"
        ") AS parts ORDER BY total, moment, place"
    )
