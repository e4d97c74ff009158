"""SQL that sums flows up by keys: statistics, aggregation.

Groups have the columns `k0 k1 …` (two for an address), then `first last flows packets bytes records`. They are
materialised once; the ranking and the totals are two readings of them in one statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nftui.engine.query.orders import Order
from nftui.engine.query.sql import value_sql
from nftui.engine.schema import FIELDS

SUMS = ("first", "last", "flows", "packets", "bytes", "records")
"""Columns after the keys."""

PLAIN_SUMS = ("flows", "packets", "bytes")
"""Those that are sums over flows."""

MERGED = (
    "MIN(first) AS first, MAX(last) AS last, SUM(flows) AS flows, SUM(packets) AS packets, SUM(bytes) AS bytes, "
    "SUM(records) AS records"
)
"""Select list that makes one group of several."""


@dataclass(frozen=True, slots=True)
class Key:
    """What groups are made by.

    Attributes:
        field: registry field whose values the key has.
        columns: SQL expressions over a flow, as many as the field has columns.
    """

    field: str
    columns: tuple[str, ...]


def field_key(name: str) -> Key:
    """Key that is a field as it is."""
    return Key(name, FIELDS[name].physical)


@dataclass(frozen=True, slots=True)
class Grouped:
    """Groups, as SQL.

    Attributes:
        steps: name and text of common table expressions.
        columns: number of key columns.
        groups: name of the expression that holds the groups.
        whole: name of the expression in which every flow is counted once.
    """

    steps: tuple[tuple[str, str], ...]
    columns: int
    groups: str
    whole: str

    def top(self, order: Order, limit: int | None) -> str:
        """The first groups in an order, ties by key, and one row of totals whose first column is 1."""
        names = ", ".join(f"k{i}" for i in range(self.columns))
        nulls = ", ".join("NULL" for _ in range(self.columns))
        ties = ", ".join(f"k{i} NULLS LAST" for i in range(self.columns))
        ordered = f"{order.group_sql()}, {ties}"
        first = f" ORDER BY {ordered} LIMIT {limit}" if limit else ""
        # Ordered as a whole, too: the branches of a union may come in any order.
        return (
            f"WITH {self.with_sql()} "  # noqa: S608 - our own text; values in it are number literals
            f"SELECT * FROM ((SELECT 0 AS total, {names}, {', '.join(SUMS)} FROM {self.groups}{first}) "
            f"UNION ALL SELECT 1, {nulls}, {MERGED} FROM {self.whole}) AS answer ORDER BY total, {ordered}"
        )

    def with_sql(self) -> str:
        """The steps, for a WITH clause."""
        return ", ".join(f"{name} AS MATERIALIZED ({text})" for name, text in self.steps)


def sums_sql(scaled: bool) -> str:
    """Select list of the sums over single flows."""
    return (
        "MIN(time_flow_start_ms) AS first, MAX(time_flow_end_ms) AS last, SUM(flows) AS flows, "
        f"COALESCE(SUM({value_sql('packets', scaled)}), 0) AS packets, "
        f"COALESCE(SUM({value_sql('bytes', scaled)}), 0) AS bytes, COUNT(*) AS records"
    )


def by_keys(source: str, where: str, keys: Sequence[Key], scaled: bool) -> Grouped:
    """Groups of the flows that pass."""
    text, count = _group(source, where, keys, scaled)
    return Grouped((("groups", text),), count, "groups", "groups")


def by_either(source: str, where: str, ends: Sequence[str], more: Sequence[str], scaled: bool) -> Grouped:
    """Groups that count a flow under each distinct value of its ends.

    One partial aggregate per end, merged: cheaper than doubling the flows. An end that equals an earlier one of
    the same flow is left out of its partial.

    Args:
        source: relation of flows.
        where: condition.
        ends: fields of one kind, such as src_addr and dst_addr.
        more: further fields to group by, the same for all ends.
        scaled: apply sampling.
    """
    steps = []
    count = 0
    for index, end in enumerate(ends):
        distinct = [f"NOT ({same_sql(end, earlier)})" for earlier in ends[:index]]
        condition = " AND ".join([f"({where})", *distinct])
        text, count = _group(source, condition, [field_key(end), *map(field_key, more)], scaled)
        steps.append((f"end{index}", text))
    keys = ", ".join(f"k{i}" for i in range(count))
    ends_sql = " UNION ALL ".join(f"SELECT * FROM {name}" for name, _ in steps)  # noqa: S608
    steps.append(("groups", f"SELECT {keys}, {MERGED} FROM ({ends_sql}) AS ends GROUP BY {keys}"))  # noqa: S608
    return Grouped(tuple(steps), count, "groups", "end0")


def with_rollups(
    flows: Grouped | None, sums: str, whole: str, columns: int, order: Order, limit: int | None, rolled: str = ""
) -> Grouped:
    """Groups of flows and of roll-ups together.

    Where one sum decides the order, it alone is computed for all keys, and the others for the first ones: a third of
    the time with a million keys.

    Args:
        flows: groups of the flows that no roll-up has, if there are any.
        sums: statement that gives partial groups.
        whole: statement that gives sums in which every flow is counted once.
        columns: number of key columns.
        order: what the groups will be ordered by.
        limit: how many of them are wanted; None for all.
        rolled: statement that gives the relation `rolled`, which the two others read; empty if they do not. Made for
            few groups: all sums of all of them are computed then.
    """
    steps = [("rolled", rolled)] if rolled else []
    steps += flows.steps if flows else []
    names = [f"k{i}" for i in range(columns)]
    keys = ", ".join(names)
    wholes = f"SELECT {', '.join(SUMS)} FROM ({whole}) AS rolled_whole"  # noqa: S608
    if flows:
        sums += f" UNION ALL SELECT {keys}, {', '.join(SUMS)} FROM {flows.groups}"  # noqa: S608
        wholes += f" UNION ALL SELECT {', '.join(SUMS)} FROM {flows.whole}"  # noqa: S608
    chosen = ""
    if limit and not rolled and order.name in PLAIN_SUMS:
        ties = ", ".join(f"{name} NULLS LAST" for name in names)
        first = (
            f"SELECT {keys}, SUM({order.name}) AS {order.name} FROM ({sums}) AS parts GROUP BY {keys} "  # noqa: S608
            f"ORDER BY {order.group_sql()}, {ties} LIMIT {limit}"
        )
        steps.append(("first_keys", first))
        same = " AND ".join(f"parts.{name} IS NOT DISTINCT FROM first_keys.{name}" for name in names)
        chosen = f" SEMI JOIN first_keys ON {same}"
    steps.append(("all_groups", f"SELECT {keys}, {MERGED} FROM ({sums}) AS parts{chosen} GROUP BY {keys}"))  # noqa: S608
    steps.append(("all_flows", wholes))
    return Grouped(tuple(steps), columns, "all_groups", "all_flows")


def _group(source: str, where: str, keys: Sequence[Key], scaled: bool) -> tuple[str, int]:
    columns = [column for key in keys for column in key.columns]
    names = ", ".join(f"{column} AS k{i}" for i, column in enumerate(columns))
    by = ", ".join(columns)
    return f"SELECT {names}, {sums_sql(scaled)} FROM {source} WHERE {where} GROUP BY {by}", len(columns)  # noqa: S608


def same_sql(one: str, other: str) -> str:
    """Condition, never unknown, that two fields have equal values or are both absent."""
    pairs = list(zip(FIELDS[one].physical, FIELDS[other].physical, strict=True))
    equal = " AND ".join(f"{a} = {b}" for a, b in pairs)
    first, second = pairs[0]
    return f"CASE WHEN {first} IS NULL OR {second} IS NULL THEN {first} IS NULL AND {second} IS NULL ELSE {equal} END"
