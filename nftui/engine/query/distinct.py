"""Distinct counts beside a statistic: how many different values of a field the flows of each group have.

`-s srcip --distinct dstip,dstport` shows who talks to how many: a scan has few flows to each of many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nftui.engine.query.flow_session import FlowSession
from nftui.engine.query.keys import key_table
from nftui.engine.query.query import Query, Ranking
from nftui.engine.query.statistics import RECORD, STATISTICS, Statistic, StatisticRequest
from nftui.engine.schema import FIELDS
from nftui.errors import UsageError

_WIDTH = 10


@dataclass(frozen=True, slots=True)
class DistinctCounts:
    """Distinct values of a field for each group of a ranking.

    Attributes:
        statistic: what is counted; several fields count the values of all of them together.
        counts: one per group, in the ranking's order. Absent values do not count.
    """

    statistic: Statistic
    counts: list[int]

    @property
    def name(self) -> str:
        """Key in machine output."""
        return f"distinct_{self.statistic.name}"


def parse_distinct(text: str) -> list[Statistic]:
    """Fields of `--distinct`, such as `dstip,dstport`, by the names of `-s`. Raises UsageError."""
    out = []
    for name in text.split(","):
        statistic = STATISTICS.get(name.strip().lower())
        if statistic is None:
            raise UsageError(f"--distinct {text}: {name!r} is not a field; use the names of -s, such as dstip,dstport")
        out.append(statistic)
    return out


def count_distinct(
    session: FlowSession, query: Query, request: StatisticRequest, ranking: Ranking, wanted: Sequence[Statistic]
) -> list[DistinctCounts]:
    """Count the distinct values in the flows of each group of a ranking, exactly.

    Args:
        session: where the flows are.
        query: which flows.
        request: the statistic that was ranked.
        ranking: its groups.
        wanted: what to count.
    """
    if not ranking.groups or not wanted:
        return [DistinctCounts(statistic, []) for statistic in wanted]
    ends = request.statistic.fields if request.statistic else ()
    more = ranking.fields[1:] if ends else ()
    keys: list[Sequence[str]] = [(end, *more) for end in ends] or [RECORD]
    table = session.next_table() + "_groups"
    session.add_columns(table, key_table(ranking.fields, [group.key for group in ranking.groups]))
    return [_count(session, query, table, keys, statistic, len(ranking.groups)) for statistic in wanted]


def _count(
    session: FlowSession, query: Query, table: str, keys: Sequence[Sequence[str]], statistic: Statistic, groups: int
) -> DistinctCounts:
    def text(source: str) -> str:
        parts = []
        for names in keys:
            columns = [column for name in names for column in FIELDS[name].physical]
            same = " AND ".join(f"{column} IS NOT DISTINCT FROM k{i}" for i, column in enumerate(columns))
            for name in statistic.fields:
                values = FIELDS[name].physical
                listed = ", ".join(f"{column} AS v{i}" for i, column in enumerate(values))
                parts.append(
                    f"SELECT code, {listed} FROM {source} JOIN {table} ON {same} "  # noqa: S608
                    f"WHERE {values[0]} IS NOT NULL"
                )
        union = " UNION ALL ".join(parts)
        return f"SELECT code, COUNT(*) FROM (SELECT DISTINCT * FROM ({union})) GROUP BY code"  # noqa: S608

    fields = {*statistic.fields, *(name for names in keys for name in names)}
    found = dict(session.all_rows(*query.over(fields, text)))
    return DistinctCounts(statistic, [int(found.get(code, 0)) for code in range(groups)])


def with_distinct(lines: Iterable[str], counts: Sequence[DistinctCounts]) -> Iterator[str]:
    """Title, header and rows of a statistic with one more column per count."""
    titles = [f"#{count.statistic.title}" for count in counts]
    widths = [max(_WIDTH, len(title)) for title in titles]
    for number, line in enumerate(lines):
        if number == 0:
            yield line
            continue
        cells = titles if number == 1 else [str(count.counts[number - 2]) for count in counts]
        yield line + "".join(f" {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
