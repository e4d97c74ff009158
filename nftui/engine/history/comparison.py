"""The groups of two ranges side by side, in order of what they contribute to the change.

Sums are compared as integers: `now * length before` against `before * length now`, which needs no more than 128 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.history.changes import KINDS, MEASURES, Tally
from nftui.engine.history.question import Question
from nftui.engine.history.ranking import groups_sql, key_columns, ties
from nftui.engine.history.shown import seconds_of
from nftui.engine.history.stored_views import Key, StoredView
from nftui.engine.query.planner import Plan
from nftui.engine.query.query import key_values
from nftui.engine.query.values import MAX_SUM

_BITS = {"rate": 8}


@dataclass(frozen=True, slots=True)
class Compared:
    """Groups of two ranges.

    Attributes:
        measure: one of `MEASURES`.
        keys: keys of the first groups, in order.
        values: `change`, `now`, `before`, `difference` and `share`, see `Changes.columns`.
        tallies: all groups by kind.
        exact: False where a sum is implausibly large and was cut.
    """

    measure: str
    keys: list[Key]
    values: dict[str, NDArray[Any] | list[str]]
    tallies: dict[str, Tally]
    exact: bool


def compare(now: Question, before: Question, view: StoredView, measure: str, limit: int) -> Compared:
    """Compare the groups of two questions to the same session.

    Args:
        now: flows of the range now.
        before: flows of the range that it is compared with.
        view: how flows are grouped.
        measure: one of `MEASURES`, else `rate`.
        limit: groups wanted.
    """
    measure = measure if measure in MEASURES else "rate"
    session = now.session
    tables = [session.next_table() + "_groups" for _ in range(2)]
    lengths = [max(1, question.within.length_ms) for question in (now, before)]
    names = [f"k{i}" for i in range(len(key_columns(view.fields)))]
    keys = ", ".join(names)

    def statement(_: str) -> str:
        sides = [
            f"SELECT {keys}, CAST(LEAST(m, {MAX_SUM}) AS HUGEINT) AS {side}, 0 AS {other}, m > {MAX_SUM} AS cut, "  # noqa: S608
            f"{side == 'n'} AS is_now, {side == 'b'} AS is_before FROM {table}"
            for table, side, other in ((tables[0], "n", "b"), (tables[1], "b", "n"))
        ]
        columns = f"{keys}, n, b, cut, is_now, is_before"
        both = " UNION ALL ".join(f"SELECT {columns} FROM ({side}) AS side" for side in sides)  # noqa: S608
        joined = (
            f"SELECT {keys}, SUM(n) AS n, SUM(b) AS b, BOOL_OR(cut) AS cut, BOOL_OR(is_now) AS is_now, "  # noqa: S608
            f"BOOL_OR(is_before) AS is_before FROM ({both}) AS both_ranges GROUP BY {keys}"
        )
        difference = f"n * {lengths[1]} - b * {lengths[0]}"
        kinds = "CASE WHEN NOT is_before THEN 0 WHEN NOT is_now THEN 1 WHEN x > 0 THEN 2 WHEN x < 0 THEN 3 ELSE 4 END"
        order = ", ".join(ties(view)).replace("@", "")
        nulls = ", ".join("NULL" for _ in names)
        compared = (
            f"SELECT *, {kinds} AS kind FROM "  # noqa: S608
            f"(SELECT *, {difference} AS x FROM ({joined}) AS joined) AS differing"
        )
        return (
            f"WITH compared AS MATERIALIZED ({compared}) SELECT * FROM ("  # noqa: S608
            f"(SELECT 0 AS what, {keys}, n, b, x, kind, cut FROM compared "
            f"ORDER BY ABS(x) DESC, {order} LIMIT {limit}) UNION ALL "
            f"SELECT 1, {nulls}, COUNT(*), SUM(ABS(x)), SUM(x), kind, BOOL_OR(cut) FROM compared GROUP BY kind"
            f") AS answer ORDER BY what, ABS(x) DESC, {order}"
        )

    try:
        for question, table in zip((now, before), tables, strict=True):
            _make_groups(question, view, measure, table)
        rows = session.all_rows((), statement)
    finally:
        session.drop(*tables)
    groups, tallies = [[row for row in rows if row[0] == what] for what in (0, 1)]
    bits = _BITS.get(measure, 1)
    unit = bits * 1000 / (lengths[0] * lengths[1])  # of a difference, which is in octets times milliseconds
    moved = sum(abs(int(row[-4])) for row in tallies)
    differences = np.array([float(row[-3]) for row in groups])
    values: dict[str, NDArray[Any] | list[str]] = {
        "change": [KINDS[row[-2]] for row in groups],
        "now": np.array([float(row[-5]) for row in groups]) * bits / seconds_of(now.within),
        "before": np.array([float(row[-4]) for row in groups]) * bits / seconds_of(before.within),
        "difference": differences * unit,
        "share": np.abs(differences) * (100 / max(1, moved)),
    }
    return Compared(
        measure,
        [key_values(view.fields, row[1:]) for row in groups],
        values,
        {KINDS[row[-2]]: Tally(int(row[-5]), float(row[-3]) * unit) for row in tallies},
        not any(row[-1] for row in tallies),
    )


def _make_groups(question: Question, view: StoredView, measure: str, table: str) -> None:
    def statement(source: str, plan: Plan) -> str:
        groups = groups_sql(question, view, measure, source, plan)
        return f"CREATE OR REPLACE TEMP TABLE {table} AS {groups}"

    question.rows(view.read, view.sections, statement)
