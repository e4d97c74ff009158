"""The first groups of a view in one order, how many there are, and where one of them stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nftui.engine.history.question import Question
from nftui.engine.history.stored_views import Key, StoredView
from nftui.engine.query.grouping import same_sql
from nftui.engine.query.parquet import parquet_sql
from nftui.engine.query.pieces import HALF, signed
from nftui.engine.query.planner import Plan
from nftui.engine.query.query import key_values
from nftui.engine.query.rollup import ANSWERS
from nftui.engine.schema import FIELDS, Kind

_WHOLE = {"bytes": "octets", "share": "octets", "packets": "pk", "tx_bytes": "tx", "rx_bytes": "rx"}
_INSIDE = {"rate": "octets", "packet_rate": "pk", "tx": "tx", "rx": "rx"}
_FLOWS = ("flows", "flow_rate")
SUMMED = frozenset({*_WHOLE, *_INSIDE, *_FLOWS})
"""Columns that are sums over the flows of a group."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """The first groups.

    Attributes:
        keys: their keys, in order.
        total: groups in the whole view.
        anchor: place of the group that was asked for, from 0; None if there is no such group or none was.
    """

    keys: list[Key]
    total: int
    anchor: int | None


def rank(
    question: Question, view: StoredView, sort: str, descending: bool, limit: int, offset: int, anchor: Key | None
) -> Ranked:
    """Put the groups of a view in order.

    Args:
        question: which flows.
        view: how they are grouped.
        sort: column; equal groups are in order of their keys.
        descending: largest first.
        limit: groups wanted.
        offset: groups of the order to leave out before.
        anchor: key of a group whose place is wanted.
    """
    names = [f"k{i}" for i in range(len(key_columns(view.fields)))]
    order = _order(view, sort)

    def statement(source: str, plan: Plan) -> str:
        keys = ", ".join(names)
        nulls = ", ".join("NULL" for _ in names)
        way = "DESC" if descending else "ASC"
        terms = ", ".join([*(f"{term} {way}" for term in order), *ties(view)]).replace("@", "")
        rows = [
            f"(SELECT 0 AS what, {keys}, m FROM groups ORDER BY {terms} LIMIT {limit} OFFSET {offset})",  # noqa: S608
            f"SELECT 1, {nulls}, COUNT(*) FROM groups",  # noqa: S608
        ]
        steps = f"groups AS MATERIALIZED ({groups_sql(question, view, sort, source, plan)})"
        if anchor is not None:
            same = " AND ".join(
                f"{name} IS NOT DISTINCT FROM {value}"
                for name, value in zip(names, literals(view.fields, anchor), strict=True)
            )
            steps += f", anchor AS MATERIALIZED (SELECT * FROM groups WHERE {same})"  # noqa: S608
            before = _before(order, ties(view), descending)
            rows.append(f"SELECT 2, {nulls}, COUNT(*) FROM groups, anchor WHERE {before}")  # noqa: S608
            rows.append(f"SELECT 3, {nulls}, COUNT(*) FROM anchor")  # noqa: S608
        # Ordered as a whole, too: the branches of a union may come in any order.
        return f"WITH {steps} SELECT * FROM ({' UNION ALL '.join(rows)}) AS answer ORDER BY what, {terms}"  # noqa: S608

    rows = question.rows(view.read, view.sections, statement)
    keys = [key_values(view.fields, row[1:]) for row in rows if row[0] == 0]
    counts = {row[0]: int(row[-1]) for row in rows if row[0]}
    return Ranked(keys, counts.get(1, 0), counts.get(2) if counts.get(3) else None)


def groups_sql(question: Question, view: StoredView, sort: str, source: str, plan: Plan) -> str:
    """SELECT of all groups: the columns of their keys as `k0`, `k1` …, and what they are ordered by as `m`."""
    ends = () if plan.only_rollups else range(len(view.ends))
    parts = [_end_groups(question, view, end, sort, source) for end in ends]
    if plan.rollups:
        parts.append(_rolled(question, view, sort, plan))
    measure = "MAX" if sort == "seen" else "SUM"
    keys = ", ".join(f"k{i}" for i in range(len(key_columns(view.fields))))
    return f"SELECT {keys}, {measure}(m) AS m FROM ({' UNION ALL '.join(parts)}) AS parts GROUP BY {keys}"  # noqa: S608


def key_columns(end: Sequence[str]) -> list[str]:
    """Columns of the fields of a key."""
    return [column for name in end for column in FIELDS[name].physical]


def counted(view: StoredView, end: int, repeated: bool) -> str:
    """Condition on the flows that count for a group by one of their ends.

    Args:
        view: how flows are grouped.
        end: number of the end.
        repeated: also those that count for the same group by an earlier end.
    """
    fields = view.ends[end]
    conditions = [f"{FIELDS[name].physical[0]} IS NOT NULL" for name in fields[: view.required]]
    if not repeated:
        conditions += [f"NOT ({repeats(view, end, earlier)})" for earlier in range(end)]
    return " AND ".join(conditions) or "TRUE"


def repeats(view: StoredView, end: int, earlier: int) -> str:
    """Condition that a flow has equal values at two ends."""
    pairs = [(a, b) for a, b in zip(view.ends[end], view.ends[earlier], strict=True) if a != b]
    return " AND ".join(same_sql(a, b) for a, b in pairs)


def _end_groups(question: Question, view: StoredView, end: int, sort: str, source: str) -> str:
    """Groups by one end with what they are ordered by as `m`."""
    amounts = question.amounts
    columns = key_columns(view.ends[end])
    named = [f"{column} AS k{i}" for i, column in enumerate(columns)]
    directed = _WHOLE.get(sort, _INSIDE.get(sort)) in {"tx", "rx"}
    # Sums of what was sent and received are for both ends, even of a flow to itself.
    where = counted(view, end, repeated=directed)
    keys = ", ".join(f"k{i}" for i in range(len(columns)))
    relation = amounts.relation(f"{source} WHERE {where}", *named)
    return f"SELECT {keys}, {_measure(question, sort, end)} AS m FROM ({relation}) AS counted GROUP BY {keys}"  # noqa: S608


def _measure(question: Question, sort: str, end: int) -> str:
    """Aggregate that groups are ordered by; 0 for orders by the key itself."""
    amounts = question.amounts
    if sort in _FLOWS:
        return "SUM(flows)"
    if sort == "seen":
        return "MAX(e)"
    what = _WHOLE.get(sort) or _INSIDE.get(sort)
    whole = sort in _WHOLE
    if what == "octets":
        return amounts.octets(whole)
    if what == "pk":
        return amounts.total("pk", whole)
    if what in {"tx", "rx"}:
        return amounts.total("fwd" if (what == "tx") == (end == 0) else "bwd", whole)
    return "0"


def _rolled(question: Question, view: StoredView, sort: str, plan: Plan) -> str:
    """The same groups from roll-ups, whose flows all lie within the range."""
    what = _WHOLE.get(sort) or _INSIDE.get(sort)
    kinds, counting = rolled_kinds(view, what or "")
    counter = "packets" if what == "pk" else "flows" if sort in _FLOWS else "bytes" if what else "0"
    if counter in {"packets", "bytes"} and question.scaled:
        counter = f"COALESCE(scaled_{counter}, {counter})"
    if sort == "seen":
        counter = "last"
    keys = rolled_keys(view)
    there = " AND key_lo IS NOT NULL" if view.required else ""
    measure = f"CASE WHEN kind IN ({', '.join(map(str, counting))}) THEN {counter} ELSE 0 END"
    return (
        f"SELECT {keys}, {measure} AS m FROM {parquet_sql(plan.rollups)} "  # noqa: S608
        f"WHERE kind IN ({', '.join(map(str, kinds))}){there}"
    )


def rolled_keys(view: StoredView) -> str:
    """Select list of a key's columns in roll-ups."""
    return "key_hi AS k0, key_lo AS k1" if len(key_columns(view.fields)) == 2 else "key_lo AS k0"


def rolled_kinds(view: StoredView, what: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sections with all groups of a view, and those of them that count for what was sent, received or neither."""
    if len(view.sections) == 1:
        return ANSWERS[view.sections], ANSWERS[view.sections]
    one, other = view.sections
    (first,), (second, equal) = ANSWERS[(one,)], ANSWERS[(other,)]
    if what == "tx":
        return (first, second), (first,)
    if what == "rx":
        return (first, second, equal), (second, equal)
    return (first, second), (first, second)


def _order(view: StoredView, sort: str) -> list[str]:
    """Terms to order groups by; `@` stands for the name of their relation and a dot, or nothing."""
    place = 0
    for column, name in zip(view.talker.columns, view.fields, strict=True):
        width = len(FIELDS[name].physical)
        if column.spec.name == sort:
            return [term for i in range(place, place + width) for term in ascending(f"@k{i}", FIELDS[name].kind)]
        place += width
    return ["@m"]


def ascending(name: str, kind: Kind) -> list[str]:
    """Terms that order 64 bits as an unsigned number, and put null with 0, as the live window does."""
    if kind is Kind.TEXT:
        return [f"COALESCE({name}, '')"]
    return [f"(COALESCE({name}, 0) < 0)", f"COALESCE({name}, 0)"]


def ties(view: StoredView) -> list[str]:
    """Terms that put equal groups in a fixed order; `@` as in `_order`."""
    kinds = [FIELDS[name].kind for name in view.fields for _ in FIELDS[name].physical]
    return [
        term for place, kind in enumerate(kinds) for term in (f"(@k{place} IS NULL)", *ascending(f"@k{place}", kind))
    ]


def _before(order: Sequence[str], equals: Sequence[str], descending: bool) -> str:
    """Condition that a group stands before the anchor."""

    def row(relation: str, terms: Sequence[str]) -> str:
        return f"({', '.join(terms)})".replace("@", f"{relation}.")

    sign = ">" if descending else "<"
    mine, theirs = row("groups", order), row("anchor", order)
    return f"{mine} {sign} {theirs} OR ({mine} = {theirs} AND {row('groups', equals)} < {row('anchor', equals)})"


def literals(fields: Sequence[str], key: Key) -> list[str]:
    """Values of the columns of a key's fields as SQL."""
    out = []
    for name, value in zip(fields, key, strict=True):
        width = len(FIELDS[name].physical)
        if value is None:
            out += ["NULL"] * width
        elif isinstance(value, str):
            out.append("'" + value.replace("'", "''") + "'")
        elif width == 2:
            out += [str(signed(value // HALF)), str(signed(value % HALF))]
        else:
            out.append(str(value))
    return out
