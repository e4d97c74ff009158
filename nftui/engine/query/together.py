"""Several statistics, or one in several orders, from one pass over the flows.

The flows are summed up by all the keys at once (GROUPING SETS) into one table; each ranking is then a reading of its
part of that table. What roll-ups answer is asked for on its own, since it reads no flows.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from nftui.engine.query.flow_session import FlowSession
from nftui.engine.query.grouping import MERGED, SUMS, Grouped, same_sql, sums_sql
from nftui.engine.query.orders import Order
from nftui.engine.query.query import EMPTY, Group, Query, Ranking, key_values, totals_of
from nftui.engine.query.statistics import RECORD, StatisticRequest
from nftui.engine.schema import FIELDS

_READ = ("time_flow_start_ms", "time_flow_end_ms", "flows", "packets", "bytes", "sampling_rate")


@dataclass(frozen=True, slots=True)
class _Part:
    """The groups by one end of a statistic, or by its only key.

    Attributes:
        columns: columns of the key.
        differs: for a further end, the column that is true if it equals an earlier end of the same flow.
    """

    columns: tuple[str, ...]
    differs: str = ""


def rank_together(
    session: FlowSession, query: Query, requests: Sequence[StatisticRequest], limit: int | None, scaled: bool
) -> list[list[Ranking]]:
    """The rankings of each request, as `Query.rank` gives them.

    Args:
        session: where the flows are.
        query: which flows.
        requests: what the `-s` asked for.
        limit: groups per ranking; None for all.
        scaled: apply sampling.
    """
    shared = [place for place, request in enumerate(requests) if not query.plan(request).rollups]
    if sum(len(requests[place].orders) for place in shared) < 2:
        return [query.rank(request, limit) for request in requests]
    found = dict(zip(shared, _rank_shared(session, query, [requests[i] for i in shared], limit, scaled), strict=True))
    return [found[i] if i in found else query.rank(request, limit) for i, request in enumerate(requests)]


def _rank_shared(
    session: FlowSession, query: Query, requests: Sequence[StatisticRequest], limit: int | None, scaled: bool
) -> list[list[Ranking]]:
    sames: dict[str, str] = {}
    parts = [_parts(request, sames) for request in requests]
    names = list(dict.fromkeys(c for some in parts for part in some for c in (*part.columns, part.differs) if c))
    marked = {part.columns: part for some in parts for part in some if part.differs}
    # The groups by an end alone are those of its set with a mark, merged.
    sets = {part: _set_columns(marked.get(part.columns, part)) for some in parts for part in some}
    table = session.next_table() + "_sets"

    def statement(source: str) -> str:
        marks = "".join(f", {text} AS {name}" for name, text in sames.items())
        grouping = ", ".join(f"({', '.join(columns)})" for columns in dict.fromkeys(sets.values()))
        return (
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {', '.join(names)}, "  # noqa: S608
            f"GROUPING({', '.join(names)}) AS by_what, {sums_sql(scaled)} FROM "
            f"(SELECT *{marks} FROM {source}) AS marked "
            f"GROUP BY GROUPING SETS ({grouping})"
        )

    fields = {name for request in requests for name in _fields_of(request)}
    session.all_rows(*query.over({*fields, *_READ}, statement))
    merged = {part for part, columns in sets.items() if columns != _set_columns(part)}
    numbers = {part: _grouping_number(names, columns) for part, columns in sets.items()}
    out = []
    for request, some in zip(requests, parts, strict=True):
        grouped = _grouped(table, some, numbers, merged)
        keys = (*_ends(request)[:1], *_more(request)) if request.statistic else RECORD
        out.append([_ranking(session, grouped, keys, order, limit) for order in request.orders])
    return out


def _ranking(
    session: FlowSession, grouped: Grouped, fields: tuple[str, ...], order: Order, limit: int | None
) -> Ranking:
    rows = session.all_rows((), lambda _: grouped.top(order, limit))
    groups = [Group(key_values(fields, row[1:]), totals_of(row[-len(SUMS) :])) for row in rows if row[0] == 0]
    whole = next((totals_of(row[-len(SUMS) :]) for row in rows if row[0] == 1), EMPTY)
    return Ranking(fields, order, groups, whole)


def _ends(request: StatisticRequest) -> tuple[str, ...]:
    return request.statistic.fields if request.statistic else ()


def _more(request: StatisticRequest) -> tuple[str, ...]:
    return ("proto",) if request.per_protocol and request.statistic else ()


def _fields_of(request: StatisticRequest) -> tuple[str, ...]:
    return (*_ends(request), *_more(request)) if request.statistic else RECORD


def _parts(request: StatisticRequest, sames: dict[str, str]) -> list[_Part]:
    """What a request groups by; conditions that further ends need are added to `sames`."""
    ends = _ends(request)
    if not ends:
        return [_Part(_columns(RECORD))]
    out = []
    for index, end in enumerate(ends):
        mark = ""
        if index:
            mark = f"{end}_repeats_{index}_of_{'_'.join(ends[:1])}"
            sames[mark] = " OR ".join(f"({same_sql(end, earlier)})" for earlier in ends[:index])
        out.append(_Part(_columns((end, *_more(request))), mark))
    return out


def _columns(fields: Sequence[str]) -> tuple[str, ...]:
    return tuple(column for name in fields for column in FIELDS[name].physical)


def _set_columns(part: _Part) -> tuple[str, ...]:
    return (*part.columns, part.differs) if part.differs else part.columns


def _grouping_number(names: Sequence[str], columns: Sequence[str]) -> int:
    """Value of GROUPING(names) in the set of these columns: a bit for each name that is not in it, the last lowest."""
    bits = "".join("0" if name in columns else "1" for name in names)
    return int(bits, 2)


def _grouped(table: str, parts: Sequence[_Part], numbers: dict[_Part, int], merged: Container[_Part]) -> Grouped:
    """Groups of a statistic from the table of all sets; `merged` are parts of a set with more columns."""
    steps = []
    for index, part in enumerate(parts):
        keys = ", ".join(f"{column} AS k{i}" for i, column in enumerate(part.columns))
        different = f" AND NOT {part.differs}" if part.differs else ""
        where = f"FROM {table} WHERE by_what = {numbers[part]}{different}"
        if part in merged:
            where += f" GROUP BY {', '.join(part.columns)}"
        sums = MERGED if part in merged else ", ".join(SUMS)
        steps.append((f"end{index}", f"SELECT {keys}, {sums} {where}"))
    count = len(parts[0].columns)
    if len(parts) == 1:
        return Grouped(tuple(steps), count, "end0", "end0")
    names = ", ".join(f"k{i}" for i in range(count))
    ends = " UNION ALL ".join(f"SELECT * FROM {name}" for name, _ in steps)  # noqa: S608
    steps.append(("groups", f"SELECT {names}, {MERGED} FROM ({ends}) AS ends GROUP BY {names}"))  # noqa: S608
    return Grouped(tuple(steps), count, "groups", "end0")
