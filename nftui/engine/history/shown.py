"""What a table shows of the groups on the screen: all sums, and octets over ten parts of the range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.history.question import Question
from nftui.engine.history.ranking import counted, key_columns, repeats, rolled_keys, rolled_kinds
from nftui.engine.history.stored_views import Key, StoredView
from nftui.engine.history.totals import Sums
from nftui.engine.history.values import TimeRange
from nftui.engine.live.ranked import HISTORY_PARTS
from nftui.engine.query.keys import key_table
from nftui.engine.query.parquet import parquet_sql
from nftui.engine.query.planner import Plan
from nftui.engine.query.values import MAX_SUM
from nftui.engine.store.layout import HOUR_MS

_ROLLED_PART_MS = HOUR_MS // 4
"""Parts of the range as long as this are drawn from roll-ups, each hour spread evenly."""

COUNTS = ("octets", "packets", "flows", "tx", "rx")
"""All of each flow."""

INSIDE = ("octets_inside", "packets_inside", "tx_inside", "rx_inside")
"""What lies within the range."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Sums of some groups.

    Attributes:
        sums: int64[groups] by the names of `COUNTS` and `INSIDE`, and `seen`: latest end of a flow, UTC ms.
        history: float64[groups, 10], bits per second in equal parts of the range. What a flow has in the range is
            spread evenly over the parts that it touches.
        exact: False where a sum was cut to 63 bits.
    """

    sums: dict[str, NDArray[np.int64]]
    history: NDArray[np.float64]
    exact: bool


class _Table:
    """Sums while they are gathered: exact integers."""

    def __init__(self, groups: int) -> None:
        self.sums: dict[str, list[int]] = {name: [0] * groups for name in (*COUNTS, *INSIDE, "seen")}
        self.octets = np.zeros((groups, HISTORY_PARTS))

    def add(self, group: int, seen: int, **amounts: int) -> None:
        for name, amount in amounts.items():
            self.sums[name][group] += amount
        self.sums["seen"][group] = max(self.sums["seen"][group], seen)


def find_shown(question: Question, view: StoredView, keys: Sequence[Key]) -> Shown:
    """Sums of the groups with these keys, in their order."""
    table = _Table(len(keys))
    step = max(1, -(-question.within.length_ms // HISTORY_PARTS))
    if keys:
        _gather(question, view, keys, step, table)
    borders = question.within.start_ms + np.arange(HISTORY_PARTS + 1) * step
    lengths = np.diff(np.minimum(borders, question.within.end_ms)).clip(1)
    exact = all(value <= MAX_SUM for values in table.sums.values() for value in values)
    sums = {name: np.array([min(n, MAX_SUM) for n in values], np.int64) for name, values in table.sums.items()}
    return Shown(sums, table.octets * 8000 / lengths, exact)


def _gather(question: Question, view: StoredView, keys: Sequence[Key], step: int, table: _Table) -> None:
    session = question.session
    chosen = session.next_table() + "_shown"
    session.add_columns(chosen, key_table(view.fields, keys))
    rolls = view.sections if step >= _ROLLED_PART_MS else ()

    def statement(source: str, plan: Plan) -> str:
        parts = [_end_sums(question, view, end, step, source, chosen) for end in range(len(view.ends))]
        if plan.rollups:
            parts.append(_rolled_sums(question, view, plan, chosen))
        return " UNION ALL ".join(parts)

    spreads = {
        slot.rollup_file: _spread(slot.start_ms, question.within, step)
        for slot in session.sources.rollups.values()
        if rolls
    }
    try:
        for row in question.rows(view.read, rolls, statement):
            spread = spreads.get(row[0])
            if spread is None:
                _add_flows(view, table, row)
            else:
                _add_rolled(view, table, spread, row)
    finally:
        session.drop(chosen)


def _end_sums(question: Question, view: StoredView, end: int, step: int, source: str, chosen: str) -> str:
    """Sums by group, first and last part of the range that flows touch, and whether another end counted them."""
    amounts, within = question.amounts, question.within
    columns = key_columns(view.ends[end])
    same = " AND ".join(f"{column} IS NOT DISTINCT FROM k{i}" for i, column in enumerate(columns))
    again = repeats(view, end, 0) if end else "FALSE"
    where = counted(view, end, repeated=view.talker.two_ends)
    flows = amounts.relation(f"{source} JOIN {chosen} ON {same} WHERE {where}", "code", f"{again} AS again")
    first = f"(GREATEST(s, {within.start_ms}) - {within.start_ms}) // {step}"
    last = f"(GREATEST(LEAST(e, {within.end_ms}) - 1, s, {within.start_ms}) - {within.start_ms}) // {step}"
    sums = [amounts.total(name, whole) for whole in (True, False) for name in ("fwd", "bwd", "pk")]
    return (
        f"SELECT 'end{end}' AS what, code, {first} AS first_part, {last} AS last_part, again, MAX(e) AS seen, "  # noqa: S608
        f"SUM(flows) AS flows, {', '.join(sums)} FROM ({flows}) AS chosen_flows "
        "GROUP BY code, first_part, last_part, again"
    )


def _add_flows(view: StoredView, table: _Table, row: tuple[Any, ...]) -> None:
    what, group, first, last, again, seen, *sums = row
    flows, forward, backward, packets, forward_inside, backward_inside, packets_inside = (int(n or 0) for n in sums)
    if view.talker.two_ends:
        tx, rx, tx_inside, rx_inside = forward, backward, forward_inside, backward_inside
        if what != "end0":
            tx, rx, tx_inside, rx_inside = rx, tx, rx_inside, tx_inside
        table.add(group, seen, tx=tx, rx=rx, tx_inside=tx_inside, rx_inside=rx_inside)
    if not again:
        octets = forward_inside + backward_inside
        table.add(
            group, seen, octets=forward + backward, packets=packets, flows=flows, octets_inside=octets,
            packets_inside=packets_inside,
        )  # fmt: skip
        table.octets[group, first : last + 1] += octets / (last + 1 - first)


def _rolled_sums(question: Question, view: StoredView, plan: Plan, chosen: str) -> str:
    """Sums by group, section and file, in the columns of `_end_sums`: octets, packets and flows only."""
    kinds = sorted({*rolled_kinds(view, "octets")[0], *rolled_kinds(view, "rx")[0]})
    counters = [f"COALESCE(scaled_{name}, {name})" if question.scaled else name for name in ("bytes", "packets")]
    sums = [f"SUM({name})" for name in counters]
    same = " AND ".join(
        f"rolled.{name} IS NOT DISTINCT FROM {chosen}.{name}" for name in ("k0", "k1")[: len(key_columns(view.fields))]
    )
    rolled = (
        f"SELECT *, {rolled_keys(view)} FROM {parquet_sql(plan.rollups, filename=True)} "  # noqa: S608
        f"WHERE kind IN ({', '.join(map(str, kinds))})"
    )
    return (
        f"SELECT filename AS what, code, kind AS first_part, 0 AS last_part, FALSE AS again, MAX(last), "  # noqa: S608
        f"SUM(flows), {', '.join(sums)}, 0, 0, 0, 0 "
        f"FROM ({rolled}) AS rolled JOIN {chosen} ON {same} GROUP BY code, kind, filename"
    )


def _add_rolled(view: StoredView, table: _Table, spread: NDArray[np.float64], row: tuple[Any, ...]) -> None:
    _, group, kind, _, _, seen, *sums = row
    flows, octets, packets = (int(n or 0) for n in sums[:3])
    for name in ("tx", "rx") if view.talker.two_ends else ():
        if kind in rolled_kinds(view, name)[1]:
            table.add(group, seen, **{name: octets, f"{name}_inside": octets})
    if kind in rolled_kinds(view, "octets")[1]:
        table.add(
            group, seen, octets=octets, packets=packets, flows=flows, octets_inside=octets, packets_inside=packets
        )
        table.octets[group] += octets * spread


def _spread(hour_ms: int, within: TimeRange, step: int) -> NDArray[np.float64]:
    """How much of an hour lies in each part of the range."""
    borders = np.clip(within.start_ms + np.arange(HISTORY_PARTS + 1) * step, within.start_ms, within.end_ms)
    lengths = np.diff(np.clip(borders, hour_ms, hour_ms + HOUR_MS)).astype(np.float64)
    if not lengths.any():  # flows are received in other hours than they are of where clocks are wrong
        lengths[0 if hour_ms < within.start_ms else -1] = 1.0
    return np.asarray(lengths / lengths.sum())


def group_values(
    view: StoredView, words: Sequence[NDArray[np.uint64]], shown: Shown, total: Sums, seconds: float
) -> dict[str, NDArray[Any] | list[str]]:
    """Columns of a view by name.

    Args:
        view: the view.
        words: key columns of the rows, as `StoredView.words` makes them.
        shown: sums of the rows.
        total: sums over all flows, for shares.
        seconds: length of the range.
    """
    sums = shown.sums
    values: dict[str, NDArray[Any] | list[str]] = {
        column.spec.name: column.write(words) for column in view.talker.columns
    }
    values |= {
        "rate": sums["octets_inside"] * 8 / seconds,
        "packet_rate": sums["packets_inside"] / seconds,
        "flow_rate": sums["flows"] / seconds,
        "share": sums["octets"] * (100 / max(1, total.bytes)),
        "bytes": sums["octets"],
        "packets": sums["packets"],
        "flows": sums["flows"],
        "seen": sums["seen"],
    }
    if view.talker.two_ends:
        values |= {
            "tx": sums["tx_inside"] * 8 / seconds,
            "rx": sums["rx_inside"] * 8 / seconds,
            "tx_bytes": sums["tx"],
            "rx_bytes": sums["rx"],
        }
    return values


def seconds_of(within: TimeRange) -> float:
    """Length of a range, for rates."""
    return max(1, within.length_ms) / 1000
