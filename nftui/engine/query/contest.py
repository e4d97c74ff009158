"""The first of very many groups, without keeping them all.

The ten largest of ten million groups are found in two passes. The first one deals the flows out to a fixed number of
buckets by a hash of what makes their group, and adds up, per bucket, what the groups are ordered by. All flows of a
group are in one bucket and nothing that is added is negative, so no group exceeds its bucket. The second pass makes
the groups of the heaviest buckets alone. If the last group wanted exceeds every bucket that was left out, all others
are behind it; else the buckets that it does not exceed are looked into, too. A collision makes a bucket heavier,
never lighter: it may cost time, and never changes the answer.

The filter-then-verify scheme for iceberg queries: Fang et al., "Computing Iceberg Queries Efficiently", VLDB 1998
(coarse counting).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nftui.engine.query.flow_session import FlowSession

Row = tuple[Any, ...]

_BUCKETS = 1 << 18
_FIRST_BUCKETS = 8
"""Buckets looked into at first, per group that is wanted."""
_MOST_WANTED = _BUCKETS // 64
"""More groups than that, and most buckets would have one of them."""


@dataclass(frozen=True, slots=True)
class Contest:
    """Groups to be put in a descending order.

    Attributes:
        bucket: SQL expression over a flow, UBIGINT: a hash that all flows of a group share.
        weight: SQL expression over a flow. The values above 0 of a group's flows add up to no less than what the group
            is ordered by.
        wanted: how many of the first groups.
    """

    bucket: str
    weight: str
    wanted: int

    @property
    def worthwhile(self) -> bool:
        """Whether two passes may be cheaper than one that keeps all groups."""
        return 0 < self.wanted <= _MOST_WANTED

    @property
    def place(self) -> str:
        """SQL expression of the number of a flow's bucket."""
        return f"CAST({self.bucket} >> {64 - _BUCKETS.bit_length() + 1} AS UINTEGER)"


def first_groups(
    session: FlowSession,
    fields: Sequence[str],
    source: Callable[[str], str],
    contest: Contest,
    statement: Callable[[str], str],
    value: Callable[[Row], int | None],
) -> list[Row]:
    """Rows of the first groups.

    Args:
        session: where the flows are.
        fields: registry fields that are read.
        source: makes the relation of the flows that pass from the session's relation, as FROM text.
        contest: how the groups compete.
        statement: makes the SQL text that gives the first groups in order from a relation of flows.
        value: what the groups are ordered by, of a row of that statement.
    """
    table = session.next_table()
    weights, chosen = f"{table}_weights", f"{table}_chosen"

    def weigh(relation: str) -> str:
        amount = f"SUM(CASE WHEN {contest.weight} > 0 THEN {contest.weight} END)"
        weighed = f"SELECT {contest.place} AS bucket, {amount} AS weight FROM {source(relation)} GROUP BY 1"  # noqa: S608
        return f"CREATE OR REPLACE TEMP TABLE {weights} AS {weighed}"

    def choose(condition: str) -> None:
        text = f"CREATE OR REPLACE TEMP TABLE {chosen} AS SELECT bucket FROM {weights} {condition}"  # noqa: S608
        session.all_rows((), lambda _: text)

    def some(relation: str) -> str:
        inside = f"{contest.place} IN (SELECT bucket FROM {chosen})"  # noqa: S608
        return statement(f"(SELECT * FROM {source(relation)} WHERE {inside}) AS flows_chosen")  # noqa: S608

    session.all_rows(fields, weigh)
    try:
        looked_into = contest.wanted * _FIRST_BUCKETS
        heaviest = "ORDER BY weight DESC NULLS LAST LIMIT"
        choose(f"{heaviest} {looked_into}")
        next_one = f"SELECT weight FROM {weights} {heaviest} 1 OFFSET {looked_into}"  # noqa: S608
        left_out = session.all_rows((), lambda _: next_one)
        rows = session.all_rows(fields, some)
        last = value(rows[-1]) if len(rows) == contest.wanted else None
        if not left_out or (last is not None and last > (left_out[0][0] or 0)):
            return rows
        if last is not None and last > 0:
            choose(f"WHERE weight >= {last}")
            count = f"SELECT COUNT(*) FROM {chosen}"  # noqa: S608
            if 2 * session.all_rows((), lambda _: count)[0][0] < _BUCKETS:
                return session.all_rows(fields, some)
        return session.all_rows(fields, lambda relation: statement(source(relation)))
    finally:
        session.drop(weights, chosen)
